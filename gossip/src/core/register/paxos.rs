//! The embedded engine: the proposer's half of single-decree Paxos, and how it is driven.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Ballot, Desk, Register, RegisterMessage, Round};
use crate::core::identity::StorageId;
use crate::core::quorum::{Delta, majority};

/// One voter's engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Paxos {
    timeout: Duration,
    phase: Phase,
    /// The highest round seen.
    round: Round,
    /// Ballots lost in a row: each doubles the back-off.
    lost: u32,
    /// How often this phase's question may still be repeated.
    repeats: u32,
    /// No ballot of one's own before this.
    not_before: Duration,
    /// When to act: a ballot has taken too long, or an accepted value was never seen decided.
    due: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Preparing {
        ballot: Ballot,
        /// What to propose if nothing was accepted before; none when only finishing what another began.
        wish: Option<Delta>,
        promises: BTreeMap<StorageId, Option<(Ballot, Delta)>>,
    },
    Accepting {
        ballot: Ballot,
        value: Delta,
        accepted: BTreeSet<StorageId>,
    },
}

impl Paxos {
    /// An engine that gives a ballot this long.
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            phase: Phase::Idle,
            round: Round::default(),
            lost: 0,
            repeats: 0,
            not_before: Duration::ZERO,
            due: None,
        }
    }

    /// How often a question is put before a ballot is given up: a lost datagram costs a part of the time only.
    const TRIES: u32 = 3;

    fn begin(&mut self, desk: &mut Desk<'_>, wish: Option<Delta>) {
        let Some(round) = self.highest(desk).next() else { return };
        self.round = round;
        let ballot = Ballot { round: self.round, proposer: desk.own, incarnation: desk.incarnation };
        self.phase = Phase::Preparing { ballot, wish, promises: BTreeMap::new() };
        self.repeats = Self::TRIES - 1;
        self.ask(desk);
    }

    /// Puts this phase's question to those who have not answered it.
    fn ask(&mut self, desk: &mut Desk<'_>) {
        self.due = Some(desk.now + self.timeout / Self::TRIES);
        match &self.phase {
            Phase::Idle => {}
            Phase::Preparing { ballot, promises, .. } => {
                let question = RegisterMessage::Prepare { ballot: *ballot };
                desk.send_all(&question, |voter| !promises.contains_key(voter));
            }
            Phase::Accepting { ballot, value, accepted } => {
                let question = RegisterMessage::Accept { ballot: *ballot, delta: value.clone() };
                desk.send_all(&question, |voter| !accepted.contains(voter));
            }
        }
    }

    /// A majority has promised: proposes what must be, or may be.
    fn on_promise(
        &mut self,
        desk: &mut Desk<'_>,
        from: StorageId,
        of: Ballot,
        before: Option<&(Ballot, Delta)>,
    ) {
        let Phase::Preparing { ballot, wish, promises } = &mut self.phase else { return };
        if of != *ballot {
            return;
        }
        promises.insert(from, before.cloned());
        if !majority(&desk.view.electorate.voters, |voter| promises.contains_key(voter)) {
            return;
        }
        let ballot = *ballot;
        // A value accepted before may have been chosen: it is proposed as it is.
        let forced = promises.values().flatten().max_by_key(|(accepted_in, _)| *accepted_in);
        let Some(value) = forced.map(|(_, value)| value.clone()).or_else(|| wish.take()) else {
            self.give_up();
            return;
        };
        self.phase = Phase::Accepting { ballot, value, accepted: BTreeSet::new() };
        self.repeats = Self::TRIES - 1;
        self.ask(desk);
    }

    fn on_accepted(&mut self, desk: &Desk<'_>, from: StorageId, of: Ballot) -> Option<Delta> {
        let Phase::Accepting { ballot, value, accepted } = &mut self.phase else { return None };
        if of != *ballot {
            return None;
        }
        accepted.insert(from);
        majority(&desk.view.electorate.voters, |voter| accepted.contains(voter)).then(|| value.clone())
    }

    fn on_beaten(&mut self, desk: &mut Desk<'_>, of: Ballot) {
        let own = match &self.phase {
            Phase::Preparing { ballot, .. } | Phase::Accepting { ballot, .. } => *ballot,
            Phase::Idle => return,
        };
        if of == own {
            self.back_off(desk);
        }
    }

    /// A ballot has failed: waits a while, longer each time, and by chance, so that two who compete do not go on.
    fn back_off(&mut self, desk: &mut Desk<'_>) {
        self.lost = (self.lost + 1).min(6);
        let longest = self.timeout * (1 << self.lost);
        self.not_before = desk.now + longest.mul_f64(0.1 + 0.4 * desk.rng.unit());
        self.give_up();
        self.watch_accepted(desk);
    }

    fn give_up(&mut self) {
        self.phase = Phase::Idle;
        self.due = None;
    }

    /// Whoever has accepted a value sees to it that it is learnt.
    fn watch_accepted(&mut self, desk: &mut Desk<'_>) {
        if desk.journal.ballots().accepted.is_some() && self.due.is_none() {
            let patience = self.timeout.mul_f64(1.0 + desk.rng.unit());
            self.due = Some((desk.now + patience).max(self.not_before));
        }
    }

    /// The highest round that this voter has seen or promised.
    fn highest(&self, desk: &Desk<'_>) -> Round {
        let promised = desk.journal.ballots().promised.map(|promised| promised.round);
        self.round.max(promised.unwrap_or_default())
    }

    fn answer(
        &mut self,
        desk: &mut Desk<'_>,
        to: StorageId,
        act: impl FnOnce(&mut super::Ballots) -> RegisterMessage,
    ) {
        let answer = desk.journal.change_ballots(act);
        desk.send(to, answer);
        self.watch_accepted(desk);
    }
}

