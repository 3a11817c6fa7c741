//! This node's own leases: asking for them, holding them, losing them, giving them back.
//!
//! A lease is two things: an entry in the view, which only a release, a death or a farewell removes, and a handle in this
//! process, which ends at the first moment no majority vouches for the node, and never revives (T1).

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::message::{Denial, Message, Names, Recipient, Wish};
use super::view::{Epoch, Grant, LEASES_MAX, LeaseName, View, Voters, VouchFor};
use super::{Quorum, Register, Standing};
use crate::core::event::Event;

/// What has become of a lease of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// A view grants it, and this node is in quorum: the handle is alive.
    Granted,
    /// It runs out soon unless a majority is heard again.
    Endangered {
        /// In how long.
        remaining: Duration,
    },
    /// The handle has run out. The lease is given back as soon as somebody listens.
    Expired,
    /// A view says that it is this node's no more.
    Lost,
    /// It was given back, and that has been decided. Also said of a grant that came when nobody vouched for this node any more: it
    /// was never [`Granted`](Self::Granted), and the lease is asked for anew.
    Released,
    /// It was asked for in vain.
    Denied(Denial),
}

/// What this node wants with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// To be granted it, by this request.
    Grant {
        /// The request's number.
        request: u64,
    },
    /// To go on holding it.
    Held {
        /// Its token.
        token: Epoch,
    },
    /// To give it back: the handle is dead.
    Return {
        /// Its token.
        token: Epoch,
        /// Whether to ask for it anew afterwards.
        again: bool,
    },
}

/// One request on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Errand {
    number: u64,
    wish: Wish,
    /// The voters when it was asked for.
    voters: Option<Voters>,
}

/// All that this node wants of the voters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Leases {
    wanted: BTreeMap<LeaseName, Wanted>,
    /// A farewell or a change of voters under way.
    errand: Option<Errand>,
    next_number: u64,
    /// When to ask again.
    due: Option<Duration>,
    /// How many voters have been asked in vain, and since when the next one is.
    tries: usize,
    turn: Option<Duration>,
}

impl Leases {
    /// Requests are numbered from anywhere: a denial meant for a former life is none of this one's.
    pub(super) fn new(first_number: u64) -> Self {
        Self { next_number: first_number, ..Self::default() }
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Nothing has to be asked for: the next request begins with the first voter, where all are together.
    fn first_voter_again(&mut self) {
        (self.tries, self.turn) = (0, None);
    }

    /// How many voters have been asked in vain: each has a turn of this length.
    fn tries_at(&mut self, now: Duration, turn: Duration) -> usize {
        if *self.turn.get_or_insert(now) + turn <= now {
            self.tries += 1;
            self.turn = Some(now);
        }
        self.tries
    }

    fn number(&mut self) -> u64 {
        self.next_number = self.next_number.wrapping_add(1);
        self.next_number
    }
}

/// Commands.
impl<R: Register> Quorum<R> {
    /// Asks for a lease, until it is granted or [`release`](Self::release) is called. One that is being given back is asked
    /// for anew after that. False if it is held or asked for already, or if there are too many.
    pub fn acquire(&mut self, lease: &LeaseName) -> bool {
        let full = self.leases.wanted.len() >= LEASES_MAX;
        match self.leases.wanted.get_mut(lease) {
            Some(Wanted::Return { again, .. }) => !std::mem::replace(again, true),
            Some(Wanted::Grant { .. } | Wanted::Held { .. }) => false,
            None if full => false,
            None => {
                self.want(lease.clone());
                self.pursue_soon();
                true
            }
        }
    }

    fn want(&mut self, lease: LeaseName) {
        let request = self.leases.number();
        self.leases.wanted.insert(lease, Wanted::Grant { request });
    }

    /// Gives a lease back, or stops asking for it. The handle is dead before anybody is told. False if there was none.
    pub fn release(&mut self, lease: &LeaseName) -> bool {
        match self.leases.wanted.get_mut(lease) {
            Some(Wanted::Grant { .. }) => {
                // Should it be granted after all, the grant is no pending one, and is given back at once.
                self.leases.wanted.remove(lease);
                true
            }
            Some(Wanted::Held { token }) => {
                let token = *token;
                self.leases.wanted.insert(lease.clone(), Wanted::Return { token, again: false });
                self.pursue_soon();
                true
            }
            Some(Wanted::Return { again, .. }) => std::mem::take(again),
            None => false,
        }
    }

    /// Gives everything back and, if `on_record`, asks the voters to put down that this node has left. All its handles
    /// are dead first.
    pub fn leave(&mut self, on_record: bool) {
        for lease in self.leases.wanted.keys().cloned().collect::<Vec<_>>() {
            self.release(&lease);
        }
        // Whatever else it wants is not waited for.
        self.leases.errand = None;
        if on_record {
            self.go_for(Wish::Leave);
        }
    }

    /// Asks for other voters.
    pub fn change_voters(&mut self, voters: Names) {
        self.go_for(Wish::Change { voters, since: Epoch::GENESIS });
    }

