//! The detector's record of its own promises.

/// How often heartbeats arrived at a level that promised they hardly would.
///
/// A level of k promises that one live heartbeat in 10^k arrives above it. A detector counts what happened, so anyone can
/// hold the one against the other:
///
/// ```
/// use core::time::Duration;
/// use phi_detector::{Config, PhiDetector};
///
/// let second = Duration::from_secs(1);
/// let mut detector = PhiDetector::new(Config::new(second))?;
/// for seq in 0..5_000 {
///     detector.heartbeat(seq, second * seq as u32);
/// }
///
/// let calibration = detector.calibration();
/// assert_eq!(calibration.heartbeats(), 4_999);
/// assert!((calibration.expected(2) - 49.99).abs() < 1e-9);
/// assert_eq!(calibration.exceeded(2), Some(0), "a sender that is always on time never surprises");
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calibration {
    heartbeats: u64,
    exceeded: [u32; Self::LEVELS],
}

impl Calibration {
    /// The levels that are counted: the whole decades 1 to 6.
    pub const LEVELS: usize = 6;

    #[cfg(feature = "serde")]
    pub(crate) const fn new(heartbeats: u64, exceeded: [u32; Self::LEVELS]) -> Self {
        Self { heartbeats, exceeded }
    }

    #[cfg(feature = "serde")]
    pub(crate) const fn counts(&self) -> &[u32; Self::LEVELS] {
        &self.exceeded
    }

    /// A heartbeat arrived; when it did, the level was `phi`, or at most 1.
    #[inline]
    pub(crate) fn record(&mut self, phi: Option<f64>) {
        self.heartbeats = self.heartbeats.saturating_add(1);
        if let Some(phi) = phi {
            for (index, count) in self.exceeded.iter_mut().enumerate() {
                if phi > (index + 1) as f64 {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Heartbeats that were compared with the level at which they arrived.
    pub const fn heartbeats(&self) -> u64 {
        self.heartbeats
    }

    /// How many heartbeats arrived when the level was above `level` decades; `None` for a level that is not counted.
    pub const fn exceeded(&self, level: usize) -> Option<u32> {
        if level >= 1 && level <= Self::LEVELS { Some(self.exceeded[level - 1]) } else { None }
    }

    /// How many would have, had the promise been kept to the letter: `heartbeats · 10^-level`.
    pub fn expected(&self, level: usize) -> f64 {
        (0..level.min(308)).fold(self.heartbeats as f64, |expected, _| expected / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_counted_by_itself() {
        let mut calibration = Calibration::default();
        for phi in [None, Some(1.0), Some(1.1), Some(2.5), Some(6.1), Some(100.0)] {
            calibration.record(phi);
        }
        let counts: [u32; 6] = core::array::from_fn(|index| calibration.exceeded(index + 1).unwrap());
        assert_eq!(counts, [4, 3, 2, 2, 2, 2]);
        assert_eq!((calibration.exceeded(0), calibration.exceeded(7)), (None, None));
        assert_eq!(calibration.expected(0), 6.0);
        assert!((calibration.expected(3) - 0.006).abs() < 1e-15);
    }
}
