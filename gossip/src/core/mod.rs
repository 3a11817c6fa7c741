//! The state machine of one node, without input or output.
//!
//! Lives here: everything a node decides. Flows in: datagrams, the passing of time, commands, each with a reading of
//! the clocks. Flows out: datagrams to send, the next moment to be woken, events. Never here: a socket, a task, a clock,
//! randomness that was not seeded by the caller, or an iteration whose order depends on anything but the inputs.
//!
//! Data flows one way:
//!
//! ```text
//! datagram ─► wire ─► join, sync, news ─► members ─► rings ─► peers
//!                └──► heartbeat ─► detector ─► watch ─► opinions ─► news
//!                                                      └──► quorum ─► views ─► verdicts, standing, leases
//! ```

pub(crate) mod clock;
mod command;
mod contact;
pub(crate) mod counters;
mod detector;
mod disks;
mod end;
pub(crate) mod event;
mod heartbeat;
pub(crate) mod identity;
mod join;
mod leave;
mod members;
mod membership;
mod news;
pub(crate) mod opinion;
pub(crate) mod outbox;
mod outranked;
mod pause;
mod peer;
mod probe;
mod query;
pub mod quorum;
mod readings;
pub(crate) mod record;
pub mod register;
mod rings;
mod rng;
mod sight;
mod sync;
mod timer;
mod trie;
pub(crate) mod verdict;
mod voting;
mod watch;

pub use command::Roster;
pub use end::{End, Over, Why};
pub use outbox::Transmit;
pub use query::{Link, Member};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::clock::Now;
use self::contact::Contacts;
use self::counters::Counters;
use self::disks::Disks;
use self::end::Objections;
use self::event::{Event, Events};
use self::heartbeat::Beat;
use self::identity::{BootId, Identity, Key, Life, StorageId, Version};
use self::join::Seeds;
use self::leave::Phase;
use self::members::Members;
use self::news::News;
use self::outbox::{Outbox, Outgoing};
use self::pause::Pace;
use self::peer::Peers;
use self::probe::Reach;
use self::quorum::{Durable, Quorum, Start, Subject};
use self::readings::Readings;
use self::record::{Metadata, Record, Status};
use self::register::Paxos;
use self::rings::Rings;
use self::rng::Rng;
use self::sync::Sync;
use self::timer::{Timer, Timers};
use crate::config::Config;
use crate::wire::{self, DATAGRAM_MAX, Encoder, Head, Item, Tag};

/// How long a driver may leave datagrams unread, at most, while there are only heartbeats; answers of others may be late by as much.
pub fn between_looks(interval: Duration) -> Duration {
    (interval / 2).min(Duration::from_millis(50))
}

/// What a node needs to come to life.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What the user chose.
    pub config: Config,
    /// Who this is. The incarnation must be above any that this name has had; the boot id must be random.
    pub identity: Identity,
    /// Where others reach this node. An unspecified IP is replaced by the one that the first seed to answer sees.
    pub addr: SocketAddr,
    /// Whom to call first. None at all makes this the first node of its cluster.
    pub seeds: Vec<SocketAddr>,
    /// What everybody is to know about this node.
    pub metadata: Metadata,
    /// What this node's stable storage remembers of views and promises; empty for a new disk, or none.
    pub durable: Durable,
    /// Where all chance comes from: equal seeds and inputs give equal outputs.
    pub rng_seed: u64,
}

