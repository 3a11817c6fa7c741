//! All that is known of all members, and digests of it.
//!
//! Lives here: the newest record and opinions of each member, and of each that left. What is newer is decided by the
//! owner's counters alone. Never here: where a record came from, or what follows from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::identity::{BootId, Incarnation, Key, Life};
use super::opinion::{Doubt, Opinion, Opinions};
use super::record::{Record, Status};
use super::trie::{Trie, place};
use crate::hash;
use crate::wire::{Bucket, Stamp, Sums};

/// The members of the cluster, this node included.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    slots: Trie<Slot>,
    lives: Trie<Key>,
    left: BTreeMap<Key, Farewell>,
    /// Who left, in the order in which it was learnt.
    left_since: VecDeque<(Duration, Key)>,
    /// Who publishes doubts at all: few in a healthy cluster.
    doubters: BTreeSet<Key>,
    digest: Digest,
    max: usize,
}

/// One member. There are as many as members on every node, so it is kept small.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) record: Arc<Record>,
    pub(crate) opinions: Option<Arc<Opinions>>,
    /// How many observers publish that they suspect this incarnation.
    pub(crate) accusers: u16,
    /// How many observers publish that they doubt it: these, and those who should hear it and never have.
    pub(crate) doubters: u16,
}

/// The last record of a member that left, against older news of it.
#[derive(Debug, Clone)]
struct Farewell {
    record: Arc<Record>,
    learnt: Duration,
}

/// What a record turned out to be.
#[derive(Debug)]
pub(crate) enum Learnt {
    /// Somebody new.
    New,
    /// A new life of somebody known, whose former record is returned.
    Reborn(Arc<Record>),
    /// Newer than the one known, which is returned.
    Newer(Arc<Record>),
    /// The farewell of somebody known, whose record is returned.
    Left(Arc<Record>),
    /// Known already, or nothing to remember.
    Known,
    /// Older than what is known.
    Older,
    /// From a life that is over: there has been this one since.
    Over { highest: Incarnation },
    /// Another process with the same name and incarnation is known.
    Conflict { known: BootId },
    /// No room for another member.
    Full,
    /// Another name with the same key.
    Collision,
}

impl Slot {
    fn hash(&self, key: Key) -> u64 {
        let (incarnation, version) = self.record.stamp();
        let opinions = self.opinions.as_ref().map_or(0, |o| o.version.get());
        hash::words(&[key.0, incarnation.get(), version.get(), opinions])
    }

    fn stamp(&self, key: Key) -> Stamp {
        let opinions = self.opinions.as_ref().map(|o| o.stamp());
        Stamp { key, record: self.record.stamp(), opinions }
    }
}

