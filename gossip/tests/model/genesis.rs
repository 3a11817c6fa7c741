//! Founding: three names that were told each other's, whose disks may be lost before and after (I1).
//!
//! The real [`Quorum`] gathers, agrees and opens. Which process of a name a host has heard is any that there ever was. Messages
//! stay on their way for ever and reach whoever bears the name. Disks are lost at any moment, two of them altogether: if all
//! three were, nothing of the first history would be left to contradict.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{
    Durable, Envelope, Founders, GenesisId, Message, Output, Quorum, Recipient, Settings, Start, View,
    VouchFor,
};
use gossip::core::register::Paxos;
use gossip::wire::Tag;
use gossip::{BootId, Identity, Incarnation, NodeId, Now, StorageId};
use stateright::{Model, Property};

use super::explore::{caught, full, holds, key};
use super::stubs::{NOTHING, Sees};

#[derive(Debug, Clone)]
struct Scope {
    /// How many disks are lost.
    wipes: u8,
    restarts: bool,
    /// Views are shown to others.
    shown: bool,
    /// A majority of the names is enough.
    by_majority: bool,
}

const NAMES: u8 = 3;
const NOW: Duration = Duration::from_secs(3600);

fn name(of: u8) -> NodeId {
    NodeId::new(format!("n{of}")).unwrap()
}

fn addr(of: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], u16::from(of) + 1))
}

fn identity(host: u8, disk: u8) -> Identity {
    let storage = StorageId([16 * (host + 1) + disk; 16]);
    Identity { id: name(host), storage, incarnation: Incarnation::FIRST, boot: BootId([disk; 16]) }
}

/// The process of a name that a host has heard, if it has heard of each the one with that disk.
fn heard(of: &NodeId, disks: [u8; NAMES as usize]) -> Option<Identity> {
    (0..NAMES).find(|&n| name(n) == *of).map(|n| identity(n, disks[usize::from(n)]))
}

/// Has heard of each name its first process.
const CALM: Sees<'static> = Sees { heard: &|of| heard(of, [0; NAMES as usize]), ..NOTHING };

#[derive(Clone)]
struct Host {
    quorum: Arc<Quorum<Paxos>>,
    disk: u8,
    key: u64,
}

impl Host {
    fn of(quorum: Quorum<Paxos>, disk: u8) -> Self {
        let key = key(|into| quorum.gist(into));
        Self { quorum: Arc::new(quorum), disk, key }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Packet {
    from: u8,
    envelope: Envelope,
    key: u64,
}

#[derive(Clone)]
struct State {
    hosts: Vec<Host>,
    net: Vec<Arc<Packet>>,
    wipes: u8,
    /// Histories that have begun anywhere.
    begun: Vec<GenesisId>,
}

impl State {
    fn say(&mut self, host: u8, envelope: Envelope) {
        let key = key(|into| (host, &envelope).hash(into));
        if let Err(at) = self.net.binary_search_by_key(&key, |packet| packet.key) {
            self.net.insert(at, Arc::new(Packet { from: host, envelope, key }));
        }
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, into: &mut H) {
        for host in &self.hosts {
            host.key.hash(into);
        }
        for packet in &self.net {
            packet.key.hash(into);
        }
        (self.wipes, &self.begun).hash(into);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(|into| self.hash(into)) == key(|into| other.hash(into))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.begun, self.net)
    }
}

#[derive(Clone, PartialEq)]
enum Action {
    Deliver(u8, Arc<Packet>),
    /// A host that has heard these processes looks whether it can found.
    Found(u8, [u8; NAMES as usize]),
    Written(u8),
    Restart(u8, bool),
    Wipe(u8),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(to, packet) => write!(f, "{} > {to}: {:?}", packet.from, packet.envelope.message),
            Self::Found(host, heard) => write!(f, "{host} has heard the disks {heard:?}"),
            Self::Written(host) => write!(f, "{host} has written"),
            Self::Restart(host, newest) => write!(f, "{host} starts again, newest: {newest}"),
            Self::Wipe(host) => write!(f, "{host} loses its disk"),
        }
    }
}

#[derive(Debug)]
struct Genesis(Scope);

impl Genesis {
    fn start(host: u8, disk: u8, found: Durable) -> Quorum<Paxos> {
        let settings = Settings {
            founders: (0..NAMES).map(name).collect(),
            vouch_for: VouchFor::clamped(VouchFor::MIN),
            rho: 0.0,
            margin: Duration::ZERO,
            interval: Duration::ZERO,
            ballot_timeout: Duration::ZERO,
            answer_max: Duration::ZERO,
            deaf_after: Duration::MAX,
        };
        let identity = identity(host, disk);
        let register = Paxos::new(Duration::ZERO);
        Quorum::new(NOW.into(), Start { identity, settings, found, register, rng_seed: 0 })
    }

