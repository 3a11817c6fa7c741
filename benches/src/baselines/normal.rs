//! The φ accrual failure detector with the exact tail of a normal distribution.
//!
//! Hayashibara, Défago, Yared and Katayama, *The φ Accrual Failure Detector*, SRDS 2004, section 4: the inter-arrival
//! times of a window of 1,000 are taken for normal. The paper says nothing of a window without variance, as a sender
//! that is exactly on time fills it; [`DEVIATION_MIN`] keeps φ finite there. Where a link has such phases, that floor
//! decides the result: of 10^-4, 10^-3 and 10^-2 intervals the last, used here, serves this detector best.

use std::f64::consts::{LN_10, PI, SQRT_2};

use super::window::Window;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

/// The least standard deviation, in intervals.
pub const DEVIATION_MIN: f64 = 1e-2;
const WINDOW: usize = 1_000;
/// From here on the continued fraction of the tail is exact to the last digits.
const FAR_TAIL: f64 = 5.0;
const FAR_TAIL_TERMS: u32 = 60;

/// The registry's line; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "normal",
    label: "φ normal",
    source: "Hayashibara et al., SRDS 2004, section 4; window 1,000",
    knob: Knob { unit: "φ", min: 0.3, max: 1e6, default: 8.0, level: deviations_at },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Normal { arrivals: Arrivals::new(link, WINDOW) }),
};

#[derive(Debug)]
struct Normal {
    arrivals: Arrivals,
}

impl Detector for Normal {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.arrivals.push(heartbeat);
    }

    fn deadline(&self, deviations: f64) -> f64 {
        self.arrivals.last_ns + self.arrivals.mean_ns + deviations * self.arrivals.deviation_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        phi_at(self.arrivals.deviations(now_ns))
    }
}

/// Mean and deviation of the inter-arrival times in a window, for this detector and the Cantelli bound.
#[derive(Debug)]
pub(super) struct Arrivals {
    window: Window,
    pub(super) last_ns: f64,
    pub(super) mean_ns: f64,
    pub(super) deviation_ns: f64,
    deviation_min_ns: f64,
    last: Option<u64>,
}

impl Arrivals {
    pub(super) fn new(link: &Link, window: usize) -> Self {
        Self {
            window: Window::new(window),
            last_ns: 0.0,
            mean_ns: link.interval_ns,
            deviation_ns: link.interval_ns,
            deviation_min_ns: DEVIATION_MIN * link.interval_ns,
            last: None,
        }
    }

    pub(super) fn push(&mut self, heartbeat: &Heartbeat) {
        let now = heartbeat.received_ns;
        if let Some(last) = self.last {
            self.window.push((now - last).cast_signed());
            self.mean_ns = self.window.mean();
            self.deviation_ns = self.window.deviation().max(self.deviation_min_ns);
        }
        self.last = Some(now);
        self.last_ns = now as f64;
    }

    /// How many standard deviations the silence exceeds the mean by.
    pub(super) fn deviations(&self, now_ns: f64) -> f64 {
        (now_ns - self.last_ns - self.mean_ns) / self.deviation_ns
    }
}

/// −log10 of the upper tail of the standard normal distribution.
fn phi_at(deviations: f64) -> f64 {
    if deviations < FAR_TAIL {
        return -(0.5 * libm::erfc(deviations / SQRT_2)).log10();
    }
    // Laplace's continued fraction for Mills' ratio, from the innermost term out.
    let z = deviations;
    let inverse_mills = (1..=FAR_TAIL_TERMS).rev().fold(z, |sum, k| z + f64::from(k) / sum);
    (z * z / 2.0 + (2.0 * PI).sqrt().ln() + inverse_mills.ln()) / LN_10
}

/// The inverse of [`phi_at`], by bisection: it is called once per point of a sweep.
fn deviations_at(phi: f64) -> f64 {
    let mut low = -40.0;
    let mut high = 10.0 + (2.0 * LN_10 * phi.max(0.0)).sqrt();
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if phi_at(middle) < phi { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;
    use statrs::distribution::{ContinuousCDF, Normal as Oracle};

    #[test]
    fn tail_agrees_with_an_independent_implementation_and_with_reference_values() {
        let oracle = Oracle::new(0.0, 1.0).unwrap();
        for z in [-3.0, 0.0, 1.0, 2.5, 4.9, 5.1, 8.0] {
            let wanted = -oracle.sf(z).log10();
            assert!((phi_at(z) - wanted).abs() < 1e-9 * wanted.max(1.0), "{z}: {} {wanted}", phi_at(z));
        }
        // mpmath, 60 digits: -log10(erfc(z/sqrt(2))/2)
        let reference = [
            (1.0, 0.799_545_541_491_970_5),
            (4.5, 5.468_818_405_029_795),
            (6.0, 9.005_864_327_476_704),
            (30.0, 197.309_209_261_660_95),
            (700.0, 106_405.392_255_157_2),
        ];
        for (z, wanted) in reference {
            assert!((phi_at(z) / wanted - 1.0).abs() < 1e-12, "{z}: {} {wanted}", phi_at(z));
        }
    }

    #[test]
    fn the_inverse_finds_its_way_back() {
        for phi in [0.3, 1.0, 3.0, 8.0, 1e3, 1e6] {
            assert!((phi_at(deviations_at(phi)) / phi - 1.0).abs() < 1e-9, "{phi}");
        }
    }

    #[test]
    fn uses_mean_and_deviation_of_the_inter_arrival_times() {
        // Inter-arrivals 90, 110, 90, 110: mean 100, deviation 10.
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[0, 90, 200, 290, 400]);
        assert!((detector.score(500.0) - 2f64.log10()).abs() < 1e-12);
        assert!((detector.score(520.0) - phi_at(2.0)).abs() < 1e-12);
        assert_eq!(detector.deadline(3.0), 530.0);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.5, 1.0, 8.0, 1e4]);
    }

    #[test]
    fn a_window_without_variance_still_has_a_deadline() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 1_000.0 }, 0.0);
        show(&mut *detector, 1_000, &[0, 1_000, 2_000]);
        assert_eq!(detector.deadline(10.0), 3_100.0);
        assert!(detector.score(3_500.0).is_finite());
    }
}
