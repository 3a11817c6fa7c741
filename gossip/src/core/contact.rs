//! How lately each voter is known to have been alive: from its own answers and, on the rings, from what neighbours tell.
//!
//! Each moment kept here is a lower bound, by this node's clock alone. A voter that acknowledges a heartbeat of this node
//! was alive after that was sent. A neighbour that acknowledges one, and says that a voter was alive at most so long ago,
//! wrote that after this node's heartbeat was sent; so the voter was alive after that moment less the age. Told onwards
//! such a bound only ages, so nobody lives on in rumours that go round.

use std::time::Duration;

use super::Node;
use super::identity::{Key, StorageId};
use super::quorum::{Epoch, VOTERS_MAX, View, Voters};
use crate::wire::{Age, Contact};

/// What is known of the voters of one electorate, in the order of their disks.
#[derive(Debug, Clone, Default)]
pub(super) struct Contacts {
    electorate: Option<Epoch>,
    /// How many voters it has.
    voters: usize,
    alive_at: [Option<Duration>; VOTERS_MAX],
}

/// Some of the voters of one electorate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct InTouch(u16);

/// In intervals: who was known to be alive so long ago was so lately (E3). Enough for news of it to come by some neighbours.
const LATELY: u32 = 20;
const _: () = assert!(VOTERS_MAX <= u16::BITS as usize, "a bit for every voter");

impl InTouch {
    /// How many they are.
    pub(super) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Their keys.
    pub(super) fn keys(self, voters: &Voters) -> Vec<Key> {
        let names = voters.iter().enumerate().filter(|(at, _)| self.0 >> at & 1 == 1);
        names.map(|(_, (_, name))| name.key()).collect()
    }
}

impl Contacts {
    /// Takes up an electorate; what was known of another's voters is of no use.
    fn take_up(&mut self, electorate: Epoch, voters: usize) {
        if self.electorate != Some(electorate) {
            *self = Self { electorate: Some(electorate), voters, ..Self::default() };
        }
    }

    fn prove(&mut self, voter: usize, alive_at: Duration) {
        if let Some(known) = self.alive_at.get_mut(voter) {
            *known = (*known).max(Some(alive_at));
        }
    }

    /// Takes what a neighbour says that acknowledges a heartbeat of this node sent at `sent`. What it says of another
    /// electorate is not taken: the order of the voters is not the same.
    pub(super) fn hear(&mut self, contact: &Contact, interval: Duration, sent: Duration) {
        if self.electorate != Some(contact.electorate) {
            return;
        }
        for (voter, age) in contact.ages.iter().enumerate().take(self.voters) {
            if let Some(alive_at) = age.get(interval).and_then(|age| sent.checked_sub(age)) {
                self.prove(voter, alive_at);
            }
        }
    }

    /// What to tell neighbours at `now`.
    pub(super) fn tell(&self, interval: Duration, now: Duration) -> Option<Contact> {
        let age = |at: Option<Duration>| at.map(|at| now.saturating_sub(at));
        let ages = self.alive_at.map(|at| Age::at_least(age(at), interval));
        self.electorate.map(|electorate| Contact { electorate, ages })
    }

    /// The voters that were alive at that moment, or later.
    fn since(&self, moment: Duration) -> InTouch {
        let bit = |(at, alive_at): (usize, &Option<Duration>)| {
            u16::from(alive_at.is_some_and(|alive_at| alive_at >= moment)) << at
        };
        InTouch(self.alive_at.iter().enumerate().map(bit).sum())
    }
}

impl Node {
    /// Once an interval: which voters are known to have been alive lately. This node is, if it is one.
    pub(super) fn voters_in_touch(&mut self, view: &View) -> InTouch {
        let now = self.now.boot;
        self.contacts.take_up(view.electorate.since, view.electorate.voters.len());
        for (at, (storage, name)) in view.electorate.voters.iter().enumerate() {
            // A voter is its disk: who has its name and another one does not vote (I3).
            let answered = if *storage == self.identity.storage {
                Some(now)
            } else {
                self.answered(name.key()).filter(|_| self.runs_from(name.key(), *storage))
            };
            if let Some(alive_at) = answered {
                self.contacts.prove(at, alive_at);
            }
        }
        let lately = self.config.deaf_after.min(LATELY * self.config.interval);
        self.contacts.since(now.saturating_sub(lately))
    }

