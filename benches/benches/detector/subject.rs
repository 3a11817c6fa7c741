//! What is timed, brought to one shape: ours, the published crates as they are, and chitchat's window.

use crate::chitchat::SamplingWindow;
use crate::sequences::{INTERVAL, Sequence};
use phi_accrual_failure_detector::{Clock, Detector, FailureDetector, UnsyncDetector, UnsyncState};
use phi_detector::{
    AccrualDetector, Config, ConfigError, Exponential, ExponentialConfig, Normal, NormalConfig, PhiDetector,
};
use published_phi_detector::PingWindow;
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A detector under the clock.
pub(crate) trait Subject: Sized {
    const NAME: &'static str;

    fn new() -> Self;
    fn heartbeat(&mut self, seq: u64, now: Duration);
    fn phi(&self, now: Duration) -> f64;
    /// When the level reaches `threshold`; `None` if the subject cannot say.
    fn deadline(&self, threshold: f64) -> Option<Duration>;

    /// One that has seen all there is to see, and where the arrivals go on.
    fn warmed(sequence: &Sequence) -> (Self, crate::sequences::Feed<'_>) {
        let (mut subject, mut feed) = (Self::new(), sequence.feed());
        for _ in 0..20_000 {
            feed.advance();
            subject.heartbeat(feed.seq, feed.now);
        }
        (subject, feed)
    }
}

/// All settings here are constants within their ranges; were one not, there would be nothing to time.
pub(crate) fn valid<T>(made: Result<T, ConfigError>) -> T {
    made.unwrap_or_else(|error| panic!("{error}"))
}

macro_rules! ours {
    ($($detector:ty, $name:literal, $make:expr;)*) => {$(
        impl Subject for $detector {
            const NAME: &'static str = $name;

            fn new() -> Self {
                valid($make)
            }

            #[inline]
            fn heartbeat(&mut self, seq: u64, now: Duration) {
                AccrualDetector::heartbeat(self, seq, now);
            }

            #[inline]
            fn phi(&self, now: Duration) -> f64 {
                AccrualDetector::phi(self, now)
            }

            #[inline]
            fn deadline(&self, threshold: f64) -> Option<Duration> {
                Some(AccrualDetector::deadline(self, threshold))
            }
        }
    )*};
}

ours! {
    PhiDetector, "PhiDetector", PhiDetector::new(Config::new(INTERVAL));
    Normal, "Normal, window 1,000", Normal::new(NormalConfig::new(INTERVAL));
    Exponential, "Exponential, window 1,000", Exponential::new(ExponentialConfig::new(INTERVAL));
}

/// The walk through the arrivals by itself: what every other figure contains.
pub(crate) struct Nothing;

impl Subject for Nothing {
    const NAME: &'static str = "(the loop itself)";

    fn new() -> Self {
        Self
    }

    #[inline]
    fn heartbeat(&mut self, _seq: u64, _now: Duration) {}

    #[inline]
    fn phi(&self, _now: Duration) -> f64 {
        0.0
    }

    fn deadline(&self, _threshold: f64) -> Option<Duration> {
        None
    }
}

/// chitchat's arithmetic with the time handed in, as ours has it.
pub(crate) struct Chitchat(SamplingWindow<Duration>);

impl Subject for Chitchat {
    const NAME: &'static str = "chitchat (reproduced), time handed in";

    fn new() -> Self {
        Self(SamplingWindow::new())
    }

    #[inline]
    fn heartbeat(&mut self, _seq: u64, now: Duration) {
        self.0.heartbeat(now);
    }

    #[inline]
    fn phi(&self, now: Duration) -> f64 {
        self.0.phi(|| now).unwrap_or(f64::INFINITY)
    }

    #[inline]
    fn deadline(&self, threshold: f64) -> Option<Duration> {
        self.0.timeout(threshold)
    }
}

/// The same as chitchat really runs it: it reads the clock in each call, so the times of the sequence are not what it
/// sees; the work is the same.
pub(crate) struct ChitchatOwnClock(SamplingWindow<Instant>);

impl Subject for ChitchatOwnClock {
    const NAME: &'static str = "chitchat (reproduced), Instant::now()";

    fn new() -> Self {
        Self(SamplingWindow::new())
    }

    #[inline]
    fn heartbeat(&mut self, _seq: u64, _now: Duration) {
        self.0.heartbeat(Instant::now());
    }

    #[inline]
    fn phi(&self, _now: Duration) -> f64 {
        self.0.phi(Instant::now).unwrap_or(f64::INFINITY)
    }

    fn deadline(&self, _threshold: f64) -> Option<Duration> {
        // No clock is read: the same as with the time handed in.
        None
    }
}

/// The crate `phi-detector` 0.4 of crates.io. It has no clock and keeps no last arrival; its user does.
pub(crate) struct PublishedPhiDetector {
    window: PingWindow,
    last: Duration,
}

impl Subject for PublishedPhiDetector {
    const NAME: &'static str = "crate phi-detector 0.4.0";

    fn new() -> Self {
        Self { window: PingWindow::new(INTERVAL), last: Duration::ZERO }
    }

    #[inline]
    fn heartbeat(&mut self, _seq: u64, now: Duration) {
        self.window.add_ping(now.saturating_sub(self.last));
        self.last = now;
    }

    #[inline]
    fn phi(&self, now: Duration) -> f64 {
        self.window.normal_dist().phi(now.saturating_sub(self.last))
    }

    fn deadline(&self, _threshold: f64) -> Option<Duration> {
        None
    }
}

/// The sequence's time, in the place of the crate's clock.
#[derive(Clone, Default)]
pub(crate) struct Handed(Rc<Cell<Duration>>);

impl Clock for Handed {
    type Timestamp = Duration;

    fn timestamp(&self) -> Duration {
        self.0.get()
    }

    fn elapsed(before: &Duration, after: &Duration) -> Duration {
        after.saturating_sub(*before)
    }
}

/// The crate `phi-accrual-failure-detector` 0.1 of crates.io, its clock replaced by the sequence's time (it reads
/// `Instant::now()` unless told otherwise) and its settings scaled to the interval.
pub(crate) struct PublishedPhiAccrual {
    detector: FailureDetector<UnsyncState<Handed>>,
    clock: Handed,
}

impl Subject for PublishedPhiAccrual {
    const NAME: &'static str = "crate phi-accrual-failure-detector 0.1.0";

    fn new() -> Self {
        let clock = Handed::default();
        let detector = UnsyncDetector::builder()
            .min_std_deviation(INTERVAL / 10)
            .acceptable_heartbeat_pause(INTERVAL * 3)
            .first_heartbeat_estimate(INTERVAL)
            .clock(clock.clone())
            .build()
            .unwrap_or_else(|error| panic!("{error}"));
        Self { detector, clock }
    }

    #[inline]
    fn heartbeat(&mut self, _seq: u64, now: Duration) {
        self.clock.0.set(now);
        self.detector.heartbeat();
    }

    #[inline]
    fn phi(&self, now: Duration) -> f64 {
        self.clock.0.set(now);
        self.detector.phi()
    }

    fn deadline(&self, _threshold: f64) -> Option<Duration> {
        None
    }
}
