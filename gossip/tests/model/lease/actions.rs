//! What can happen next, and what comes of it.

use gossip::core::quorum::{Delta, Epoch, Moment};
use stateright::{Model, Property};

use super::actors::Leases;
use super::mutants::Mutant;
use super::state::{Parcel, State};

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// All clocks go on.
    Tick,
    /// Something is decided.
    Decide(Delta),
    /// What this voter has proposed is decided.
    Grant(u8),
    /// This host hears of the next view.
    Learn(u8),
    /// What this voter has begun to write is on the disk.
    Written(u8),
    /// This voter starts again: from the last write that ended, or the one under way.
    Restart(u8, bool),
    /// A voter hears a heartbeat of a holder that was sent so many ticks ago.
    Hear(u8, u8, u32),
    /// A voucher arrives.
    Count(Parcel),
    /// A voter's heartbeat to itself.
    HearSelf(u8),
    /// The first holder looks at its lease.
    Look,
    /// It uses what it looked at.
    UseLookedAt,
    /// Another is granted the lease, and uses it.
    GrantNext,
}

impl Model for Leases {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        self.possible(state, actions);
        for (host, it) in (0_u8..).zip(&state.hosts) {
            let writing = it.quorum.writing().is_some();
            if !writing && it.epoch() < state.tip().view.epoch {
                actions.push(Action::Learn(host));
            }
            if writing {
                actions.push(Action::Written(host));
            }
            if !self.is_voter(host) {
                continue;
            }
            if it.quorum.register().0.is_some() && it.epoch() == state.tip().view.epoch {
                actions.push(Action::Grant(host));
            }
            if state.restarted < self.scope.restarts && !self.is_holder(host) {
                actions.push(Action::Restart(host, false));
                if writing && it.lost.is_none() {
                    actions.push(Action::Restart(host, true));
                }
            }
            if self.is_holder(host) {
                actions.push(Action::HearSelf(host));
            }
            for holder in (0..state.hosts.len() as u8).filter(|&h| h != host && self.is_holder(h)) {
                actions.extend((0..self.ages(holder)).map(|age| Action::Hear(host, holder, age)));
            }
        }
        actions.extend(state.parcels.iter().map(|&parcel| Action::Count(parcel)));
        if self.scope.resource {
            actions.extend([Action::Look, Action::UseLookedAt, Action::GrantNext]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        match action {
            Action::Tick => self.tick(s),
            Action::Decide(delta) => self.decide(s, &delta)?,
            Action::Grant(host) => {
                let delta = s.hosts[usize::from(host)].quorum.register().0.clone()?;
                self.decide(s, &delta)?;
            }
            Action::Learn(host) => self.learn(s, host)?,
            Action::Written(host) => self.written(s, host),
            Action::Restart(host, newest) => self.restart(s, host, newest)?,
            Action::Hear(voter, holder, age) => self.hear(s, voter, holder, age)?,
            Action::Count(parcel) => self.count(s, parcel),
            Action::HearSelf(host) => {
                let it = &s.hosts[usize::from(host)];
                let (now, own) = (Moment::from(it.now), self.identity(host).storage);
                if self.scope.mutant == Some(Mutant::SelfUnrecorded) {
                    let view = it.quorum.view()?.clone();
                    self.act(s, host, |quorum| {
                        quorum.handle_voucher(own, Epoch::GENESIS, view.vouch_for, now);
                    });
                } else {
                    self.act(s, host, |quorum| quorum.vouch_for_self(now));
                }
            }
            Action::Look => self.look(s)?,
            Action::UseLookedAt => self.use_looked_at(s)?,
            Action::GrantNext => self.grant_next(s)?,
        }
        self.spread(s)?;
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.claims()
    }
}
