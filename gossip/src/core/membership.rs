//! What follows from a record or from opinions, wherever they came from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::detector::{Detector, Experience};
use super::end::End;
use super::event::{Event, Refusal};
use super::identity::{BootId, Identity, Incarnation, Key, NodeId, StorageId};
use super::members::Learnt;
use super::news::{Kind, Topic};
use super::opinion::{Opinion, Opinions};
use super::peer::{Peer, Peers};
use super::record::{Record, Status};
use crate::wire::{Head, Item};

impl Node {
    /// Takes records and opinions from anybody, and passes on as news what is new if `tell` says so.
    pub(super) fn on_items(&mut self, from: SocketAddr, items: &[Item], tell: bool) {
        for item in items {
            match item {
                Item::Record(record) => {
                    let learnt = self.learn_record(record, tell);
                    if matches!(learnt, Learnt::Older | Learnt::Over { .. }) {
                        self.answer_stale(from, record);
                    }
                }
                Item::Opinions(opinions) => self.learn_opinions(opinions, tell),
                Item::Stamp(_) | Item::Want(_) | Item::Padding(_) => {}
            }
        }
    }

    /// Somebody still believes in a node that left: shows it the farewell. Never in answer to a farewell: of two who both
    /// know that a life is over, each would answer the other for ever.
    fn answer_stale(&mut self, from: SocketAddr, record: &Record) {
        if record.status == Status::Left {
            return;
        }
        if let Some(farewell) = self.members.farewell(record.identity.id.key()).cloned() {
            self.send(from, Default::default(), &Head::Delta, &[Item::Record(farewell)]);
        }
    }

    pub(super) fn learn_record(&mut self, record: &Arc<Record>, tell: bool) -> Learnt {
        let key = record.identity.id.key();
        if key == self.key {
            return self.learn_own_record(record);
        }
        if let Some(highest) = self.gone_up_to(record) {
            return Learnt::Over { highest };
        }
        if record.status != Status::Left
            && let Some(highest) = self.disks.rewound(&record.identity)
        {
            // Whoever told of it did not know, and it may never introduce itself here.
            let refused = Head::Refused(Refusal::Rewound { highest });
            self.send(record.addr, record.identity.life().tag(), &refused, &[]);
            return Learnt::Over { highest };
        }
        let learnt = self.members.learn(record.clone(), self.now.boot);
        match &learnt {
            Learnt::New => {
                self.readings.start_over(key);
                self.on_joined(key, record);
            }
            Learnt::Reborn(former) => {
                self.note_disk(former);
                let former = former.identity.clone();
                self.note_outlived(former.id, former.incarnation);
                self.members.drop_opinions(key);
                self.peers.remove(key);
                self.on_joined(key, record);
            }
            Learnt::Newer(before) => self.on_newer(key, before, record),
            Learnt::Left(before) => {
                self.note_disk(before);
                let identity = &before.identity;
                self.events.push(Event::Left { id: identity.id.clone(), incarnation: identity.incarnation });
                let own = self.key;
                self.rings.remove(key, &self.members.keys().filter(move |&k| k != own));
                self.peers.remove(key);
                self.meet_neighbours();
            }
            Learnt::Conflict { known } => self.report_conflict(record, *known),
            Learnt::Collision => self.counters.conflicts += 1,
            Learnt::Full => self.counters.members_refused += 1,
            Learnt::Known | Learnt::Older | Learnt::Over { .. } => {}
        }
        if matches!(learnt, Learnt::New | Learnt::Reborn(_) | Learnt::Newer(_) | Learnt::Left(_)) {
            self.changed();
            if tell {
                self.tell(Topic { key, kind: Kind::Record, stamp: record.stamp() });
            }
        }
        learnt
    }

    fn on_joined(&mut self, key: Key, record: &Record) {
        let identity = &record.identity;
        self.events.push(Event::Joined {
            id: identity.id.clone(),
            incarnation: identity.incarnation,
            addr: record.addr,
        });
        self.seeds.forget_buried(record.addr);
        self.rings.add(key);
        self.meet_neighbours();
    }

