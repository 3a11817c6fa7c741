//! The detectors that others designed, one file each, from their papers or from what their programs compute.
//!
//! Heartbeats flow in through [`Detector::arrive`](crate::detector::Detector::arrive); deadlines and scores flow out.
//! A baseline is never improved here: where its paper leaves a case open the file says what was chosen. Parameters
//! that are lengths of time are scaled from the interval their authors assume to the interval of the trace.

pub mod akka;
pub mod bertier;
pub mod cantelli;
pub mod cassandra;
pub mod chen;
pub mod chitchat;
pub mod empirical;
pub mod fixed;
pub mod normal;
pub mod published_phi_accrual;
pub mod published_phi_detector;
pub mod two_window;

mod expectation;
mod search;
mod window;

#[cfg(test)]
mod testing {
    use crate::detector::{Detector, Heartbeat, Knob};

    /// A heartbeat of a sender that is exactly on time, `interval` apart.
    pub(super) fn beat(seq: u64, interval: u64, received_ns: u64) -> Heartbeat {
        Heartbeat { seq, sent_ns: seq * interval, received_ns }
    }

    /// Shows heartbeats 0, 1, 2, … at the given instants, sent `interval` apart.
    pub(super) fn show(detector: &mut dyn Detector, interval: u64, received: &[u64]) {
        for (seq, at) in (0..).zip(received) {
            detector.arrive(&beat(seq, interval, *at));
        }
    }

    /// A knob's deadline is where the score reaches it.
    pub(super) fn assert_score_meets_deadline(detector: &dyn Detector, knob: &Knob, values: &[f64]) {
        for value in values {
            let deadline = detector.deadline((knob.level)(*value));
            let score = detector.score(deadline);
            assert!((score - value).abs() <= 1e-6 * value.abs().max(1.0), "{value}: {score} at {deadline}");
            assert!(detector.score(deadline + 1e-3 * deadline.abs()) > *value);
        }
    }
}
