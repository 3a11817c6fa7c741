//! A host: clocks that drift, storage that may be lost, a process that may be paused or killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::Durable;
use gossip::core::{Node, Setup};
use gossip::{BootId, Config, Identity, Incarnation, Metadata, NodeId, Now, Record, StorageId};

use super::Nanos;
use super::rng::Rng;

/// A datagram on its way, or waiting in a socket.
#[derive(Debug, Clone)]
pub struct Packet {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Box<[u8]>,
    /// When it left, on nobody's clock; later datagrams of a host have later ones.
    pub sent: Nanos,
    /// When it got to the host that it is for, by that host's wall clock then.
    pub stamp: Option<Duration>,
    pub damaged: bool,
}

impl Packet {
    /// Whether it is an undamaged heartbeat: the first message kind, right after header, sender and receiver.
    pub fn is_heartbeat(&self) -> bool {
        !self.damaged && self.bytes.get(20) == Some(&0)
    }
}

/// A clock that is off and runs at its own rate.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Nanos,
    local: f64,
    rate: f64,
}

impl Clock {
    pub fn new(local: Nanos, ppm: f64) -> Self {
        Self { origin: 0, local: local as f64, rate: 1.0 + ppm * 1e-6 }
    }

    pub fn at(&self, now: Nanos) -> Nanos {
        (self.local + now.saturating_sub(self.origin) as f64 * self.rate) as Nanos
    }

    /// The first true instant at which the clock shows at least `local`.
    pub fn when(&self, local: Nanos) -> Nanos {
        let ahead = (local as f64 - self.local) / self.rate;
        let mut at = self.origin + ahead.max(0.0) as Nanos;
        while self.at(at) < local {
            at += 1 + (local - self.at(at)) / 2;
        }
        at
    }

    pub fn set_rate(&mut self, now: Nanos, ppm: f64) {
        self.local = self.at(now) as f64;
        self.origin = now;
        self.rate = 1.0 + ppm * 1e-6;
    }
}

#[derive(Debug, Clone)]
pub struct Host {
    pub id: NodeId,
    pub addr: SocketAddr,
    pub node: Option<Node>,
    pub clock: Clock,
    pub wall_offset: i64,
    /// What its disk says of its last start; zero for an empty disk.
    pub stored: u64,
    /// The rest of its disk: which one it is, all zero if it has none, and what is kept on it.
    pub disk: StorageId,
    pub durable: Durable,
    /// A write on its way to the disk, and which start of the process it belongs to.
    pub writing: Option<Durable>,
    pub life: u64,
    /// What a former life of its process said of itself last, if that went over into the next one.
    pub last_record: Option<Arc<Record>>,
    /// Whether the next write fails.
    pub disk_fails: bool,
    /// Whether it has another disk than at first.
    pub disk_replaced: bool,
    /// Whether the power is to fail at the next write, and then whether before the disk has it or right after.
    pub power_fails: Option<bool>,
    /// Whether it crashes when the write under way is done.
    pub crash_after_write: bool,
    pub paused: bool,
    /// What waits in its socket's buffer while it is paused, or looks there now and then only.
    pub inbox: Vec<Packet>,
    /// When it looked last, and when it is to look again.
    pub looked: Nanos,
    pub look: Nanos,
    /// How many datagrams it has sent in all its lives.
    pub sent: u64,
    /// How late its timers may be, at most.
    pub starved: Nanos,
    /// The wake-up that is scheduled.
    pub wake: Nanos,
    pub started: Nanos,
    /// Whether it was told to leave, and whether it has done so and most of its neighbours know.
    pub leaving: bool,
    pub left: bool,
    /// Whether its present life, or its last, was once ready: others know of it then.
    pub was_known: bool,
    /// The monotonic clock that nobody slews.
    pub raw: Clock,
}

/// Datagrams that a socket holds for a process that does not read.
pub const SOCKET_BUFFER: usize = 400;

impl Host {
    pub fn new(index: usize, rng: &mut Rng) -> Self {
        let addr = SocketAddr::from(([10, (index >> 16) as u8, (index >> 8) as u8, index as u8], 7000));
        // Names of different lengths, none of which is another's prefix.
        let id = NodeId::new(format!("n{index}")).expect("a short name");
        let clock = Clock::new(rng.between(0, 1 << 40), rng.between(0, 200) as f64 - 100.0);
        let raw = Clock::new(rng.between(0, 1 << 40), rng.between(0, 200) as f64 - 100.0);
        Self {
            id,
            addr,
            node: None,
            clock,
            wall_offset: 0,
            stored: 0,
            disk: StorageId::default(),
            durable: Durable::default(),
            writing: None,
            life: 0,
            last_record: None,
            disk_fails: false,
            disk_replaced: false,
            power_fails: None,
            crash_after_write: false,
            paused: false,
            inbox: Vec::new(),
            looked: 0,
            look: Nanos::MAX,
            sent: 0,
            starved: 0,
            wake: Nanos::MAX,
            started: 0,
            leaving: false,
            left: false,
            was_known: false,
            raw,
        }
    }

    pub fn now(&self, now: Nanos) -> Now {
        let boot = Duration::from_nanos(self.clock.at(now));
        let raw = Duration::from_nanos(self.raw.at(now));
        let wall = 1_700_000_000_000_000_000_u64.saturating_add(now).saturating_add_signed(self.wall_offset);
        Now { boot, raw, wall: Some(Duration::from_nanos(wall)) }
    }

    /// Puts in an empty disk.
    pub fn new_disk(&mut self, rng: &mut Rng) {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&rng.word().to_le_bytes());
        id[8..].copy_from_slice(&rng.word().to_le_bytes());
        self.disk = StorageId(id);
        self.durable = Durable::default();
    }

    /// Begins a new life.
    pub fn start(
        &mut self,
        now: Nanos,
        config: &Config,
        seeds: Vec<SocketAddr>,
        incarnation: u64,
        rng: &mut Rng,
    ) {
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&rng.word().to_le_bytes());
        boot[8..].copy_from_slice(&rng.word().to_le_bytes());
        // A process that begins another life is still the same one.
        let former = self.node.as_ref().filter(|node| !node.is_stopped());
        let boot = former.map_or(BootId(boot), |node| node.identity().boot);
        self.last_record = self.node.as_ref().map(|node| node.record().clone());
        let incarnation = self.durable.begins_at(Incarnation::new(incarnation).expect("a small number"));
        self.stored = incarnation.get();
        self.writing = None;
        self.life += 1;
        self.was_known = false;
        self.started = now;
        self.inbox.clear();
        (self.looked, self.look) = (now, Nanos::MAX);
        self.paused = false;
        self.wake = Nanos::MAX;
        self.node = Some(Node::new(
            self.now(now),
            Setup {
                config: config.clone(),
                identity: Identity { id: self.id.clone(), storage: self.disk, incarnation, boot },
                addr: self.addr,
                seeds,
                metadata: Metadata::default(),
                durable: self.durable.clone(),
                rng_seed: rng.word(),
            },
        ));
    }

    /// Whether this life of it runs.
    pub fn lives(&self, incarnation: Incarnation) -> bool {
        let node = self.node.as_ref();
        node.is_some_and(|node| !node.is_stopped() && node.identity().incarnation == incarnation)
    }

    /// Whether its process has not run for long, if there is one.
    pub fn is_young(&self, now: Nanos, interval: Nanos) -> bool {
        now < self.started + 100 * interval
    }

    /// Whether a process exists that takes part, paused or not.
    pub fn is_up(&self) -> bool {
        self.node.as_ref().is_some_and(|node| !node.is_stopped())
    }
}
