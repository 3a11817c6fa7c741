//! The heartbeat path of running nodes allocates nothing once it is warm: from the socket to the core, and back.
#![cfg(all(feature = "tokio", target_os = "linux"))]
#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use allocation_counter::measure;
use gossip::{Lease, Node};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["n1", "n2", "n3"];
const INTERVAL: Duration = Duration::from_millis(20);
/// Longer than a machine that is busy with something else keeps a thread waiting.
const LEASE: Duration = Duration::from_secs(20);
/// In intervals.
const WINDOW: u32 = 25;
/// Nothing but heartbeats in one of so many windows will do: a machine that is busy with something else has nodes probe each
/// other in many of them, and seeds are called in some.
const WINDOWS: usize = 60;

/// Voters under a view, one of which holds a lease.
async fn start() -> (Vec<TempDir>, Vec<Node>, Lease) {
    let (mut disks, mut nodes) = (Vec::new(), Vec::<Node>::new());
    for name in NAMES {
        let disk = tempfile::tempdir().expect("a directory");
        let builder = Node::builder("allocation", name)
            .configure(|c| c.interval(INTERVAL).lease(LEASE).deaf_after(LEASE));
        let builder = builder.seeds(nodes.iter().map(|node| node.addr().to_string()));
        let builder = builder.voters(NAMES).data_dir(disk.path());
        nodes.push(builder.start().await.expect("starts"));
        disks.push(disk);
    }
    let lease = nodes[0].acquire("db").await.expect("granted");
    (disks, nodes, lease)
}

async fn heartbeats(nodes: &[Node]) -> u64 {
    let mut all = 0;
    for node in nodes {
        all += node.counters().await.expect("runs").heartbeats;
    }
    all
}

#[test]
fn heartbeats_allocate_nothing() {
    // All in one thread: the one in which is counted.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let wait = |intervals| runtime.block_on(async { tokio::time::sleep(intervals * INTERVAL).await });
    let (_disks, nodes, lease) = runtime.block_on(start());
    wait(100);
    let window = || {
        let before = runtime.block_on(heartbeats(&nodes));
        let allocated = measure(|| wait(WINDOW)).count_total;
        let after = runtime.block_on(heartbeats(&nodes));
        (allocated, after - before)
    };
    let mut windows = vec![window()];
    while let Some((1.., _)) = windows.last() {
        assert!(windows.len() < WINDOWS, "allocations and heartbeats: {windows:?}");
        windows.push(window());
    }
    assert!(lease.check().is_ok());
    let beats = windows.last().map(|(_, beats)| *beats);
    assert!(beats > Some(u64::from(WINDOW)), "{beats:?} heartbeats");
}
