//! The largest tail that any distribution with the observed mean and variance can have.
//!
//! Cantelli's one-sided inequality, which Chen, Toueg and Aguilera (IEEE Transactions on Computers 51(5), 2002, section
//! 5.2, "one-sided inequality") use when nothing but mean and variance of the delay is known: P(X > t) ≤ σ² / (σ² + (t −
//! μ)²). Mean and deviation are those of [`normal`](super::normal), window and floor included.

use super::normal::Arrivals;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Spec};

const WINDOW: usize = 1_000;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "cantelli",
    label: "Cantelli bound",
    source: "Chen, Toueg, Aguilera, IEEE ToC 51(5), 2002, section 5.2; window 1,000",
    knob: Knob { unit: "φ", min: 0.1, max: 8.0, default: 3.0, level: deviations_at },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Cantelli { arrivals: Arrivals::new(link, WINDOW) }),
};

#[derive(Debug)]
struct Cantelli {
    arrivals: Arrivals,
}

impl Detector for Cantelli {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.arrivals.push(heartbeat);
    }

    fn deadline(&self, deviations: f64) -> f64 {
        self.arrivals.last_ns + self.arrivals.mean_ns + deviations * self.arrivals.deviation_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        let deviations = self.arrivals.deviations(now_ns).max(0.0);
        (deviations * deviations).ln_1p() / std::f64::consts::LN_10
    }
}

fn deviations_at(phi: f64) -> f64 {
    (10f64.powf(phi) - 1.0).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;
    use crate::detector::Link;

    #[test]
    fn three_deviations_are_one_in_ten() {
        // Inter-arrivals 90, 110, 90, 110: mean 100, deviation 10.
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[0, 90, 200, 290, 400]);
        assert!((detector.score(530.0) - 1.0).abs() < 1e-12);
        assert!((detector.deadline((SPEC.knob.level)(1.0)) - 530.0).abs() < 1e-9);
        assert_eq!(detector.score(450.0), 0.0, "below the mean the bound says nothing");
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.5, 3.0, 7.0]);
    }
}
