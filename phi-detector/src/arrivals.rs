//! What every detector remembers of the heartbeats themselves: the newest one, and the caller's mistakes with time.

use crate::time::to_ns;
use core::time::Duration;

/// The newest heartbeat, and how often time went backwards.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals {
    newest: Option<Newest>,
    backwards: u64,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    seq: u64,
    at_ns: u64,
}

/// What a heartbeat is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its number is not above the newest: nothing was recorded.
    Stale,
    /// The first ever.
    First,
    /// The newest now, this long after the one that was, and so many numbers: one, if none is missing.
    After { elapsed_ns: u64, steps: u64 },
}

impl Arrivals {
    /// Takes in the heartbeat `seq` at `now`; a `now` before the newest heartbeat counts as a step of zero.
    pub(crate) fn record(&mut self, seq: u64, now: Duration) -> Step {
        let now_ns = to_ns(now);
        let Some(newest) = &mut self.newest else {
            self.newest = Some(Newest { seq, at_ns: now_ns });
            return Step::First;
        };
        if seq <= newest.seq {
            return Step::Stale;
        }
        let steps = seq - newest.seq;
        newest.seq = seq;
        let Some(elapsed_ns) = now_ns.checked_sub(newest.at_ns) else {
            self.backwards = self.backwards.saturating_add(1);
            return Step::After { elapsed_ns: 0, steps };
        };
        newest.at_ns = now_ns;
        Step::After { elapsed_ns, steps }
    }

    /// When the newest heartbeat arrived.
    pub(crate) fn newest_ns(&self) -> Option<u64> {
        self.newest.map(|newest| newest.at_ns)
    }

    /// Nanoseconds of silence at `now`, zero if `now` is before the newest heartbeat.
    pub(crate) fn silence_ns(&self, now: Duration) -> Option<u64> {
        self.newest.map(|newest| to_ns(now).saturating_sub(newest.at_ns))
    }

    /// How many fresh heartbeats came with a time before the one recorded last.
    pub(crate) const fn backwards(&self) -> u64 {
        self.backwards
    }
}