    /// Whether a member runs from this disk, by its own record.
    fn runs_from(&self, key: Key, storage: StorageId) -> bool {
        self.members.of(key).is_some_and(|slot| slot.record.identity.storage == storage)
    }

    /// When the newest heartbeat was sent that somebody has acknowledged.
    fn answered(&self, key: Key) -> Option<Duration> {
        let peer = self.peers.iter().find(|peer| peer.key == key)?;
        Some(self.beat.sent_at(peer.acked?)?.boot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn contacts(epoch: Epoch) -> Contacts {
        let mut contacts = Contacts::default();
        contacts.take_up(epoch, 5);
        contacts
    }

    #[test]
    fn nothing_is_kept_of_voters_that_there_are_not() {
        let ages = [Age::at_least(Some(ms(100)), INTERVAL); VOTERS_MAX];
        let mut five = contacts(Epoch::GENESIS);
        five.hear(&Contact { electorate: Epoch::GENESIS, ages }, INTERVAL, ms(1_000));
        assert_eq!(five.alive_at.iter().flatten().count(), 5);
    }

    #[test]
    fn what_is_told_on_is_never_younger_than_it_is() {
        let epoch = Epoch::GENESIS;
        let mut near = contacts(epoch);
        near.prove(3, ms(1_000));
        // Told at 1,140, so 140 ms old: six quarters of an interval.
        let told = near.tell(INTERVAL, ms(1_140)).expect("it has an electorate");
        // By the other's clock, on which the heartbeat that is acknowledged was sent at 7,000.
        let mut far = contacts(epoch);
        far.hear(&told, INTERVAL, ms(7_000));
        let alive_at = far.alive_at[3].expect("told");
        assert_eq!(alive_at, ms(7_000 - 150));
        assert_eq!(far.alive_at.iter().flatten().count(), 1);
    }

    #[test]
    fn a_dead_voter_does_not_live_on_in_rumours_that_go_round() {
        let epoch = Epoch::GENESIS;
        let (mut a, mut b) = (contacts(epoch), contacts(epoch));
        a.prove(0, ms(1_000));
        for beat in 1..100 {
            let now = ms(1_000) + beat * INTERVAL;
            // On a network without delay, each acknowledges what the other has just sent.
            b.hear(&a.tell(INTERVAL, now).expect("known"), INTERVAL, now);
            a.hear(&b.tell(INTERVAL, now).expect("known"), INTERVAL, now);
        }
        assert_eq!((a.alive_at[0], b.alive_at[0]), (Some(ms(1_000)), Some(ms(1_000))));
    }

    #[test]
    fn another_electorate_is_not_heard_and_a_new_one_begins_with_nothing() {
        let mut told = contacts(Epoch::GENESIS.next());
        told.prove(1, ms(500));
        let told = told.tell(INTERVAL, ms(500)).expect("known");
        let mut other = contacts(Epoch::GENESIS);
        other.hear(&told, INTERVAL, ms(900));
        assert_eq!(other.alive_at, [None; VOTERS_MAX]);
        other.take_up(Epoch::GENESIS.next(), 5);
        other.hear(&told, INTERVAL, ms(900));
        assert_eq!(other.alive_at[1], Some(ms(900)));
        other.take_up(Epoch::GENESIS, 5);
        assert_eq!(other.alive_at, [None; VOTERS_MAX]);
    }

    #[test]
    fn a_node_without_a_view_tells_nothing_and_ages_beyond_the_range_are_none() {
        assert_eq!(Contacts::default().tell(INTERVAL, ms(1)), None);
        let mut old = contacts(Epoch::GENESIS);
        old.prove(0, ms(0));
        let told = old.tell(INTERVAL, ms(6_351)).expect("known");
        assert_eq!(told.ages[0].get(INTERVAL), None);
        let told = old.tell(INTERVAL, ms(6_350)).expect("known");
        assert_eq!(told.ages[0].get(INTERVAL), Some(ms(6_350)));
    }
}
