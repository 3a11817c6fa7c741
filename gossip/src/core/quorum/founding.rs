//! Founding a history: every listed voter has the same list on its disk before anybody votes (I1).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::founders::Founders;
use super::journal::Output;
use super::message::{Envelope, Message, Names, Recipient};
use super::view::{GenesisId, Voters, VouchFor};
use super::witness::Witness;
use super::{Quorum, Register};
use crate::core::event::Event;
use crate::core::identity::{NodeId, StorageId};

/// How far the founding is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Founding {
    /// Who has said that the same list is on its disk.
    agreed: BTreeSet<StorageId>,
    /// When to say one's own word again.
    next: Duration,
    /// Somebody has shown that a history has begun: there is nothing left to found.
    pub(super) begun: bool,
    /// This node has yet to hear from those it was told to call: they may know of a history.
    waits: bool,
    /// If the list on this disk will never be complete: the other one, or its history, that a disk on it is bound to.
    void: Option<GenesisId>,
    /// Whose other list has been reported, and whether with more than its names.
    reported: BTreeMap<StorageId, bool>,
}

impl<R: Register> Quorum<R> {
    /// Founds nothing as long as nobody has been heard who could know of a history.
    pub fn set_waiting(&mut self, waits: bool) {
        self.founding.waits = waits;
    }

    /// While this node is to found a history: puts the list on the disk, and asks the others whether they have.
    pub(super) fn found(&mut self, witness: &dyn Witness) {
        let now = self.now.boot;
        let over = self.journal.newest().view.is_some() || self.is_broken() || self.founding.void.is_some();
        if over || self.settings.founders.is_empty() || now < self.founding.next {
            return;
        }
        self.founding.next = now + 2 * self.settings.interval;
        if self.journal.newest().founders.is_none() {
            let gathered =
                if self.founding.begun || self.founding.waits { None } else { self.gather(witness) };
            let Some(founders) = gathered else { return };
            self.agree(founders);
        }
        self.say_founders(None);
        self.try_open();
    }

    /// The list, once every one of the names has been heard directly, with its disk.
    fn gather(&self, witness: &dyn Witness) -> Option<Founders> {
        let own = &self.identity;
        if own.storage == StorageId::default() || !self.settings.founders.contains(&own.id) {
            return None;
        }
        let mut voters = Voters::default();
        for name in &self.settings.founders {
            let storage = if *name == own.id { own.storage } else { witness.identity(name)?.storage };
            if storage == StorageId::default() || !voters.insert(storage, name.clone()) {
                return None;
            }
        }
        let complete = voters.len() == self.settings.founders.len();
        complete.then_some(Founders { voters, vouch_for: self.settings.vouch_for })
    }

    /// Puts the list on the disk: the only one that this disk will ever agree to.
    fn agree(&mut self, founders: Founders) {
        self.journal.change(|durable| durable.founders = Some(founders));
        self.founding.agreed.clear();
    }

    /// Says which list is on this disk, to all on it or to one who asked.
    fn say_founders(&mut self, to: Option<Recipient>) {
        let Some(founders) = self.journal.newest().founders.clone() else { return };
        // Not with a view of some other history: that has not heard from these founders.
        let genesis = self.journal.newest().view.as_ref().map(|view| view.genesis);
        if genesis.is_some_and(|genesis| genesis != founders.id()) {
            // It was void, and there is nothing to say about it any more.
            return;
        }
        let complete = genesis.is_some();
        let others: Vec<Recipient> = match to {
            Some(to) => vec![to],
            None => founders
                .voters
                .iter()
                .filter(|(storage, _)| **storage != self.identity.storage)
                .map(|(_, name)| Recipient::Member(name.key()))
                .collect(),
        };
        for to in others {
            self.send(to, Message::Founding { founders: founders.clone(), complete });
        }
    }

    /// Notes it if somebody on the list that is on this disk is bound to another list, or to the history of another.
    ///
    /// No disk ever agrees to a second list, so this one can never be complete then; nor could it have been before, as whoever follows
    /// a history of others has agreed to no list, or to one that is void.
    pub(super) fn hear_of_origin(&mut self, from: StorageId, envelope: &Envelope) {
        let Some(ours) = &self.journal.newest().founders else { return };
        let bound_to = match &envelope.message {
            Message::Founding { founders, .. } => founders.id(),
            _ => envelope.genesis,
        };
        if ours.has(&from) && bound_to != ours.id() && bound_to != GenesisId(0) {
            self.founding.void = Some(bound_to);
        }
    }

    /// The history that this node is bound to, if it has agreed to a list: its own, or that of whoever has made it void.
    pub(super) fn promised(&self) -> Option<GenesisId> {
        let founders = self.journal.newest().founders.as_ref()?;
        Some(self.founding.void.unwrap_or_else(|| founders.id()))
    }