/// One node, as a state machine without input or output.
///
/// **After every call that takes `now`, drain it: [`poll_transmit`](Self::poll_transmit) until there is nothing left,
/// [`poll_event`](Self::poll_event) until there is nothing left, and then ask [`poll_timeout`](Self::poll_timeout) when to
/// call [`handle_timeout`](Self::handle_timeout).** After waking up, first hand in every datagram that has arrived, then
/// call `handle_timeout`: what was heard counts before what was not.
///
/// What is not drained is kept within limits: beyond 1,024 datagrams and the configured number of events the oldest are
/// dropped and counted.
///
/// A clone goes on in the same way from the same inputs, for simulators that try what else might happen. No more than one of them
/// may ever talk to others.
///
/// ```
/// use std::time::Duration;
/// use gossip::core::{Node, Setup};
/// use gossip::{BootId, Config, Event, Identity, Incarnation, Metadata, NodeId, Now, StorageId};
///
/// let node = |name: &str, addr: &str, seeds: &[&str], now| -> Result<Node, Box<dyn std::error::Error>> {
///     Ok(Node::new(now, Setup {
///         config: Config::builder("demo").build()?,
///         identity: Identity {
///             id: NodeId::new(name)?,
///             storage: StorageId::default(),
///             incarnation: Incarnation::FIRST,
///             boot: BootId([name.len() as u8; 16]), // from the system's randomness, really
///         },
///         addr: addr.parse()?,
///         seeds: seeds.iter().map(|s| s.parse()).collect::<Result<_, _>>()?,
///         metadata: Metadata::default(),
///         durable: Default::default(),
///         rng_seed: 7,
///     }))
/// };
/// let now = Now::from(Duration::ZERO);
/// let mut a = node("a", "10.0.0.1:7000", &[], now)?;
/// let mut b = node("bb", "10.0.0.2:7000", &["10.0.0.1:7000"], now)?;
///
/// // A network of two, without delay.
/// let mut buf = [0; gossip::DATAGRAM_MAX];
/// while a.members().count() < 2 {
///     let due = a.poll_timeout().into_iter().chain(b.poll_timeout()).min().ok_or("stopped")?;
///     let now = Now::from(due);
///     a.handle_timeout(now);
///     b.handle_timeout(now);
///     while let Some(sent) = b.poll_transmit(&mut buf) {
///         a.handle_datagram(now, "10.0.0.2:7000".parse()?, &buf[..sent.len]);
///     }
///     while let Some(sent) = a.poll_transmit(&mut buf) {
///         b.handle_datagram(now, "10.0.0.1:7000".parse()?, &buf[..sent.len]);
///     }
/// }
/// assert!(matches!(a.poll_event(), Some(Event::Started { .. })));
/// assert!(matches!(a.poll_event(), Some(Event::Ready)));
/// assert!(matches!(a.poll_event(), Some(Event::Joined { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Node {
    config: Config,
    identity: Identity,
    key: Key,
    life: Life,
    now: Now,
    /// When the datagram that is being handled got to this host.
    arrived: Duration,
    /// When the last datagram came or went that was no heartbeat.
    conversed: Duration,
    phase: Phase,
    objections: Objections,
    /// This node's last record, once it leaves.
    farewell: Option<Arc<Record>>,
    /// Boot ids of processes that claimed a name in use, each reported once.
    rivals: Vec<BootId>,
    /// A version that somebody believes this node's opinions have reached; the next set goes beyond it.
    opinions_floor: Option<Version>,
    members: Members,
    rings: Rings,
    peers: Peers,
    news: News,
    beat: Beat,
    pace: Pace,
    sync: Sync,
    reach: Reach,
    seeds: Seeds,
    quorum: Quorum,
    readings: Readings,
    contacts: Contacts,
    /// Former lives of nodes that have started again, until they are on record as over.
    outlived: Vec<Subject>,
    /// Where voters were heard last, by their disks.
    voter_addrs: Vec<(StorageId, SocketAddr)>,
    /// From which disks voters have run whose lives are over.
    disks: Disks,
    timers: Timers,
    rng: Rng,
    outbox: Outbox,
    events: Events,
    counters: Counters,
    revision: u64,
    scratch: Vec<Item>,
}

/// Handling input.
impl Node {
    /// A node that begins to live at `now`.
    pub fn new(now: Now, setup: Setup) -> Self {
        let Setup { config, identity, addr, seeds, metadata, durable, rng_seed } = setup;
        let key = identity.id.key();
        let record = Record {
            identity: identity.clone(),
            version: Version::FIRST,
            addr,
            status: Status::Running,
            metadata,
        };
        let mut members = Members::new(config.members_max);
        members.learn(Arc::new(record), now.boot);
        let mut node = Self {
            key,
            life: identity.life(),
            now,
            arrived: now.boot,
            conversed: now.boot,
            phase: Phase::Running,
            objections: Objections::default(),
            farewell: None,
            rivals: Vec::new(),
            opinions_floor: None,
            members,
            rings: Rings::new(config.cluster.hash, config.rings, key),
            peers: Peers::default(),
            news: News::new(2 * config.members_max),
            beat: Beat::default(),
            pace: Pace::default(),
            sync: Sync::default(),
            reach: Reach::default(),
            seeds: Seeds::new(seeds),
            quorum: Quorum::new(
                now,
                Start {
                    identity: identity.clone(),
                    settings: config.quorum_settings(),
                    found: durable,
                    register: Paxos::new(config.ballot_timeout),
                    rng_seed: rng_seed ^ 1,
                },
            ),
            readings: Readings::default(),
            contacts: Contacts::default(),
            outlived: Vec::new(),
            voter_addrs: Vec::new(),
            disks: Disks::default(),
            timers: Timers::default(),
            rng: Rng::new(rng_seed),
            outbox: Outbox::new(),
            events: Events::new(config.events_max),
            counters: Counters::default(),
            revision: 0,
            scratch: Vec::new(),
            identity,
            config,
        };
        node.events.push(Event::Started { incarnation: node.identity.incarnation });
        if let Some(view) = node.quorum.view().cloned() {
            node.heed_owners(&view);
            node.events.push(Event::View { view });
        }
        node.start();
        node
    }

    fn start(&mut self) {
        let now = self.now.boot;
        // Spread over the first interval, so that nodes started together do not beat together.
        let phase = self.config.interval.mul_f64(self.rng.unit());
        self.timers.set(Timer::Tick, now + phase);
        self.timers.set(Timer::Call, now);
        if self.seeds.is_empty() {
            self.become_ready();
        } else {
            self.quorum.set_waiting(true);
        }
    }

