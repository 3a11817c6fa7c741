//! What a node thinks of others depends on when their heartbeats arrived, not on when it came to read them.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/quiet.rs"]
mod quiet;

use std::net::SocketAddr;
use std::time::Duration;

use gossip::core::{Node, between_looks};
use gossip::{Config, DATAGRAM_MAX, NodeId, Now};
use quiet::{NODES, addr};

const INTERVAL: Duration = Duration::from_millis(100);
/// Until then everybody reads at once, in all runs.
const ACQUAINTED: Duration = Duration::from_secs(10);
const END: Duration = Duration::from_secs(40);

/// When a datagram is read, and what its reader then says of when it arrived.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    AtOnce,
    Late,
    LateAndNotTold,
}

struct Flying {
    from: SocketAddr,
    to: usize,
    arrived: Duration,
    read: Duration,
    bytes: Vec<u8>,
}

struct Network {
    nodes: Vec<Node>,
    flying: Vec<Flying>,
    reading: Reading,
    sent: u64,
}

impl Network {
    fn new(reading: Reading) -> Self {
        Self::with_interval(reading, INTERVAL)
    }

    fn with_interval(reading: Reading, interval: Duration) -> Self {
        let config = Config::builder("quiet").interval(interval).build().expect("valid");
        let nodes = (0..NODES).map(|index| quiet::node(index, config.clone())).collect();
        Self { nodes, flying: Vec::new(), reading, sent: 0 }
    }

    /// Some milliseconds, never the same twice in a row.
    fn delay(&mut self) -> Duration {
        self.sent += 1;
        Duration::from_micros(200 + self.sent.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 9_000)
    }

    /// A reader that is late looks a few times in each interval.
    fn read(&self, arrived: Duration) -> Duration {
        if self.reading == Reading::AtOnce || arrived < ACQUAINTED {
            return arrived;
        }
        let look = between_looks(INTERVAL);
        look * (arrived.as_nanos().div_ceil(look.as_nanos()) as u32)
    }

    /// What is read by now: what the reader looks for, and all that has arrived if a timer of its is due.
    fn hand_in(&mut self, now: Duration) {
        let due: Vec<bool> =
            self.nodes.iter().map(|node| node.poll_timeout().is_some_and(|at| at <= now)).collect();
        let read = |f: &Flying| f.read <= now || (due[f.to] && f.arrived <= now);
        let (mut read, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.flying).into_iter().partition(read);
        self.flying = later;
        read.sort_by_key(|f| f.arrived);
        for Flying { from, to, arrived, bytes, .. } in read {
            let arrived = if self.reading == Reading::LateAndNotTold { now } else { arrived };
            self.nodes[to].handle_arrived(Now::from(now), arrived, from, &bytes);
        }
    }

    fn send(&mut self, now: Duration) {
        let mut buf = [0; DATAGRAM_MAX];
        for at in 0..self.nodes.len() {
            while let Some(sent) = self.nodes[at].poll_transmit(&mut buf) {
                let to = (0..NODES).find(|&index| addr(index) == sent.to).expect("one of us");
                let arrived = now + self.delay();
                let (from, read) = (addr(at as u8), self.read(arrived));
                let bytes = buf[..sent.len].to_vec();
                self.flying.push(Flying { from, to: usize::from(to), arrived, read, bytes });
            }
        }
    }

    fn run(&mut self) {
        loop {
            let timers = self.nodes.iter().filter_map(Node::poll_timeout);
            let now = timers.chain(self.flying.iter().map(|f| f.read)).min().expect("nobody stops");
            if now > END {
                return;
            }
            self.hand_in(now);
            for node in &mut self.nodes {
                if node.poll_timeout().is_some_and(|at| at <= now) {
                    node.handle_timeout(Now::from(now));
                }
            }
            self.send(now);
        }
    }
}

/// While anybody may wait for an answer, nobody is to be late with it.
#[test]
fn reading_can_wait_while_there_are_only_heartbeats() {
    let mut network = Network::new(Reading::AtOnce);
    network.run();
    let waits = |network: &Network| network.nodes.iter().filter(|node| node.can_wait(END)).count();
    // One of them has just called its seed, which it does all its life.
    assert!(waits(&network) >= usize::from(NODES) - 2, "{}", waits(&network));
    network.nodes[3].leave(Now::from(END)).expect("it runs");
    network.send(END);
    network.hand_in(END + INTERVAL / 2);
    assert_eq!(waits(&network), 0);
}

#[test]
fn looking_is_no_good_where_there_would_be_more_looks_than_heartbeats() {
    let mut network = Network::with_interval(Reading::AtOnce, 10 * INTERVAL);
    network.run();
    assert!(network.nodes.iter().all(|node| !node.can_wait(END)));
}

/// For each node and each other: how suspicious it is after its next heartbeat should have come, and how far away.
fn opinions(reading: Reading) -> Vec<(f64, Option<Duration>)> {
    let mut network = Network::new(reading);
    network.run();
    let id = |index: u8| NodeId::new(format!("n{index}")).expect("a name");
    let mut opinions = Vec::new();
    for (observer, node) in (0..NODES).zip(&network.nodes) {
        for other in (0..NODES).filter(|&other| other != observer) {
            let said = node.suspicion(&id(other), END + INTERVAL);
            let own = said.iter().find(|said| said.observer == id(observer)).expect("it observes all");
            opinions.push((own.phi, node.member(&id(other)).and_then(|member| member.link?.rtt)));
        }
    }
    assert!(opinions.iter().all(|(_, rtt)| rtt.is_some()));
    opinions
}

#[test]
fn a_late_reader_thinks_what_a_prompt_one_does() {
    let at_once = opinions(Reading::AtOnce);
    assert_eq!(opinions(Reading::Late), at_once);
    assert!(at_once.iter().any(|(phi, _)| *phi > 0.1), "{at_once:?}");
    let not_told = opinions(Reading::LateAndNotTold);
    let further = at_once.iter().zip(&not_told).filter(|((_, at_once), (_, late))| late > at_once).count();
    assert!(further > at_once.len() / 2, "without the times of arrival everybody is further away: {further}");
}

/// What arrived while the process did not run counts as having arrived when it went on: that time is taken out of all silences.
#[test]
fn a_time_of_arrival_within_a_pause_is_not_believed() {
    let mut network = Network::new(Reading::AtOnce);
    network.run();
    let slept = Duration::from_secs(5);
    let woken = END + slept;
    // All beat once more, and then nobody runs.
    for node in &mut network.nodes {
        node.handle_timeout(Now::from(END + INTERVAL));
    }
    network.send(END + INTERVAL);
    for Flying { from, to, arrived, bytes, .. } in std::mem::take(&mut network.flying) {
        network.nodes[to].handle_arrived(Now::from(woken), arrived, from, &bytes);
    }
    for (index, node) in network.nodes.iter_mut().enumerate() {
        node.handle_timeout(Now::from(woken));
        for other in (0..NODES).filter(|&other| usize::from(other) != index) {
            let id = NodeId::new(format!("n{other}")).expect("a name");
            let said = node.suspicion(&id, woken + INTERVAL);
            assert!(said.iter().all(|said| said.phi < 3.0), "n{index} of n{other}: {said:?}");
        }
    }
}
