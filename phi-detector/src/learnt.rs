//! What a detector has learnt, apart from the detector.

use crate::calibrated::correction::Correction;
use crate::calibrated::life_table::LifeTable;
use crate::calibration::Calibration;
use core::time::Duration;

/// What a [`PhiDetector`](crate::PhiDetector) has learnt of its peer's heartbeats: not when the last one came, but how late
/// they tend to be.
///
/// It outlives the detector, and with the feature `serde` the process, so that a restarted observer need not start from
/// nothing ([`PhiDetector::restore`](crate::PhiDetector::restore)). Pooled over many peers it is the best first guess for a
/// new one on the same network ([`PhiDetector::with_prior`](crate::PhiDetector::with_prior)).
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
///
/// let learnt = detector.learnt();
/// let mut restored = PhiDetector::restore(Config::new(second), &learnt)?;
/// restored.heartbeat(0, second);
/// detector.heartbeat(1_000, second * 1_000);
/// let difference = restored.phi(second * 3) - detector.phi(second * 1_002);
/// assert!(difference.abs() < 0.2, "{difference}");
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "saved::Saved", try_from = "saved::Saved"))]
pub struct Learnt {
    pub(crate) interval: Option<Duration>,
    pub(crate) fast: LifeTable,
    pub(crate) slow: LifeTable,
    pub(crate) correction: Correction,
    pub(crate) calibration: Calibration,
}

impl Learnt {
    /// The heartbeat interval on which lateness was measured; `None` if it was not known yet, and nothing learnt.
    pub const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// The self-check up to now.
    pub const fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// Adds what has been learnt of another peer: every heartbeat counts the same, whoever's it was.
    ///
    /// Lateness is counted relative to the interval, so peers with different ones can be pooled. The result keeps this
    /// one's interval, correction, and what it has been like lately.
    pub fn pool(&mut self, other: &Self) {
        let mut counts = *self.slow.counts();
        for (count, more) in counts.iter_mut().zip(other.slow.counts()) {
            *count = (*count + more).min(COUNT_MAX);
        }
        self.slow = LifeTable::from_counts(counts);
    }
}

/// No count is ever above this: the longest memory is a million heartbeats, and a pool may hold many of them.
const COUNT_MAX: f32 = 1e9;

#[cfg(feature = "serde")]
mod saved {
    //! The saved form, which is checked before it is believed.

    use super::{COUNT_MAX, Calibration, Correction, Learnt, LifeTable};
    use crate::calibrated::correction::KNOTS;
    use crate::calibrated::lateness::BINS;
    use crate::interval::{INTERVAL_MAX, INTERVAL_MIN};
    use core::fmt;
    use core::time::Duration;
    use serde::{Deserialize, Serialize};

    /// The version of the saved form: bins, knots and their meaning.
    const VERSION: u16 = 1;

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Saved {
        version: u16,
        /// 0 if it was not known.
        interval_ns: u64,
        fast: [f32; BINS],
        slow: [f32; BINS],
        offsets: [f32; KNOTS],
        heartbeats: u64,
        exceeded: [u32; Calibration::LEVELS],
    }

    impl From<Learnt> for Saved {
        fn from(learnt: Learnt) -> Self {
            Self {
                version: VERSION,
                interval_ns: learnt.interval.map_or(0, crate::time::to_ns),
                fast: *learnt.fast.counts(),
                slow: *learnt.slow.counts(),
                offsets: *learnt.correction.offsets(),
                heartbeats: learnt.calibration.heartbeats(),
                exceeded: *learnt.calibration.counts(),
            }
        }
    }

    /// Why a saved form was refused.
    pub(super) enum Refused {
        Version(u16),
        Interval,
        Count,
        Offset,
    }

    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Version(found) => {
                    write!(
                        f,
                        "learnt state of version {found}, this library reads {VERSION}: start a new detector"
                    )
                }
                Self::Interval => f.write_str(
                    "learnt state with an interval below 1 µs or above a year: it is damaged, discard it",
                ),
                Self::Count => {
                    f.write_str("learnt state with a count that is no count: it is damaged, discard it")
                }
                Self::Offset => {
                    f.write_str("learnt state with a correction out of range: it is damaged, discard it")
                }
            }
        }
    }

    impl TryFrom<Saved> for Learnt {
        type Error = Refused;

        fn try_from(saved: Saved) -> Result<Self, Refused> {
            if saved.version != VERSION {
                return Err(Refused::Version(saved.version));
            }
            let interval = (saved.interval_ns > 0).then(|| Duration::from_nanos(saved.interval_ns));
            if interval.is_some_and(|interval| !(INTERVAL_MIN..=INTERVAL_MAX).contains(&interval)) {
                return Err(Refused::Interval);
            }
            if !saved.fast.iter().chain(&saved.slow).all(|count| (0.0..=COUNT_MAX).contains(count)) {
                return Err(Refused::Count);
            }
            if !saved.offsets.iter().all(|offset| (-10.0..=10.0).contains(offset)) {
                return Err(Refused::Offset);
            }
            Ok(Self {
                interval,
                fast: LifeTable::from_counts(saved.fast),
                slow: LifeTable::from_counts(saved.slow),
                correction: Correction::from_offsets(saved.offsets),
                calibration: Calibration::new(saved.heartbeats, saved.exceeded),
            })
        }
    }
}
