//! Replacing voters, in two steps: seal, then change.
//!
//! While a view is sealed, leases need majorities of both the old voters and the new. The change follows once a majority of
//! the old ones has stored the seal for longer than any voucher lasts that they gave before, and a majority of the new
//! ones has the view.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::clock::Moment;
use super::delta::Delta;
use super::message::{Denial, Message, Names, Recipient};
use super::view::{Epoch, View, Voters, majority};
use super::witness::Witness;
use super::{Quorum, Register};
use crate::core::identity::{NodeId, StorageId};

/// A change of voters, as far as this node has part in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Changing {
    /// When this node stored the seal that is in force, or started.
    sealed_at: Moment,
    /// What voters have said of it: the newest view stored, and the seal they certify.
    heard: BTreeMap<StorageId, (Epoch, Option<Epoch>)>,
    /// When to say one's own word again.
    due: Option<Duration>,
    /// Since when the change, or the end of an attempt, could be proposed.
    ripe: Option<Duration>,
    enlisting: Option<Enlisting>,
}

/// New voters being asked for their disks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Enlisting {
    names: Names,
    found: Voters,
    until: Duration,
    /// Who asked for it, and by which request.
    asker: (Recipient, u64),
}

impl Changing {
    /// A seal that has not led to a change after so many vouchers' lengths is taken back.
    const PATIENCE: u32 = 20;

    pub(super) fn new(start: Moment) -> Self {
        Self { sealed_at: start, heard: BTreeMap::new(), due: None, ripe: None, enlisting: None }
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }
}

/// Asking for a change.
impl<R: Register> Quorum<R> {
    /// As a voter: begins to collect the disks of those who are to be voters.
    pub(super) fn begin_change(&mut self, view: &View, from: Recipient, number: u64, names: &Names) {
        if names.is_empty() {
            self.send(from, Message::Denied { number, reason: Denial::Voters });
            return;
        }
        let under_way = self.changing.enlisting.as_ref().is_some_and(|e| e.names == *names);
        if view.electorate.next.is_some() || under_way {
            return;
        }
        let until = self.now.boot + 8 * self.settings.ballot_timeout;
        let (names, found) = (names.clone(), Voters::default());
        let recipients: Vec<Recipient> = names.keys().map(|name| Recipient::Member(name.key())).collect();
        self.changing.enlisting = Some(Enlisting { names, found, until, asker: (from, number) });
        for recipient in recipients {
            self.send(recipient, Message::Enlist);
        }
    }

    /// As one who may become a voter: says who this is. A node without a disk cannot be one.
    pub(super) fn on_enlist(&mut self, sender: Recipient) {
        if self.identity.storage != StorageId::default() && !self.is_broken() {
            let name = self.identity.id.clone();
            self.send(sender, Message::Enlisted { name });
        }
    }

    pub(super) fn on_enlisted(&mut self, storage: StorageId, name: &NodeId) {
        if let Some(enlisting) = &mut self.changing.enlisting
            && enlisting.names.contains(name)
            && storage != StorageId::default()
        {
            // Of two answers for one name the later counts.
            enlisting.found.retain(|_, known| known != name);
            let _ = enlisting.found.insert(storage, name.clone());
        }
    }

