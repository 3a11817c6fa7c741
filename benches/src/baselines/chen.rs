//! NFD-E: the expected arrival time, from a sliding window, plus a constant margin.
//!
//! Chen, Toueg and Aguilera, *On the Quality of Service of Failure Detectors*, IEEE Transactions on Computers 51(5),
//! 2002, section 6.3, with the window of 1,000 that they found enough. It presumes a sender that keeps its schedule: on
//! a link whose heartbeats wait for answers or for a paused process the estimate falls behind by half a window.

use super::expectation::Expectation;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Spec};

const WINDOW: usize = 1_000;

/// The registry's line; the knob is the margin α in intervals.
pub const SPEC: Spec = Spec {
    name: "chen",
    label: "Chen NFD-E",
    source: "Chen, Toueg, Aguilera, IEEE ToC 51(5), 2002, section 6.3; window 1,000",
    knob: Knob { unit: "intervals", min: 0.01, max: 2e4, default: 1.0, level: |k| k },
    claim: Claim::None,
    feedback: false,
    ours: false,
    build: |link, _| {
        Box::new(Chen { expectation: Expectation::new(link, WINDOW), interval_ns: link.interval_ns })
    },
};

#[derive(Debug)]
struct Chen {
    expectation: Expectation,
    interval_ns: f64,
}

impl Detector for Chen {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.expectation.push(heartbeat);
    }

    fn deadline(&self, intervals: f64) -> f64 {
        self.expectation.next_ns() + intervals * self.interval_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        (now_ns - self.expectation.next_ns()) / self.interval_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;
    use crate::detector::Link;

    #[test]
    fn margin_is_added_to_the_expected_arrival() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[10, 120, 230]);
        // Delays 10, 20, 30: the next is expected at 300 + 20.
        assert_eq!(detector.deadline(0.5), 370.0);
        assert_eq!(detector.score(420.0), 1.0);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.01, 2.0, 1e3]);
    }
}