    /// Takes a datagram that came from `from`. Anything but a good datagram changes nothing but a count.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        self.handle_arrived(now, now.boot, from, bytes);
    }

    /// The same, of one that was received at `now` and had `arrived` at this host before that, on the `boot` clock.
    ///
    /// How punctual its sender is, and how far away, is judged by the latter. Nothing else is, least of all a promise: it may come
    /// from a clock that was set meanwhile.
    pub fn handle_arrived(&mut self, now: Now, arrived: Duration, from: SocketAddr, bytes: &[u8]) {
        self.advance(now);
        // While this process did not run, what arrived when does not matter: that time is taken out of all silences.
        self.arrived = arrived.min(self.now.boot).max(self.pace.accounted());
        self.counters.received += 1;
        self.counters.received_bytes += bytes.len() as u64;
        let mut items = std::mem::take(&mut self.scratch);
        match wire::decode(&self.config, bytes, &mut items) {
            Err(reason) => self.counters.reject(reason),
            Ok(frame) if self.is_stopped() || frame.from == self.life => {}
            Ok(frame) => self.on_frame(from, &frame, &items, bytes.len()),
        }
        items.clear();
        self.scratch = items;
    }

    fn on_frame(&mut self, from: SocketAddr, frame: &wire::Frame, items: &[Item], len: usize) {
        if !matches!(frame.head, Head::Heartbeat(_)) {
            self.conversed = self.now.boot;
        }
        match &frame.head {
            Head::Heartbeat(heartbeat) => self.on_heartbeat(from, frame, heartbeat, items),
            Head::Hello { reply } => self.on_hello(from, frame, *reply, items, len),
            Head::Welcome { observed } => self.on_welcome(from, frame, *observed, items),
            Head::Refused(reason) => self.on_refused(from, frame, *reason),
            Head::Who => self.on_who(from, frame),
            Head::Probe { nonce, target } => self.on_probe(frame, *nonce, *target),
            Head::Ping { nonce, origin } => self.on_ping(from, frame, *nonce, *origin),
            Head::Pong { nonce, origin } => self.on_pong(frame, *nonce, *origin),
            Head::Alive { nonce, life } => self.on_alive(*nonce, *life),
            Head::Summary { bucket, sums } => self.on_summary(frame, *bucket, sums),
            Head::Versions { first, last } => self.on_versions(frame, *first, *last, items),
            Head::Want => self.on_want(frame, items),
            Head::Delta => self.on_delta(from, frame, items),
            Head::Leave => self.on_leave(from, frame, items),
            Head::LeaveAck { version } => self.on_leave_ack(frame, *version),
            Head::Quorum(envelope) => self.on_quorum(from, frame, envelope),
        }
    }

    /// Lets time pass. To be called at [`poll_timeout`](Self::poll_timeout), or any time later.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
        let now = self.now.boot;
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Tick => self.on_tick(now),
                Timer::Watch => self.on_watch(now),
                Timer::Call => self.on_call(now),
                Timer::Resume => self.on_resume(),
                Timer::Quorum => self.run_quorum(),
            }
        }
    }
}

/// Draining output.
impl Node {
    /// Writes the next datagram to send into `buf`.
    pub fn poll_transmit(&mut self, buf: &mut [u8; DATAGRAM_MAX]) -> Option<Transmit> {
        let transmit = loop {
            match self.outbox.pop()? {
                // The peer may have gone since.
                Outgoing::Heartbeat(life) => {
                    if let Some(transmit) = self.write_heartbeat(life, buf) {
                        break transmit;
                    }
                }
                Outgoing::Written(to, bytes) => {
                    self.conversed = self.now.boot;
                    buf[..bytes.len()].copy_from_slice(&bytes);
                    break Transmit { to, len: bytes.len() };
                }
            }
        };
        self.counters.sent += 1;
        self.counters.sent_bytes += transmit.len as u64;
        Some(transmit)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, on the `boot` clock; none once the node has stopped.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }
}

/// What the parts of the state machine share.
impl Node {
    /// Falls silent for ever.
    fn stop(&mut self, end: End) {
        self.phase = Phase::Stopped(end);
        self.timers.clear();
        self.revision += 1;
    }

    /// Writes a datagram with these items, as many as fit, and sends it; how many fitted.
    fn send(&mut self, to: SocketAddr, tag: Tag, head: &Head, items: &[Item]) -> usize {
        let mut buf = [0; DATAGRAM_MAX];
        let mut encoder = Encoder::new(&self.config, &mut buf, self.life, tag, head);
        let fitted = items.iter().take_while(|item| encoder.push(item)).count();
        let len = encoder.finish();
        self.outbox.push(Outgoing::Written(to, buf[..len].into()));
        fitted
    }

    /// Sends items in as many datagrams as they need, `max` at most.
    fn send_all(&mut self, to: SocketAddr, tag: Tag, head: &Head, mut items: &[Item], max: usize) {
        for _ in 0..max {
            if items.is_empty() {
                return;
            }
            // Every single item fits in an empty datagram, so this advances.
            let fitted = self.send(to, tag, head, items);
            items = &items[fitted..];
        }
    }
}
