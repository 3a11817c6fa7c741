//! What one state of the model is: voters with their disks, what is on its way between them, and what has been decided.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gossip::core::quorum::{Delta, Durable, Envelope, Quorum, View};
use gossip::core::register::{Ballot, Paxos};

use super::names::VOTERS;
use crate::machines::explore::key;

/// What is on a disk, and what is on its way there.
pub type Disk = (Arc<Durable>, Arc<Durable>);

#[derive(Clone)]
pub struct Host {
    pub quorum: Arc<Quorum<Paxos>>,
    /// Its disk, where that is not what the voter takes it to be.
    pub disk: Option<Disk>,
    pub incarnation: u64,
    pub storage: u8,
    pub key: u64,
}

impl Host {
    pub fn of(quorum: Quorum<Paxos>, incarnation: u64, storage: u8) -> Self {
        Self::on(None, quorum, incarnation, storage)
    }

    pub fn on(disk: Option<Disk>, quorum: Quorum<Paxos>, incarnation: u64, storage: u8) -> Self {
        let key = key(|into| {
            quorum.gist(into);
            disk.iter().for_each(|(has, newest)| (&has.ballots, &newest.ballots).hash(into));
            disk.iter().for_each(|(has, newest)| (has.view == newest.view).hash(into));
        });
        Self { quorum: Arc::new(quorum), disk, incarnation, storage, key }
    }

    pub fn is_writing(&self) -> bool {
        self.quorum.writing().is_some() || self.disk.as_ref().is_some_and(|(has, newest)| has != newest)
    }

    /// Whether its disk has a view, or has accepted the step to it.
    pub fn keeps(&self, view: &View) -> bool {
        let disk = self.disk.as_ref().map_or(self.quorum.stored(), |(has, _)| has);
        let Some(stored) = &disk.view else { return false };
        let accepted = disk.ballots.accepted.as_ref().and_then(|(_, delta)| stored.after(delta).ok());
        stored.epoch >= view.epoch || accepted.is_some_and(|next| *next == *view)
    }
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub from: u8,
    pub to: u8,
    pub envelope: Envelope,
    pub key: u64,
}

#[derive(Clone)]
pub struct State {
    pub hosts: Vec<Host>,
    /// Sorted by key.
    pub net: Vec<Arc<Packet>>,
    pub crashes: u8,
    pub wiped: bool,
    /// For each epoch the fingerprint of the view that somebody has stored.
    pub decided: Vec<u64>,
    pub split: bool,
    /// Whether a view was stored that no majority had on its disks.
    pub hollow: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for host in &self.hosts {
            host.key.hash(into);
        }
        for packet in &self.net {
            packet.key.hash(into);
        }
        (self.crashes, self.wiped, &self.decided, self.split, self.hollow).hash(into);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.decided, self.net)
    }
}

impl State {
    /// Whether a majority has a view on its disks. What was on one that was lost nobody knows.
    pub fn is_kept(&self, view: &View) -> bool {
        let lost = |storage: u8| self.wiped && storage > VOTERS;
        let keeps = |host: &&Host| lost(host.storage) || host.keeps(view);
        2 * self.hosts.iter().filter(keeps).count() > usize::from(VOTERS)
    }

    /// Whether what a majority has accepted in one ballot, and thereby chosen, is what was stored.
    pub fn keeps_what_is_chosen(&self) -> bool {
        let accepted = |host: &Host| {
            let Durable { view, ballots, .. } = host.quorum.stored();
            Some((view.clone()?, ballots.accepted.clone()?))
        };
        let all: Vec<(Arc<View>, (Ballot, Delta))> = self.hosts.iter().filter_map(accepted).collect();
        all.iter().all(|it| {
            let chosen = 2 * all.iter().filter(|other| *other == it).count() > usize::from(VOTERS);
            let (view, (_, delta)) = it;
            let stored = self.decided.get(view.epoch.get() as usize);
            !chosen
                || stored
                    .is_none_or(|stored| view.after(delta).is_ok_and(|next| View::hash(&next) == *stored))
        })
    }
}
