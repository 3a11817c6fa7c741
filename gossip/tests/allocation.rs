//! The heartbeat path allocates nothing once it is warm.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::net::SocketAddr;
use std::time::Duration;

use allocation_counter::measure;
use gossip::core::{Node, Setup, Transmit};
use gossip::{BootId, Config, DATAGRAM_MAX, Identity, Incarnation, Metadata, NodeId, Now, StorageId};

const NODES: u8 = 8;

fn addr(index: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, index], 7000))
}

fn node(index: u8) -> Node {
    Node::new(
        Now::from(Duration::ZERO),
        Setup {
            config: Config::builder("quiet").build().expect("valid"),
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

/// Runs all nodes on a perfect network, without allocating anything itself.
fn run(nodes: &mut [Node], until: Duration) -> u64 {
    let mut handled = 0;
    loop {
        let due = nodes.iter().filter_map(Node::poll_timeout).min().expect("nobody stops");
        if due > until {
            return handled;
        }
        let now = Now::from(due);
        for at in 0..nodes.len() {
            nodes[at].handle_timeout(now);
            let mut buf = [0; DATAGRAM_MAX];
            while let Some(Transmit { to, len }) = nodes[at].poll_transmit(&mut buf) {
                let to = (0..NODES).find(|&index| addr(index) == to).expect("one of us");
                nodes[usize::from(to)].handle_datagram(now, addr(at as u8), &buf[..len]);
                handled += 1;
            }
            while nodes[at].poll_event().is_some() {}
        }
    }
}

#[test]
fn heartbeats_allocate_nothing() {
    let mut nodes: Vec<Node> = (0..NODES).map(node).collect();
    run(&mut nodes, Duration::from_secs(30));
    assert!(nodes.iter().all(|node| node.members().count() == usize::from(NODES)));
    let mut handled = 0;
    // Calls to seeds and unreachable members would be counted: there are none of the latter, and the former are well.
    let allocated = measure(|| handled = run(&mut nodes, Duration::from_secs(60)));
    assert!(handled > 16_000, "{handled}");
    assert_eq!(allocated.count_total, 0, "in {handled} datagrams: {allocated:?}");
}

/// The counter counts; without this the zero above would prove nothing.
#[test]
fn joining_allocates() {
    let mut nodes: Vec<Node> = (0..NODES).map(node).collect();
    let allocated = measure(|| _ = run(&mut nodes, Duration::from_secs(1)));
    assert!(allocated.count_total > 100, "{allocated:?}");
}
