//! What every accrual failure detector can do, whatever it believes about the network.

use core::time::Duration;

/// A failure detector that answers with a level of suspicion instead of yes or no.
///
/// The accrual interface is from Hayashibara, Défago, Yared and Katayama, *The φ Accrual Failure Detector* (SRDS
/// 2004). All time is monotonic time since any fixed origin of the caller's, the same for every call; an
/// implementation never reads a clock, so it runs equally well under a simulator.
///
/// For every implementation:
///
/// - [`phi`](Self::phi) is finite, never negative and never NaN, and does not fall as `now` grows between two
///   heartbeats;
/// - [`deadline`](Self::deadline) agrees with it: at the deadline the level has reached the threshold, one
///   nanosecond before it has not (unless it already had at the last heartbeat).
pub trait AccrualDetector {
    /// Records that the heartbeat numbered `seq` arrived at `now`.
    ///
    /// A number not above the highest seen is a duplicate or a straggler: it changes nothing and is reported as
    /// [`Arrival::Stale`]. A `now` before the last one is taken as the last one.
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival;

    /// The suspicion level at `now`, in decades of probability: `-log10 P(silent this long | alive)`.
    ///
    /// It is `0.0` until the first heartbeat has arrived: nothing can be said of a peer never heard.
    fn phi(&self, now: Duration) -> f64;

    /// The earliest instant at which [`phi`](Self::phi) is at least `threshold`, if nothing arrives before.
    ///
    /// [`Duration::MAX`] if no heartbeat has arrived yet, if `threshold` is NaN, or if it is out of reach of a clock
    /// that counts nanoseconds in 64 bits.
    fn deadline(&self, threshold: f64) -> Duration;
}

/// A big detector moves cheaply in a box, and boxed ones of several kinds can be watched by one
/// [`Monitor`](crate::Monitor).
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{AccrualDetector, Exponential, ExponentialConfig, Monitor, Normal, NormalConfig};
///
/// let second = Duration::from_secs(1);
/// let mut monitor = Monitor::<&str, Box<dyn AccrualDetector>>::new(8.0)?;
/// monitor.watch("new", Box::new(Normal::new(NormalConfig::new(second))?));
/// monitor.watch("old", Box::new(Exponential::new(ExponentialConfig::new(second))?));
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[cfg(feature = "alloc")]
impl<D: AccrualDetector + ?Sized> AccrualDetector for alloc::boxed::Box<D> {
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        (**self).heartbeat(seq, now)
    }

    fn phi(&self, now: Duration) -> f64 {
        (**self).phi(now)
    }

    fn deadline(&self, threshold: f64) -> Duration {
        (**self).deadline(threshold)
    }
}

/// What a heartbeat turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The newest heartbeat of this peer so far.
    Fresh,
    /// A duplicate, or one that a newer heartbeat had overtaken; nothing changed.
    Stale,
}
