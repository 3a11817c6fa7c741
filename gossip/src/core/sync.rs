//! Repairing what news has missed.
//!
//! Every fourth heartbeat carries a digest of all that its sender knows. Where two differ for longer than news needs,
//! one of them sends digests of 64 buckets, the other answers with those of a bucket's 64 parts, or with the versions it
//! has where few are concerned; and then each sends what the other lacks. No datagram grows with the cluster, and
//! agreement costs four bytes.

use std::net::SocketAddr;
use std::time::Duration;

use super::Node;
use super::identity::{Key, Life};
use crate::wire::{Bucket, DATAGRAM_MAX, Encoder, Frame, Head, Item, Stamp, Sums, Survey, Tag};

/// The pace of comparing.
#[derive(Debug, Clone, Default)]
pub(super) struct Sync {
    next: Duration,
    /// Intervals between two comparisons: doubles while nothing comes of them.
    gap: u32,
}

impl Sync {
    const GAP_MAX: u32 = 64;

    /// Something has changed: comparing may be worth while again.
    pub(super) fn hurry(&mut self) {
        self.gap = 0;
    }
}

/// Up to so many versions are sent outright; they fill a datagram.
const VERSIONS_MAX: usize = 40;
/// Parts in which two tables differ that are followed up at once.
const PARTS_MAX: usize = 4;
/// Datagrams sent in answer to one.
const ANSWERS_MAX: usize = 8;
/// Intervals for which a difference is left to news.
const PATIENCE: u32 = 3;

impl Node {
    /// A peer says what it knows, by digest.
    pub(super) fn on_survey(&mut self, at: usize, survey: &Survey, now: Duration) {
        let interval = self.config.interval;
        let same = survey.digest.0 == self.members.digest();
        let peer = self.peers.at(at);
        if same {
            peer.differs = None;
            self.become_ready();
            return;
        }
        let since = *peer.differs.get_or_insert(now);
        let patient = self.seeds.ready && now < since + PATIENCE * interval;
        if patient || now < self.sync.next {
            return;
        }
        let (to, life) = (peer.addr, peer.life);
        self.sync.gap = (2 * self.sync.gap).clamp(1, Sync::GAP_MAX);
        self.sync.next = now + self.sync.gap * interval;
        self.counters.syncs += 1;
        self.compare(to, life, None);
    }

    /// Sends what the other needs to find differences: versions of everything if that is little, else digests.
    fn compare(&mut self, to: SocketAddr, life: Life, bucket: Option<Bucket>) {
        let (first, last) = span(bucket, None);
        if self.members.stamps(first, last).nth(VERSIONS_MAX).is_none() {
            self.send_versions(to, life.tag(), first, last);
        } else {
            let sums = self.members.sums(bucket);
            self.send(to, life.tag(), &Head::Summary { bucket, sums }, &[]);
        }
    }

    /// A peer's digests: looks closer wherever they differ from ours.
    pub(super) fn on_summary(&mut self, frame: &Frame, bucket: Option<Bucket>, sums: &Sums) {
        let Some((to, tag)) = self.correspondent(frame) else { return };
        let own = self.members.sums(bucket);
        let mut parts: Vec<usize> =
            own.iter().zip(sums.iter()).enumerate().filter(|(_, (a, b))| a != b).map(|(i, _)| i).collect();
        if !parts.is_empty() {
            // Not always the same ones first, should some difference be beyond repair.
            let turn = self.rng.below(parts.len());
            parts.rotate_left(turn);
        }
        for &part in parts.iter().take(PARTS_MAX) {
            match bucket {
                None => self.compare(to, frame.from, Some(Bucket::of(part))),
                Some(bucket) => {
                    let (first, last) = span(Some(bucket), Some(part));
                    self.send_versions(to, tag, first, last);
                }
            }
        }
    }

    /// Sends the versions of a range, or of as much of it as fits, saying where it ends.
    fn send_versions(&mut self, to: SocketAddr, tag: Tag, first: Key, mut last: Key) {
        let stamps: Vec<Stamp> = self.members.stamps(first, last).take(2 * VERSIONS_MAX).collect();
        loop {
            let fitting: Vec<Item> =
                stamps.iter().take_while(|s| s.key <= last).map(|&s| Item::Stamp(s)).collect();
            let mut buf = [0; DATAGRAM_MAX];
            let head = Head::Versions { first, last };
            let mut encoder = Encoder::new(&self.config, &mut buf, self.life, tag, &head);
            let fitted = fitting.iter().take_while(|item| encoder.push(item)).count();
            let len = encoder.finish();
            let cut = fitted < fitting.len() || (stamps.len() == 2 * VERSIONS_MAX && fitted == stamps.len());
            if !cut || fitted == 0 || stamps[fitted - 1].key == last {
                self.outbox.push(super::Outgoing::Written(to, buf[..len].into()));
                return;
            }
            // Of what lies beyond the last one that fits, nothing is claimed.
            last = stamps[fitted - 1].key;
        }
    }

