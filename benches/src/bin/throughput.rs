//! How many datagrams a second one node can take, beside a bare receive loop on the same machine.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use gossip::wire::{Count, Encoder, Head, Heartbeat, HeartbeatInterval, Item, Micros, Standing, Tag};
use gossip::{
    BootId, Config, DATAGRAM_MAX, Identity, Incarnation, Metadata, Node, NodeId, Record, Status, StorageId,
    Version,
};
use rand::rngs::SmallRng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

/// What a node is to take of what a bare loop takes.
const RATIO_MIN: f64 = 0.5;
const CLUSTER: &str = "throughput";
const INTERVAL: Duration = Duration::from_millis(100);
/// So few that they all wait in the buffer that a system grants without being asked.
const BURST: usize = 200;
/// Of garbage, in bytes.
const GARBAGE_MAX: usize = 256;

/// Sends bursts, and then floods, to a node and to a bare tokio receive loop in turn. Loopback only.
///
/// A burst is sent before anything of it is received, in the same thread: its rate says what receiving alone costs. In a
/// flood another thread sends as fast as it can: if the receiver keeps up, its rate says nothing about the receiver.
///
/// Exit status: 0 if a node takes at least half of what the loop takes, however it is sent, and 1 if it takes less, or if
/// something cannot be measured.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
struct Arguments {
    /// Rounds of every measurement; medians of them are compared
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Bursts in a round
    #[arg(long, default_value_t = 500)]
    bursts: usize,
    /// Milliseconds of a flood
    #[arg(long, default_value_t = 500)]
    flood_ms: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let length = Duration::from_millis(arguments.flood_ms);
    let mut least = f64::INFINITY;
    for kind in [Kind::Heartbeats, Kind::Garbage] {
        let bursts =
            compare(&arguments, kind, "bursts", &|receiver| in_bursts(receiver, kind, arguments.bursts))?;
        let flood = compare(&arguments, kind, "flood", &|receiver| in_flood(receiver, kind, length))?;
        least = least.min(bursts).min(flood);
    }
    anyhow::ensure!(
        least >= RATIO_MIN,
        "a node takes {least:.2} of what a bare loop takes, and is to take {RATIO_MIN} at least"
    );
    Ok(())
}

type Measure<'a> = &'a dyn Fn(&mut dyn Receiver) -> anyhow::Result<f64>;

/// Turn and turn about, so that both see the same machine; what the node takes of what the loop takes.
fn compare(arguments: &Arguments, kind: Kind, how: &str, measure: Measure<'_>) -> anyhow::Result<f64> {
    let (mut bare, mut node, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds {
        let rates = (measure(&mut Bare::start()?)?, measure(&mut Watched::start()?)?);
        bare.push(rates.0);
        node.push(rates.1);
        ratio.push(rates.1 / rates.0);
    }
    let (bare, node, ratio) = (median(bare)?, median(node)?, median(ratio)?);
    println!("{kind:?}, {how:6}: bare {bare:9.0}/s, node {node:9.0}/s, ratio {ratio:.2}");
    Ok(ratio)
}

fn median(mut values: Vec<f64>) -> anyhow::Result<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().context("at least one round")
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A neighbour's, each newer than the one before.
    Heartbeats,
    /// Bytes without meaning, of any length.
    Garbage,
}

/// Somebody who sends to one receiver.
struct Sender {
    kind: Kind,
    socket: UdpSocket,
    to: SocketAddr,
    tag: Tag,
    config: Config,
    began: Instant,
    seq: u64,
    rng: SmallRng,
}

impl Sender {
    /// Introduces itself first: heartbeats are taken from members only.
    fn new(kind: Kind, to: SocketAddr, tag: Tag) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let config = Config::builder(CLUSTER).interval(INTERVAL).build()?;
        let mut sender = Self {
            kind,
            socket,
            to,
            tag,
            config,
            began: Instant::now(),
            seq: 0,
            rng: SmallRng::seed_from_u64(1),
        };
        let (hello, len) = sender.encoded(&Head::Hello { reply: false }, true)?;
        sender.send(&hello[..len])?;
        Ok(sender)
    }

    fn next(&mut self) -> anyhow::Result<([u8; DATAGRAM_MAX], usize)> {
        match self.kind {
            Kind::Garbage => {
                let mut bytes = [0; DATAGRAM_MAX];
                let len = self.rng.random_range(1..=GARBAGE_MAX);
                self.rng.fill_bytes(&mut bytes[..len]);
                Ok((bytes, len))
            }
            Kind::Heartbeats => {
                self.seq += 1;
                let heartbeat = Heartbeat {
                    seq: Count::clamped(self.seq),
                    sent: Micros::of(self.began.elapsed()),
                    interval: HeartbeatInterval::clamped(INTERVAL),
                    ack: None,
                    ack_lag: u16::MAX,
                    standing: Standing::Unvoted,
                    epoch: None,
                    returning: false,
                    voucher: None,
                    survey: None,
                };
                self.encoded(&Head::Heartbeat(heartbeat), false)
            }
        }
    }

    fn encoded(&self, head: &Head, introduce: bool) -> anyhow::Result<([u8; DATAGRAM_MAX], usize)> {
        let identity = Identity {
            id: NodeId::new("sender")?,
            storage: StorageId::default(),
            incarnation: Incarnation::FIRST,
            boot: BootId([1; 16]),
        };
        let mut buf = [0; DATAGRAM_MAX];
        let mut encoder = Encoder::new(&self.config, &mut buf, identity.life(), self.tag, head);
        if introduce {
            let (addr, metadata) = (self.socket.local_addr()?, Metadata::default());
            let record =
                Record { identity, version: Version::FIRST, addr, status: Status::Running, metadata };
            encoder.push(&Item::Record(record.into()));
        }
        let len = encoder.finish();
        Ok((buf, len))
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.socket.send_to(bytes, self.to)?;
        Ok(())
    }
}