impl Members {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            slots: Trie::default(),
            lives: Trie::default(),
            left: BTreeMap::new(),
            left_since: VecDeque::new(),
            doubters: BTreeSet::new(),
            digest: Digest::new(),
            max,
        }
    }

    /// Whether nothing was ever learnt but one's own record.
    pub(crate) fn is_untouched(&self) -> bool {
        let silent = || self.slots.iter().all(|(_, slot)| slot.opinions.is_none());
        self.len() <= 1 && self.left_since.is_empty() && silent()
    }

    /// Begins anew with what is known elsewhere, and one's own record.
    pub(crate) fn take_over(&mut self, known: &Self, own: Arc<Record>, now: Duration) {
        *self = Self { max: self.max, ..known.clone() };
        let key = own.identity.id.key();
        if self.record(key) != Some(&own) {
            self.remove(key);
            self.learn(own, now);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn of(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Slot)> {
        self.slots.iter().map(|(key, slot)| (Key(key), slot))
    }

    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = Key> + Clone {
        self.slots.iter().map(|(key, _)| Key(key))
    }

    /// Those that come last, at most so many, in order.
    pub(crate) fn last_keys(&self, count: usize) -> Vec<Key> {
        let mut keys: Vec<Key> = self.keys().rev().take(count).collect();
        keys.reverse();
        keys
    }

    /// The first member at or after a key, going round.
    pub(crate) fn at_or_after(&self, key: Key) -> Option<(Key, &Slot)> {
        let found = self.slots.range(key.0..=u64::MAX).next().or_else(|| self.slots.iter().next());
        found.map(|(key, slot)| (Key(key), slot))
    }

    /// The record of a member, or the last one of somebody who left.
    pub(crate) fn record(&self, key: Key) -> Option<&Arc<Record>> {
        let left = || self.left.get(&key).map(|farewell| &farewell.record);
        self.slots.get(key.0).map(|slot| &slot.record).or_else(left)
    }

    pub(crate) fn farewell(&self, key: Key) -> Option<&Arc<Record>> {
        self.left.get(&key).map(|farewell| &farewell.record)
    }

    /// Takes a record if it is newer than what is known.
    pub(crate) fn learn(&mut self, record: Arc<Record>, now: Duration) -> Learnt {
        let key = record.identity.id.key();
        if let Some(verdict) = self.judge(key, &record) {
            return verdict;
        }
        if record.status == Status::Left {
            return self.retire(key, record, now);
        }
        let Some(slot) = self.slots.get_mut(key.0) else {
            if self.slots.len() >= self.max {
                return Learnt::Full;
            }
            self.left.remove(&key);
            self.lives.insert(record.identity.life().0, key);
            let slot = Slot { record, opinions: None, accusers: 0, doubters: 0 };
            self.digest.add(key, slot.hash(key));
            self.slots.insert(key.0, slot);
            self.recount(key);
            return Learnt::New;
        };
        let reborn = slot.record.identity.incarnation < record.identity.incarnation;
        self.digest.remove(key, slot.hash(key));
        let before = std::mem::replace(&mut slot.record, record);
        if reborn {
            self.lives.remove(before.identity.life().0);
            self.lives.insert(slot.record.identity.life().0, key);
        }
        self.digest.add(key, slot.hash(key));
        if reborn { Learnt::Reborn(before) } else { Learnt::Newer(before) }
    }

    /// Why a record is not to be taken; none if it is.
    fn judge(&self, key: Key, record: &Record) -> Option<Learnt> {
        let incarnation = record.identity.incarnation;
        if let Some(known) = self.record(key) {
            if known.identity.id != record.identity.id {
                return Some(Learnt::Collision);
            }
            if incarnation < known.identity.incarnation {
                return Some(Learnt::Over { highest: known.identity.incarnation });
            }
            if incarnation == known.identity.incarnation {
                if known.identity.boot != record.identity.boot {
                    // A life that has ended is no rival: the newcomer is merely too low.
                    let over = known.status == Status::Left;
                    let (highest, boot) = (incarnation, known.identity.boot);
                    return Some(if over {
                        Learnt::Over { highest }
                    } else {
                        Learnt::Conflict { known: boot }
                    });
                }
                if record.version < known.version {
                    return Some(Learnt::Older);
                }
                if record.version == known.version {
                    return Some(Learnt::Known);
                }
            }
        }
        None
    }

    fn retire(&mut self, key: Key, record: Arc<Record>, now: Duration) -> Learnt {
        // Of somebody never met there is nothing to take back.
        let Some(record_before) = self.remove(key) else { return Learnt::Known };
        while self.left_since.len() >= self.max {
            self.forget_oldest();
        }
        self.left.insert(key, Farewell { record, learnt: now });
        self.left_since.push_back((now, key));
        Learnt::Left(record_before)
    }

    /// Takes a member out, and what it said with it.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Arc<Record>> {
        let slot = self.slots.remove(key.0)?;
        self.lives.remove(slot.record.identity.life().0);
        self.digest.remove(key, slot.hash(key));
        self.doubters.remove(&key);
        let doubts = slot.opinions.iter().flat_map(|o| o.doubts.iter());
        for doubt in doubts {
            count(&mut self.slots, doubt, |n| n.saturating_sub(1));
        }
        Some(slot.record)
    }

    /// Forgets those who left longer ago than `kept`; each of them once, so that a call costs next to nothing.
    pub(crate) fn forget_left(&mut self, now: Duration, kept: Duration) {
        while self.left_since.front().is_some_and(|&(learnt, _)| now.saturating_sub(learnt) >= kept) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((learnt, key)) = self.left_since.pop_front() else { return };
        // It may have come back, and left again since.
        if self.left.get(&key).is_some_and(|farewell| farewell.learnt == learnt) {
            self.left.remove(&key);
        }
    }

    /// Takes a set of opinions if it is newer than what is known and its observer's present life; returns the set that it
    /// replaces, or none if it was not taken.
    pub(crate) fn learn_opinions(&mut self, set: &Arc<Opinions>) -> Option<Option<Arc<Opinions>>> {
        let key = set.observer;
        let slot = self.slots.get_mut(key.0)?;
        let newer = slot.opinions.as_ref().is_none_or(|known| known.version < set.version);
        if slot.record.identity.incarnation != set.incarnation || !newer {
            return None;
        }
        self.digest.remove(key, slot.hash(key));
        let before = slot.opinions.replace(set.clone());
        self.digest.add(key, slot.hash(key));
        self.recount_after(key, before.as_ref(), Some(set));
        Some(before)
    }

    /// Drops the opinions of an observer whose life has ended, and the accusations against that life.
    pub(crate) fn drop_opinions(&mut self, key: Key) -> Option<Arc<Opinions>> {
        let slot = self.slots.get_mut(key.0)?;
        self.digest.remove(key, slot.hash(key));
        let before = slot.opinions.take();
        self.digest.add(key, slot.hash(key));
        self.recount_after(key, before.as_ref(), None);
        self.recount(key);
        before
    }

    fn recount_after(
        &mut self,
        observer: Key,
        before: Option<&Arc<Opinions>>,
        after: Option<&Arc<Opinions>>,
    ) {
        for doubt in before.iter().flat_map(|o| o.doubts.iter()) {
            count(&mut self.slots, doubt, |n| n.saturating_sub(1));
        }
        for doubt in after.iter().flat_map(|o| o.doubts.iter()) {
            count(&mut self.slots, doubt, |n| n.saturating_add(1));
        }
        if after.is_some_and(|o| o.doubts.iter().next().is_some()) {
            self.doubters.insert(observer);
        } else {
            self.doubters.remove(&observer);
        }
    }

    /// Counts those who doubt a member afresh: opinions may have come before the record they are about.
    fn recount(&mut self, key: Key) {
        let Some(slot) = self.slots.get(key.0) else { return };
        let incarnation = slot.record.identity.incarnation;
        let said = self.doubters.iter().filter_map(|o| self.slots.get(o.0)?.opinions.as_ref()?.of(key));
        let (mut doubters, mut accusers) = (0, 0);
        for doubt in said.filter(|doubt| doubt.incarnation == incarnation) {
            doubters += 1;
            accusers += u16::from(doubt.opinion == Opinion::Suspect);
        }
        if let Some(slot) = self.slots.get_mut(key.0) {
            (slot.accusers, slot.doubters) = (accusers, doubters);
        }
    }

    /// What an observer publishes about a member's present life, if that is a doubt.
    pub(crate) fn doubt(&self, observer: Key, member: Key) -> Option<&Doubt> {
        let doubt = self.slots.get(observer.0)?.opinions.as_ref()?.of(member)?;
        let incarnation = self.slots.get(member.0)?.record.identity.incarnation;
        (doubt.incarnation == incarnation).then_some(doubt)
    }

    /// All published doubts about a member's present life: as many steps as there are members that doubt anybody.
    pub(crate) fn doubts_about(&self, member: Key) -> impl Iterator<Item = (Key, &Doubt)> {
        self.doubters.iter().filter_map(move |&observer| Some((observer, self.doubt(observer, member)?)))
    }

    /// Whom anybody publishes a doubt about, in whatever life, once for each doubt.
    pub(crate) fn doubt_targets(&self) -> impl Iterator<Item = Key> {
        let said = self.doubters.iter().filter_map(|observer| self.slots.get(observer.0)?.opinions.as_ref());
        said.flat_map(|opinions| opinions.doubts.iter()).map(|doubt| doubt.target)
    }

    /// Members of whom at least so many observers publish that they doubt them, in order: those who suspect them, and those
    /// who should hear them and never have.
    pub(crate) fn doubted(&self, by_at_least: usize) -> Vec<Key> {
        let mut doubters: BTreeMap<Key, usize> = BTreeMap::new();
        let said = self.doubters.iter().filter_map(|observer| self.slots.get(observer.0)?.opinions.as_ref());
        for doubt in said.flat_map(|opinions| opinions.doubts.iter()) {
            let known = self.slots.get(doubt.target.0).map(|slot| slot.record.identity.incarnation);
            if known == Some(doubt.incarnation) {
                *doubters.entry(doubt.target).or_default() += 1;
            }
        }
        doubters.into_iter().filter(|(_, by)| *by >= by_at_least).map(|(key, _)| key).collect()
    }

    /// The member that lives this life.
    pub(crate) fn by_life(&self, life: Life) -> Option<Key> {
        self.lives.get(life.0).copied()
    }

    /// The digest of everything, by its upper half; [`Self::sums`] shows lower halves, so that two tables that agree here
    /// by accident do not agree there.
    pub(crate) fn digest(&self) -> u32 {
        (self.digest.root >> 32) as u32
    }

    /// Digests of the 64 buckets, or of the 64 parts of one bucket.
    pub(crate) fn sums(&self, bucket: Option<Bucket>) -> Sums {
        match bucket {
            None => Sums::from_fn(|i| self.digest.buckets[i] as u32),
            Some(bucket) => Sums::from_fn(|i| self.digest.leaves[bucket.index()][i] as u32),
        }
    }

    /// What is known of the members in a range of keys.
    pub(crate) fn stamps(&self, first: Key, last: Key) -> impl Iterator<Item = Stamp> {
        self.slots.range(first.0..=last.0).map(|(key, slot)| slot.stamp(Key(key)))
    }
}

