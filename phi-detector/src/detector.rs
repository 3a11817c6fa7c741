//! The public detector: heartbeats and instants in, a calibrated level out.

use crate::arrivals::{Arrivals, Step};
use crate::calibrated::correction::Correction;
use crate::calibrated::estimator::Estimator;
use crate::calibrated::lateness::Scale;
use crate::calibrated::life_table::LifeTable;
use crate::calibration::Calibration;
use crate::config::Config;
use crate::error::ConfigError;
use crate::interval::IntervalLearner;
use crate::learnt::Learnt;
use crate::time::{from_ns, to_ns};
use crate::{AccrualDetector, Arrival, search};
use core::time::Duration;

/// A phi accrual failure detector whose level keeps its promise.
///
/// φ = -log10 P(a live peer is silent this long). So a threshold Φ has a price: one heartbeat in 10^Φ comes after it was
/// given up. At one heartbeat a second a threshold of 4.94 is one false suspicion a day, and the detector counts whether
/// that is so ([`calibration`](Self::calibration)) and corrects itself until it is.
///
/// What it estimates is the distribution of a heartbeat's *lateness*, the silence beyond one interval, without assuming
/// its shape: two life tables over a logarithmic scale, one with a short memory and one with a long one, and a Pareto tail
/// beyond what either has seen. Heartbeats that were lost are lateness like any other. A correction by online feedback
/// holds the result to its promise, whatever the network does; `docs/detector.md` in the repository has the mathematics,
/// the bound and the measurements.
///
/// It takes 640 bytes, never allocates and never reads a clock. `heartbeat` and `phi` take constant time, `deadline` at
/// most 74 evaluations of φ.
///
/// All time is a `Duration` since any fixed origin on a monotonic clock, the same for every call. Time that goes backwards
/// is clamped and counted ([`backwards`](Self::backwards)); what lies beyond the 584 years of 64-bit nanoseconds is taken as
/// their end.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Config, PhiDetector};
///
/// let interval = Duration::from_millis(100);
/// let mut detector = PhiDetector::new(Config::new(interval))?;
/// for seq in 0..10_000 {
///     let jitter = Duration::from_millis(u64::from(seq) * 7 % 5);
///     detector.heartbeat(u64::from(seq), interval * seq + jitter);
/// }
///
/// let last = interval * 9_999;
/// assert!(detector.phi(last + interval) < 0.1, "it is not even due");
/// assert!(detector.phi(last + interval * 3) > 3.0, "two missing already say a lot");
///
/// // No need to poll: this is when it will be suspect, at one mistake in 10,000 heartbeats.
/// let deadline = detector.deadline(4.0);
/// assert!(deadline > last + interval && deadline < last + interval * 20);
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PhiDetector {
    arrivals: Arrivals,
    scale: Scale,
    /// Silence since the newest heartbeat that was the observer's own.
    stalled_ns: u64,
    estimator: Estimator,
    calibration: Calibration,
    learner: Option<IntervalLearner>,
    /// Needed when a learnt interval makes the estimator begin anew; zero if it was not set.
    first_interval_ns: u64,
}