impl Register for Paxos {
    fn rebase(&mut self, now: Duration) {
        *self = Self { not_before: now, ..Self::new(self.timeout) };
    }

    fn propose(&mut self, desk: &mut Desk<'_>, delta: Delta) -> Option<Delta> {
        if !self.is_busy(desk.now) {
            self.begin(desk, Some(delta));
        }
        None
    }

    fn handle_message(
        &mut self,
        desk: &mut Desk<'_>,
        from: StorageId,
        message: &RegisterMessage,
    ) -> Option<Delta> {
        if !desk.view.electorate.votes(&from) {
            return None;
        }
        match message {
            RegisterMessage::Prepare { ballot } | RegisterMessage::Accept { ballot, .. }
                if ballot.round.is_absurd_after(self.highest(desk)) =>
            {
                // Nothing is promised; but if that is where others are, it will be the next time.
                self.round = self.highest(desk).towards(ballot.round);
            }
            // What cannot follow is never accepted: all voters judge it by the same view.
            RegisterMessage::Accept { delta, .. } if desk.view.after(delta).is_err() => {}
            RegisterMessage::Prepare { ballot } => {
                self.round = self.round.max(ballot.round);
                self.answer(desk, from, |ballots| ballots.prepare(*ballot));
            }
            RegisterMessage::Accept { ballot, delta } => {
                self.round = self.round.max(ballot.round);
                self.answer(desk, from, |ballots| ballots.accept(*ballot, delta));
            }
            RegisterMessage::Promise { ballot, accepted } => {
                self.on_promise(desk, from, *ballot, accepted.as_ref());
            }
            RegisterMessage::Accepted { ballot } => return self.on_accepted(desk, from, *ballot),
            RegisterMessage::Beaten { ballot, promised } => {
                self.round = self.round.towards(promised.round);
                self.on_beaten(desk, *ballot);
            }
        }
        None
    }

    fn handle_timeout(&mut self, desk: &mut Desk<'_>) -> Option<Delta> {
        if self.phase == Phase::Idle {
            // What a former life accepted, too.
            self.watch_accepted(desk);
        }
        if self.due.is_none_or(|due| due > desk.now) {
            return None;
        }
        self.due = None;
        match self.phase {
            // Accepted, and never heard of again.
            Phase::Idle => {
                let wish = desk.journal.ballots().accepted.clone().map(|(_, delta)| delta);
                self.begin(desk, wish);
            }
            _ if self.repeats > 0 => {
                self.repeats -= 1;
                self.ask(desk);
            }
            _ => self.back_off(desk),
        }
        None
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.due
    }

    fn is_busy(&self, now: Duration) -> bool {
        self.phase != Phase::Idle || now < self.not_before
    }
}
