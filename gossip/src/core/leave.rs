//! Leaving on purpose, which is not a crash.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::Node;
use super::end::End;
use super::event::Event;
use super::identity::{Life, Version};
use super::quorum::View;
use super::record::Status;
use crate::wire::{Frame, Head, Item};

/// Where a node is in its life.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// Taking part.
    Running,
    /// Giving everything back and having it put on record that it leaves, at the latest until then.
    Departing { until: Duration },
    /// Saying farewell.
    Leaving(Farewell),
    /// Silent for ever.
    Stopped(End),
}

/// Who has been told, and who has said so.
#[derive(Debug, Clone)]
pub(super) struct Farewell {
    until: Duration,
    told: BTreeSet<Life>,
    acknowledged: BTreeSet<Life>,
}

impl Node {
    /// Leases are given back; then, where there are voters, that it left is decided; then everybody is told.
    ///
    /// A voter only says farewell: it stays one until it is replaced, so that a restart does not cost the cluster a voter.
    pub(super) fn begin_leave(&mut self) {
        let until = self.now.boot + self.config.leave_timeout;
        let votes = |view: &View| view.electorate.vouches(&self.identity.storage);
        let follows = self.quorum.view().is_some_and(|view| !votes(view));
        self.quorum.leave(follows);
        self.drain_quorum();
        if !self.quorum.owes_nothing() {
            self.phase = Phase::Departing { until };
        } else {
            self.bid_farewell();
        }
    }

    /// A view has been stored: perhaps the one that has this node leave.
    pub(super) fn on_left_decided(&mut self, view: &View) {
        let (id, incarnation) = (&self.identity.id, self.identity.incarnation);
        let over = view.is_gone(id, incarnation) || self.quorum.owes_nothing();
        if matches!(self.phase, Phase::Departing { .. }) && over {
            self.bid_farewell();
        }
    }

    /// Nobody has decided anything for too long: leaves all the same.
    pub(super) fn tire_of_departing(&mut self, now: Duration) {
        if matches!(self.phase, Phase::Departing { until } if now >= until) {
            self.bid_farewell();
        }
    }

    fn bid_farewell(&mut self) {
        let now = self.now.boot;
        self.rewrite_left();
        // Those out of reach too: a farewell that only a few know may be forgotten with them.
        let told = self.peers.iter().filter(|p| p.neighbour).map(|p| p.life).collect();
        let until = now + self.config.leave_timeout;
        self.phase = Phase::Leaving(Farewell { until, told, acknowledged: BTreeSet::new() });
        self.say_farewell(now);
    }

    /// The last record this incarnation writes. The member table takes no farewell of its own node: it stays there,
    /// so that it can be sent.
    fn rewrite_left(&mut self) {
        let mut record = super::Record::clone(self.record());
        record.status = Status::Left;
        record.metadata = Default::default();
        record.version = record.version.next();
        self.farewell = Some(record.into());
        self.changed();
    }

    /// Tells those who have not acknowledged yet; stops when a majority has, or when it has taken too long.
    pub(super) fn say_farewell(&mut self, now: Duration) {
        let (Phase::Leaving(farewell), Some(record)) = (&self.phase, self.farewell.clone()) else { return };
        let (acknowledged, told) = (farewell.acknowledged.len(), farewell.told.len());
        // Together with this node itself those who know are then more than half.
        if acknowledged * 2 >= told || now >= farewell.until {
            self.events.push(Event::LeaveDone { acknowledged, told });
            self.stop(End::Left { acknowledged, told });
            return;
        }
        let waiting = |life: &Life| !farewell.acknowledged.contains(life);
        let to: Vec<_> =
            self.peers.iter().filter(|p| waiting(&p.life)).map(|p| (p.addr, p.life.tag())).collect();
        for (addr, tag) in to {
            self.send(addr, tag, &Head::Leave, &[Item::Record(record.clone())]);
        }
    }

    pub(super) fn on_leave_ack(&mut self, frame: &Frame, version: Version) {
        let current = self.farewell.as_ref().is_some_and(|record| record.version == version);
        let Phase::Leaving(farewell) = &mut self.phase else { return };
        if current && farewell.told.contains(&frame.from) {
            farewell.acknowledged.insert(frame.from);
        }
    }

    /// Somebody leaves.
    pub(super) fn on_leave(&mut self, from: SocketAddr, frame: &Frame, items: &[Item]) {
        let [Item::Record(record)] = items else {
            self.counters.senseless += 1;
            return;
        };
        if record.status != Status::Left || record.identity.life() != frame.from {
            self.counters.senseless += 1;
            return;
        }
        self.learn_record(record, true);
        let version = record.version;
        self.send(from, frame.from.tag(), &Head::LeaveAck { version }, &[]);
    }
}