    fn on_newer(&mut self, key: Key, before: &Record, record: &Record) {
        let (now, pause_max) = (self.now.boot, self.config.pause_max);
        if let Some(peer) = self.peers.by_key(key) {
            peer.update(before, record, pause_max, now);
        }
        let id = || record.identity.id.clone();
        if before.addr != record.addr {
            self.events.push(Event::AddrChanged { id: id(), addr: record.addr });
        }
        if before.metadata != record.metadata || before.status != record.status {
            self.events.push(Event::Updated { id: id() });
        }
    }

    /// What others say of this very node can only be an echo, a rival, or a successor.
    fn learn_own_record(&mut self, record: &Record) -> Learnt {
        let (own, other) = (&self.identity, &record.identity);
        let other_version = record.version;
        if own.id != other.id {
            self.counters.conflicts += 1;
            return Learnt::Collision;
        }
        if other.incarnation > own.incarnation {
            self.events.push(Event::Superseded { incarnation: other.incarnation });
            self.stop(End::Superseded { incarnation: other.incarnation });
            return Learnt::Known;
        }
        if other.incarnation < own.incarnation {
            return Learnt::Over { highest: own.incarnation };
        }
        if other.boot != own.boot {
            let known = own.boot;
            self.report_conflict(record, known);
            return Learnt::Conflict { known };
        }
        // Of a node that leaves the farewell is the newest there is, and is not in its own table.
        if other_version > self.record().version && self.farewell.is_none() {
            // Somebody has miscounted. The owner's word must be the newest again.
            self.rewrite(|record| record.version = other_version);
        }
        Learnt::Known
    }

    /// Reports a rival, once.
    fn report_conflict(&mut self, record: &Record, known: BootId) {
        self.counters.conflicts += 1;
        let other = record.identity.boot;
        if self.rivals.contains(&other) {
            return;
        }
        // A few are enough to keep one conflict from being reported for ever.
        if self.rivals.len() >= 16 {
            self.rivals.remove(0);
        }
        self.rivals.push(other);
        let (id, incarnation) = (record.identity.id.clone(), record.identity.incarnation);
        self.events.push(Event::NameConflict { id, incarnation, known, other });
    }

