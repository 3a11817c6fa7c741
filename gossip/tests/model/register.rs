//! One epoch, or two, decided by real voters: the whole [`Quorum`] with [`Paxos`] behind it, on real disks and a bad network.
//!
//! Every message that was ever sent may arrive at any time, any number of times, or never. A voter may crash at any moment,
//! before a write, while it is under way, or after it, and goes on from what the disk had or from what it was being given. Timers run
//! out whenever they like: all lengths are zero. Two owners ask two voters for different leases, so that different deltas
//! compete; any voter that accepted one finishes it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{
    Delta, Durable, Envelope, Founders, Message, Output, Quorum, Recipient, Settings, Start, View, Voters,
    VouchFor, Wish,
};
use gossip::core::register::{Ballot, Ballots, Paxos, RegisterMessage};
use gossip::wire::Tag;
use gossip::{BootId, Identity, Incarnation, NodeId, StorageId};
use stateright::{Model, Property};

use super::explore::{caught, full, holds, key};
use super::stubs::{NOTHING, Sees};

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    /// What was promised is not on the disk.
    ForgetsPromise,
    /// A proposer does not look at what was accepted before.
    DropsForced,
    /// A voter whose disk was lost votes as the one it was.
    Amnesiac,
    /// A proposer asks one voter to accept one value, and another one another, in one ballot.
    TwoValues,
    /// A ballot does not say in which life it was made, and a proposer forgets the ones it made.
    SameLife,
    /// A voter says what it has promised and accepted before that is on its disk.
    Unwritten,
    /// A proposer takes its own acceptance for that of a majority.
    Alone,
}

impl Mutant {
    /// What shows that it is one.
    fn breaks(self) -> &'static str {
        if matches!(self, Self::Unwritten | Self::Alone) { S9 } else { S1 }
    }
}

#[derive(Debug, Clone)]
struct Scope {
    /// Which voters are asked for something; each for a lease of its own.
    asked: Vec<u8>,
    /// The highest view.
    epochs: u64,
    /// The highest round of a ballot.
    rounds: u64,
    /// How often voters crash, all together.
    crashes: u8,
    /// Whether the third voter may lose its disk.
    wipes: bool,
    /// Whether voters that accepted a value finish it, and proposers repeat themselves and give up.
    timers: bool,
    /// Whether a write takes time.
    slow_disks: bool,
    mutant: Option<Mutant>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            asked: vec![0, 1],
            epochs: 1,
            rounds: 2,
            crashes: 0,
            wipes: false,
            timers: false,
            slow_disks: false,
            mutant: None,
        }
    }
}

const VOTERS: u8 = 3;

fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

fn addr(of: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], u16::from(of) + 1))
}

/// Hears everybody and has nothing to say of them.
const CALM: Sees<'static> = Sees { heard: &|of| Some(owner(of.clone())), ..NOTHING };

fn owner(id: NodeId) -> Identity {
    Identity { id, storage: StorageId::default(), incarnation: Incarnation::FIRST, boot: BootId([9; 16]) }
}

/// What is on a disk, and what is on its way there.
type Disk = (Arc<Durable>, Arc<Durable>);

#[derive(Clone)]
struct Host {
    quorum: Arc<Quorum<Paxos>>,
    /// Its disk, where that is not what the voter takes it to be.
    disk: Option<Disk>,
    incarnation: u64,
    storage: u8,
    key: u64,
}

impl Host {
    fn of(quorum: Quorum<Paxos>, incarnation: u64, storage: u8) -> Self {
        Self::on(None, quorum, incarnation, storage)
    }

    fn on(disk: Option<Disk>, quorum: Quorum<Paxos>, incarnation: u64, storage: u8) -> Self {
        let key = key(|into| {
            quorum.gist(into);
            disk.iter().for_each(|(has, newest)| (&has.ballots, &newest.ballots).hash(into));
            disk.iter().for_each(|(has, newest)| (has.view == newest.view).hash(into));
        });
        Self { quorum: Arc::new(quorum), disk, incarnation, storage, key }
    }

