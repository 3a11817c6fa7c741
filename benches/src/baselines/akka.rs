//! φ as Akka computes it: a logistic approximation to the normal tail, a least deviation, an acceptable pause.
//!
//! `PhiAccrualFailureDetector.scala` with the defaults of `akka.cluster.failure-detector`, whose heartbeat interval of
//! 1 s is scaled to the link's: window 1,000, minimum standard deviation 100 ms, acceptable heartbeat pause 3 s, first
//! estimate 1 s ± 250 ms. An interval that ends a suspicion is not recorded. The logistic form's exponential underflows
//! beyond some 21.6 deviations, where φ becomes infinite: no threshold waits longer, and some links cannot be served. So
//! that it is not beaten by an accident of arithmetic alone, a third entry computes the same φ in logarithms, where
//! nothing underflows. Akka counts whole milliseconds; here time is continuous, so that fast links can be compared.

use super::window::Window;
use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

const WINDOW: usize = 1_000;
/// In intervals.
const DEVIATION_MIN: f64 = 0.1;
/// In intervals.
const PAUSE: f64 = 3.0;
/// Of the logistic approximation's exponent.
const LINEAR: f64 = 1.5976;
const CUBIC: f64 = 0.070566;
/// The exponent at which `exp` is zero in double precision, and φ infinite in Akka and its ports.
pub(super) const UNDERFLOW: f64 = 745.133_219_101_941_2;

/// The registry's line with the default acceptable pause; the knob is φ.
pub const SPEC: Spec = Spec {
    name: "akka",
    label: "φ as Akka",
    source: "Akka, PhiAccrualFailureDetector.scala; defaults scaled to the interval, pause 3 intervals",
    build: |link, threshold| Box::new(Akka::new(link, threshold, PAUSE, UNDERFLOW)),
    ..WITHOUT_PAUSE
};

/// The registry's line with the default acceptable pause and without underflow; the knob is φ.
pub const IN_LOGARITHMS: Spec = Spec {
    name: "akka-log",
    label: "φ as Akka, no underflow",
    source: "the same as Akka's defaults, with φ computed in logarithms",
    knob: Knob { max: 1e6, level: |phi| deviations_at(phi, f64::INFINITY), ..WITHOUT_PAUSE.knob },
    build: |link, threshold| Box::new(Akka::new(link, threshold, PAUSE, f64::INFINITY)),
    ..WITHOUT_PAUSE
};

/// The registry's line with an acceptable pause of zero; the knob is φ.
pub const WITHOUT_PAUSE: Spec = Spec {
    name: "akka-0",
    label: "φ as Akka, no pause",
    source: "Akka, PhiAccrualFailureDetector.scala; defaults scaled to the interval, pause 0",
    knob: Knob { unit: "φ", min: 0.3, max: 320.0, default: 8.0, level: |phi| deviations_at(phi, UNDERFLOW) },
    claim: Claim::Phi { phi_max: f64::INFINITY },
    feedback: true,
    ours: false,
    build: |link, threshold| Box::new(Akka::new(link, threshold, 0.0, UNDERFLOW)),
};

#[derive(Debug)]
struct Akka {
    window: Window,
    last_ns: Option<u64>,
    pause_ns: f64,
    deviation_min_ns: f64,
    /// Of the window, the pause included.
    mean_ns: f64,
    /// Of the window, not below the least.
    deviation_ns: f64,
    /// In deviations; decides what is recorded.
    threshold: f64,
    /// Beyond it φ is infinite.
    exponent_max: f64,
}

impl Akka {
    fn new(link: &Link, threshold: f64, pause: f64, exponent_max: f64) -> Self {
        let mut window = Window::new(WINDOW);
        for share in [0.75, 1.25] {
            window.push((share * link.interval_ns) as i64);
        }
        let mut akka = Self {
            window,
            last_ns: None,
            pause_ns: pause * link.interval_ns,
            deviation_min_ns: DEVIATION_MIN * link.interval_ns,
            mean_ns: 0.0,
            deviation_ns: 0.0,
            threshold: deviations_at(threshold, exponent_max),
            exponent_max,
        };
        akka.summarise();
        akka
    }

    fn summarise(&mut self) {
        self.mean_ns = self.window.mean() + self.pause_ns;
        self.deviation_ns = self.window.deviation().max(self.deviation_min_ns);
    }
}

