//! What one state of the model is: hosts, what is on its way between them, and the chain of views.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gossip::Now;
use gossip::core::quorum::{Delta, Durable, Epoch, Quorum, Subject, View, VouchFor};

use super::resource::Resource;
use crate::machines::explore::key;
use crate::machines::stubs::Wish;

#[derive(Clone)]
pub struct Host {
    pub quorum: Arc<Quorum<Wish>>,
    /// What a crash leaves, where that is not what the voter believes.
    pub lost: Option<Arc<Durable>>,
    pub now: Now,
    pub key: u64,
}

impl Host {
    pub fn with(&self, act: impl FnOnce(&mut Quorum<Wish>)) -> Self {
        let mut quorum = (*self.quorum).clone();
        act(&mut quorum);
        Self::of(quorum, self.lost.clone(), self.now)
    }

    pub fn of(quorum: Quorum<Wish>, lost: Option<Arc<Durable>>, now: Now) -> Self {
        let key = key(|into| {
            quorum.gist(into);
            lost.hash(into);
        });
        Self { quorum: Arc::new(quorum), lost, now, key }
    }

    pub fn epoch(&self) -> Epoch {
        self.quorum.view().map_or(Epoch::GENESIS, |view| view.epoch)
    }
}

/// A voucher on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parcel {
    pub voter: u8,
    pub holder: u8,
    pub electorate: Epoch,
    pub length: VouchFor,
    /// How long ago the holder sent what it answers, in ticks.
    pub age: u32,
}

/// A message that stays on its way for ever, to whoever it concerns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    Certificate(u8, Subject, Epoch),
    Sealed(u8, Epoch, Option<Epoch>),
}

#[derive(Clone)]
pub struct State {
    pub chain: Vec<Link>,
    pub hosts: Vec<Host>,
    pub parcels: BTreeSet<Parcel>,
    pub said: BTreeSet<Said>,
    /// Who has heard what of it since its last view or start.
    pub told: BTreeSet<(u8, Said)>,
    /// How often a voter has started again, if that is counted.
    pub restarted: u32,
    pub resource: Option<Resource>,
}

#[derive(Clone)]
pub struct Link {
    pub view: Arc<View>,
    pub hash: u64,
    pub delta: Option<Delta>,
}

impl State {
    pub fn tip(&self) -> &Link {
        &self.chain[self.chain.len() - 1]
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for link in &self.chain {
            link.hash.hash(into);
        }
        for host in &self.hosts {
            host.key.hash(into);
        }
        self.parcels.hash(into);
        self.said.hash(into);
        self.told.hash(into);
        self.restarted.hash(into);
        self.resource.hash(into);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: Vec<_> = self.hosts.iter().map(|host| (host.epoch(), host.quorum.standing())).collect();
        write!(f, "{:?} {at:?} {:?} {:?}", self.tip().view, self.parcels, self.said)
    }
}
