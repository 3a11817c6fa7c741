//! A fixed timeout after the last arrival: what everything else has to beat.

use crate::detector::{Claim, Detector, Heartbeat, Knob, Spec};

/// The registry's line; the knob is the timeout in intervals.
pub const SPEC: Spec = Spec {
    name: "fixed",
    label: "fixed timeout",
    source: "folklore; section 1 of Chandra and Toueg, JACM 1996, assumes one",
    knob: Knob { unit: "intervals", min: 0.5, max: 2e4, default: 5.0, level: |k| k },
    claim: Claim::None,
    feedback: false,
    ours: false,
    build: |link, _| Box::new(Fixed { interval_ns: link.interval_ns, last_ns: 0.0 }),
};

#[derive(Debug)]
struct Fixed {
    interval_ns: f64,
    last_ns: f64,
}

impl Detector for Fixed {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        self.last_ns = heartbeat.received_ns as f64;
    }

    fn deadline(&self, intervals: f64) -> f64 {
        self.last_ns + intervals * self.interval_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        (now_ns - self.last_ns) / self.interval_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_score_meets_deadline, show};
    use super::*;
    use crate::detector::Link;

    #[test]
    fn waits_so_many_intervals_from_the_last_arrival() {
        let mut detector = (SPEC.build)(&Link { interval_ns: 100.0 }, 0.0);
        show(&mut *detector, 100, &[0, 105, 230]);
        assert_eq!(detector.deadline(2.5), 480.0);
        assert_eq!(detector.score(330.0), 1.0);
        assert_score_meets_deadline(&*detector, &SPEC.knob, &[0.5, 3.0, 1e4]);
    }
}