    fn is_writing(&self) -> bool {
        self.quorum.writing().is_some() || self.disk.as_ref().is_some_and(|(has, newest)| has != newest)
    }

    /// Whether its disk has a view, or has accepted the step to it.
    fn keeps(&self, view: &View) -> bool {
        let disk = self.disk.as_ref().map_or(self.quorum.stored(), |(has, _)| has);
        let Some(stored) = &disk.view else { return false };
        let accepted = disk.ballots.accepted.as_ref().and_then(|(_, delta)| stored.after(delta).ok());
        stored.epoch >= view.epoch || accepted.is_some_and(|next| *next == *view)
    }
}

/// A message that was sent.
#[derive(Debug, Clone, PartialEq)]
struct Packet {
    from: u8,
    to: u8,
    envelope: Envelope,
    key: u64,
}

#[derive(Clone)]
struct State {
    hosts: Vec<Host>,
    /// Sorted by key.
    net: Vec<Arc<Packet>>,
    crashes: u8,
    wiped: bool,
    /// For each epoch the fingerprint of the view that somebody has stored.
    decided: Vec<u64>,
    split: bool,
    /// Whether a view was stored that no majority had on its disks.
    hollow: bool,
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

#[derive(Clone, PartialEq)]
enum Action {
    Deliver(Arc<Packet>),
    /// What this voter has begun to write is on the disk.
    Written(u8),
    /// A timer of this voter runs out.
    Timeout(u8),
    /// It crashes and starts again: from what the disk had, or from what it was being given.
    Crash(u8, bool),
    /// It loses its disk, and starts again as another.
    Wipe(u8),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(packet) => {
                write!(f, "{} > {}: {:?}", packet.from, packet.to, packet.envelope.message)
            }
            Self::Written(host) => write!(f, "{host} has written"),
            Self::Timeout(host) => write!(f, "{host} wakes"),
            Self::Crash(host, newest) => write!(f, "{host} crashes, newest: {newest}"),
            Self::Wipe(host) => write!(f, "{host} loses its disk"),
        }
    }
}

#[derive(Debug)]
struct Epochs(Scope);

const NOW: Duration = Duration::from_secs(3600);

impl Epochs {
    fn founders() -> Founders {
        let mut voters = Voters::default();
        for n in 0..VOTERS {
            assert!(voters.insert(StorageId([n + 1; 16]), name(&format!("v{n}"))));
        }
        Founders { voters, vouch_for: VouchFor::clamped(VouchFor::MIN) }
    }

    fn start(host: u8, storage: u8, incarnation: u64, found: Durable) -> Quorum<Paxos> {
        let settings = Settings {
            founders: Vec::new(),
            vouch_for: VouchFor::clamped(VouchFor::MIN),
            rho: 0.0,
            margin: Duration::ZERO,
            interval: Duration::ZERO,
            // Requests are to be remembered for ever; the engine has a timeout of its own.
            ballot_timeout: NOW,
            answer_max: Duration::ZERO,
            deaf_after: Duration::MAX,
        };
        let identity = Identity {
            id: name(&format!("v{host}")),
            storage: StorageId([storage; 16]),
            incarnation: Incarnation::new(incarnation).unwrap(),
            boot: BootId([incarnation as u8; 16]),
        };
        let register = Paxos::new(Duration::ZERO);
        Quorum::new(NOW.into(), Start { identity, settings, found, register, rng_seed: 0 })
    }

    /// Asks a voter for a lease, as an owner does: all for the same if there is one epoch, which one of them gets.
    fn ask(&self, state: &mut State, host: u8, who: &str) {
        let id = name(who);
        let wish = Wish::Acquire { lease: name(if self.0.epochs == 1 { "lease" } else { who }) };
        let genesis = Self::founders().id();
        let message = Message::Request { owner: owner(id), number: 1, wish };
        let envelope = Envelope { genesis, from: StorageId::default(), message };
        self.act(state, host, |quorum| {
            quorum.handle_message(NOW.into(), &CALM, Recipient::Sender(addr(90), Tag::default()), &envelope);
        });
    }