/// Who receives, on a runtime of the thread that asks.
trait Receiver {
    fn addr(&self) -> SocketAddr;
    fn tag(&self) -> Tag;
    /// Takes in all that waits, which is `waiting` datagrams at least.
    fn take(&mut self, waiting: usize) -> anyhow::Result<()>;
    /// Receives for some time; how many that were.
    fn run(&mut self, length: Duration) -> anyhow::Result<u64>;
    /// How many it has understood as heartbeats, if it understands anything.
    fn heartbeats(&mut self) -> anyhow::Result<Option<u64>> {
        Ok(None)
    }
}

fn in_bursts(receiver: &mut dyn Receiver, kind: Kind, bursts: usize) -> anyhow::Result<f64> {
    let mut sender = Sender::new(kind, receiver.addr(), receiver.tag())?;
    receiver.take(1)?;
    let mut spent = Duration::ZERO;
    for _ in 0..bursts {
        for _ in 0..BURST {
            let (bytes, len) = sender.next()?;
            sender.send(&bytes[..len])?;
        }
        let began = Instant::now();
        receiver.take(BURST)?;
        spent += began.elapsed();
    }
    if let (Kind::Heartbeats, Some(heartbeats)) = (kind, receiver.heartbeats()?) {
        anyhow::ensure!(
            heartbeats == sender.seq,
            "{heartbeats} of {} heartbeats were understood",
            sender.seq
        );
    }
    Ok((BURST * bursts) as f64 / spent.as_secs_f64())
}

fn in_flood(receiver: &mut dyn Receiver, kind: Kind, length: Duration) -> anyhow::Result<f64> {
    let mut sender = Sender::new(kind, receiver.addr(), receiver.tag())?;
    receiver.take(1)?;
    let flood = thread::spawn(move || -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < length {
            let (bytes, len) = sender.next()?;
            sender.send(&bytes[..len])?;
        }
        Ok(())
    });
    let received = receiver.run(length)?;
    match flood.join() {
        Ok(sent) => sent?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    Ok(received as f64 / length.as_secs_f64())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A loop around `recv_from`.
struct Bare {
    runtime: tokio::runtime::Runtime,
    socket: tokio::net::UdpSocket,
    addr: SocketAddr,
}

impl Bare {
    fn start() -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let socket = runtime.block_on(tokio::net::UdpSocket::bind("127.0.0.1:0"))?;
        let addr = socket.local_addr()?;
        Ok(Self { runtime, socket, addr })
    }
}

impl Receiver for Bare {
    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn tag(&self) -> Tag {
        Tag::default()
    }

    fn take(&mut self, waiting: usize) -> anyhow::Result<()> {
        let mut buf = [0; DATAGRAM_MAX + 1];
        self.runtime.block_on(async {
            for _ in 0..waiting {
                self.socket.recv_from(&mut buf).await?;
            }
            Ok(())
        })
    }

    fn run(&mut self, length: Duration) -> anyhow::Result<u64> {
        let mut buf = [0; DATAGRAM_MAX + 1];
        let mut received = 0;
        self.runtime.block_on(async {
            let receive = async {
                loop {
                    self.socket.recv_from(&mut buf).await?;
                    received += 1;
                }
            };
            // It ends with the time, or with an error.
            tokio::time::timeout(length, receive).await.unwrap_or(Ok::<(), std::io::Error>(()))
        })?;
        Ok(received)
    }
}

/// A node, seen through its public interface.
struct Watched {
    runtime: tokio::runtime::Runtime,
    node: Node,
    tag: Tag,
    /// By its own count, when it was last asked.
    received: u64,
}

impl Watched {
    fn start() -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let node = runtime
            .block_on(Node::builder(CLUSTER, "receiver").configure(|c| c.interval(INTERVAL)).start())?;
        let tag = runtime.block_on(node.identity())?.life().tag();
        Ok(Self { runtime, node, tag, received: 0 })
    }
}

impl Receiver for Watched {
    fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    fn tag(&self) -> Tag {
        self.tag
    }

    /// A node answers after it has taken in all that had arrived.
    fn take(&mut self, waiting: usize) -> anyhow::Result<()> {
        let target = self.received + waiting as u64;
        self.runtime.block_on(async {
            while self.received < target {
                self.received = self.node.counters().await?.received;
            }
            Ok(())
        })
    }

    fn run(&mut self, length: Duration) -> anyhow::Result<u64> {
        let before = self.received;
        self.runtime.block_on(async {
            tokio::time::sleep(length).await;
            self.received = self.node.counters().await?.received;
            Ok(self.received - before)
        })
    }

    fn heartbeats(&mut self) -> anyhow::Result<Option<u64>> {
        Ok(Some(self.runtime.block_on(self.node.counters())?.heartbeats))
    }
}
