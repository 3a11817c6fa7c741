//! Whether the task is woken by each datagram, or looks for them now and then.
//!
//! A quiet node gets nothing but heartbeats, each of which says when it arrived. To be woken by every one of them is most of
//! what it costs; to take in what has come together, a few times in an interval, changes nothing that is decided: timers are
//! kept as ever, and before one is, everything is received. As soon as anybody asks anything, the node is all ears.

use std::time::Duration;

use crate::core::between_looks;

/// For so many intervals after a crowd it goes on listening.
const CROWDED_FOR: u32 = 5;
/// What a receive buffer holds at the very least. Where more than half of that comes between two looks, there may be a flood.
const CROWD: usize = 128;

/// When the socket was looked at, and what was found.
#[derive(Debug)]
pub(super) struct Attention {
    interval: Duration,
    /// Up to here everything that arrived has been received.
    looked: Duration,
    /// When there was too much to leave it unread.
    crowded: Option<Duration>,
    /// Whether it is left alone between looks.
    pub(super) rests: bool,
}

impl Attention {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, looked: Duration::ZERO, crowded: None, rests: false }
    }

    /// So many datagrams were received from `began` on: all that had arrived by then, or not.
    pub(super) fn looked(&mut self, began: Duration, received: usize, all: bool) {
        if all {
            self.looked = began;
        }
        if received > CROWD / 2 {
            self.crowded = Some(began);
        }
    }

    /// When a datagram arrived that is received only now, and was stamped so long ago: not before the last look, whatever has
    /// become of the clock that stamped it.
    pub(super) fn arrived(&self, now: Duration, ago: Duration) -> Duration {
        now.saturating_sub(ago).max(self.looked).min(now)
    }

    /// Decides whether the socket may be left alone from now on, if whatever comes `can_wait`.
    pub(super) fn decide(&mut self, now: Duration, can_wait: bool) {
        let crowded = self.crowded.is_some_and(|at| now < at + CROWDED_FOR * self.interval);
        self.rests = can_wait && !crowded;
    }

    /// When to look again, unless the task is woken.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.rests.then(|| self.looked + between_looks(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);
    const LATER: Duration = Duration::from_secs(10);

    #[test]
    fn it_rests_if_that_can_wait_and_there_is_no_crowd() {
        let mut attention = Attention::new(INTERVAL);
        attention.decide(LATER, false);
        assert!(!attention.rests && attention.next_look().is_none());
        attention.decide(LATER, true);
        assert!(attention.rests && attention.next_look().is_some());
        attention.looked(LATER, CROWD, false);
        attention.decide(LATER + 4 * INTERVAL, true);
        assert!(!attention.rests);
        attention.decide(LATER + 5 * INTERVAL, true);
        assert!(attention.rests);
    }

    /// The clock that stamps may be set at any time, and by any amount.
    #[test]
    fn nothing_arrived_before_the_last_look_nor_after_it_was_read() {
        let mut attention = Attention::new(INTERVAL);
        attention.looked(LATER, 3, true);
        let now = LATER + INTERVAL / 4;
        assert_eq!(attention.next_look(), None);
        assert_eq!(attention.arrived(now, INTERVAL / 10), now - INTERVAL / 10);
        assert_eq!(attention.arrived(now, Duration::ZERO), now);
        assert_eq!(attention.arrived(now, Duration::from_secs(3600)), LATER);
        // One that did not come to the end knows no more than before.
        attention.looked(now, 3, false);
        assert_eq!(attention.arrived(now, Duration::MAX), LATER);
    }
}