    fn act(&self, state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Paxos>)) {
        let shown = self.0.shown;
        let at = usize::from(host);
        let mut quorum = (*state.hosts[at].quorum).clone();
        act(&mut quorum);
        quorum.poll_write();
        while let Some(output) = quorum.poll_output() {
            match output {
                // To one or to all: whoever likes may hear it.
                Output::Send { message: message @ Message::Founding { .. }, .. } => {
                    state.say(host, quorum.envelope(message));
                }
                Output::Adopted { view, .. } => {
                    if shown {
                        // And whoever likes may fetch it.
                        let whole = gossip::wire::pack(&*view);
                        let (epoch, hash, len) = (view.epoch, View::hash(&view), whole.len() as u32);
                        let part = gossip::wire::Bytes::of(&whole);
                        state.say(host, quorum.envelope(Message::Snapshot { epoch, hash, len, at: 0, part }));
                    }
                    if let Err(at) = state.begun.binary_search(&view.genesis) {
                        state.begun.insert(at, view.genesis);
                    }
                }
                _ => {}
            }
        }
        state.hosts[at] = Host::of(quorum, state.hosts[at].disk);
    }
}

impl Model for Genesis {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let hosts = (0..NAMES).map(|n| Host::of(Self::start(n, 0, Durable::default()), 0)).collect();
        vec![State { hosts, net: Vec::new(), wipes: 0, begun: Vec::new() }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let [a, b, c] = [0, 1, 2].map(|n: usize| state.hosts[n].disk);
        for (host, it) in (0_u8..).zip(&state.hosts) {
            let others = state.net.iter().filter(|packet| packet.from != host);
            actions.extend(others.map(|packet| Action::Deliver(host, packet.clone())));
            for a in 0..=a {
                for b in 0..=b {
                    actions.extend((0..=c).map(|c| Action::Found(host, [a, b, c])));
                }
            }
            let writing = it.quorum.writing().is_some();
            if writing {
                actions.push(Action::Written(host));
            }
            if self.0.restarts {
                actions.push(Action::Restart(host, false));
                if writing {
                    actions.push(Action::Restart(host, true));
                }
            }
            if state.wipes < self.0.wipes {
                actions.push(Action::Wipe(host));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        let now = Now::from(NOW);
        match action {
            Action::Deliver(to, packet) => {
                let from = Recipient::Sender(addr(packet.from), Tag::default());
                let mut envelope = packet.envelope.clone();
                if self.0.by_majority
                    && let Message::Founding { complete, .. } = &mut envelope.message
                {
                    // The speaker and the receiver are two of three.
                    *complete = true;
                }
                self.act(s, to, |quorum| quorum.handle_message(now, &CALM, from, &envelope));
            }
            Action::Found(host, disks) => {
                let sees = Sees { heard: &|of| heard(of, disks), ..NOTHING };
                self.act(s, host, |quorum| quorum.handle_timeout(now, &sees));
            }
            Action::Written(host) => self.act(s, host, |quorum| quorum.handle_written(now, &CALM, true)),
            Action::Restart(host, newest) => {
                let old = &s.hosts[usize::from(host)];
                let found = if newest { old.quorum.writing()?.clone() } else { old.quorum.stored().clone() };
                let disk = old.disk;
                s.hosts[usize::from(host)] = Host::of(Self::start(host, disk, found), disk);
            }
            Action::Wipe(host) => {
                let disk = s.hosts[usize::from(host)].disk + 1;
                s.hosts[usize::from(host)] = Host::of(Self::start(host, disk, Durable::default()), disk);
                s.wipes += 1;
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Nobody has to where no disk is lost, or learns of another history where none is shown.
        let gives_up = Property::sometimes("a founder gives up its list", |model: &Self, state: &State| {
            !model.0.shown || state.hosts.iter().any(has_given_up)
        });
        vec![
            gives_up,
            Property::always(ONE, |_, state: &State| state.begun.len() <= 1),
            Property::sometimes("everybody has begun", |_, state: &State| {
                state.hosts.iter().all(|host| host.quorum.view().is_some())
            }),
        ]
    }
}

const ONE: &str = "I1: one history begins";

/// A founder that has agreed to a list that became void follows the history of the others.
fn has_given_up(host: &Host) -> bool {
    let bound_to = host.quorum.stored().founders.as_ref().map(Founders::id);
    host.quorum.view().is_some_and(|view| bound_to.is_some_and(|bound_to| bound_to != view.genesis))
}

#[test]
fn genesis() {
    let scope = Scope { wipes: 0, restarts: true, shown: false, by_majority: false };
    holds("genesis, restarts", Genesis(scope.clone()), None);
    holds("genesis, one disk lost, restarts", Genesis(Scope { wipes: 1, ..scope }), None);
    let shown = Scope { wipes: 1, restarts: false, shown: true, ..scope };
    holds("genesis, one disk lost, views shown", Genesis(shown.clone()), None);
    if full() {
        holds(
            "genesis, one disk lost, views shown, restarts",
            Genesis(Scope { restarts: true, ..shown }),
            None,
        );
        holds("genesis, two disks lost", Genesis(Scope { wipes: 2, restarts: false, ..scope }), None);
        holds("genesis, two disks lost, restarts", Genesis(Scope { wipes: 2, ..scope }), None);
    }
}

#[test]
fn genesis_by_majority() {
    caught(
        "by majority of names",
        Genesis(Scope { wipes: 1, restarts: false, shown: false, by_majority: true }),
        ONE,
    );
}
