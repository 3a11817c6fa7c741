//! The crate `phi-accrual-failure-detector` 0.1 of crates.io, as it is, under a clock of ours.
//!
//! It is a port of Akka's, with a window of 100 by default and whole milliseconds; its defaults are scaled to the
//! interval as Akka's are, none below 1 ms. It divides its sums by the number of samples ever seen rather than by the
//! number kept, so that mean and deviation shrink towards nothing and the acceptable pause with the least deviation
//! decides. Deadlines are searched for, to the millisecond.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use phi_accrual_failure_detector::{Clock, Detector as _, FailureDetector, UnsyncDetector, UnsyncState};

use super::search::first_ms;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

/// A day: no deadline lies further away.
const END_MS: u64 = 86_400_000;
/// In intervals, of the crate's defaults 100 ms, 3 s and 1 s.
const DEVIATION_MIN: f64 = 0.1;
const PAUSE: f64 = 3.0;
const FIRST_ESTIMATE: f64 = 1.0;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "crate-phi-accrual",
    label: "phi-accrual-failure-detector 0.1 (crate)",
    source: "crates.io phi-accrual-failure-detector 0.1.0 under a replayed clock; defaults scaled to the interval",
    knob: Knob { unit: "φ", min: 0.3, max: 320.0, default: 8.0, level: |phi| phi },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: true,
    ours: false,
    build: |link, threshold| Box::new(Published::new(link, threshold)),
};

/// The replay's time, shared with the detector that reads it.
#[derive(Clone, Default)]
struct Now(Rc<Cell<u64>>);

impl Clock for Now {
    type Timestamp = u64;

    fn timestamp(&self) -> u64 {
        self.0.get()
    }

    fn elapsed(before: &u64, after: &u64) -> Duration {
        Duration::from_nanos(after.saturating_sub(*before))
    }
}

struct Published {
    inner: FailureDetector<UnsyncState<Now>>,
    now: Now,
    last_ns: u64,
    /// Where the last search ended; deadlines move slowly.
    timeout_ms: Cell<u64>,
}

impl Published {
    fn new(link: &Link, threshold: f64) -> Self {
        let scaled = |intervals: f64| {
            Duration::from_nanos((intervals * link.interval_ns) as u64).max(Duration::from_millis(1))
        };
        let now = Now::default();
        let inner = UnsyncDetector::builder()
            .threshold(threshold)
            .min_std_deviation(scaled(DEVIATION_MIN))
            .acceptable_heartbeat_pause(scaled(PAUSE))
            .first_heartbeat_estimate(scaled(FIRST_ESTIMATE))
            .clock(now.clone())
            .build();
        // Every setting is at least 1 ms, and thresholds of a sweep are positive: nothing is left to refuse.
        #[allow(clippy::expect_used, reason = "the settings just above are what the builder checks")]
        let inner = inner.expect("settings are positive");
        let timeout_ms = Cell::new((PAUSE * link.interval_ns / 1e6) as u64);
        Self { inner, now, last_ns: 0, timeout_ms }
    }

    fn phi(&self, now_ns: u64) -> f64 {
        self.now.0.set(now_ns);
        self.inner.phi()
    }
}

impl Detector for Published {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.now.0.set(heartbeat.received_ns);
        self.inner.heartbeat();
        self.last_ns = heartbeat.received_ns;
    }

    fn deadline(&self, phi: f64) -> f64 {
        let reached = |ms: u64| self.phi(self.last_ns + ms * 1_000_000) >= phi;
        let timeout_ms = first_ms(self.timeout_ms.get(), END_MS, reached);
        self.timeout_ms.set(timeout_ms);
        self.last_ns as f64 + timeout_ms as f64 * 1e6
    }

    fn score(&self, now_ns: f64) -> f64 {
        let elapsed_ns = (now_ns - self.last_ns as f64).max(0.0);
        // A deadline at a whole millisecond has passed only after it.
        let whole_ms = ((elapsed_ns / 1e6).ceil() - 1.0).max(0.0);
        self.phi(self.last_ns + whole_ms as u64 * 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::show;
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn runs_on_the_replayed_clock() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100e6 }, 8.0);
        show(&mut *detector, 100 * MS, &[0, 100 * MS, 200 * MS]);
        // 75, 125, 100, 100 and a pause of 300: φ is log10(2) at 400 ms of silence.
        assert!((detector.score(600e6 + 1.0) - 2f64.log10()).abs() < 1e-12);
        let deadline = detector.deadline(8.0);
        assert!(detector.score(deadline) < 8.0 && detector.score(deadline + 1.0) >= 8.0);
    }

    #[test]
    fn the_mean_of_the_published_crate_shrinks_once_its_window_is_full() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100e6 }, 8.0);
        let received: Vec<u64> = (0..10_000).map(|i| i * 100 * MS).collect();
        show(&mut *detector, 100 * MS, &received);
        let silence_ms = detector.deadline(2f64.log10() + 1e-9) / 1e6 - 999_900.0;
        assert!((301.0..=303.0).contains(&silence_ms), "100 of 10,000 samples kept: mean 1 ms; {silence_ms}");
    }
}
