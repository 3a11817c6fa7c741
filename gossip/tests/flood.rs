//! A flood of garbage at one of several nodes: nobody is suspected for it, and no memory is kept of it.
//!
//! Ten seconds with two busy cores, so only when asked for:
//!
//!     cargo test --release -p gossip --test flood -- --ignored --nocapture
#![cfg(feature = "tokio")]
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use gossip::{Event, Events, Node, Opinion};
use tokio::runtime::Runtime;

const NODES: usize = 5;
const RATE: u64 = 100_000;
const LENGTH: Duration = Duration::from_secs(10);
/// What may be held at its end that was not at its beginning.
const GROWTH_MAX: i64 = 64 << 10;

async fn cluster() -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..NODES {
        let seeds = nodes.first().map(|first| first.addr().to_string());
        let node =
            Node::builder("flood", format!("n{number}")).seeds(seeds).start().await.expect("a free port");
        node.ready().await.expect("runs");
        nodes.push(node);
    }
    // Until detectors know what is usual.
    tokio::time::sleep(Duration::from_secs(5)).await;
    nodes
}

/// Sends datagrams of any length and content; how many.
fn flood(to: SocketAddr) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let (mut word, mut bytes, mut sent) = (1_u64, [0; 256], 0);
    let began = Instant::now();
    while began.elapsed() < LENGTH {
        // In small portions, so that the rate is even.
        for _ in 0..RATE / 1_000 {
            for byte in &mut bytes {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = (word >> 56) as u8;
            }
            let len = 1 + word as usize % bytes.len();
            sent += u64::from(socket.send_to(&bytes[..len], to).is_ok());
        }
        let due = Duration::from_secs_f64(sent as f64 / RATE as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
    sent
}

async fn suspicions(events: &mut [Events]) -> Vec<Event> {
    let mut found = Vec::new();
    for events in events {
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await {
            if matches!(event, Event::Opinion { opinion: Opinion::Suspect, .. }) {
                found.push(event);
            }
        }
    }
    found
}

#[test]
#[ignore = "ten seconds and two cores"]
fn a_flood_of_garbage_costs_nobody_trust_and_nothing_memory() {
    // Nodes on one thread, the flood on another: only what nodes allocate is counted.
    let runtime: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
    let nodes = runtime.block_on(cluster());
    let mut events: Vec<Events> = nodes.iter().map(Node::events).collect();
    runtime.block_on(suspicions(&mut events));
    let before = runtime.block_on(nodes[0].counters()).expect("runs");
    let target = nodes[0].addr();
    let flooding = thread::spawn(move || flood(target));
    let held = measure(|| runtime.block_on(async { tokio::time::sleep(LENGTH).await }));
    let sent = flooding.join().expect("no panic");
    let after = runtime.block_on(nodes[0].counters()).expect("runs");
    let rejected = after.rejected_all() - before.rejected_all();
    println!("{sent} sent, {rejected} received and rejected; held {} B more", held.bytes_current);
    assert_eq!(runtime.block_on(suspicions(&mut events)), []);
    assert!(held.bytes_current <= GROWTH_MAX, "{held:?}");
    assert!(rejected > sent / 2, "{rejected} of {sent}: this was no flood at the node");
}
