//! The simplest estimator: silence in proportion to the mean inter-arrival time.

use crate::arrivals::{Arrivals, Step};
use crate::error::ConfigError;
use crate::window::Window;
use crate::{AccrualDetector, Arrival, math, search, time};
use core::time::Duration;

/// Inter-arrival times taken to be exponentially distributed: φ = elapsed/(mean · ln 10).
///
/// Only the mean of the last `WINDOW` inter-arrival times is used. Apache Cassandra computes its φ like this, and so do
/// several systems that follow it. A threshold means another thing in each of them, which is why they should not be
/// copied from one to the other:
///
/// - here φ is in decades, -log10 P: 8 means 10⁻⁸ under this distribution, and is reached after 18.4 mean intervals;
/// - where elapsed/mean itself is called φ, it is in nats, -ln P: its 8 is e⁻⁸ or 1/2981, reached after 8 mean
///   intervals. It is 3.47 here. Where that quotient is compared with a threshold times ln 10, as Cassandra does, the
///   threshold is in decades again.
///
/// Heartbeats sent at a fixed interval are far more regular than this, and stalls far longer: the detector is slow when
/// all is well and too quick when a link is bad. It is here to compare with and to migrate from. A lost heartbeat is
/// not told from a late one: the long gap is one sample.
///
/// It takes 8 bytes per sample and no other memory; a heartbeat costs the same whatever the window.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{AccrualDetector, Exponential, ExponentialConfig};
///
/// let second = Duration::from_secs(1);
/// let mut detector = Exponential::new(ExponentialConfig::new(second))?;
/// for seq in 0..20 {
///     detector.heartbeat(seq, second * seq as u32);
/// }
///
/// let silence = detector.deadline(8.0) - second * 19;
/// assert_eq!(silence.as_millis(), 18_420);
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Exponential<const WINDOW: usize = 1000> {
    arrivals: Arrivals,
    window: Window<WINDOW>,
    /// The silence that adds one to φ, mean · ln 10: brought up to date by each heartbeat.
    decade_ns: f64,
}

impl Exponential {
    /// A detector with a window of 1,000 samples, as is Cassandra's.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Duration`] names the field of `config` that is out of its range.
    pub fn new(config: ExponentialConfig) -> Result<Self, ConfigError> {
        Self::with_window(config)
    }
}

impl<const WINDOW: usize> Exponential<WINDOW> {
    /// A detector with a window of `WINDOW` samples, from 2 to 65,536; another size does not compile.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Duration`] names the field of `config` that is out of its range.
    ///
    /// ```
    /// use core::time::Duration;
    /// use phi_detector::{Exponential, ExponentialConfig};
    ///
    /// let small = Exponential::<50>::with_window(ExponentialConfig::new(Duration::from_secs(1)))?;
    /// assert!(size_of_val(&small) < 600);
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn with_window(config: ExponentialConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let mut window = Window::new();
        window.push(time::to_ns(config.first_interval));
        let mut detector = Self { arrivals: Arrivals::default(), window, decade_ns: 0.0 };
        detector.estimate();
        Ok(detector)
    }

    /// The mean of the inter-arrival times in the window.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Exponential, ExponentialConfig};
    /// let detector = Exponential::new(ExponentialConfig::new(Duration::from_secs(1)))?;
    /// assert_eq!(detector.mean(), Duration::from_secs(1));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn mean(&self) -> Duration {
        time::from_ns(self.window.mean_ns() as u64)
    }

    /// How many fresh heartbeats came with a time before that of the heartbeat before them. Each was taken to have
    /// come at the same time as that one; if there are any, the caller's clock is not monotonic.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{AccrualDetector, Exponential, ExponentialConfig};
    /// let mut detector = Exponential::new(ExponentialConfig::new(Duration::from_secs(1)))?;
    /// detector.heartbeat(1, Duration::from_secs(10));
    /// detector.heartbeat(2, Duration::from_secs(9));
    /// assert_eq!(detector.backwards(), 1);
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn backwards(&self) -> u64 {
        self.arrivals.backwards()
    }

    fn phi_after(&self, silence_ns: u64) -> f64 {
        silence_ns as f64 / self.decade_ns
    }

    fn estimate(&mut self) {
        // A mean below the resolution of the clock, as after a queue that was drained in one instant, counts as 1 ns.
        self.decade_ns = self.window.mean_ns().max(1.0) * math::LN_10;
    }
}

impl<const WINDOW: usize> AccrualDetector for Exponential<WINDOW> {
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        match self.arrivals.record(seq, now) {
            Step::Stale => return Arrival::Stale,
            Step::First => {}
            Step::After { elapsed_ns, .. } => {
                self.window.push(elapsed_ns);
                self.estimate();
            }
        }
        Arrival::Fresh
    }

    fn phi(&self, now: Duration) -> f64 {
        self.arrivals.silence_ns(now).map_or(0.0, |silence_ns| self.phi_after(silence_ns))
    }

    fn deadline(&self, threshold: f64) -> Duration {
        let guess_ns = threshold * self.decade_ns;
        search::deadline(&self.arrivals, guess_ns, |silence_ns| self.phi_after(silence_ns) >= threshold)
    }
}

/// How an [`Exponential`] starts.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{ConfigError, Exponential, ExponentialConfig};
///
/// let refused = Exponential::new(ExponentialConfig::new(Duration::ZERO)).unwrap_err();
/// assert!(matches!(refused, ConfigError::Duration { field: "first_interval", .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExponentialConfig {
    first_interval: Duration,
}

impl ExponentialConfig {
    /// The interval at which heartbeats are expected until some have been seen, and the first sample of the window:
    /// from 1 µs to 365 days.
    pub const fn new(first_interval: Duration) -> Self {
        Self { first_interval }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (min, max) = (Duration::from_micros(1), Duration::from_secs(365 * 86_400));
        ConfigError::check_duration("first_interval", self.first_interval, min, max)
    }
}
