//! 2W-FD: Chen's expectation from a short and a long window, whichever is later, plus a constant margin.
//!
//! Tomsic, Sens, Garcia, Arantes and Sopena, *2W-FD: A Failure Detector Algorithm with QoS*, IPDPS 2015, section III,
//! with the windows of 1 and 1,000 that the authors recommend.

use super::expectation::Expectation;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Spec};

const SHORT: usize = 1;
const LONG: usize = 1_000;

/// The registry's line; the knob is the margin in intervals.
pub const SPEC: Spec = Spec {
    name: "2w",
    label: "2W-FD",
    source: "Tomsic et al., IPDPS 2015, section III; windows 1 and 1,000",
    knob: Knob { unit: "intervals", min: 0.01, max: 2e4, default: 1.0, level: |k| k },
    claim: Claim::None,
    feedback: false,
    ours: false,
    build: |link, _| {
        Box::new(TwoWindow {
            short: Expectation::new(link, SHORT),
            long: Expectation::new(link, LONG),
            interval_ns: link.interval_ns,
        })
    },
};

#[derive(Debug)]
struct TwoWindow {
    short: Expectation,
    long: Expectation,
    interval_ns: f64,
}

impl TwoWindow {
    fn expected_ns(&self) -> f64 {
        self.short.next_ns().max(self.long.next_ns())
    }
}

impl Detector for TwoWindow {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.short.push(heartbeat);
        self.long.push(heartbeat);
    }

    fn deadline(&self, intervals: f64) -> f64 {
        self.expected_ns() + intervals * self.interval_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        (now_ns - self.expected_ns()) / self.interval_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, beat, show};
    use super::*;
    use crate::detector::Link;

    #[test]
    fn the_later_of_the_two_expectations_counts() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[10, 150]);
        // Delays 10 and 50: the last one expects 250, the mean 230.
        assert_eq!(detector.deadline(0.0), 250.0);
        detector.arrive(&beat(2, 100, 200));
        // Delays 10, 50, 0: the last one expects 300, the mean 320.
        assert_eq!(detector.deadline(1.0), 420.0);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.01, 2.0, 1e3]);
    }
}
