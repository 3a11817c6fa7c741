//! When the node wants to be woken.

use std::time::Duration;

/// The reasons to wake up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// When to send the next heartbeats, or the next round of farewells.
    Tick = 0,
    /// When the first neighbour becomes so silent that something has to be done about it.
    Watch = 1,
    /// When to call seeds, or members out of reach.
    Call = 2,
    /// When an announced pause of one's own is over.
    Resume = 3,
    /// When the quorum's state machine has something to do.
    Quorum = 4,
}

impl Timer {
    const ALL: [Self; 5] = [Self::Tick, Self::Watch, Self::Call, Self::Resume, Self::Quorum];
}

/// One slot per timer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers([Option<Duration>; Timer::ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Duration) {
        self.0[timer as usize] = Some(at);
    }

    pub(crate) fn at(&self, timer: Timer) -> Option<Duration> {
        self.0[timer as usize]
    }

    pub(crate) fn unset(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub(crate) fn clear(&mut self) {
        self.0 = [None; Timer::ALL.len()];
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.iter().flatten().min().copied()
    }

    /// Takes one timer that is due.
    pub(crate) fn expire(&mut self, now: Duration) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().find(|&t| self.at(t).is_some_and(|at| at <= now))?;
        self.0[timer as usize] = None;
        Some(timer)
    }
}
