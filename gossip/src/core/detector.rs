//! How silence becomes a number: the one place that knows the failure detector.

use std::time::Duration;

use phi_detector::{Arrival, Config, PhiDetector};

/// The suspicion level of one life of one neighbour.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    phi: PhiDetector,
    heartbeats: u32,
}

impl Detector {
    /// Beginning with what has been learnt of another neighbour, if there is any.
    pub(crate) fn new(interval: Duration, model: Option<&Self>) -> Self {
        // Intervals come from the configuration or from the wire, and both are checked to be between 10 ms and 60 s;
        // the other settings are the detector's own.
        #[expect(clippy::expect_used, reason = "invariant: intervals are checked")]
        let start = |config| match model {
            Some(model) => PhiDetector::with_prior(config, &model.phi.learnt()).expect("a valid interval"),
            None => PhiDetector::new(config).expect("a valid interval"),
        };
        Self { phi: start(Config::new(interval)), heartbeats: 0 }
    }

    /// Takes a heartbeat; false if it is not fresher than those before.
    pub(crate) fn heartbeat(&mut self, seq: u64, sent: Duration, now: Duration) -> bool {
        let fresh = self.phi.heartbeat_sent(seq, sent, now) == Arrival::Fresh;
        self.heartbeats = self.heartbeats.saturating_add(u32::from(fresh));
        fresh
    }

    pub(crate) fn phi(&self, now: Duration) -> f64 {
        self.phi.phi(now)
    }

    pub(crate) fn deadline(&self, threshold: f64) -> Duration {
        self.phi.deadline(threshold)
    }

    /// Takes a pause of the observer out of the silence.
    pub(crate) fn stalled(&mut self, length: Duration) {
        self.phi.stalled(length);
    }

    /// How much it has heard.
    pub(crate) fn heartbeats(&self) -> u32 {
        self.heartbeats
    }
}
