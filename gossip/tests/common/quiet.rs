//! A few nodes whose state machines are driven by hand, on a network that loses nothing.

use std::net::SocketAddr;
use std::time::Duration;

use gossip::core::{Node, Setup};
use gossip::{BootId, Config, Identity, Incarnation, Metadata, NodeId, Now, StorageId};

pub(crate) const NODES: u8 = 8;

pub(crate) fn addr(index: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index], 7000))
}

/// One of them, of which the first is the seed of all others.
pub(crate) fn node(index: u8, config: Config) -> Node {
    Node::new(
        Now::from(Duration::ZERO),
        Setup {
            config,
            identity: Identity {
                id: NodeId::new(format!("n{index}")).expect("a name"),
                storage: StorageId([index + 1; 16]),
                incarnation: Incarnation::FIRST,
                boot: BootId([index; 16]),
            },
            addr: addr(index),
            seeds: if index == 0 { Vec::new() } else { vec![addr(0)] },
            metadata: Metadata::default(),
            durable: Default::default(),
            rng_seed: u64::from(index),
        },
    )
}
