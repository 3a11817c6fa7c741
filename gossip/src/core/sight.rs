//! What this node observes itself, as the quorum's state machine asks for it.

use std::time::Duration;

use super::identity::{Identity, Key, NodeId, StorageId};
use super::members::Members;
use super::opinion::Opinion;
use super::peer::{Peer, Peers};
use super::quorum::{Sighting, Subject, Witness};
use super::rings::Rings;
use crate::config::Config;

/// A look at the parts of the node that observe.
pub(super) struct Sight<'a> {
    pub(super) now: Duration,
    pub(super) config: &'a Config,
    pub(super) own: &'a Identity,
    pub(super) members: &'a Members,
    pub(super) peers: &'a Peers,
    pub(super) rings: &'a Rings,
    /// Former lives of nodes that have started again.
    pub(super) outlived: &'a [Subject],
    /// The number of this node's newest heartbeat.
    pub(super) beat: u64,
}

impl Sight<'_> {
    fn observed(&self, id: &NodeId) -> Option<&Peer> {
        let key = id.key();
        self.peers.iter().find(|peer| peer.key == key && peer.neighbour && peer.heard.is_some())
    }

    /// Who has this name, if that is heard and runs from this disk.
    fn voter(&self, voter: &StorageId, name: &NodeId) -> Option<&Peer> {
        let runs = |peer: &Peer| {
            let identity = self.members.record(peer.key).map(|record| &record.identity);
            identity.is_some_and(|identity| identity.life() == peer.life && identity.storage == *voter)
        };
        self.observed(name).filter(|peer| runs(peer))
    }

    /// Whether a peer that is heard has not heard this node for long, although it was sent enough.
    fn deaf(&self, peer: &Peer) -> bool {
        // What it acknowledges may be of an earlier acquaintance; nothing was sent to it in between.
        let acked = peer.acked.unwrap_or_default().max(peer.met_at_beat);
        let unheard = self.beat.saturating_sub(acked);
        let sent_for = self.config.interval.saturating_mul(u32::try_from(unheard).unwrap_or(u32::MAX));
        let said = peer.detector.interval().saturating_mul(u32::from(peer.ack_lag));
        peer.is_deaf(self.now, sent_for.min(said), self.config.deaf_after)
    }
}

impl Witness for Sight<'_> {
    fn sight(&self, subject: &Subject) -> Option<Sighting> {
        let peer = self.observed(&subject.id)?;
        if peer.incarnation < subject.incarnation {
            return None;
        }
        Some(Sighting {
            opinion: peer.testimony(),
            heard: peer.silent_for(Duration::ZERO),
            outlived: peer.incarnation > subject.incarnation,
            deaf: self.deaf(peer),
            isolated: peer.is_zombie(self.now, self.config.deaf_after),
        })
    }

    fn suspects(&self) -> Vec<Subject> {
        let subject = |key: Key| {
            let identity = &self.members.record(key)?.identity;
            Some(Subject { id: identity.id.clone(), incarnation: identity.incarnation })
        };
        let unheard = |p: &Peer| {
            p.heard.is_none()
                && !p.waits_for_pause(self.now)
                && self.now >= p.silent_for(self.config.silence_max)
        };
        let doubted = |p: &&Peer| {
            let zombie = || p.is_zombie(self.now, self.config.deaf_after);
            p.neighbour && (p.opinion == Opinion::Suspect || unheard(p) || zombie() || self.deaf(p))
        };
        let own = self.peers.iter().filter(doubted).map(|p| p.key);
        // Whose observers all died with it has new ones, who never hear it. That is no evidence, but a reason to ask.
        let others = self.members.doubted((self.config.rings / 2).max(2));
        let observed = |key: &Key| self.peers.iter().any(|p| p.neighbour && p.key == *key);
        let others = others.into_iter().filter(|key| !observed(key) && *key != self.own.id.key());
        let mut suspects: Vec<Subject> = own.chain(others).filter_map(subject).collect();
        suspects.extend_from_slice(self.outlived);
        suspects
    }

    fn trusts(&self, voter: &StorageId, name: &NodeId) -> bool {
        self.voter(voter, name).is_some_and(|peer| peer.opinion == Opinion::Trust)
    }

    fn heard_since(&self, voter: &StorageId, name: &NodeId) -> Option<Duration> {
        let heard = |peer: &&Peer| peer.opinion == Opinion::Trust || peer.shown > 0;
        self.voter(voter, name).filter(heard).and_then(|peer| peer.returned)
    }

    fn identity(&self, name: &NodeId) -> Option<Identity> {
        if *name == self.own.id {
            return Some(self.own.clone());
        }
        let peer = self.peers.iter().find(|peer| peer.key == name.key() && peer.heard.is_some())?;
        let identity = &self.members.record(peer.key)?.identity;
        (identity.life() == peer.life).then(|| identity.clone())
    }

    fn observers(&self, subject: &Subject) -> Vec<Key> {
        if self.members.len() <= self.config.full_mesh_max {
            return Vec::new();
        }
        let key = subject.id.key();
        let mut observers = self.rings.neighbours_of(key, self.members.keys());
        observers.retain(|&observer| observer != self.own.id.key() && observer != key);
        observers
    }
}