    /// Asks that vouchers be good for so long from now on. False, and nothing is asked, if this node's settings do not allow that
    /// length; voters whose settings do not allow it do not propose it. No node asks for it by itself.
    pub fn set_vouch(&mut self, length: VouchFor) -> bool {
        let allowed = self.settings.allows(length);
        if allowed {
            self.go_for(Wish::SetVouch { length });
        }
        allowed
    }

    /// Asks that a seal be taken back before the voters tire of it. No node asks for it by itself.
    pub fn unseal(&mut self) {
        self.go_for(Wish::Unseal { since: Epoch::GENESIS });
    }

    fn go_for(&mut self, wish: Wish) {
        let voters = self.view().map(|view| view.electorate.voters.clone());
        let number = self.leases.number();
        self.leases.errand = Some(Errand { number, wish, voters });
        self.pursue_soon();
    }

    /// The token of a lease whose handle is alive now; good until [`lease_until`](Self::lease_until).
    pub fn holds(&self, lease: &LeaseName) -> Option<Epoch> {
        match self.leases.wanted.get(lease) {
            Some(Wanted::Held { token }) if self.standing() == Standing::InQuorum => Some(*token),
            _ => None,
        }
    }

    /// All that is held, wanted, or being given back.
    pub fn leases(&self) -> impl Iterator<Item = (&LeaseName, Wanted)> {
        self.leases.wanted.iter().map(|(lease, wanted)| (lease, *wanted))
    }

    /// Whether everything that was given back has arrived.
    pub fn owes_nothing(&self) -> bool {
        self.leases.wanted.is_empty() && self.leases.errand.is_none()
    }

    /// Asks for what is wanted at the next opportunity.
    pub(super) fn pursue_at_once(&mut self) {
        self.leases.due = Some(self.now.boot);
    }

    /// Whether this node needs to be vouched for.
    pub fn wants_vouchers(&self) -> bool {
        !self.leases.wanted.is_empty()
    }

    fn pursue_soon(&mut self) {
        self.pursue_at_once();
        self.pursue_leases();
    }
}

/// What views and time do to them.
impl<R: Register> Quorum<R> {
    fn lease_event(&mut self, lease: &LeaseName, token: Option<Epoch>, state: LeaseState) {
        self.say(Event::Lease { lease: lease.clone(), token, state });
    }

    /// No majority vouches any more: all handles are dead, for ever.
    pub(super) fn expire_leases(&mut self) {
        let held: Vec<(LeaseName, Epoch)> = self.held().collect();
        for (lease, token) in held {
            self.leases.wanted.insert(lease.clone(), Wanted::Return { token, again: false });
            self.lease_event(&lease, Some(token), LeaseState::Expired);
        }
        self.leases.due = Some(self.now.boot);
    }

    pub(super) fn warn_leases(&mut self, remaining: Duration) {
        let held: Vec<(LeaseName, Epoch)> = self.held().collect();
        for (lease, token) in held {
            self.lease_event(&lease, Some(token), LeaseState::Endangered { remaining });
        }
    }

    fn held(&self) -> impl Iterator<Item = (LeaseName, Epoch)> {
        self.leases.wanted.iter().filter_map(|(lease, wanted)| match wanted {
            Wanted::Held { token } => Some((lease.clone(), *token)),
            _ => None,
        })
    }

    /// A view has been stored: grants arrive, leases are lost, returns are done.
    pub(super) fn settle_leases(&mut self, view: &View) {
        let own = self.identity.clone();
        let owned = |grant: &&Grant| grant.owner == own;
        let granted: Vec<(LeaseName, Grant)> = view
            .leases
            .iter()
            .filter(|(_, grant)| grant.owner == own)
            .map(|(lease, grant)| (lease.clone(), grant.clone()))
            .collect();
        for (lease, grant) in granted {
            self.settle_grant(lease, &grant);
        }
        let token_in = |lease: &LeaseName| view.leases.get(lease).filter(owned).map(|grant| grant.token);
        let over: Vec<(LeaseName, Wanted)> = self
            .leases
            .wanted
            .iter()
            .filter(|(lease, wanted)| match wanted {
                Wanted::Grant { .. } => false,
                Wanted::Held { token } | Wanted::Return { token, .. } => token_in(lease) != Some(*token),
            })
            .map(|(lease, wanted)| (lease.clone(), *wanted))
            .collect();
        for (lease, wanted) in over {
            self.leases.wanted.remove(&lease);
            match wanted {
                Wanted::Held { token } => self.lease_event(&lease, Some(token), LeaseState::Lost),
                Wanted::Return { token, again } => {
                    self.lease_event(&lease, Some(token), LeaseState::Released);
                    if again {
                        self.want(lease);
                    }
                }
                Wanted::Grant { .. } => {}
            }
        }
        if self.errand_is_done(view) {
            self.leases.errand = None;
        }
        if self.owes_nothing() {
            self.leases.first_voter_again();
        } else {
            // What was in the way may be gone. The turn of the voter that is asked goes on: others' decisions must not bring
            // it back again and again to one that is out of reach (L3).
            self.pursue_at_once();
        }
    }

