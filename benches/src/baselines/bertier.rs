//! Chen's expectation with a margin that follows the prediction error as Jacobson's round-trip estimator does.
//!
//! Bertier, Marin and Sens, *Implementation and Performance Evaluation of an Adaptable Failure Detector*, DSN 2002,
//! section 4, the basic layer with γ = 0.1 and β = 1. The weight of the error's variation (their φ, 4 by default) is the
//! knob. A sender that is exactly on time brings the margin to nothing, and no weight can then save it from its first
//! late heartbeat.

use super::expectation::Expectation;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Spec};

const WINDOW: usize = 1_000;
const GAMMA: f64 = 0.1;

/// The registry's line; the knob is the weight of the variation.
pub const SPEC: Spec = Spec {
    name: "bertier",
    label: "Bertier",
    source: "Bertier, Marin, Sens, DSN 2002, section 4; window 1,000, γ 0.1, β 1",
    knob: Knob { unit: "× variation", min: 0.1, max: 1e6, default: 4.0, level: |k| k },
    claim: Claim::None,
    feedback: false,
    ours: false,
    build: |link, _| {
        Box::new(Bertier {
            expectation: Expectation::new(link, WINDOW),
            started: false,
            delay_ns: 0.0,
            variation_ns: 0.0,
        })
    },
};

#[derive(Debug)]
struct Bertier {
    expectation: Expectation,
    started: bool,
    delay_ns: f64,
    variation_ns: f64,
}

impl Detector for Bertier {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if self.started {
            let error = heartbeat.received_ns as f64 - self.expectation.next_ns() - self.delay_ns;
            self.delay_ns += GAMMA * error;
            self.variation_ns += GAMMA * (error.abs() - self.variation_ns);
        }
        self.started = true;
        self.expectation.push(heartbeat);
    }

    fn deadline(&self, weight: f64) -> f64 {
        self.expectation.next_ns() + self.delay_ns + weight * self.variation_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        (now_ns - self.expectation.next_ns() - self.delay_ns) / self.variation_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, beat, show};
    use super::*;
    use crate::detector::Link;

    #[test]
    fn margin_follows_the_error_and_its_variation() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[0, 100]);
        assert_eq!(detector.deadline(1e6), 200.0, "no error yet, no margin");
        detector.arrive(&beat(2, 100, 230));
        // 30 late: delay 3, variation 3; mean delay of 0, 0, 30 is 10.
        assert_eq!(detector.deadline(4.0), 310.0 + 3.0 + 12.0);
        detector.arrive(&beat(3, 100, 303));
        // Expected 310 + 3, so 10 early: delay 3 - 1, variation 3 + 0.1 (10 - 3); mean delay 33/4.
        assert!((detector.deadline(4.0) - (408.25 + 2.0 + 4.0 * 3.7)).abs() < 1e-9);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.1, 4.0, 1e4]);
    }
}