    /// Lets a voter act; what it says to itself it hears at once.
    fn act(&self, state: &mut State, host: u8, act: impl FnOnce(&mut Quorum<Paxos>)) {
        let at = usize::from(host);
        let mut quorum = (*state.hosts[at].quorum).clone();
        let mut disk = state.hosts[at].disk.clone();
        act(&mut quorum);
        let (mut sent, mut new) = (Vec::new(), Vec::new());
        loop {
            self.write(&mut quorum, &mut disk);
            let Some(output) = quorum.poll_output() else { break };
            match output {
                Output::Send { to: Recipient::Voter(to), message }
                    if to == StorageId([state.hosts[at].storage; 16]) =>
                {
                    self.hear_self(&mut quorum, host, to, message);
                }
                Output::Send { to, message } => sent.push((to, message)),
                Output::Adopted { view, decided_here, .. } => {
                    let (epoch, hash) = (view.epoch.get() as usize, View::hash(&view));
                    match state.decided.get(epoch - 1) {
                        Some(known) => state.split |= *known != hash,
                        None => {
                            state.decided.push(hash);
                            new.push(view.clone());
                        }
                    }
                    if decided_here && let Some(step) = quorum.newest_step() {
                        sent.extend(
                            (0..VOTERS).map(|to| (Recipient::Voter(StorageId([to + 1; 16])), step.clone())),
                        );
                    }
                }
                _ => {}
            }
        }
        for (to, message) in sent {
            let to = match to {
                Recipient::Voter(to) => to.0[0] - 1,
                Recipient::Sender(addr, _) => (addr.port() - 1) as u8,
                Recipient::Member(_) => continue,
            };
            if to < VOTERS && to != host {
                self.send(state, host, to, quorum.envelope(message));
            }
        }
        let Host { incarnation, storage, .. } = state.hosts[at];
        state.hosts[at] = Host::on(disk, quorum, incarnation, storage);
        state.hollow |= new.iter().any(|view| !state.is_kept(view));
    }

    /// Writes what is to be written, at once where disks are fast.
    fn write(&self, quorum: &mut Quorum<Paxos>, disk: &mut Option<Disk>) {
        let Some(newest) = quorum.poll_write().cloned() else { return };
        let unwritten = self.0.mutant == Some(Mutant::Unwritten);
        if unwritten {
            let has = disk.take().map_or_else(|| Arc::new(quorum.stored().clone()), |(has, _)| has);
            *disk = Some((has, Arc::new(newest)));
        }
        if unwritten || !self.0.slow_disks {
            quorum.handle_written(NOW.into(), &CALM, true);
        }
    }

    fn hear_self(&self, quorum: &mut Quorum<Paxos>, host: u8, own: StorageId, message: Message) {
        let mut envelope = quorum.envelope(message);
        quorum.handle_message(NOW.into(), &CALM, Recipient::Voter(own), &envelope);
        let accepted =
            matches!(envelope.message, Message::Register { message: RegisterMessage::Accepted { .. }, .. });
        if accepted && self.0.mutant == Some(Mutant::Alone) {
            envelope.from = StorageId([(host + 1) % VOTERS + 1; 16]);
            quorum.handle_message(NOW.into(), &CALM, Recipient::Voter(envelope.from), &envelope);
        }
    }

    fn send(&self, state: &mut State, from: u8, to: u8, mut envelope: Envelope) {
        if let Message::Register { message, .. } = &mut envelope.message {
            match (self.0.mutant, message) {
                (Some(Mutant::DropsForced), RegisterMessage::Promise { accepted, .. }) => *accepted = None,
                (Some(Mutant::TwoValues), RegisterMessage::Accept { delta, .. }) if to == 2 => {
                    let (id, lease) = (name("Z"), name("lease"));
                    *delta = Delta::Acquire { lease, owner: owner(id), request: 1 };
                }
                _ => {}
            }
        }
        let key = key(|into| (from, to, &envelope).hash(into));
        if let Err(at) = state.net.binary_search_by_key(&key, |packet| packet.key) {
            state.net.insert(at, Arc::new(Packet { from, to, envelope, key }));
        }
    }

