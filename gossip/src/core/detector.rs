//! How silence becomes a number: the one place that knows the failure detector.

use std::time::Duration;

use phi_detector::{Arrival, Config, Learnt, PhiDetector};

/// The suspicion level of one life of one neighbour.
#[derive(Debug, Clone)]
pub(crate) struct Detector {
    phi: PhiDetector,
    interval: Duration,
    heartbeats: u32,
}

/// What several detectors have learnt together: the best first guess for one that has learnt little.
#[derive(Debug)]
pub(crate) struct Experience(Learnt);

impl Experience {
    /// Pools what was learnt from heartbeats of one interval.
    pub(crate) fn of<'a>(detectors: impl Iterator<Item = &'a Detector>, interval: Duration) -> Option<Self> {
        let alike = detectors.filter(|detector| detector.interval == interval && detector.heartbeats > 0);
        let pool = |mut pool: Learnt, other: Learnt| {
            pool.pool(&other);
            pool
        };
        alike.map(|detector| detector.phi.learnt()).reduce(pool).map(Self)
    }
}

impl Detector {
    pub(crate) fn new(interval: Duration, experience: Option<&Experience>) -> Self {
        // Intervals come from the configuration or from the wire, and both are checked to be between 10 ms and 60 s;
        // the other settings are the detector's own.
        #[expect(clippy::expect_used, reason = "invariant: intervals are checked")]
        let start = |config| match experience {
            Some(Experience(prior)) => PhiDetector::with_prior(config, prior).expect("a valid interval"),
            None => PhiDetector::new(config).expect("a valid interval"),
        };
        Self { phi: start(Config::new(interval)), interval, heartbeats: 0 }
    }

    /// What was told of the sender's interval.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes a heartbeat; false if it is not fresher than those before.
    pub(crate) fn heartbeat(&mut self, seq: u64, sent: Duration, now: Duration) -> bool {
        let fresh = self.phi.heartbeat_sent(seq, sent, now) == Arrival::Fresh;
        self.heartbeats = self.heartbeats.saturating_add(u32::from(fresh));
        fresh
    }

    /// While it has heard little itself, starts again from what all have heard; `last` is its newest heartbeat.
    pub(crate) fn learn_from(&mut self, experience: &Experience, last: (u64, Duration)) {
        if self.heartbeats < Self::OF_AGE {
            let mut informed = Self::new(self.interval, Some(experience));
            informed.heartbeat(last.0, Duration::ZERO, last.1);
            *self = Self { heartbeats: self.heartbeats, ..informed };
        }
    }

    /// From so many heartbeats on, a detector's own experience is worth more than others'.
    const OF_AGE: u32 = 200;

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
}