    /// The view has a lease for this process: the one asked for, or one to be given back at once.
    fn settle_grant(&mut self, lease: LeaseName, grant: &Grant) {
        match self.leases.wanted.get(&lease) {
            Some(Wanted::Grant { request }) if *request == grant.request => {
                if self.standing() == Standing::InQuorum {
                    self.leases.wanted.insert(lease.clone(), Wanted::Held { token: grant.token });
                    self.lease_event(&lease, Some(grant.token), LeaseState::Granted);
                } else {
                    // It came too late to be used, and is still wanted.
                    self.leases.wanted.insert(lease, Wanted::Return { token: grant.token, again: true });
                }
            }
            Some(Wanted::Held { token } | Wanted::Return { token, .. }) if *token == grant.token => {}
            before => {
                // One of an earlier request: what is asked for now is asked for again.
                let again = matches!(before, Some(Wanted::Grant { .. } | Wanted::Return { again: true, .. }));
                let unwanted = Wanted::Return { token: grant.token, again };
                self.leases.wanted.insert(lease, unwanted);
            }
        }
    }

    fn errand_is_done(&self, view: &View) -> bool {
        let Some(errand) = &self.leases.errand else { return false };
        match &errand.wish {
            Wish::Leave => view.is_gone(&self.identity.id, self.identity.incarnation),
            Wish::SetVouch { length } => view.vouch_for == *length,
            Wish::Unseal { .. } => view.electorate.next.is_none(),
            Wish::Change { voters, .. } => {
                let names: Vec<_> = view.electorate.voters.iter().map(|(_, name)| name).collect();
                // The same names may stand for other disks; a seal that was taken back has changed neither.
                errand.voters.as_ref() != Some(&view.electorate.voters)
                    && view.electorate.next.is_none()
                    && names.len() == voters.len()
                    && names.iter().all(|name| voters.contains(name))
            }
            Wish::Acquire { .. } | Wish::Release { .. } => false,
        }
    }

    /// Asks a voter for everything that is wanted and can be had, when it is time to.
    pub(super) fn pursue_leases(&mut self) {
        let now = self.now.boot;
        if self.leases.due.is_none_or(|due| due > now) {
            return;
        }
        self.leases.due = None;
        let Some(view) = self.view().cloned() else {
            if !self.leases.wanted.is_empty() || self.leases.errand.is_some() {
                self.leases.due = Some(now + 2 * self.settings.ballot_timeout);
            }
            return;
        };
        let errands = self.errands(&view);
        if errands.is_empty() {
            self.leases.first_voter_again();
            return;
        }
        if self.standing() == Standing::Evicted {
            return;
        }
        let turn = 2 * self.settings.ballot_timeout;
        self.leases.due = Some(now + turn);
        let tries = self.leases.tries_at(now, turn);
        let voters = &view.electorate.voters;
        let Some((&voter, _)) = voters.iter().nth(tries % voters.len().max(1)) else { return };
        for Errand { number, wish, .. } in errands {
            let message = Message::Request { owner: self.identity.clone(), number, wish };
            self.send(Recipient::Voter(voter), message);
        }
    }

    fn errands(&self, view: &View) -> Vec<Errand> {
        let in_quorum = self.standing() == Standing::InQuorum;
        let mut errands: Vec<Errand> = Vec::new();
        for (lease, wanted) in &self.leases.wanted {
            match *wanted {
                // Asked for once it is free, and can be used: a grant that comes while no majority vouches is lost.
                Wanted::Grant { request } if in_quorum && !view.leases.contains(lease) => {
                    let wish = Wish::Acquire { lease: lease.clone() };
                    errands.push(Errand { number: request, wish, voters: None });
                }
                Wanted::Return { token, .. } => {
                    let wish = Wish::Release { lease: lease.clone(), token };
                    errands.push(Errand { number: 0, wish, voters: None });
                }
                Wanted::Grant { .. } | Wanted::Held { .. } => {}
            }
        }
        // Dated each time it is asked for: the wish outlives what it was about at first.
        let dated = |errand: Errand| Errand { wish: errand.wish.dated(view.electorate.since), ..errand };
        errands.extend(self.leases.errand.clone().map(dated));
        errands
    }

    pub(super) fn on_denied(&mut self, number: u64, reason: Denial) {
        let refused = |wanted: &Wanted| matches!(wanted, Wanted::Grant { request } if *request == number);
        let lease = self.leases.wanted.iter().find(|(_, w)| refused(w)).map(|(lease, _)| lease.clone());
        if let Some(lease) = lease {
            self.leases.wanted.remove(&lease);
            self.lease_event(&lease, None, LeaseState::Denied(reason));
        }
        if self.leases.errand.as_ref().is_some_and(|errand| errand.number == number) {
            self.leases.errand = None;
            self.say(Event::RequestDenied { reason });
        }
    }
}

impl Leases {
    /// Hashes what is wanted, and how.
    pub(super) fn gist(&self, into: &mut impl Hasher) {
        (&self.wanted, &self.errand, self.next_number).hash(into);
    }
}