/// Applies a change to the numbers that a doubt touches, if it is about a present life.
fn count(slots: &mut Trie<Slot>, doubt: &Doubt, change: impl Fn(u16) -> u16) {
    if let Some(slot) = slots.get_mut(doubt.target.0)
        && slot.record.identity.incarnation == doubt.incarnation
    {
        slot.doubters = change(slot.doubters);
        if doubt.opinion == Opinion::Suspect {
            slot.accusers = change(slot.accusers);
        }
    }
}

/// Sums of hashes over a tree of 64 × 64 parts of the key space, which copies share. A change costs three additions.
#[derive(Debug, Clone)]
struct Digest {
    leaves: Vec<Arc<[u64; 64]>>,
    buckets: [u64; 64],
    root: u64,
}

impl Digest {
    fn new() -> Self {
        Self { leaves: std::iter::repeat_n(Arc::new([0; 64]), 64).collect(), buckets: [0; 64], root: 0 }
    }

    fn add(&mut self, key: Key, hash: u64) {
        let (bucket, leaf) = place(key.0);
        let leaf = &mut Arc::make_mut(&mut self.leaves[bucket])[leaf];
        for sum in [leaf, &mut self.buckets[bucket], &mut self.root] {
            *sum = sum.wrapping_add(hash);
        }
    }

    fn remove(&mut self, key: Key, hash: u64) {
        self.add(key, hash.wrapping_neg());
    }
}
