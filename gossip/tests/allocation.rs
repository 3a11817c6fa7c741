//! The heartbeat path allocates nothing once it is warm.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/quiet.rs"]
mod quiet;

use std::time::Duration;

use allocation_counter::measure;
use gossip::core::{Node, Transmit};
use gossip::{Config, DATAGRAM_MAX, Now};
use quiet::{NODES, addr};

fn nodes() -> Vec<Node> {
    let config = Config::builder("quiet").build().expect("valid");
    (0..NODES).map(|index| quiet::node(index, config.clone())).collect()
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
    let mut nodes = nodes();
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
    let mut nodes = nodes();
    let allocated = measure(|| _ = run(&mut nodes, Duration::from_secs(1)));
    assert!(allocated.count_total > 100, "{allocated:?}");
}
