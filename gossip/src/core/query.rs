//! Questions that can be asked of a node at any time. They change nothing.

use std::sync::Arc;
use std::time::Duration;

use super::counters::Counters;
use super::identity::{Identity, Key, NodeId};
use super::leave::Phase;
use super::members::Slot;
use super::opinion::{Opinion, Suspicion};
use super::quorum::Standing;
use super::record::Record;
use super::verdict::Verdict;
use super::{Node, between_looks};

/// One member, as this node knows it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The newest record known.
    pub record: Arc<Record>,
    /// What this node thinks of it, if it is one of its observers.
    pub opinion: Option<Opinion>,
    /// How many observers publish that they suspect it, without those who are doubted themselves, by this node or by two
    /// others: what a dead node said last stays written until it returns, and who has started since has never heard it.
    pub accusers: usize,
    /// The link to it, if this node is one of its observers and has heard it.
    pub link: Option<Link>,
    /// What is to be thought of it.
    pub verdict: Verdict,
}

/// What heartbeats to and from a neighbour say of the link between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The smoothed round-trip time, without the time for which acknowledgements were held back.
    pub rtt: Option<Duration>,
    /// How many of its heartbeats lie between its newest and the newest acknowledgement that it has from here; 65,535 for
    /// that many or none at all. A large number says that it is heard but does not hear.
    pub ack_lag: u16,
}

impl Node {
    /// Who this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What this node says of itself.
    pub fn record(&self) -> &Arc<Record> {
        let slot = self.members.of(self.key);
        // A node is a member of its own table from `new` on; its slot is never removed, not even when it leaves.
        #[expect(clippy::expect_used, reason = "invariant: own slot")]
        slot.map(|slot| &slot.record).expect("a node knows itself")
    }

    /// All members, this node included, in an order that is the same on all nodes.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.members.iter().map(|(key, slot)| self.member_of(key, slot))
    }

    /// One member.
    pub fn member(&self, id: &NodeId) -> Option<Member> {
        let key = id.key();
        let slot = self.members.of(key).filter(|slot| slot.record.identity.id == *id)?;
        Some(self.member_of(key, slot))
    }

    fn member_of(&self, key: Key, slot: &Slot) -> Member {
        let peer = self.peers.iter().find(|p| p.neighbour && p.key == key);
        Member {
            record: slot.record.clone(),
            opinion: peer.map(|p| p.opinion),
            accusers: if slot.accusers == 0 { 0 } else { self.credible_accusers(key) },
            verdict: self.verdict(&slot.record.identity.id),
            link: peer.filter(|p| p.heard.is_some()).map(|p| Link { rtt: p.rtt, ack_lag: p.ack_lag }),
        }
    }

    fn credible_accusers(&self, target: Key) -> usize {
        let doubted_here =
            |key| self.peers.iter().any(|p| p.neighbour && p.key == key && p.opinion != Opinion::Trust);
        let credible = |observer: Key| {
            self.members.of(observer).is_some_and(|slot| slot.doubters < 2) && !doubted_here(observer)
        };
        let accusing =
            self.members.doubts_about(target).filter(|(_, doubt)| doubt.opinion == Opinion::Suspect);
        accusing.filter(|&(observer, _)| credible(observer)).count()
    }

    /// What every observer of a node thinks of it, sorted by observer; empty if the node is not a member.
    ///
    /// In a large cluster this walks all members.
    pub fn suspicion(&self, id: &NodeId, now: Duration) -> Vec<Suspicion> {
        let target = id.key();
        if self.members.of(target).is_none() {
            return Vec::new();
        }
        let mut observers = self.observers_of(target);
        observers.extend(self.members.doubts_about(target).map(|(observer, _)| observer));
        observers.sort_unstable();
        observers.dedup();
        let mut said: Vec<Suspicion> =
            observers.into_iter().filter_map(|observer| self.said(observer, target, now)).collect();
        said.sort_by(|a, b| a.observer.cmp(&b.observer));
        said
    }

    fn observers_of(&self, target: Key) -> Vec<Key> {
        if self.is_full_mesh() {
            self.members.keys().filter(|&key| key != target).collect()
        } else {
            self.rings.neighbours_of(target, self.members.keys())
        }
    }

    fn said(&self, observer: Key, target: Key, now: Duration) -> Option<Suspicion> {
        let slot = self.members.of(observer)?;
        let observer_id = slot.record.identity.id.clone();
        if observer == self.key {
            let peer = self.peers.iter().find(|p| p.neighbour && p.key == target)?;
            return Some(Suspicion {
                observer: observer_id,
                opinion: peer.opinion,
                phi: peer.detector.phi(now),
            });
        }
        let doubt = self.members.doubt(observer, target);
        Some(Suspicion {
            observer: observer_id,
            opinion: doubt.map_or(Opinion::Trust, |doubt| doubt.opinion),
            phi: doubt.map_or(0.0, |doubt| doubt.level.phi()),
        })
    }

    /// Whether datagrams may be left unread for [`between_looks`] at `now`, on the `boot` clock, if it will
    /// be known then when they arrived: for five intervals there have been nothing but heartbeats, so that nobody waits for an answer; what
    /// others vouch for is far from running out; and so many heartbeats come that to look for them is less work than to be woken by each.
    pub fn can_wait(&self, now: Duration) -> bool {
        let interval = self.config.interval;
        let talks = now < self.conversed + 5 * interval;
        let needs_vouchers = self.quorum.standing() == Standing::InQuorum
            && self.quorum.lease_until().boot < now + 2 * interval;
        let looks = interval.as_secs_f64() / between_looks(interval).as_secs_f64();
        !talks && !needs_vouchers && self.peers.len() as f64 >= 1.5 * looks
    }

    /// A number that changes whenever records or opinions known here do.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.sends_dropped = self.outbox.dropped;
        counters
    }

    /// Whether the node has left, or has been superseded, and is silent from now on.
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped { .. })
    }
}
