//! What a [`PhiDetector`](crate::PhiDetector) needs to know beforehand: little.

use crate::calibrated::estimator::Memories;
use crate::error::ConfigError;
use crate::interval::{INTERVAL_MAX, INTERVAL_MIN};
use core::time::Duration;

/// The settings of a [`PhiDetector`](crate::PhiDetector), checked when one is made.
///
/// The interval is the only one that most users need. None of them is a threshold: that is the caller's, at each call.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Config, ConfigError, PhiDetector};
///
/// let config = Config::new(Duration::from_millis(100)).first_interval(Duration::from_millis(500));
/// assert!(PhiDetector::new(config).is_ok());
///
/// let refused = PhiDetector::new(Config::new(Duration::ZERO)).unwrap_err();
/// assert!(matches!(refused, ConfigError::Duration { field: "interval", .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    pub(crate) interval: Option<Duration>,
    pub(crate) first_interval: Option<Duration>,
    fast_memory: u32,
    slow_memory: u32,
}

/// As long as the fast table remembers, unless told otherwise; in heartbeats.
const FAST_MEMORY: u32 = 400;

/// As long as the slow table remembers, unless told otherwise; in heartbeats.
const SLOW_MEMORY: u32 = 100_000;

/// Three times as many intervals end within the scale of lateness.
const FIRST_INTERVALS_MAX: u32 = 170;

impl Config {
    /// For heartbeats sent every `interval`: from 1 µs to 365 days.
    ///
    /// It need not be exact. It is the scale on which lateness is measured, and what was learnt on it absorbs an error
    /// of a factor of two or so.
    pub const fn new(interval: Duration) -> Self {
        Self { interval: Some(interval), ..Self::learning() }
    }

    /// For heartbeats of unknown interval: it is taken from the first 16 gaps, and anew should it change by more than a
    /// factor of three and stay there; what was learnt is then forgotten. Prefer [`new`](Self::new) where the interval is
    /// known. Until there is one, the longest gap so far or [`first_interval`](Self::first_interval), whichever is longer,
    /// takes its place, with the cold start's caution. Heartbeats must be numbered one by one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use phi_detector::{Config, PhiDetector};
    ///
    /// let mut detector = PhiDetector::new(Config::learning())?;
    /// assert_eq!(detector.interval(), None);
    /// for seq in 0..20 {
    ///     detector.heartbeat(seq, Duration::from_millis(250) * seq as u32);
    /// }
    /// assert_eq!(detector.interval(), Some(Duration::from_millis(250)));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub const fn learning() -> Self {
        Self { interval: None, first_interval: None, fast_memory: FAST_MEMORY, slow_memory: SLOW_MEMORY }
    }

    /// How far apart the first heartbeats may be without suspicion, from 1 µs to 365 days and to 170 intervals; the interval
    /// unless set.
    ///
    /// While nothing has been learnt, the level stays at zero for three times this long beyond the interval, and grows
    /// slowly after that. The influence fades over the first few hundred heartbeats.
    #[must_use]
    pub const fn first_interval(mut self, first_interval: Duration) -> Self {
        self.first_interval = Some(first_interval);
        self
    }

    /// How many heartbeats the fast table remembers, from 100 to 10,000; 400 unless set. It must be at most a tenth of
    /// [`slow_memory`](Self::slow_memory).
    ///
    /// Shorter follows a changing link sooner, longer is steadier on an unchanging one.
    #[must_use]
    pub const fn fast_memory(mut self, heartbeats: u32) -> Self {
        self.fast_memory = heartbeats;
        self
    }

    /// How many heartbeats the slow table remembers, from 10,000 to 1,000,000; 100,000 unless set.
    ///
    /// What is rarer than one in so many cannot be known, only extrapolated.
    #[must_use]
    pub const fn slow_memory(mut self, heartbeats: u32) -> Self {
        self.slow_memory = heartbeats;
        self
    }

    /// The silence, beyond the interval, in which nothing is suspected without data.
    pub(crate) fn grace(&self, interval: Duration) -> Duration {
        Self::grace_of(self.first_interval, interval)
    }

    pub(crate) fn grace_of(first_interval: Option<Duration>, interval: Duration) -> Duration {
        first_interval.unwrap_or(interval).saturating_mul(3)
    }

    pub(crate) const fn memories(&self) -> Memories {
        Memories { fast: self.fast_memory, slow: self.slow_memory }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (field, value) in [("interval", self.interval), ("first_interval", self.first_interval)] {
            if let Some(value) = value {
                ConfigError::check_duration(field, value, INTERVAL_MIN, INTERVAL_MAX)?;
            }
        }
        if let (Some(interval), Some(first)) = (self.interval, self.first_interval) {
            let max = interval.saturating_mul(FIRST_INTERVALS_MAX).min(INTERVAL_MAX);
            ConfigError::check_duration("first_interval", first, INTERVAL_MIN, max)?;
        }
        let (fast, slow) = (f64::from(self.fast_memory), f64::from(self.slow_memory));
        ConfigError::check_number("slow_memory", slow, 1e4, 1e6)?;
        ConfigError::check_number("fast_memory", fast, 100.0, (slow / 10.0).min(1e4))
    }
}
