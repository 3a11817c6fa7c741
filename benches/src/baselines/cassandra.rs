//! φ as Apache Cassandra computes it: elapsed time over mean inter-arrival time.
//!
//! `FailureDetector.java` and its `ArrivalWindow` (from 2.0 on): a window of 1,000 that begins with one value of 2 s,
//! intervals above 2 s not recorded, φ = elapsed / mean / ln 10, convicted when φ exceeds `phi_convict_threshold` (8).
//! The two lengths are twice its gossip interval of 1 s and scaled to the link's. Its guards against pauses of the
//! local process, and the polling once per interval, are left out: they can only make its silences longer.

use super::window::Window;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

const WINDOW: usize = 1_000;
/// Both the first value of the window and the longest it takes, in intervals.
const RECORDED_MAX: f64 = 2.0;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "cassandra",
    label: "φ as Cassandra",
    source: "Apache Cassandra, gms/FailureDetector.java; 2 s scaled to 2 intervals",
    knob: Knob { unit: "φ", min: 0.2, max: 2e4, default: 8.0, level: |phi| phi * std::f64::consts::LN_10 },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Cassandra::new(link)),
};

#[derive(Debug)]
struct Cassandra {
    window: Window,
    recorded_max_ns: f64,
    last_ns: Option<u64>,
}

impl Cassandra {
    fn new(link: &Link) -> Self {
        let recorded_max_ns = RECORDED_MAX * link.interval_ns;
        Self { window: Window::new(WINDOW), recorded_max_ns, last_ns: None }
    }

    /// At least a nanosecond, so that it can divide.
    fn mean_ns(&self) -> f64 {
        self.window.mean().max(1.0)
    }
}

impl Detector for Cassandra {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        match self.last_ns {
            None => {
                self.window.push(self.recorded_max_ns as i64);
            }
            Some(last) => {
                let interval = heartbeat.received_ns - last;
                if interval as f64 <= self.recorded_max_ns {
                    self.window.push(interval.cast_signed());
                }
            }
        }
        self.last_ns = Some(heartbeat.received_ns);
    }

    fn deadline(&self, means: f64) -> f64 {
        self.last_ns.unwrap_or(0) as f64 + means * self.mean_ns()
    }

    fn score(&self, now_ns: f64) -> f64 {
        (now_ns - self.last_ns.unwrap_or(0) as f64) / self.mean_ns() / std::f64::consts::LN_10
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;

    #[test]
    fn long_intervals_are_not_recorded() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        // 200 to begin with, then 100 and 90; 210 is too long to be recorded: the mean is 130.
        show(&mut *detector, 100, &[0, 100, 190, 400]);
        let level = (SPEC.knob.level)(8.0);
        assert!((detector.deadline(level) - (400.0 + 8.0 * 130.0 * std::f64::consts::LN_10)).abs() < 1e-9);
        assert!((detector.score(400.0 + 130.0) - 1.0 / std::f64::consts::LN_10).abs() < 1e-12);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.2, 8.0, 1e4]);
    }
}
