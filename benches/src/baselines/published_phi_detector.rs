//! The crate `phi-detector` 0.4 of crates.io, as it is.
//!
//! It counts whole milliseconds, forgets after some 10,000 samples, and knows no clock. φ is the logistic form, and
//! becomes infinite far out. Deadlines are searched for, to the millisecond.

use std::cell::Cell;
use std::time::Duration;

use published_phi_detector::{NormalDist, PingWindow};

use super::akka::{UNDERFLOW, deviations_at};
use super::search::first_ms;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

/// A day: no deadline lies further away.
const END_MS: u64 = 86_400_000;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "crate-phi-detector",
    label: "phi-detector 0.4 (crate)",
    source: "crates.io phi-detector 0.4.0, driven with the trace's inter-arrival times",
    knob: Knob { unit: "φ", min: 0.3, max: 320.0, default: 12.0, level: |phi| phi },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Published::new(link)),
};

struct Published {
    window: PingWindow,
    current: NormalDist,
    last_ns: Option<u64>,
    /// How far the last search ended from its guess, in milliseconds per deviation and one: mean and deviation are
    /// told cut to whole milliseconds.
    correction: Cell<f64>,
}

impl Published {
    fn new(link: &Link) -> Self {
        let window = PingWindow::new(Duration::from_nanos(link.interval_ns as u64));
        let current = window.normal_dist();
        Self { window, current, last_ns: None, correction: Cell::new(0.5) }
    }
}

impl Detector for Published {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if let Some(last) = self.last_ns {
            self.window.add_ping(Duration::from_nanos(heartbeat.received_ns - last));
            self.current = self.window.normal_dist();
        }
        self.last_ns = Some(heartbeat.received_ns);
    }

    fn deadline(&self, phi: f64) -> f64 {
        // The crate's approximation is Akka's.
        let deviations = deviations_at(phi, UNDERFLOW);
        let mean_ms = self.current.mu().as_millis() as f64;
        let deviation_ms = (self.current.sigma().as_millis() as f64).max(1.0);
        let rough_ms = mean_ms + deviations * deviation_ms;
        let spread = 1.0 + deviations.abs();
        let guess_ms = (rough_ms + self.correction.get() * spread) as u64;
        let reached = |ms| self.current.phi(Duration::from_millis(ms)) >= phi;
        let timeout_ms = first_ms(guess_ms, END_MS, reached);
        self.correction.set((timeout_ms as f64 - rough_ms) / spread);
        self.last_ns.unwrap_or(0) as f64 + timeout_ms as f64 * 1e6
    }

    fn score(&self, now_ns: f64) -> f64 {
        let elapsed_ns = (now_ns - self.last_ns.unwrap_or(0) as f64).max(0.0);
        // A deadline at a whole millisecond has passed only after it.
        let whole_ms = ((elapsed_ns / 1e6).ceil() - 1.0).max(0.0);
        self.current.phi(Duration::from_millis(whole_ms as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::show;
    use super::*;

    const MS: u64 = 1_000_000;

    fn shown() -> Box<dyn Detector> {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100e6 }, 0.0);
        let received: Vec<u64> = (0..200).map(|i| i * 100 * MS + (i % 3) * 10 * MS).collect();
        show(&mut *detector, 100 * MS, &received);
        detector
    }

    #[test]
    fn phi_is_the_crates_own() {
        let mut window = PingWindow::new(Duration::from_millis(100));
        window.add_ping(Duration::from_millis(150));
        window.add_ping(Duration::from_millis(80));
        let mut detector = (SPEC.build)(&Link { interval_ns: 100e6 }, 0.0);
        show(&mut *detector, 100 * MS, &[0, 150 * MS, 230 * MS]);
        let wanted = window.normal_dist().phi(Duration::from_millis(299));
        assert_eq!(detector.score((230 + 300) as f64 * 1e6), wanted);
        assert!(wanted > 1.0);
    }

    #[test]
    fn a_deadline_is_the_first_millisecond_that_reaches_phi() {
        let detector = shown();
        for phi in [0.5, 1.0, 8.0, 100.0] {
            let deadline = detector.deadline(phi);
            assert!(detector.score(deadline + 1.0) >= phi, "just after");
            assert!(detector.score(deadline) < phi, "not yet");
        }
    }
}
