//! A quiet node is woken up for its own heartbeats and for those of others, and for nothing else.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use gossip::core::{Node, Setup, Transmit};
use gossip::{BootId, Config, DATAGRAM_MAX, Identity, Incarnation, Metadata, NodeId, Now, StorageId};

const NODES: u8 = 8;
const INTERVAL: Duration = Duration::from_millis(100);

fn addr(index: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index], 7000))
}

fn node(index: u8) -> Node {
    Node::new(
        Now::from(Duration::ZERO),
        Setup {
            config: Config::builder("quiet").interval(INTERVAL).build().expect("valid"),
            identity: Identity {
                id: NodeId::new(format!("n{index}")).expect("a name"),
                storage: StorageId::default(),
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

/// Runs all nodes on a perfect network; how often one of them was woken up by a timer.
fn run(nodes: &mut [Node], until: Duration) -> u32 {
    let (mut wakeups, mut buf) = (0, [0; DATAGRAM_MAX]);
    loop {
        let due = nodes.iter().filter_map(Node::poll_timeout).min().expect("nobody stops");
        if due > until {
            return wakeups;
        }
        let now = Now::from(due);
        for at in 0..nodes.len() {
            if nodes[at].poll_timeout() == Some(due) {
                nodes[at].handle_timeout(now);
                wakeups += 1;
            }
            while let Some(Transmit { to, len }) = nodes[at].poll_transmit(&mut buf) {
                let to = (0..NODES).find(|&index| addr(index) == to).expect("one of us");
                nodes[usize::from(to)].handle_datagram(now, addr(at as u8), &buf[..len]);
            }
        }
    }
}

#[test]
fn timers_ring_for_heartbeats_only() {
    let mut nodes: Vec<Node> = (0..NODES).map(node).collect();
    run(&mut nodes, 300 * INTERVAL);
    let wakeups = run(&mut nodes, 900 * INTERVAL);
    let own_heartbeats = 600 * u32::from(NODES);
    // Seeds are called once in some hundred intervals.
    let others = wakeups - own_heartbeats;
    assert!(others < own_heartbeats / 20, "{others} beside {own_heartbeats}");
}