impl PhiDetector {
    /// A detector that has heard nothing yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field of `config` that is out of its range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::start(config, config.interval, LifeTable::new())
    }

    /// A detector that starts with what others have taught, and soon relies on its own experience.
    ///
    /// The prior counts as much as 200 heartbeats; one that was learnt from fewer counts as those.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field of `config` that is out of its range.
    ///
    /// ```
    /// use core::time::Duration;
    /// use phi_detector::{Config, PhiDetector};
    ///
    /// let (second, config) = (Duration::from_secs(1), Config::new(Duration::from_secs(1)));
    /// let mut known = PhiDetector::new(config)?;
    /// for seq in 0..1_000 {
    ///     known.heartbeat(seq, second * seq as u32);
    /// }
    /// let (mut stranger, mut newcomer) = (PhiDetector::new(config)?, PhiDetector::with_prior(config, &known.learnt())?);
    /// stranger.heartbeat(0, second);
    /// newcomer.heartbeat(0, second);
    /// assert!(newcomer.deadline(3.0) < stranger.deadline(3.0));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn with_prior(config: Config, prior: &Learnt) -> Result<Self, ConfigError> {
        Self::start(config, config.interval, prior.slow.at_most(PRIOR_HEARTBEATS_MAX))
    }

    /// A detector that goes on where another one, perhaps in an earlier process, has left off: only the heartbeats
    /// themselves start anew.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field of `config` that is out of its range. An interval that differs by more than a
    /// factor of two from that of `learnt` is: what was learnt does not apply to it.
    pub fn restore(config: Config, learnt: &Learnt) -> Result<Self, ConfigError> {
        config.check()?;
        let Some(learnt_interval) = learnt.interval else {
            return Self::new(config);
        };
        let interval = config.interval.unwrap_or(learnt_interval);
        let (min, max) = (learnt_interval / 2, learnt_interval.saturating_mul(2));
        ConfigError::check_duration("interval", interval, min, max)?;
        let mut restored = Self::start(config, Some(interval), LifeTable::new())?;
        let cold_bin = restored.scale.bin_beyond(config.grace(interval));
        let memories = config.memories();
        let (fast, slow) =
            (learnt.fast.at_most(memories.fast as f32), learnt.slow.at_most(memories.slow as f32));
        restored.estimator = Estimator::new(memories, cold_bin, fast, slow, learnt.correction);
        restored.calibration = learnt.calibration;
        if config.interval.is_none() {
            restored.learner = Some(IntervalLearner::settled(interval));
        }
        Ok(restored)
    }

    fn start(config: Config, interval: Option<Duration>, slow: LifeTable) -> Result<Self, ConfigError> {
        config.check()?;
        let learner = interval.is_none().then(IntervalLearner::default);
        // Without any idea of the interval nothing is suspected until there is one, after the second heartbeat.
        let interval = interval.or(config.first_interval).unwrap_or(Duration::MAX);
        let scale = Scale::new(interval);
        let cold_bin = scale.bin_beyond(config.grace(interval));
        Ok(Self {
            arrivals: Arrivals::default(),
            scale,
            stalled_ns: 0,
            estimator: Estimator::new(
                config.memories(),
                cold_bin,
                LifeTable::new(),
                slow,
                Correction::none(),
            ),
            calibration: Calibration::default(),
            learner,
            first_interval_ns: config.first_interval.map_or(0, to_ns),
        })
    }

    /// Records that the heartbeat numbered `seq` arrived at `now`.
    ///
    /// A number not above the highest seen is a duplicate or a straggler: it changes nothing and is
    /// [`Arrival::Stale`]. A peer that starts its numbers anew, because it has restarted, needs a new detector. Without
    /// numbers, count the arrivals. Numbers go up by one; a detector that learns the interval takes those missing for lost.
    pub fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        self.arrive(seq, None, now)
    }

    /// Records the heartbeat numbered `seq` that was sent at `sent`, on the sender's clock, and arrived at `now`.
    ///
    /// As [`heartbeat`](Self::heartbeat), but an interval that is being learnt is learnt from the send times, free of the
    /// network's jitter. The two clocks need not agree: `sent` is compared with other send times only. It is trusted for
    /// nothing else, so that a sender with a broken clock can at worst spoil the learnt interval.
    pub fn heartbeat_sent(&mut self, seq: u64, sent: Duration, now: Duration) -> Arrival {
        self.arrive(seq, Some(to_ns(sent)), now)
    }

    #[inline]
    fn arrive(&mut self, seq: u64, sent_ns: Option<u64>, now: Duration) -> Arrival {
        let (elapsed_ns, steps) = match self.arrivals.record(seq, now) {
            Step::Stale => return Arrival::Stale,
            Step::First => (None, 1),
            Step::After { elapsed_ns, steps } => (Some(elapsed_ns), steps),
        };
        // After a stall, how late a heartbeat would have been seen is not known: the observer was not looking.
        let observed_ns = elapsed_ns.filter(|_| self.stalled_ns == 0);
        self.stalled_ns = 0;
        if self.learner.is_some() && !self.learn_interval(sent_ns, observed_ns, steps) {
            return Arrival::Fresh;
        }
        if let Some(elapsed_ns) = observed_ns {
            let phi = self.estimator.learn(self.scale.position(elapsed_ns));
            self.calibration.record(phi);
        }
        Arrival::Fresh
    }

    /// Learns from a gap of `steps` heartbeat numbers how long the interval is; says whether it was known already.
    #[cold]
    fn learn_interval(&mut self, sent_ns: Option<u64>, observed_ns: Option<u64>, steps: u64) -> bool {
        let Some(learner) = &mut self.learner else {
            return true;
        };
        let was_settled = learner.is_settled();
        let Some(elapsed_ns) = learner.sent_gap_ns(sent_ns).or(observed_ns) else {
            return was_settled;
        };
        if let Some(interval) = learner.record(elapsed_ns, steps) {
            self.restart(interval, was_settled);
            return false;
        }
        if !was_settled {
            let provisional = learner.provisional().max(from_ns(self.first_interval_ns));
            self.restart(provisional, false);
        }
        was_settled
    }

    /// Begins anew on another interval: lateness that was counted on the old one says nothing on this. A prior does.
    fn restart(&mut self, interval: Duration, forget: bool) {
        self.scale = Scale::new(interval);
        let first_interval = (self.first_interval_ns > 0).then(|| from_ns(self.first_interval_ns));
        let cold_bin = self.scale.bin_beyond(Config::grace_of(first_interval, interval));
        let slow = if forget { LifeTable::new() } else { *self.estimator.slow() };
        self.estimator = self.estimator.anew(cold_bin, slow);
    }

    /// The suspicion level at `now`: decades of improbability that a live peer is silent this long. Finite, never
    /// negative, and not falling from one heartbeat to the next.
    ///
    /// It is 0.0 until the first heartbeat, and for one interval after each.
    #[inline]
    pub fn phi(&self, now: Duration) -> f64 {
        self.arrivals.silence_ns(now).map_or(0.0, |silence_ns| self.phi_after(silence_ns))
    }

    #[inline]
    fn phi_after(&self, silence_ns: u64) -> f64 {
        self.estimator.phi(self.scale.position(silence_ns.saturating_sub(self.stalled_ns)))
    }

    /// The earliest instant at which the level is at least `threshold`, if nothing arrives before: sleep until then
    /// instead of polling.
    ///
    /// It is the newest arrival for a threshold of zero or less. It is exact: at the deadline `phi` is at least `threshold`, one nanosecond before it is not.
    /// [`Duration::MAX`] if nothing has arrived yet, if `threshold` is NaN, or if it would take longer than the 584 years
    /// of 64-bit nanoseconds.
    pub fn deadline(&self, threshold: f64) -> Duration {
        let guess_ns = self.scale.silence_ns(self.estimator.position(threshold)) + self.stalled_ns as f64;
        let guess_ns = if threshold > 0.0 { guess_ns } else { 0.0 };
        search::deadline(&self.arrivals, guess_ns, |silence_ns| self.phi_after(silence_ns) >= threshold)
    }

    /// Tells that the observer itself was not looking for so long: it was paused, or its clock jumped, since the newest
    /// heartbeat.
    ///
    /// That much silence is taken out of the level, until the next heartbeat; and how late that one was is not learnt
    /// from. Several calls add up.
    ///
    /// Call it on waking, for every peer, *before* handing in the heartbeats that were waiting: the first of them ends the
    /// silence that was the observer's. Called after them it would excuse a silence of the peer's that is yet to come. (With
    /// the kernel's receive timestamps as `now`, a peer whose heartbeats were waiting needs no excuse, and gets none.)
    ///
    /// ```
    /// use core::time::Duration;
    /// use phi_detector::{Config, PhiDetector};
    ///
    /// let second = Duration::from_secs(1);
    /// let mut detector = PhiDetector::new(Config::new(second))?;
    /// for seq in 0..1_000 {
    ///     detector.heartbeat(seq, second * seq as u32);
    /// }
    /// let now = second * 1_060;
    /// assert!(detector.phi(now) > 5.0, "a minute of silence");
    /// detector.stalled(second * 60);
    /// assert_eq!(detector.phi(now), 0.0, "but it was ours");
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn stalled(&mut self, length: Duration) {
        self.stalled_ns = self.stalled_ns.saturating_add(to_ns(length));
    }

    /// The self-check: how often heartbeats arrived at each level, against what the level promises.
    pub const fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// What has been learnt so far, to save or to pool. Take it now and then, not with each heartbeat: forgetting is done
    /// every sixteenth, and a copy taken in between has not forgotten yet.
    pub fn learnt(&self) -> Learnt {
        Learnt {
            interval: self.interval(),
            fast: *self.estimator.fast(),
            slow: *self.estimator.slow(),
            correction: *self.estimator.correction(),
            calibration: self.calibration,
        }
    }

    /// The heartbeat interval: as configured, or as learnt, or `None` while it is being learnt.
    pub fn interval(&self) -> Option<Duration> {
        let known = self.learner.is_none_or(|learner| learner.is_settled());
        known.then(|| from_ns(self.scale.interval_ns()))
    }

    /// How many fresh heartbeats came with a time before that of the heartbeat before them. Each was taken to have come at
    /// the same time as that one; if there are any, the caller's clock is not monotonic.
    pub const fn backwards(&self) -> u64 {
        self.arrivals.backwards()
    }
}

/// A prior counts at most as much as so many heartbeats of one's own.
const PRIOR_HEARTBEATS_MAX: f32 = 200.0;

impl AccrualDetector for PhiDetector {
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        Self::heartbeat(self, seq, now)
    }

    fn phi(&self, now: Duration) -> f64 {
        Self::phi(self, now)
    }

    fn deadline(&self, threshold: f64) -> Duration {
        Self::deadline(self, threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fits_into_640_bytes() {
        assert!(size_of::<PhiDetector>() <= 640, "{}", size_of::<PhiDetector>());
    }
}