    fn learn_opinions(&mut self, opinions: &Arc<Opinions>, tell: bool) {
        if opinions.observer == self.key {
            return self.learn_own_opinions(opinions);
        }
        let Some(before) = self.members.learn_opinions(opinions) else { return };
        self.changed();
        if tell {
            self.tell(Topic { key: opinions.observer, kind: Kind::Opinions, stamp: opinions.stamp() });
        }
        let mut targets: Vec<Key> = opinions.doubts.iter().map(|doubt| doubt.target).collect();
        targets.extend(before.iter().flat_map(|set| set.doubts.iter()).map(|doubt| doubt.target));
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            self.report_opinion(before.as_deref(), opinions, target);
        }
    }

    /// As with records: nobody else may have the last word on this node's opinions.
    fn learn_own_opinions(&mut self, opinions: &Opinions) {
        let own = self.members.of(self.key).and_then(|slot| slot.opinions.as_ref()).map(|own| own.version);
        if opinions.incarnation == self.identity.incarnation && own < Some(opinions.version) {
            self.opinions_floor = Some(opinions.version);
            self.publish_opinions();
        }
    }

    /// Reports what has changed in another observer's opinion of one target.
    fn report_opinion(&mut self, before: Option<&Opinions>, after: &Opinions, target: Key) {
        let before = before.and_then(|set| set.of(target));
        let after_doubt = after.of(target);
        let said = |doubt: Option<&super::opinion::Doubt>| doubt.map(|d| (d.incarnation, d.opinion));
        let (Some(subject), true) = (self.members.of(target), said(before) != said(after_doubt)) else {
            return;
        };
        let Some(observer) = self.members.of(after.observer) else { return };
        let incarnation = subject.record.identity.incarnation;
        if after_doubt.or(before).is_none_or(|doubt| doubt.incarnation != incarnation) {
            return;
        }
        self.events.push(Event::Opinion {
            observer: observer.record.identity.id.clone(),
            target: subject.record.identity.id.clone(),
            incarnation,
            opinion: after_doubt.map_or(Opinion::Trust, |doubt| doubt.opinion),
            phi: after_doubt.map_or(0.0, |doubt| doubt.level.phi()),
        });
    }

    /// Takes a member without making it news, an event, or a neighbour yet.
    pub(super) fn introduce_one(&mut self, record: Arc<Record>) {
        let key = record.identity.id.key();
        if matches!(self.members.learn(record, self.now.boot), Learnt::New) {
            self.readings.start_over(key);
            self.rings.add(key);
        }
    }

    /// Makes peers of those who are neighbours now, and guests of those who no longer are.
    pub(super) fn meet_neighbours(&mut self) {
        let wanted = self.neighbours();
        let now = self.now.boot;
        let mut changed = Vec::new();
        for peer in self.peers.iter_mut() {
            if peer.be_neighbour(wanted.binary_search(&peer.key).is_ok(), now) && peer.published {
                changed.push((peer.key, peer.neighbour));
            }
        }
        for (key, observed) in changed {
            self.report_observed(key, observed);
        }
        for &key in &wanted {
            if self.peers.by_key(key).is_none()
                && let Some(record) = self.members.record(key).cloned()
            {
                self.add_peer(&record, true);
            }
        }
        let renews = self.is_full_mesh()
            || self.quorum.view().is_some_and(|view| view.electorate.vouches(&self.identity.storage));
        self.quorum.set_renewing(renews);
        self.publish_opinions();
    }

    /// Says that an opinion counts again, or does not any more.
    fn report_observed(&mut self, key: Key, observed: bool) {
        if observed {
            self.report_own_opinion(key, 0.0);
        } else if let Some(Identity { id, incarnation, .. }) =
            self.members.record(key).map(|r| r.identity.clone())
        {
            self.events.push(Event::Unobserved { id, incarnation });
        }
    }

    /// Whether all exchange heartbeats with all; otherwise each does with its neighbours on the rings.
    pub(super) fn is_full_mesh(&self) -> bool {
        self.members.len() <= self.config.full_mesh_max
    }

    /// Whom this node observes, sorted.
    fn neighbours(&self) -> Vec<Key> {
        if self.is_full_mesh() {
            return self.members.keys().filter(|&key| key != self.key).collect();
        }
        let mut neighbours = self.rings.neighbours();
        neighbours.extend(self.needed_voters());
        neighbours.sort_unstable();
        neighbours.dedup();
        neighbours
    }

    /// Voters observe each other, and whoever holds or wants a lease sends them heartbeats, however large the cluster is.
    fn needed_voters(&self) -> Vec<Key> {
        let Some(view) = self.quorum.view() else { return self.needed_founders() };
        let own = self.identity.storage;
        if !view.electorate.vouches(&own) && !self.quorum.wants_vouchers() {
            return Vec::new();
        }
        let voters = view.electorate.voters.iter().chain(view.electorate.next.iter().flat_map(|v| v.iter()));
        let keys = voters.map(|(_, name)| name.key());
        keys.filter(|&key| key != self.key && self.members.of(key).is_some()).collect()
    }

    /// Those who are to found a history must hear each other, in however large a cluster they meet.
    fn needed_founders(&self) -> Vec<Key> {
        let founders = &self.config.voters;
        if !founders.contains(&self.identity.id) {
            return Vec::new();
        }
        let keys = founders.iter().map(NodeId::key);
        keys.filter(|&key| key != self.key && self.members.of(key).is_some()).collect()
    }

    /// If this life of a node is on record as over, or another that is no earlier one owns a lease: what it must exceed.
    pub(super) fn gone_up_to(&self, record: &Record) -> Option<Incarnation> {
        let view = self.quorum.view()?;
        let Identity { id, incarnation, .. } = &record.identity;
        let gone = view.gone.get(id).map(|gone| gone.incarnation).filter(|gone| incarnation <= gone);
        gone.max(self.outranked_by(view, &record.identity))
    }

    /// Whether a live node of this name runs from another disk (I2): two disks are two nodes, and one of them has the
    /// wrong name. Not a process that has given its disk another id.
    pub(super) fn is_taken(&self, record: &Record) -> bool {
        let Identity { id, storage, boot, .. } = &record.identity;
        let none = StorageId::default();
        let Some(known) = self.members.of(id.key()).map(|slot| &slot.record.identity) else { return false };
        let other = known.id == *id
            && known.boot != *boot
            && known.storage != none
            && *storage != none
            && known.storage != *storage;
        let heard = |peer: &&Peer| peer.life == known.life() && peer.opinion == Opinion::Trust;
        let lately = self.now.boot.saturating_sub(2 * self.config.interval);
        other
            && self
                .peers
                .iter()
                .find(heard)
                .is_some_and(|peer| peer.last_sign() >= lately && peer.heard.is_some())
    }

    pub(super) fn report_conflict_of(&mut self, record: &Record) {
        let known = self.members.record(record.identity.id.key()).map(|known| known.identity.boot);
        if let Some(known) = known {
            self.report_conflict(record, known);
        }
    }

    /// The same for somebody who introduces itself and is not known: what has been dropped from the record is below the
    /// floor.
    pub(super) fn below_floor(&self, record: &Record) -> Option<Incarnation> {
        let view = self.quorum.view()?;
        let known =
            self.members.of(record.identity.id.key()).is_some() || view.gone.contains(&record.identity.id);
        view.floor.filter(|&floor| !known && record.identity.incarnation <= floor)
    }

    /// Meets somebody. Guests for whom there is no room are not met, and cost nothing.
    pub(super) fn add_peer(&mut self, record: &Record, neighbour: bool) {
        if self.peers.len() >= Peers::MAX {
            if !neighbour {
                return;
            }
            let guest = self.peers.iter().find(|peer| !peer.neighbour).map(|peer| peer.key);
            guest.and_then(|key| self.peers.remove(key));
        }
        let interval = self.config.interval;
        let detector = Detector::new(interval, self.experience(interval).as_ref());
        let mut peer = Peer::new(record, neighbour, detector, self.now.boot);
        peer.met_at_beat = self.beat.seq();
        peer.pausing(record, self.config.pause_max, self.now.boot);
        self.peers.add(peer);
    }

    /// What all neighbours' detectors have learnt together.
    fn experience(&self, interval: Duration) -> Option<Experience> {
        Experience::of(self.peers.iter().map(|peer| &peer.detector), interval)
    }

    /// Shares experience among detectors that are all young: together they have heard much more than each of them.
    pub(super) fn share_experience(&mut self) {
        let Some(experience) = self.experience(self.config.interval) else { return };
        for peer in self.peers.iter_mut().filter(|peer| peer.detector.interval() == self.config.interval) {
            if let Some(last) = peer.heard {
                peer.detector.learn_from(&experience, last);
            }
        }
    }

    /// Changes this node's own record.
    pub(super) fn rewrite(&mut self, change: impl FnOnce(&mut Record)) {
        let mut record = Record::clone(self.record());
        change(&mut record);
        record.version = record.version.next();
        let stamp = record.stamp();
        self.members.learn(Arc::new(record), self.now.boot);
        self.tell(Topic { key: self.key, kind: Kind::Record, stamp });
        self.changed();
    }

    fn tell(&mut self, topic: Topic) {
        self.news.push(topic);
        self.counters.news_dropped = self.news.dropped;
    }

    /// Something that others can see has changed.
    pub(super) fn changed(&mut self) {
        self.revision += 1;
        self.sync.hurry();
    }
}
