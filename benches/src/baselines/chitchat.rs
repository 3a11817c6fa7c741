//! φ as chitchat (Quickwit) computes it: elapsed time over a smoothed mean.
//!
//! `failure_detector.rs` of chitchat 0.13: a window of 1,000, to which five intervals of 5 s are added in the mean;
//! intervals above 10 s are not recorded; φ = elapsed / mean; a peer whose φ has exceeded the threshold (8) loses its
//! whole window, and stays dead until an interval is recorded again. The two lengths are scaled from its gossip
//! interval of 1 s. What is left out is the polling: a peer is judged here at every instant.
//!
//! The crate itself cannot be replayed: its detector is private, and reads the clock of the async runtime.

use super::window::Window;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

const WINDOW: usize = 1_000;
const PRIOR_WEIGHT: f64 = 5.0;
/// In intervals.
const PRIOR_MEAN: f64 = 5.0;
/// In intervals.
const RECORDED_MAX: f64 = 10.0;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "chitchat",
    label: "φ as chitchat",
    source: "chitchat 0.13, failure_detector.rs; 5 s and 10 s scaled to 5 and 10 intervals",
    knob: Knob { unit: "φ", min: 0.5, max: 2e4, default: 8.0, level: |phi| phi },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: true,
    ours: false,
    build: |link, threshold| Box::new(Chitchat::new(link, threshold)),
};

#[derive(Debug)]
struct Chitchat {
    window: Window,
    threshold: f64,
    interval_ns: f64,
    last_ns: Option<u64>,
}

impl Chitchat {
    fn new(link: &Link, threshold: f64) -> Self {
        Self { window: Window::new(WINDOW), threshold, interval_ns: link.interval_ns, last_ns: None }
    }

    /// `None` as long as no interval is recorded: the peer then counts as dead.
    fn mean_ns(&self) -> Option<f64> {
        let prior = PRIOR_WEIGHT * PRIOR_MEAN * self.interval_ns;
        let samples = self.window.len();
        (samples > 0).then(|| (self.window.sum() + prior) / (samples as f64 + PRIOR_WEIGHT))
    }
}

impl Detector for Chitchat {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if let Some(last) = self.last_ns {
            if self.deadline(self.threshold) < heartbeat.received_ns as f64 {
                self.window.clear();
            }
            let interval = heartbeat.received_ns - last;
            if interval as f64 <= RECORDED_MAX * self.interval_ns {
                self.window.push(interval.cast_signed());
            }
        }
        self.last_ns = Some(heartbeat.received_ns);
    }

    fn deadline(&self, means: f64) -> f64 {
        self.last_ns.unwrap_or(0) as f64 + means * self.mean_ns().unwrap_or(0.0)
    }

    fn score(&self, now_ns: f64) -> f64 {
        let elapsed = now_ns - self.last_ns.unwrap_or(0) as f64;
        self.mean_ns().map_or(f64::INFINITY, |mean| elapsed / mean)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, beat, show};
    use super::*;

    #[test]
    fn five_slow_intervals_are_mixed_into_the_mean() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 8.0);
        // Five of 100 recorded and five of 500 assumed: the mean is 300.
        show(&mut *detector, 100, &[0, 100, 200, 300, 400, 500]);
        assert_eq!(detector.deadline(8.0), 500.0 + 2_400.0);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.5, 8.0, 100.0]);
    }

    #[test]
    fn a_suspicion_empties_the_window_and_a_long_silence_is_not_recorded() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 2.0);
        show(&mut *detector, 100, &[0, 100, 200, 300, 400, 500]);
        // 700 > 2 · 300: suspected; only the 700 remains: (700 + 2,500) / 6.
        detector.arrive(&beat(6, 100, 1_200));
        assert!((detector.deadline(3.0) - (1_200.0 + 1_600.0)).abs() < 1e-9);
        // 1,100 > 2 · 533 is suspected again, and too long to be recorded: dead until the next heartbeat.
        detector.arrive(&beat(7, 100, 2_300));
        assert_eq!((detector.deadline(3.0), detector.score(2_301.0)), (2_300.0, f64::INFINITY));
    }
}