    fn crash(&self, state: &mut State, host: u8, newest: bool) -> Option<()> {
        let at = usize::from(host);
        let old = &state.hosts[at];
        let mut found = match &old.disk {
            Some((has, given)) => (**if newest { given } else { has }).clone(),
            None if newest => old.quorum.writing()?.clone(),
            None => old.quorum.stored().clone(),
        };
        match self.0.mutant {
            Some(Mutant::ForgetsPromise) => found.ballots.promised = None,
            Some(Mutant::Amnesiac) => found.ballots = Ballots::default(),
            _ => {}
        }
        let same = self.0.mutant == Some(Mutant::SameLife);
        let (storage, incarnation) = (old.storage, old.incarnation + u64::from(!same));
        if same {
            found.ballots = Ballots { promised: None, ..found.ballots };
        }
        state.hosts[at] = Host::of(Self::start(host, storage, incarnation, found), incarnation, storage);
        state.crashes += 1;
        // Who asked before asks again, or somebody else does.
        if self.0.asked.contains(&host) {
            let lease = if same { "Z".to_owned() } else { format!("L{host}") };
            self.ask(state, host, &lease);
        }
        Some(())
    }

    fn rounds(message: &Message) -> u64 {
        match message {
            Message::Register { message: RegisterMessage::Prepare { ballot }, .. } => ballot.round.into(),
            _ => 0,
        }
    }
}

impl State {
    /// Whether a majority has a view on its disks. What was on one that was lost nobody knows.
    fn is_kept(&self, view: &View) -> bool {
        let lost = |storage: u8| self.wiped && storage > VOTERS;
        let keeps = |host: &&Host| lost(host.storage) || host.keeps(view);
        2 * self.hosts.iter().filter(keeps).count() > usize::from(VOTERS)
    }

