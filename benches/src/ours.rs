//! This project's own detectors, as they are published: driven through [`AccrualDetector`] and nothing else.
//!
//! To enter one, or an ablation of one, give its constructor to [`spec`] in the [registry](crate::registry).

use std::time::Duration;

use phi_detector::AccrualDetector;

use crate::detector::{Claim, Detector, Heartbeat, Knob, Link, Spec};

/// The registry's line for a detector of ours; the knob is φ. The one named `ours` is emphasised and gives the advice.
pub const fn spec(
    name: &'static str,
    label: &'static str,
    source: &'static str,
    build: fn(&Link, f64) -> Box<dyn Detector>,
) -> Spec {
    let knob = Knob { unit: "φ", min: 0.3, max: 12.0, default: 5.0, level: |phi| phi };
    let claim = Claim::Phi { phi_max: f64::INFINITY };
    Spec { name, label, source, knob, claim, feedback: false, ours: true, build }
}

/// Any detector of ours under replay.
#[derive(Debug)]
pub struct Accrual<D>(pub D);

impl<D: AccrualDetector> Detector for Accrual<D> {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.0.heartbeat(heartbeat.seq, Duration::from_nanos(heartbeat.received_ns));
    }

    fn deadline(&self, phi: f64) -> f64 {
        match self.0.deadline(phi) {
            Duration::MAX => f64::INFINITY,
            // Exact below 2^53 ns, and traces end before that.
            deadline => deadline.as_secs() as f64 * 1e9 + f64::from(deadline.subsec_nanos()),
        }
    }

    fn score(&self, now_ns: f64) -> f64 {
        self.0.phi(Duration::from_nanos(now_ns as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phi_detector::Arrival;

    /// φ is the silence in seconds.
    #[derive(Default)]
    struct Seconds(Duration);

    impl AccrualDetector for Seconds {
        fn heartbeat(&mut self, _seq: u64, now: Duration) -> Arrival {
            self.0 = now;
            Arrival::Fresh
        }

        fn phi(&self, now: Duration) -> f64 {
            now.saturating_sub(self.0).as_secs_f64()
        }

        fn deadline(&self, threshold: f64) -> Duration {
            Duration::try_from_secs_f64(threshold).map_or(Duration::MAX, |silence| self.0 + silence)
        }
    }

    #[test]
    fn nanoseconds_go_in_and_come_out() {
        let spec = spec("seconds", "", "", |_, _| Box::new(Accrual(Seconds::default())));
        let mut detector = (spec.build)(&Link { interval_ns: 1e9 }, 0.0);
        detector.arrive(&Heartbeat { seq: 1, sent_ns: 0, received_ns: 3_000_000_001 });
        assert_eq!(detector.deadline(2.5), 5_500_000_001.0);
        assert_eq!(detector.score(4_000_000_001.0), 1.0);
        assert_eq!(detector.deadline(1e300), f64::INFINITY);
    }
}
