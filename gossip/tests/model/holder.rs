//! Leases from their owners' side (S5, T1–T3): two real holders, of whom no eviction is decided before they are out of quorum.
//!
//! That last rule is what `lease/` shows. Here it is taken for granted, together with the register and the voters: requests
//! that were ever sent are decided at any time, again and again; views are heard late; a majority vouches for whoever is
//! not suspended, or does not. A holder may be stopped between looking at its handle and using what it stands for, for as
//! long as it likes. The resource has a real gate.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fencing_gate::{FencingGate, Token};
use gossip::core::quorum::{
    Delta, Durable, Envelope, Epoch, Founders, Message, Moment, Output, Quorum, Recipient, Settings,
    Standing, Start, Subjects, View, Voters, VouchFor, Wanted, Wish,
};
use gossip::core::register::Paxos;
use gossip::wire::Key;
use gossip::{BootId, Identity, Incarnation, NodeId, Now, StorageId};
use stateright::{Model, Property};

use super::explore::{caught, full, holds, key};
use super::stubs::NOTHING;

const LEASE: &str = "lease";
const HOLDERS: u8 = 2;
const TICK: Duration = Duration::from_millis(50);

fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

fn voter() -> StorageId {
    StorageId([1; 16])
}

fn identity(host: u8) -> Identity {
    let (storage, incarnation) = (StorageId::default(), Incarnation::FIRST);
    Identity { id: name(&format!("h{host}")), storage, incarnation, boot: BootId([host; 16]) }
}

#[derive(Clone)]
struct Host {
    quorum: Arc<Quorum<Paxos>>,
    now: Now,
    /// What it is about to use.
    pending: Option<Epoch>,
    /// How often it has asked.
    asked: u8,
    key: u64,
}

#[derive(Clone)]
struct State {
    chain: Vec<(Arc<View>, u64, Option<Delta>)>,
    hosts: Vec<Host>,
    requests: BTreeSet<(u8, u64, Key, Option<Epoch>)>,
    gate: FencingGate,
    /// The tokens with which the resource was used, and whether one came after a higher one.
    used: Option<Epoch>,
    overtaken: bool,
}

