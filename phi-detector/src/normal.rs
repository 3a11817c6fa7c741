//! The original estimator: inter-arrival times as a normal distribution.

use crate::arrivals::{Arrivals, Step};
use crate::error::ConfigError;
use crate::window::Window;
use crate::{AccrualDetector, Arrival, math, search, time};
use core::time::Duration;

/// The φ detector as published: the last `WINDOW` inter-arrival times, taken to be normally distributed.
///
/// Hayashibara, Défago, Yared and Katayama, *The φ Accrual Failure Detector* (SRDS 2004), section 4: with the mean μ
/// and the standard deviation σ of the window, φ = -log10 Q((elapsed - μ)/σ), `Q` being the upper tail of the normal
/// distribution. The tail is exact, to a relative error of 1e-12: the logistic approximation in wide use is 12 % too
/// high at z = 5, 63 % at z = 10, and infinite from about z = 21.6 on.
///
/// It is here to compare with and to migrate from. Real networks lose packets and stall, and a normal tail knows of
/// neither: a threshold of 8 costs far more than one mistake in 10⁸ heartbeats. (The paper's own measurement over one
/// week, 0.4 % of loss, was about one in 400.) A lost heartbeat is treated as in the paper: the long gap is one sample.
///
/// It takes 8 bytes per sample, 8 KB at the window of 1,000 of the paper, and no other memory; a heartbeat costs the
/// same whatever the window, as the sums are kept and are exact.
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{AccrualDetector, Normal, NormalConfig};
///
/// let interval = Duration::from_millis(100);
/// let mut detector = Normal::new(NormalConfig::new(interval))?;
/// for seq in 0..20 {
///     detector.heartbeat(seq, interval * seq as u32);
/// }
///
/// let last = interval * 19;
/// assert!(detector.phi(last + interval / 2) < 0.1);
/// assert!(detector.phi(last + interval * 2) > 8.0);
///
/// let deadline = detector.deadline(8.0);
/// assert!(detector.phi(deadline) >= 8.0);
/// assert!(detector.phi(deadline - Duration::from_nanos(1)) < 8.0);
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Normal<const WINDOW: usize = 1000> {
    arrivals: Arrivals,
    window: Window<WINDOW>,
    min_std_dev_ns: f64,
    acceptable_pause_ns: f64,
    /// Where the distribution is centred, and how wide it is: brought up to date by each heartbeat.
    center_ns: f64,
    std_dev_ns: f64,
}

impl Normal {
    /// A detector with the window of the paper, 1,000 samples.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Duration`] names the field of `config` that is out of its range.
    pub fn new(config: NormalConfig) -> Result<Self, ConfigError> {
        Self::with_window(config)
    }
}

impl<const WINDOW: usize> Normal<WINDOW> {
    /// A detector with a window of `WINDOW` samples, from 2 to 65,536; another size does not compile.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Duration`] names the field of `config` that is out of its range.
    ///
    /// ```
    /// use core::time::Duration;
    /// use phi_detector::{Normal, NormalConfig};
    ///
    /// let small = Normal::<50>::with_window(NormalConfig::new(Duration::from_secs(1)))?;
    /// assert!(size_of_val(&small) < 600);
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn with_window(config: NormalConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let first_ns = time::to_ns(config.first_interval);
        let mut window = Window::new();
        window.push(first_ns - first_ns / 4);
        window.push(first_ns + first_ns / 4);
        let mut detector = Self {
            arrivals: Arrivals::default(),
            window,
            min_std_dev_ns: time::to_ns(config.min_std_dev) as f64,
            acceptable_pause_ns: time::to_ns(config.acceptable_pause) as f64,
            center_ns: 0.0,
            std_dev_ns: 0.0,
        };
        detector.estimate();
        Ok(detector)
    }