    pub(super) fn on_founding(
        &mut self,
        sender: Recipient,
        from: StorageId,
        founders: &Founders,
        complete: bool,
    ) {
        if !founders.has(&from) {
            self.refused += 1;
            return;
        }
        // One that is on its way to the disk counts too.
        if let Some(view) = self.journal.newest().view.clone() {
            // A history has begun. Its founders are told so; whoever means another one is told that.
            if founders.id() != view.genesis {
                self.disagree(sender, from, founders);
            } else if !complete {
                self.say_founders(Some(sender));
            }
            return;
        }
        let known = self.journal.newest().founders.clone();
        let stranger = known.is_none() && (self.is_broken() || !self.is_meant(founders));
        if stranger || known.as_ref().is_some_and(|known| known != founders) {
            self.disagree(sender, from, founders);
            return;
        }
        if known.is_none() {
            if self.founding.begun {
                // Whoever announces it knows nothing of the history that has been shown here. That is to be followed instead.
                return;
            }
            self.agree(founders.clone());
            self.say_founders(Some(sender));
        }
        self.founding.agreed.insert(from);
        if complete {
            // Whoever says so has heard it from all.
            self.founding.agreed.extend(founders.voters.keys().copied());
        }
        self.try_open();
    }

    /// Whether a list is what this node was told, with its own disk in it.
    fn is_meant(&self, founders: &Founders) -> bool {
        let mut told = self.settings.founders.clone();
        let mut names = founders.names();
        told.sort_unstable();
        names.sort_unstable();
        told == names
            && founders.voters.get(&self.identity.storage) == Some(&self.identity.id)
            && founders.vouch_for == self.settings.vouch_for
    }

    /// Everybody has the list: the first view is in force.
    fn try_open(&mut self) {
        let Some(founders) = self.journal.newest().founders.clone() else { return };
        if self.journal.newest().view.is_some() || self.journal.is_broken() || self.founding.void.is_some() {
            return;
        }
        // This node's own agreement counts once it is on the disk.
        let stored = self.journal.stored().founders.as_ref() == Some(&founders);
        let own = self.identity.storage;
        let agreed = |voter: &StorageId| *voter == own && stored || self.founding.agreed.contains(voter);
        if !founders.voters.keys().all(agreed) {
            return;
        }
        let view = std::sync::Arc::new(founders.view());
        self.newest_hash = view.hash();
        let before = self.journal.view().cloned();
        self.journal.change(|durable| {
            durable.vouch_for_max = durable.vouch_for_max.max(Some(view.vouch_for));
            durable.view = Some(view.clone());
        });
        self.outputs
            .push(Output::Adopted { view, before: None, decided_here: false }, self.journal.version());
        self.say_founders(None);
        self.on_stored(before.as_deref());
    }

    /// Tells whoever means another list, and the user, once.
    fn disagree(&mut self, sender: Recipient, from: StorageId, theirs: &Founders) {
        let mut names = Names::default();
        for name in self.own_list().0 {
            let _ = names.insert(name, ());
        }
        self.send(sender, Message::Misfounded { names });
        self.report_list(from, theirs.names(), Some(theirs.vouch_for));
    }

    /// The names that this node is bound to, or else was told, and how long they are to vouch.
    fn own_list(&self) -> (Vec<NodeId>, VouchFor) {
        match &self.journal.newest().founders {
            Some(agreed) => (agreed.names(), agreed.vouch_for),
            None => (self.settings.founders.clone(), self.settings.vouch_for),
        }
    }

    pub(super) fn on_misfounded(&mut self, from: StorageId, names: &Names) {
        if self.view().is_none() {
            self.report_list(from, names.keys().cloned().collect(), None);
        }
    }

    fn report_list(&mut self, from: StorageId, mut theirs: Vec<NodeId>, their_lease: Option<VouchFor>) {
        let (mut ours, our_lease) = self.own_list();
        theirs.sort_unstable();
        ours.sort_unstable();
        // A few are enough to keep one conflict from being reported for ever. Where the names agree, they tell nothing: who has
        // said no more than that is reported again.
        let due = match self.founding.reported.get(&from) {
            None => self.founding.reported.len() < 16,
            Some(whole) => !whole && their_lease.is_some() && theirs == ours,
        };
        if due {
            self.founding.reported.insert(from, their_lease.is_some());
            let (their_lease, our_lease) = (their_lease.map(VouchFor::get), our_lease.get());
            self.say(Event::FoundersDiffer { by: from, theirs, ours, their_lease, our_lease });
        }
    }
}

impl Founding {
    /// Hashes who has agreed.
    pub(super) fn gist(&self, into: &mut impl std::hash::Hasher) {
        std::hash::Hash::hash(&(&self.agreed, self.void), into);
    }
}
