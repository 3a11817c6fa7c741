//! How the chain of views grows, how hosts come to know of it, and how a host starts again.

use std::sync::Arc;

use gossip::StorageId;
use gossip::core::quorum::{Delta, Durable, Electorate, Message, Subject, Subjects, View};
use gossip::wire::{Bytes, pack};

use super::actions::Action;
use super::actors::{Leases, SUSPICIOUS};
use super::bounds::ANY;
use super::mutants::Mutant;
use super::names::{length, life, name, voters};
use super::state::{Host, Link, State};

impl Leases {
    fn is_next(&self, tip: &View, delta: &Delta) -> bool {
        let kind = match delta {
            Delta::Suspend(_) => "suspend",
            Delta::Restore(_) => "restore",
            Delta::Evict(_) => "evict",
            Delta::Seal(_) => "seal",
            Delta::Unseal => "unseal",
            Delta::Change => "change",
            Delta::Acquire { .. } => "grant",
            _ => "other",
        };
        let order = self.scope.order;
        order.is_empty() || order.get(tip.epoch.get() as usize) == Some(&kind)
    }

    pub fn decide(&self, state: &mut State, delta: &Delta) -> Option<()> {
        let tip = &state.tip().view;
        if tip.epoch.get() >= self.scope.epochs {
            return None;
        }
        if !self.is_next(tip, delta) {
            return None;
        }
        let mut view = tip.after(delta).ok()?;
        if self.scope.mutant == Some(Mutant::Shrinks) && matches!(delta, Delta::Suspend(_)) {
            let mut shrunk = (*view).clone();
            shrunk.electorate.voters.retain(|_, name| !view.suspended.contains(name));
            if shrunk.electorate.voters.len() != view.electorate.voters.len() {
                shrunk.electorate.since = view.epoch;
                view = Arc::new(shrunk);
            }
        }
        let hash = View::hash(&view);
        state.chain.push(Link { view, hash, delta: Some(delta.clone()) });
        Some(())
    }

    /// Tells a host of the next view: as a step, or as a whole where a mutant has changed it.
    pub fn learn(&self, state: &mut State, host: u8) -> Option<()> {
        let next = state.hosts[usize::from(host)].epoch().next();
        let link = state.chain.get(next.get() as usize)?.clone();
        let (genesis, before) = (link.view.genesis, state.chain[next.get() as usize - 1].hash);
        let one = self.scope.mutant == Some(Mutant::SealedByOne) && self.is_holder(host);
        let whole = one || self.scope.mutant == Some(Mutant::Shrinks);
        let message = if whole {
            let mut view = (*link.view).clone();
            if one {
                view.electorate = Electorate { next: None, ..view.electorate };
            }
            let bytes = pack(&view);
            Message::Snapshot {
                epoch: next,
                hash: View::hash(&view),
                len: bytes.len() as u32,
                at: 0,
                part: Bytes::of(&bytes),
            }
        } else {
            Message::Decided { epoch: next, before, delta: link.delta? }
        };
        let was = state.hosts[usize::from(host)].quorum.view().cloned();
        if self.is_voter(host) && self.scope.mutant == Some(Mutant::VolatileView) {
            let longest = Some(length(self.scope.vouch_for[0]));
            let founders = Some(self.founders.clone());
            let lost = Durable { founders, view: was, vouch_for_max: longest, ..Durable::default() };
            state.hosts[usize::from(host)].lost = Some(Arc::new(lost));
        }
        self.tell(state, host, genesis, StorageId::default(), message);
        self.wake(state, host);
        self.forget(state, host);
        Some(())
    }

    /// The mutant that forgets at each view.
    pub fn forget(&self, state: &mut State, host: u8) {
        let old = &state.hosts[usize::from(host)];
        let stored = old.quorum.writing().is_none();
        if self.scope.mutant == Some(Mutant::ForgetsAtView) && self.is_voter(host) && stored {
            let view = old.quorum.view().cloned();
            let found = Durable { view, ..Durable::default() };
            state.hosts[usize::from(host)] = Host::of(self.start(host, old.now, found), None, old.now);
            state.told.retain(|(told, _)| *told != host);
        }
    }

    /// What this host has begun to write is on the disk.
    pub fn written(&self, state: &mut State, host: u8) {
        let now = state.hosts[usize::from(host)].now;
        self.act(state, host, |quorum| quorum.handle_written(now, &SUSPICIOUS, true));
        self.wake(state, host);
        self.forget(state, host);
    }

    /// What a host does once its timer rings: here at once, after whatever gives it something to do. It opens and closes cases by
    /// the view that it has stored; what is waited for is decided by the clock.
    fn wake(&self, state: &mut State, host: u8) {
        let now = state.hosts[usize::from(host)].now;
        self.act(state, host, |quorum| quorum.handle_timeout(now, &SUSPICIOUS));
    }

    pub fn restart(&self, state: &mut State, host: u8, newest: bool) -> Option<()> {
        let old = &state.hosts[usize::from(host)];
        let mut found = match &old.lost {
            Some(lost) => (**lost).clone(),
            None if newest => old.quorum.writing()?.clone(),
            None => old.quorum.stored().clone(),
        };
        match self.scope.mutant {
            Some(Mutant::CertifiesAtOnce) => found.vouch_for_max = None,
            Some(Mutant::ForgetsLongest) => {
                found.vouch_for_max = found.view.as_ref().map(|view| view.vouch_for);
            }
            Some(Mutant::RolledBack) => found.view = Some(Arc::new(self.founders.view())),
            _ => {}
        }
        if self.scope.restarts < ANY {
            state.restarted += 1;
        }
        let (now, lost) = (old.now, old.lost.clone());
        state.told.retain(|(told, _)| *told != host);
        state.hosts[usize::from(host)] = Host::of(self.start(host, now, found), lost, now);
        self.wake(state, host);
        Some(())
    }

    /// What may be decided without a proposer.
    pub fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let scope = &self.scope;
        let tip = &state.tip().view;
        if tip.epoch.get() >= scope.epochs {
            return;
        }
        let mut deltas = Vec::new();
        for (n, i) in &scope.suspects {
            let mut subjects = Subjects::default();
            assert!(subjects.insert(name(n), life(*i)));
            deltas.push(Delta::Suspend(subjects));
            if scope.restores {
                deltas.push(Delta::Restore(Subject { id: name(n), incarnation: life(*i) }));
            }
        }
        deltas.extend(scope.seals.iter().map(|seal| Delta::Seal(voters(seal))));
        if scope.unseals {
            deltas.push(Delta::Unseal);
        }
        if scope.vouch_for.len() > 1 {
            deltas.extend(scope.vouch_for.iter().map(|&units| Delta::SetVouch(length(units))));
        }
        deltas.extend(self.wish(state));
        if scope.mutant == Some(Mutant::ChangeAtOnce) {
            deltas.push(Delta::Change);
        }
        let good = deltas.into_iter().filter(|delta| self.is_next(tip, delta) && tip.after(delta).is_ok());
        actions.extend(good.map(Action::Decide));
    }
}
