//! A quiet node is woken up for its own heartbeats and for those of others, and for nothing else.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/quiet.rs"]
mod quiet;

use std::time::Duration;

use gossip::core::{Node, Transmit};
use gossip::{Config, DATAGRAM_MAX, Now};
use quiet::{NODES, addr};

const INTERVAL: Duration = Duration::from_millis(100);

fn nodes() -> Vec<Node> {
    let config = Config::builder("quiet").interval(INTERVAL).build().expect("valid");
    (0..NODES).map(|index| quiet::node(index, config.clone())).collect()
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
    let mut nodes = nodes();
    run(&mut nodes, 300 * INTERVAL);
    let wakeups = run(&mut nodes, 900 * INTERVAL);
    let own_heartbeats = 600 * u32::from(NODES);
    // Seeds are called once in some hundred intervals.
    let others = wakeups - own_heartbeats;
    assert!(others < own_heartbeats / 20, "{others} beside {own_heartbeats}");
}
