//! Moments on two clocks at once. A promise ends for its holder by whichever is first, for its giver by whichever is last.

use std::time::Duration;

use crate::core::clock::Now;

/// A moment, on the clock that goes on while the host is suspended and on the one that nobody slews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment {
    /// On the first.
    pub boot: Duration,
    /// On the second.
    pub raw: Duration,
}

impl Moment {
    /// So much later, on both.
    #[must_use]
    pub fn plus(self, length: Duration) -> Self {
        Self { boot: self.boot.saturating_add(length), raw: self.raw.saturating_add(length) }
    }

    /// The later one, on each clock.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        Self { boot: self.boot.max(other.boot), raw: self.raw.max(other.raw) }
    }

    /// Whether it has passed on at least one clock: for whoever relies on a promise.
    pub fn passed_on_either(self, now: Self) -> bool {
        now.boot >= self.boot || now.raw >= self.raw
    }

    /// Whether it has passed on both: for whoever gave it.
    pub fn passed_on_both(self, now: Self) -> bool {
        now.boot > self.boot && now.raw > self.raw
    }
}

impl From<Now> for Moment {
    fn from(now: Now) -> Self {
        Self { boot: now.boot, raw: now.raw }
    }
}