    /// Whether what a majority has accepted in one ballot, and thereby chosen, is what was stored.
    fn keeps_what_is_chosen(&self) -> bool {
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

impl Model for Epochs {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let founders = Self::founders();
        let found =
            Durable { view: Some(Arc::new(founders.view())), founders: Some(founders), ..Durable::default() };
        let hosts =
            (0..VOTERS).map(|n| Host::of(Self::start(n, n + 1, 1, found.clone()), 1, n + 1)).collect();
        let mut state = State {
            hosts,
            net: vec![],
            crashes: 0,
            wiped: false,
            decided: vec![],
            split: false,
            hollow: false,
        };
        for &host in &self.0.asked {
            self.ask(&mut state, host, &format!("L{host}"));
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.net.iter().cloned().map(Action::Deliver));
        for (host, it) in (0_u8..).zip(&state.hosts) {
            let writing = it.is_writing();
            if writing {
                actions.push(Action::Written(host));
            }
            if self.0.timers {
                actions.push(Action::Timeout(host));
            }
            if state.crashes < self.0.crashes {
                actions.push(Action::Crash(host, false));
                if writing {
                    actions.push(Action::Crash(host, true));
                }
            }
        }
        if self.0.wipes && !state.wiped {
            actions.push(Action::Wipe(2));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let s = &mut state;
        match action {
            Action::Deliver(packet) => {
                let from = Recipient::Sender(addr(packet.from), Tag::default());
                self.act(s, packet.to, |quorum| {
                    quorum.handle_message(NOW.into(), &CALM, from, &packet.envelope);
                });
            }
            Action::Written(host) => {
                let it = &mut s.hosts[usize::from(host)];
                if let Some((_, given)) = it.disk.clone() {
                    let quorum = (*it.quorum).clone();
                    *it = Host::on(Some((given.clone(), given)), quorum, it.incarnation, it.storage);
                    return Some(state);
                }
                self.act(s, host, |quorum| quorum.handle_written(NOW.into(), &CALM, true));
            }
            Action::Timeout(host) => {
                self.act(s, host, |quorum| quorum.handle_timeout(NOW.into(), &CALM));
            }
            Action::Crash(host, newest) => self.crash(s, host, newest)?,
            Action::Wipe(host) => {
                let (storage, found) = (host + 41, Durable::default());
                s.hosts[usize::from(host)] = Host::of(Self::start(host, storage, 1, found), 1, storage);
                s.wiped = true;
            }
        }
        (state != *last).then_some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        let new = |packet: &Arc<Packet>| Self::rounds(&packet.envelope.message) <= self.0.rounds;
        // What follows the last epoch is not looked at.
        let within = |packet: &Arc<Packet>| match packet.envelope.message {
            Message::Register { base, .. } => base.get() < self.0.epochs,
            _ => true,
        };
        state.decided.len() as u64 <= self.0.epochs && state.net.iter().all(|p| new(p) && within(p))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(S1, |_, state: &State| !state.split && state.keeps_what_is_chosen()),
            Property::always(S9, |model: &Self, state: &State| {
                // The mutants of S1 would often be caught here before they have done what they are meant to show.
                model.0.mutant.is_some_and(|mutant| mutant.breaks() != S9) || !state.hollow
            }),
            Property::sometimes("all that may be is decided", |model: &Self, state: &State| {
                state.decided.len() as u64 == model.0.epochs
            }),
            Property::sometimes("everybody knows", |model: &Self, state: &State| {
                let known = |host: &Host| host.quorum.view().map(|v| v.epoch.get()) == Some(model.0.epochs);
                state.hosts.iter().filter(|host| known(host)).count() >= 3
            }),
        ];
        if self.0.wipes {
            properties.push(Property::always(
                "S7: whoever lost its disk says nothing",
                |_, state: &State| {
                    let lost = StorageId([43; 16]);
                    state.net.iter().all(|packet| {
                        packet.envelope.from != lost
                            || !matches!(packet.envelope.message, Message::Register { .. })
                    })
                },
            ));
        }
        properties
    }
}

const S1: &str = "S1: no two views of one epoch";
const S9: &str = "S9: what is decided is on the disks of a majority";

fn check(name: &str, scope: Scope) {
    holds(name, Epochs(scope), None);
}

fn mutant(mutant: Mutant, scope: Scope) {
    caught(&format!("{mutant:?}"), Epochs(Scope { mutant: Some(mutant), ..scope }), mutant.breaks());
}

#[test]
fn register_one_epoch() {
    check("register, two proposers, a round", Scope { rounds: 1, ..Scope::default() });
    mutant(Mutant::DropsForced, Scope::default());
    mutant(Mutant::TwoValues, Scope::default());
    mutant(Mutant::Alone, Scope::default());
}

#[test]
fn register_crashes() {
    let crashes = Scope { crashes: 1, rounds: 1, ..Scope::default() };
    let one = Scope { asked: vec![0], slow_disks: true, wipes: true, ..crashes };
    check("register, one proposer, a crash during a write, a disk lost", one.clone());
    mutant(Mutant::SameLife, one.clone());
    mutant(Mutant::Unwritten, one);
    mutant(Mutant::ForgetsPromise, crashes.clone());
    mutant(Mutant::Amnesiac, crashes);
}

/// Too many states to finish: as many as are reached, breadth first.
#[test]
fn register_further() {
    let far = if full() { 2_000_000 } else { 100_000 };
    let cut = |name: &str, scope| holds(name, Epochs(scope), Some(far));
    let all = Scope { crashes: 1, slow_disks: true, timers: true, wipes: true, ..Scope::default() };
    cut("register, two proposers, two rounds", Scope::default());
    cut("register, two epochs", Scope { epochs: 2, ..Scope::default() });
    cut("register, two proposers, crashes, timers, a disk lost", all);
}