impl Detector for Akka {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if let Some(last) = self.last_ns {
            let available = (heartbeat.received_ns as f64) < self.deadline(self.threshold);
            if available {
                self.window.push((heartbeat.received_ns - last).cast_signed());
                self.summarise();
            }
        }
        self.last_ns = Some(heartbeat.received_ns);
    }

    fn deadline(&self, deviations: f64) -> f64 {
        self.last_ns.unwrap_or(0) as f64 + self.mean_ns + deviations * self.deviation_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        let elapsed = now_ns - self.last_ns.unwrap_or(0) as f64;
        phi_at((elapsed - self.mean_ns) / self.deviation_ns, self.exponent_max)
    }
}

/// Akka's φ, −log10(e / (1 + e)) with e = exp(−exponent); written so that nothing is lost before `exponent_max`.
fn phi_at(deviations: f64, exponent_max: f64) -> f64 {
    let x = exponent(deviations);
    if x > exponent_max {
        return f64::INFINITY;
    }
    (x.max(0.0) + (-x.abs()).exp().ln_1p()) / std::f64::consts::LN_10
}

fn exponent(y: f64) -> f64 {
    y * (LINEAR + CUBIC * y * y)
}

/// The inverse of [`phi_at`]; where φ jumps to infinity, the place of the jump.
pub(super) fn deviations_at(phi: f64, exponent_max: f64) -> f64 {
    let odds = phi * std::f64::consts::LN_10;
    // ln(10^φ − 1), without overflow.
    let wanted = (odds + (-(-odds).exp()).ln_1p()).min(exponent_max);
    // The one real root of the cubic, in Viète's hyperbolic form.
    let (p, q) = (LINEAR / CUBIC, wanted / CUBIC);
    2.0 * (p / 3.0).sqrt() * ((1.5 * q / p * (3.0 / p).sqrt()).asinh() / 3.0).sinh()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, beat, show};
    use super::*;

    #[test]
    fn the_logistic_form_is_near_the_normal_tail_and_ends_at_21_6_deviations() {
        let literal = |y: f64| {
            let e = (-y * (1.5976 + 0.070566 * y * y)).exp();
            if y > 0.0 { -(e / (1.0 + e)).log10() } else { -(1.0 - 1.0 / (1.0 + e)).log10() }
        };
        for y in [-3.0, -0.1, 0.0, 0.1, 2.0, 8.0, 21.0] {
            assert!((phi_at(y, UNDERFLOW) / literal(y) - 1.0).abs() < 1e-9, "{y}");
        }
        // P(Z > 2) = 0.02275
        assert!((10f64.powf(-phi_at(2.0, UNDERFLOW)) - 0.02275).abs() < 2e-4);
        assert_eq!((literal(21.7), phi_at(21.7, UNDERFLOW)), (f64::INFINITY, f64::INFINITY));
        assert!((deviations_at(1e9, UNDERFLOW) - 21.6).abs() < 0.1);
        assert!(phi_at(21.7, f64::INFINITY) > 323.0);
    }

    #[test]
    fn the_inverse_finds_its_way_back() {
        for phi in [0.31, 1.0, 8.0, 300.0, 1e6] {
            let back = phi_at(deviations_at(phi, f64::INFINITY), f64::INFINITY);
            assert!((back / phi - 1.0).abs() < 1e-9, "{phi}: {back}");
        }
    }

    #[test]
    fn mean_pause_and_least_deviation() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 8.0);
        show(&mut *detector, 100, &[0, 100, 200]);
        // 75, 125, 100, 100: mean 100, deviation sqrt(1250/4) = 17.68.
        let two = 2.0 * (1250f64 / 4.0).sqrt();
        assert!((detector.deadline(2.0) - (200.0 + 100.0 + 300.0 + two)).abs() < 1e-9);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.5, 8.0, 100.0]);
        let received: Vec<u64> = (0..100).map(|i| i * 100).collect();
        let mut steady = (WITHOUT_PAUSE.build)(&Link { interval_ns: 100.0 }, 8.0);
        show(&mut *steady, 100, &received);
        assert!((steady.deadline(1.0) - (9_900.0 + 110.0)).abs() < 1e-6, "the least deviation holds");
    }

    #[test]
    fn an_interval_that_ends_a_suspicion_is_not_recorded() {
        let mut wary = (WITHOUT_PAUSE.build)(&Link { interval_ns: 100.0 }, 1.0);
        let mut calm = (WITHOUT_PAUSE.build)(&Link { interval_ns: 100.0 }, 300.0);
        for detector in [&mut wary, &mut calm] {
            show(&mut **detector, 100, &[0, 100]);
            detector.arrive(&beat(2, 100, 300));
        }
        assert_eq!(wary.deadline(0.0), 400.0);
        assert_eq!(calm.deadline(0.0), 300.0 + 500.0 / 4.0);
    }
}