    /// The next step of a change, if it is time for one.
    pub(super) fn ripe_change(&mut self, view: &View, witness: &dyn Witness) -> Option<Delta> {
        let now = self.now.boot;
        let Some(next) = &view.electorate.next else {
            self.changing.enlisting = self.changing.enlisting.take().filter(|e| now < e.until);
            let enlisting = self.changing.enlisting.as_mut()?;
            // An answer may be a late copy, from a disk that is lost: what is heard under its name now knows better.
            let outdated = |storage: &StorageId, name: &NodeId| {
                witness.identity(name).is_some_and(|heard| heard.storage != *storage)
            };
            enlisting.found.retain(|storage, name| !outdated(storage, name));
            if enlisting.found.len() < enlisting.names.len() {
                return None;
            }
            let (found, (asker, number)) = (enlisting.found.clone(), enlisting.asker);
            if found != view.electorate.voters {
                return Some(Delta::Seal(found));
            }
            // Whoever asked would go on asking, and undo what others want changed later.
            self.changing.enlisting = None;
            self.send(asker, Message::Denied { number, reason: Denial::Unchanged });
            return None;
        };
        let seal = view.electorate.since;
        let heard = |voter: &StorageId| self.changing.heard.get(voter);
        let certified = |voter: &StorageId| heard(voter).is_some_and(|(_, of)| *of == Some(seal));
        let has_it = |voter: &StorageId| heard(voter).is_some_and(|(epoch, _)| *epoch >= seal);
        let ready = majority(&view.electorate.voters, certified) && majority(next, has_it);
        let tired = self.changing.sealed_at.plus(Changing::PATIENCE * view.vouch_for.get());
        let delta = match () {
            () if ready => Delta::Change,
            () if tired.passed_on_both(self.now.into()) => Delta::Unseal,
            () => return None,
        };
        let since = *self.changing.ripe.get_or_insert(now);
        let patience = self.patience(self.rank(view, witness));
        (now >= since + patience).then_some(delta)
    }
}

/// Waiting for old vouchers to run out.
impl<R: Register> Quorum<R> {
    /// Another view has been stored.
    pub(super) fn on_electorate(&mut self, before: Option<&View>, view: &View) {
        if before.map(|before| before.electorate.since) != Some(view.electorate.since) {
            self.changing = Changing::new(self.now.into());
            self.changing.due = view.electorate.next.is_some().then_some(self.now.boot);
        }
    }

    /// Whether this voter stored the seal so long ago that all vouchers of before have run out.
    fn seal_certified(&self, view: &View) -> Option<Epoch> {
        let longest = self.journal.stored().vouch_for_max.map_or(view.vouch_for.get(), super::VouchFor::get);
        let over = self.changing.sealed_at.plus(longest).passed_on_both(self.now.into());
        (over && view.electorate.votes(&self.identity.storage)).then_some(view.electorate.since)
    }

    /// Tells all voters, old and new, how far this one is.
    pub(super) fn certify_seal(&mut self) {
        let now = self.now.boot;
        let Some(view) = self.view().cloned() else { return };
        let Some(next) = &view.electorate.next else {
            self.changing.due = None;
            return;
        };
        let own = self.identity.storage;
        if !view.electorate.vouches(&own) || self.is_broken() {
            self.changing.due = None;
            return;
        }
        if self.changing.due.is_some_and(|due| now < due) {
            return;
        }
        self.changing.due = Some(now + 2 * self.settings.interval);
        let message = Message::Sealed { epoch: view.epoch, certified: self.seal_certified(&view) };
        let mut all: Vec<StorageId> = view.electorate.voters.keys().chain(next.keys()).copied().collect();
        all.sort_unstable();
        all.dedup();
        for voter in all {
            self.send(Recipient::Voter(voter), message.clone());
        }
    }

    pub(super) fn on_sealed(&mut self, from: StorageId, epoch: Epoch, certified: Option<Epoch>) {
        let Some(view) = self.view() else { return };
        if view.electorate.next.is_some() && view.electorate.vouches(&from) {
            // Of two words the newer counts, whichever comes last.
            let known = self.changing.heard.entry(from).or_insert((epoch, certified));
            *known = (epoch, certified).max(*known);
        }
    }
}

impl Changing {
    /// Hashes how much longer a seal must be stored, and what has been heard of it.
    pub(super) fn gist(&self, now: Moment, longest: Duration, into: &mut impl Hasher) {
        let until = self.sealed_at.plus(longest);
        (!until.passed_on_both(now)).then(|| until.left(now)).hash(into);
        self.heard.hash(into);
    }
}
