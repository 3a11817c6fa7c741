//! The heartbeat path allocates nothing once it is warm.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/quiet.rs"]
mod quiet;

use std::time::Duration;

use allocation_counter::measure;
use gossip::core::{Node, Transmit};
use gossip::{Config, DATAGRAM_MAX, LeaseName, Now};
use quiet::{NODES, addr};

const VOTERS: u8 = 5;

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
            while nodes[at].poll_write().is_some() {
                nodes[at].handle_written(now, true);
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

/// Under a view, with vouchers in heartbeats that move the bound of whoever holds a lease, in a full mesh and on rings.
#[test]
fn vouchers_allocate_nothing() {
    for full_mesh_max in [usize::from(NODES), 2] {
        let voters = (0..VOTERS).map(|index| format!("n{index}"));
        // On so many rings everybody is a neighbour of the seed, which need not be called.
        let config = Config::builder("quiet").voters(voters).full_mesh_max(full_mesh_max).rings(16);
        let config = config.build().expect("valid");
        let mut nodes: Vec<_> = (0..NODES).map(|index| quiet::node(index, config.clone())).collect();
        run(&mut nodes, Duration::from_secs(20));
        // One of a voter's, and one of a node's that is none.
        let leases = [("a", VOTERS - 1), ("b", NODES - 1)].map(|(name, owner)| {
            let (lease, owner) = (LeaseName::new(name).expect("a name"), usize::from(owner));
            let new = nodes[owner].acquire(Duration::from_secs(20).into(), &lease);
            assert!(new.expect("it runs"));
            (lease, owner)
        });
        // The token of each, and until when it is good.
        let held = |nodes: &[Node]| {
            leases.each_ref().map(|(lease, owner)| {
                let quorum = nodes[*owner].quorum();
                (quorum.holds(lease).expect("it is held"), quorum.lease_until().boot)
            })
        };
        run(&mut nodes, Duration::from_secs(60));
        let (before, mut handled) = (held(&nodes), 0);
        let allocated = measure(|| handled = run(&mut nodes, Duration::from_secs(90)));
        assert!(handled > 16_000, "{handled}");
        for ((token, until), (token_before, until_before)) in held(&nodes).into_iter().zip(before) {
            assert!(token == token_before && until >= until_before + Duration::from_secs(29));
        }
        assert_eq!(allocated.count_total, 0, "in {handled} datagrams: {allocated:?}");
    }
}

/// The counter counts; without this the zero above would prove nothing.
#[test]
fn joining_allocates() {
    let mut nodes = nodes();
    let allocated = measure(|| _ = run(&mut nodes, Duration::from_secs(1)));
    assert!(allocated.count_total > 100, "{allocated:?}");
}