impl State {
    fn tip(&self) -> &View {
        &self.chain[self.chain.len() - 1].0
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for (_, hash, _) in &self.chain {
            hash.hash(into);
        }
        for host in &self.hosts {
            (host.key, host.pending, host.asked).hash(into);
        }
        self.requests.hash(into);
        (self.used, self.overtaken).hash(into);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<_> = self.hosts.iter().map(|host| host.quorum.holds(&name(LEASE))).collect();
        write!(f, "{:?} {held:?} {:?}", self.tip(), self.used)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Action {
    Tick,
    Acquire(u8),
    Release(u8),
    /// A majority vouches for it.
    Vouch(u8),
    /// A request is decided: of whom, which, and for a release the token.
    Decide(u8, u64, Option<Epoch>),
    Suspend(u8),
    Evict(u8),
    Learn(u8),
    /// Looks at its handle.
    Check(u8),
    /// Uses what it looked at.
    Use(u8),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mutant {
    /// The resource lets everybody in.
    NoGate,
    /// A handle that ran out revives with the next voucher.
    Revives,
}

#[derive(Debug)]
struct Holders {
    epochs: u64,
    /// How often each holder asks.
    asks: u8,
    mutant: Option<Mutant>,
}

impl Holders {
    fn founders() -> Founders {
        let mut voters = Voters::default();
        assert!(voters.insert(voter(), name("v")));
        Founders { voters, vouch_for: VouchFor::clamped(VouchFor::MIN) }
    }

    fn act(state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Paxos>, Now)) {
        let it = &mut state.hosts[usize::from(host)];
        let mut quorum = (*it.quorum).clone();
        act(&mut quorum, it.now);
        while let Some(output) = quorum.poll_output() {
            if let Output::Send { message: Message::Request { number, wish, .. }, .. } = output {
                let token = match wish {
                    Wish::Release { token, .. } => Some(token),
                    _ => None,
                };
                state.requests.insert((host, number, name(LEASE).key(), token));
            }
        }
        it.key = key(|into| quorum.gist(into));
        it.quorum = Arc::new(quorum);
    }

    fn decide(&self, state: &mut State, delta: Delta) -> Option<()> {
        if state.tip().epoch.get() >= self.epochs {
            return None;
        }
        let view = state.tip().after(&delta).ok()?;
        let hash = View::hash(&view);
        state.chain.push((view, hash, Some(delta)));
        Some(())
    }

    /// The token of a handle that is alive, as its owner sees it.
    fn held(&self, host: &Host) -> Option<Epoch> {
        if self.mutant == Some(Mutant::Revives) {
            let (_, wanted) = host.quorum.leases().next()?;
            return match wanted {
                Wanted::Held { token } | Wanted::Return { token, .. }
                    if host.quorum.standing() == Standing::InQuorum =>
                {
                    Some(token)
                }
                _ => None,
            };
        }
        host.quorum.holds(&name(LEASE))
    }
}

impl Model for Holders {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let view = Arc::new(Self::founders().view());
        let now = Now::from(Duration::from_secs(3600));
        let hosts = (0..HOLDERS).map(|host| {
            let settings = Settings {
                founders: Vec::new(),
                vouch_for: VouchFor::clamped(VouchFor::MIN),
                rho: 0.0,
                margin: Duration::from_micros(1),
                interval: Duration::ZERO,
                ballot_timeout: Duration::ZERO,
                answer_max: Duration::ZERO,
                deaf_after: Duration::MAX,
            };
            let found = Durable { view: Some(view.clone()), ..Durable::default() };
            let register = Paxos::new(Duration::ZERO);
            let start = Start { identity: identity(host), settings, found, register, rng_seed: 0 };
            let quorum = Quorum::new(now, start);
            let key = key(|into| quorum.gist(into));
            Host { quorum: Arc::new(quorum), now, pending: None, asked: 0, key }
        });
        vec![State {
            hosts: hosts.collect(),
            requests: BTreeSet::new(),
            gate: FencingGate::new(view.genesis.0, LEASE).unwrap(),
            used: None,
            overtaken: false,
            chain: vec![(view.clone(), View::hash(&view), None)],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        actions.extend(
            state.requests.iter().map(|&(host, number, _, token)| Action::Decide(host, number, token)),
        );
        for (host, it) in (0_u8..).zip(&state.hosts) {
            actions.extend([Action::Release(host), Action::Learn(host)]);
            if it.asked < self.asks {
                actions.push(Action::Acquire(host));
            }
            let own = identity(host);
            if state.tip().is_good(&own.id, own.incarnation) {
                actions.extend([Action::Vouch(host), Action::Suspend(host)]);
            } else if it.quorum.standing() != Standing::InQuorum {
                actions.push(Action::Evict(host));
            }
            actions.extend([Action::Check(host), Action::Use(host)]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        let lease = name(LEASE);
        match action {
            Action::Tick => {
                for host in 0..HOLDERS {
                    let it = &mut s.hosts[usize::from(host)];
                    it.now = Now::from(it.now.boot + TICK);
                    Self::act(s, host, |quorum, now| quorum.handle_timeout(now, &NOTHING));
                }
            }
            Action::Acquire(host) => {
                Self::act(s, host, |quorum, _| {
                    quorum.acquire(&lease);
                });
                s.hosts[usize::from(host)].asked += 1;
            }
            Action::Release(host) => Self::act(s, host, |quorum, _| {
                quorum.release(&lease);
            }),
            Action::Vouch(host) => {
                let length = VouchFor::clamped(VouchFor::MIN);
                Self::act(s, host, |quorum, now| {
                    quorum.handle_voucher(voter(), Epoch::GENESIS, length, Moment::from(now));
                });
            }
            Action::Decide(host, request, token) => {
                let owner = identity(host);
                let delta = match token {
                    Some(token) => Delta::Release { lease, owner, token },
                    None => Delta::Acquire { lease, owner, request },
                };
                self.decide(s, delta)?;
            }
            Action::Suspend(host) | Action::Evict(host) => {
                let own = identity(host);
                let mut subjects = Subjects::default();
                assert!(subjects.insert(own.id, own.incarnation));
                let evict = matches!(action, Action::Evict(_));
                self.decide(s, if evict { Delta::Evict(subjects) } else { Delta::Suspend(subjects) })?;
            }
            Action::Learn(host) => {
                let at = s.hosts[usize::from(host)].quorum.view()?.epoch.get() as usize + 1;
                let (view, _, delta) = s.chain.get(at)?.clone();
                let message =
                    Message::Decided { epoch: view.epoch, before: s.chain[at - 1].1, delta: delta? };
                let envelope = Envelope { genesis: view.genesis, from: voter(), message };
                Self::act(s, host, |quorum, now| {
                    quorum.handle_message(now, &NOTHING, Recipient::Voter(voter()), &envelope);
                });
            }
            Action::Check(host) => {
                let held = self.held(&s.hosts[usize::from(host)])?;
                s.hosts[usize::from(host)].pending = Some(held);
            }
            Action::Use(host) => {
                let token = s.hosts[usize::from(host)].pending.take()?;
                let genesis = s.tip().genesis.0;
                let admitted = s.gate.admit(genesis, LEASE, Token::from(token.get())).is_ok();
                if admitted || self.mutant == Some(Mutant::NoGate) {
                    s.overtaken |= s.used > Some(token);
                    s.used = s.used.max(Some(token));
                }
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(S5, |model: &Self, state: &State| {
                state.hosts.iter().filter(|host| model.held(host).is_some()).count() <= 1
            }),
            Property::always("S5: tokens are those of grants, each given once", |_, state: &State| {
                let held = state.hosts.iter().filter_map(|host| host.quorum.holds(&name(LEASE)));
                let mut granted = held.map(|token| state.chain.get(token.get() as usize));
                granted.all(|link| {
                    link.is_some_and(|(_, _, delta)| matches!(delta, Some(Delta::Acquire { .. })))
                })
            }),
            Property::always(T3, |_, state: &State| !state.overtaken),
            Property::sometimes("the resource is used by a second", |_, state: &State| {
                let later = state.chain.iter().filter(|(_, _, d)| matches!(d, Some(Delta::Acquire { .. })));
                later.count() >= 2 && state.used == later_token(state)
            }),
        ]
    }
}

fn later_token(state: &State) -> Option<Epoch> {
    let mut grants = state.chain.iter().filter(|(_, _, d)| matches!(d, Some(Delta::Acquire { .. })));
    grants.next_back().map(|(view, _, _)| view.epoch)
}

const S5: &str = "S5: no two hold a lease at once";
const T3: &str = "T3: nobody uses the resource after a later holder";

#[test]
fn holders() {
    let short = |mutant| Holders { epochs: 3, asks: 1, mutant };
    holds("holders, three views", short(None), None);
    caught("NoGate", short(Some(Mutant::NoGate)), T3);
    caught("Revives", short(Some(Mutant::Revives)), S5);
    if full() {
        holds("holders, four views", Holders { epochs: 4, asks: 1, mutant: None }, None);
        holds(
            "holders, five views, asked twice",
            Holders { epochs: 5, asks: 2, mutant: None },
            Some(2_000_000),
        );
    }
}
