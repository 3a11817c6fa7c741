//! What of a state decides what happens next, for programs that explore states.
//!
//! Two states with one gist behave alike from now on. Times count from now, since nothing depends on when a clock began;
//! what has run out is left out, since it stays so. Schedules (when to ask, to repeat, to look again) are left out too: a
//! program that relies on gists sets all intervals to zero, or wakes the machine whenever it likes.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::clock::Moment;
use super::{Durable, Quorum, Register, VouchFor};

impl Moment {
    /// How far away it still is, on each clock.
    pub(super) fn left(self, now: Self) -> (Option<Duration>, Option<Duration>) {
        (self.boot.checked_sub(now.boot), self.raw.checked_sub(now.raw))
    }
}

impl<R: Register + Hash> Quorum<R> {
    /// Hashes what decides what this node does next, given a `register` whose hash does the same.
    pub fn gist(&self, into: &mut impl Hasher) {
        let now = Moment::from(self.now);
        (&self.identity, self.hash, self.newest_hash).hash(into);
        self.journal.gist(into);
        self.outputs.gist(self.journal.written_version(), into);
        self.register.hash(into);
        self.vouching.gist(now, into);
        self.vouched.gist(now, into);
        (self.stand.standing, self.ended, self.ends, self.below_floor, self.above_floor, self.was_in_quorum)
            .hash(into);
        // Without a floor nothing depends on since when.
        self.view().and_then(|view| view.floor).map(|_| self.floor_since).hash(into);
        self.founding.gist(into);
        self.cases.gist(self.now.boot, into);
        self.requests.gist(into);
        // Without a seal there is nothing that its age decides.
        let sealed = self.view().filter(|view| view.electorate.next.is_some());
        let longest = self.journal.stored().vouch_for_max.map(VouchFor::get);
        self.changing.gist(now, sealed.and(longest).unwrap_or_default(), into);
        self.leases.gist(into);
    }

    /// The engine that decides.
    pub fn register(&self) -> &R {
        &self.register
    }

    /// What the disk has.
    pub fn stored(&self) -> &Durable {
        self.journal.stored()
    }

    /// What is on its way to the disk: a crash leaves this or what was there before.
    pub fn writing(&self) -> Option<&Durable> {
        self.journal.writing()
    }
}
