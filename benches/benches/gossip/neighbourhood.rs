//! One node that knows many members, and the heartbeats of those it exchanges them with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::{Node, Setup};
use gossip::wire::{Ack, Count, Encoder, Head, Heartbeat, HeartbeatInterval, Life, Micros, Standing, Tag};
use gossip::{
    BootId, Config, DATAGRAM_MAX, Identity, Incarnation, Metadata, NodeId, Now, Opinion, Record, Status,
    StorageId, Version,
};

pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// A datagram on its way to the node.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

pub(crate) struct Neighbourhood {
    pub(crate) node: Node,
    config: Config,
    own: Life,
    neighbours: Vec<(SocketAddr, Life)>,
    now: Duration,
    /// Of the last heartbeat that neighbours sent, and nearly of the node's own.
    seq: u64,
    buf: Box<[u8; DATAGRAM_MAX]>,
}

impl Neighbourhood {
    /// A node that has known so many members, itself included, for a thousand intervals.
    pub(crate) fn warmed(members: u16) -> Self {
        let mut settled = Self::new(members);
        let mut sent = 0;
        for _ in 0..1_000 {
            sent += settled.tick();
            let datagrams = settled.heartbeats();
            settled.handle(&datagrams);
        }
        // Otherwise something else is timed. Some timers ring for calls to seeds and not for heartbeats.
        let trusted = settled.node.members().filter(|m| m.opinion == Some(Opinion::Trust)).count();
        assert!(
            trusted == settled.neighbours.len() && sent >= 900 * trusted,
            "{trusted} trusted, {sent} sent"
        );
        settled
    }

    fn new(members: u16) -> Self {
        let config = Config::builder("bench").interval(INTERVAL).build().unwrap_or_else(|e| panic!("{e}"));
        let own = record(0);
        let now = Duration::ZERO;
        let setup = Setup {
            config: config.clone(),
            identity: own.identity.clone(),
            addr: own.addr,
            seeds: Vec::new(),
            metadata: own.metadata.clone(),
            durable: Default::default(),
            rng_seed: 1,
        };
        let mut node = Node::new(Now::from(now), setup);
        node.introduce(Now::from(now), (1..members).map(record));
        // Whom it observes it has an opinion of.
        let observed = node.members().filter(|member| member.opinion.is_some());
        let neighbours = observed.map(|m| (m.record.addr, m.record.identity.life())).collect();
        let buf = Box::new([0; DATAGRAM_MAX]);
        Self { node, config, own: own.identity.life(), neighbours, now, seq: 0, buf }
    }

    /// The node's next timer rings; what it sends is written. How many datagrams that were.
    pub(crate) fn tick(&mut self) -> usize {
        // A node that has not been stopped always waits for something.
        self.now = self.node.poll_timeout().unwrap_or(self.now);
        self.node.handle_timeout(Now::from(self.now));
        self.drain()
    }

    /// What all neighbours send half an interval later.
    pub(crate) fn heartbeats(&mut self) -> Vec<Datagram> {
        self.seq += 1;
        self.now += INTERVAL / 2;
        let head = Head::Heartbeat(heartbeat(self.seq, self.now));
        let to = self.own.tag();
        self.neighbours.iter().map(|&(addr, life)| (addr, encoded(&self.config, life, to, &head))).collect()
    }

    pub(crate) fn handle(&mut self, datagrams: &[Datagram]) {
        for (from, bytes) in datagrams {
            self.node.handle_datagram(Now::from(self.now), *from, bytes);
        }
    }

    fn drain(&mut self) -> usize {
        let mut sent = 0;
        while self.node.poll_transmit(&mut self.buf).is_some() {
            sent += 1;
        }
        while self.node.poll_event().is_some() {}
        sent
    }
}

/// An ordinary one, without news.
pub(crate) fn heartbeat(seq: u64, sent: Duration) -> Heartbeat {
    Heartbeat {
        seq: Count::clamped(seq),
        sent: Micros::of(sent),
        interval: HeartbeatInterval::clamped(INTERVAL),
        ack: Some(Ack { seq: Count::clamped(seq), held: 50_000 }),
        ack_lag: 1,
        standing: Standing::Unvoted,
        epoch: None,
        returning: false,
        voucher: None,
        survey: None,
    }
}

pub(crate) fn encoded(config: &Config, from: Life, to: Tag, head: &Head) -> Vec<u8> {
    let mut buf = [0; DATAGRAM_MAX];
    let len = Encoder::new(config, &mut buf, from, to, head).finish();
    buf[..len].to_vec()
}

pub(crate) fn record(number: u16) -> Arc<Record> {
    let [high, low] = number.to_be_bytes();
    let id = NodeId::new(format!("node-{number}")).unwrap_or_else(|e| panic!("{e}"));
    Arc::new(Record {
        identity: Identity {
            id,
            storage: StorageId::default(),
            incarnation: Incarnation::FIRST,
            boot: BootId(u128::from(number).to_be_bytes()),
        },
        version: Version::FIRST,
        addr: SocketAddr::from(([10, 0, high, low], 7000)),
        status: Status::Running,
        metadata: Metadata::default(),
    })
}