    /// A peer's versions in a range: sends what it lacks, and asks for what we lack.
    pub(super) fn on_versions(&mut self, frame: &Frame, first: Key, last: Key, items: &[Item]) {
        let Some((to, tag)) = self.correspondent(frame) else { return };
        let theirs: Vec<Stamp> = items.iter().filter_map(stamp).collect();
        let sorted = theirs.windows(2).all(|pair| pair[0].key < pair[1].key);
        let within = theirs.iter().all(|s| first <= s.key && s.key <= last);
        if !sorted || !within || first > last {
            self.counters.senseless += 1;
            return;
        }
        let of_theirs = |key| theirs.binary_search_by_key(&key, |s: &Stamp| s.key).ok().map(|at| theirs[at]);
        let mut offers = Vec::new();
        for own in self.members.stamps(first, last) {
            let their = of_theirs(own.key);
            let Some(slot) = self.members.of(own.key) else { continue };
            if their.is_none_or(|their| their.record < own.record) {
                offers.push(Item::Record(slot.record.clone()));
            }
            if let Some(opinions) = slot.opinions.as_ref().filter(|_| behind(their, own)) {
                offers.push(Item::Opinions(opinions.clone()));
            }
            if offers.len() >= 4 * VERSIONS_MAX {
                break;
            }
        }
        let wants: Vec<Item> =
            theirs.iter().filter(|their| self.lacks(their)).map(|s| Item::Want(s.key)).collect();
        self.send_all(to, tag, &Head::Delta, &offers, ANSWERS_MAX);
        self.send_all(to, tag, &Head::Want, &wants, 1);
    }

    fn lacks(&self, their: &Stamp) -> bool {
        // Somebody who left here is no loss; they are shown the farewell instead, which the answer to a want brings about.
        let Some(slot) = self.members.of(their.key) else { return true };
        let own_opinions = slot.opinions.as_ref().map(|o| o.stamp());
        slot.record.stamp() < their.record || own_opinions < their.opinions
    }

    pub(super) fn on_want(&mut self, frame: &Frame, items: &[Item]) {
        let Some((to, tag)) = self.correspondent(frame) else { return };
        let mut wanted = Vec::new();
        for item in items {
            if let Item::Want(key) = item
                && let Some(slot) = self.members.of(*key)
            {
                wanted.push(Item::Record(slot.record.clone()));
                wanted.extend(slot.opinions.clone().map(Item::Opinions));
            }
        }
        self.send_all(to, tag, &Head::Delta, &wanted, 2 * ANSWERS_MAX);
    }

    /// What a difference has shown is known to others already; what an observer says of itself is news, if it is new here.
    pub(super) fn on_delta(&mut self, from: SocketAddr, frame: &Frame, items: &[Item]) {
        let Some(key) = self.peers.by_life(frame.from).map(|peer| peer.key) else { return };
        for item in items {
            let own = matches!(item, Item::Opinions(opinions) if opinions.observer == key);
            self.on_items(from, std::slice::from_ref(item), own);
        }
    }

    /// Where to answer a peer. Tables are compared with nobody else.
    fn correspondent(&mut self, frame: &Frame) -> Option<(SocketAddr, Tag)> {
        let peer = self.peers.by_life(frame.from)?;
        Some((peer.addr, peer.life.tag()))
    }
}

fn stamp(item: &Item) -> Option<Stamp> {
    match item {
        Item::Stamp(stamp) => Some(*stamp),
        _ => None,
    }
}

/// Whether they have older opinions than we, or none.
fn behind(their: Option<Stamp>, own: Stamp) -> bool {
    their.is_none_or(|their| their.opinions < own.opinions)
}

/// The keys of the whole table, of a bucket, or of a part of one.
fn span(bucket: Option<Bucket>, part: Option<usize>) -> (Key, Key) {
    let Some(bucket) = bucket else { return (Key(0), Key(u64::MAX)) };
    let bucket = (bucket.index() as u64) << 58;
    match part {
        None => (Key(bucket), Key(bucket | (u64::MAX >> 6))),
        Some(part) => {
            let leaf = bucket | ((part as u64) << 52);
            (Key(leaf), Key(leaf | (u64::MAX >> 12)))
        }
    }
}