    /// The mean of the inter-arrival times in the window.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Normal, NormalConfig};
    /// let detector = Normal::new(NormalConfig::new(Duration::from_secs(1)))?;
    /// assert_eq!(detector.mean(), Duration::from_secs(1));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn mean(&self) -> Duration {
        time::from_ns(self.window.mean_ns() as u64)
    }

    /// The standard deviation of the inter-arrival times in the window, before `min_std_dev` is applied.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{Normal, NormalConfig};
    /// let detector = Normal::new(NormalConfig::new(Duration::from_secs(1)))?;
    /// assert_eq!(detector.std_dev(), Duration::from_millis(250));
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn std_dev(&self) -> Duration {
        time::from_ns(self.window.std_dev_ns() as u64)
    }

    /// How many fresh heartbeats came with a time before that of the heartbeat before them. Each was taken to have
    /// come at the same time as that one; if there are any, the caller's clock is not monotonic.
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use phi_detector::{AccrualDetector, Normal, NormalConfig};
    /// let mut detector = Normal::new(NormalConfig::new(Duration::from_secs(1)))?;
    /// detector.heartbeat(1, Duration::from_secs(10));
    /// detector.heartbeat(2, Duration::from_secs(9));
    /// assert_eq!(detector.backwards(), 1);
    /// # Ok::<(), phi_detector::ConfigError>(())
    /// ```
    pub fn backwards(&self) -> u64 {
        self.arrivals.backwards()
    }

    /// The level after `silence_ns` nanoseconds. Each operation is monotone in `silence_ns`, so the whole is.
    fn phi_after(&self, silence_ns: u64) -> f64 {
        math::normal_phi((silence_ns as f64 - self.center_ns) / self.std_dev_ns)
    }

    fn estimate(&mut self) {
        self.center_ns = self.window.mean_ns() + self.acceptable_pause_ns;
        self.std_dev_ns = self.window.std_dev_ns().max(self.min_std_dev_ns);
    }
}

impl<const WINDOW: usize> AccrualDetector for Normal<WINDOW> {
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
        let guess_ns = self.center_ns + self.std_dev_ns * math::normal_quantile(threshold);
        search::deadline(&self.arrivals, guess_ns, |silence_ns| self.phi_after(silence_ns) >= threshold)
    }
}

/// How a [`Normal`] starts, and what it is to add to the statistics.
///
/// Every field is checked when the detector is made. Only `first_interval` is needed:
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Normal, NormalConfig};
///
/// let config = NormalConfig::new(Duration::from_secs(1))
///     .min_std_dev(Duration::from_millis(50))
///     .acceptable_pause(Duration::from_secs(3));
/// let detector = Normal::new(config)?;
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormalConfig {
    first_interval: Duration,
    min_std_dev: Duration,
    acceptable_pause: Duration,
}

impl NormalConfig {
    /// The longest that any of the fields may be.
    const SPAN_MAX: Duration = Duration::from_secs(365 * 86_400);

    /// The interval at which heartbeats are expected until some have been seen: from 1 µs to 365 days.
    ///
    /// The paper says nothing of the start. As Akka does, the window begins with two samples, a quarter of
    /// `first_interval` below and above it; they leave it like any other.
    pub const fn new(first_interval: Duration) -> Self {
        let tenth_ns = time::to_ns(first_interval) / 10;
        Self { first_interval, min_std_dev: time::from_ns(tenth_ns), acceptable_pause: Duration::ZERO }
    }

    /// The standard deviation is taken to be at least this: from 1 ns to 365 days. By default a tenth of
    /// `first_interval`, as is Akka's (100 ms to 1 s).
    ///
    /// Without it a spell of very regular heartbeats would make the first late one unforgivable. The paper has none.
    #[must_use]
    pub const fn min_std_dev(mut self, min_std_dev: Duration) -> Self {
        self.min_std_dev = min_std_dev;
        self
    }

    /// Added to the mean: a silence this much longer than usual is no reason for suspicion. Up to 365 days; by
    /// default, and in the paper, zero.
    #[must_use]
    pub const fn acceptable_pause(mut self, acceptable_pause: Duration) -> Self {
        self.acceptable_pause = acceptable_pause;
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (us, ns, max) = (Duration::from_micros(1), Duration::from_nanos(1), Self::SPAN_MAX);
        ConfigError::check_duration("first_interval", self.first_interval, us, max)?;
        ConfigError::check_duration("min_std_dev", self.min_std_dev, ns, max)?;
        ConfigError::check_duration("acceptable_pause", self.acceptable_pause, Duration::ZERO, max)
    }
}
