//! Who takes part: a node, and others that it knows or may come to know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::core::quorum::{Durable, Founders, View, VouchFor};
use gossip::core::register::Ballots;
use gossip::core::{Node, Setup};
use gossip::wire::Life;
use gossip::{
    BootId, Config, Identity, Incarnation, Metadata, NodeId, Now, Record, Status, StorageId, Version,
};

/// The node under test is number 0; it knows those below this number from the start.
pub const KNOWN: u8 = 8;
/// So few that limits are reached.
pub const MEMBERS_MAX: usize = 12;
/// See [`MEMBERS_MAX`].
pub const EVENTS_MAX: usize = 16;

/// Small limits, and rings already in a cluster of this size.
pub fn config() -> Config {
    let config = Config::builder("fuzz").members_max(MEMBERS_MAX).events_max(EVENTS_MAX);
    config
        .full_mesh_max(4)
        .rings(2)
        .voters((0..VOTERS).map(name))
        .lease(founders().vouch_for.get())
        .build()
        .expect("valid")
}

pub fn addr(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 7000))
}

fn name(number: u8) -> String {
    format!("n{number}")
}

pub fn storage(number: u8) -> StorageId {
    StorageId([number + 1; 16])
}

pub fn record(number: u8) -> Arc<Record> {
    let mut metadata = Metadata::default();
    metadata.set("role", "db").expect("fits");
    Arc::new(Record {
        identity: Identity {
            id: NodeId::new(name(number)).expect("a name"),
            storage: storage(number),
            incarnation: Incarnation::FIRST,
            boot: BootId([number; 16]),
        },
        version: Version::FIRST,
        addr: addr(number),
        status: Status::Running,
        metadata,
    })
}

pub fn life(number: u8) -> Life {
    record(number).identity.life()
}

/// Those below this number are the voters of the one history that all of these nodes live in.
pub const VOTERS: u8 = 3;

/// Who founded it.
pub fn founders() -> Founders {
    let voters = super::said::voters(0..VOTERS);
    Founders { voters, vouch_for: VouchFor::clamped(Duration::from_secs(1)) }
}

/// Its first view.
pub fn view() -> View {
    founders().view()
}

/// What the node under test finds as it starts.
#[derive(Debug, Clone, Copy)]
pub enum Disk {
    /// There is none: it neither votes nor vouches.
    None,
    /// A new one: it may be a founder yet.
    New,
    /// The first view: it is a voter.
    Founded,
    /// A later one, with a lease granted, somebody suspended, others gone, and other voters to come; and a vote.
    Later,
}

impl Disk {
    fn storage(self) -> StorageId {
        if matches!(self, Self::None) { StorageId::default() } else { storage(0) }
    }

    fn durable(self) -> Durable {
        let founded = |view| Durable {
            founders: Some(founders()),
            view: Some(Arc::new(view)),
            ballots: Ballots::default(),
            vouch_for_max: Some(founders().vouch_for),
        };
        match self {
            Self::None | Self::New => Durable::default(),
            Self::Founded => founded(view()),
            Self::Later => Durable { ballots: super::said::ballots(), ..founded(super::said::later_view()) },
        }
    }
}

/// The node under test, among members that it has been told of.
pub fn node(disk: Disk) -> Node {
    let own = record(0);
    let now = Now::from(Duration::ZERO);
    let setup = Setup {
        config: config(),
        identity: Identity { storage: disk.storage(), ..own.identity.clone() },
        addr: own.addr,
        seeds: vec![addr(1), addr(100)],
        metadata: own.metadata.clone(),
        durable: disk.durable(),
        rng_seed: 1,
    };
    let mut node = Node::new(now, setup);
    node.introduce(now, (1..KNOWN).map(record));
    node
}
