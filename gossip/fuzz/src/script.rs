//! What must hold of a node, whatever it is told in whatever order.
//!
//! An input is a script of steps of four bytes each, two of which say how many bytes of a datagram follow. Every
//! datagram gets the checksum that belongs to it.

use std::time::Duration;

use allocation_counter::measure;
use gossip::core::Node;
use gossip::wire::reseal;
use gossip::{Counters, DATAGRAM_MAX, Now};

use super::cast::{self, EVENTS_MAX, MEMBERS_MAX, addr, config};

/// Bytes that a node may hold at a time, with its outbox full: 1,024 datagrams of 1,200 bytes, and what it knows.
const HELD_MAX: u64 = 2 << 20;
/// Datagrams that may wait to be sent.
const OUTBOX_MAX: usize = 1024;

/// Runs a script on a node that knows a few others; what the node has counted.
pub fn check(script: &[u8]) -> Counters {
    let mut counters = Counters::default();
    let held = measure(|| counters = run(script)).bytes_max;
    assert!(held <= HELD_MAX, "{held} bytes");
    counters
}

fn run(mut script: &[u8]) -> Counters {
    let mut stage = Stage { node: cast::node(), now: Duration::ZERO };
    while let Some((&[sender, action, len_low, len_high], rest)) = script.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes([len_low, len_high])).min(rest.len());
        let (datagram, rest) = rest.split_at(len);
        script = rest;
        stage.pass(sender >> 4);
        stage.act(sender & 0x0f, action >> 1, datagram);
        // A driver that does not drain is allowed, and must not cost more memory.
        if action & 1 == 0 {
            stage.drain();
        }
    }
    stage.drain();
    stage.node.counters()
}

/// One step, for scripts to begin with: time passes (see [`Stage::pass`]), then a datagram comes.
pub fn step(from: u8, wait: u8, datagram: &[u8]) -> Vec<u8> {
    let len = u16::try_from(datagram.len()).expect("a datagram's length").to_le_bytes();
    [&[wait << 4 | from, 0, len[0], len[1]], datagram].concat()
}

struct Stage {
    node: Node,
    now: Duration,
}

impl Stage {
    /// From nothing over parts of an interval to hours.
    fn pass(&mut self, wait: u8) {
        let wait_ms = [
            0,
            1,
            10,
            30,
            60,
            100,
            110,
            200,
            400,
            1000,
            3000,
            10_000,
            60_000,
            600_000,
            3_600_000,
            100_000_000,
        ];
        self.now += Duration::from_millis(wait_ms[usize::from(wait) % wait_ms.len()]);
    }

    fn act(&mut self, sender: u8, action: u8, datagram: &[u8]) {
        let now = Now { wall: Some(self.now), ..Now::from(self.now) };
        let node = &mut self.node;
        match action {
            // Errors are answers too.
            1 => _ = node.leave(now),
            2 => _ = node.set_metadata(now, "k", &sender.to_string()),
            3 => _ = node.remove_metadata(now, "k"),
            4 => _ = node.announce_pause(now, Duration::from_secs(u64::from(sender))),
            5 => _ = node.resume(now),
            6 => _ = node.set_addr(now, addr(sender)),
            7 => node.set_seeds(now, vec![addr(sender)]),
            8 => node.introduce(now, [cast::record(sender)]),
            // In time, and not before what has arrived by then.
            _ => {
                let mut datagram = datagram.to_vec();
                reseal(&config(), &mut datagram);
                node.handle_datagram(now, addr(sender), &datagram);
            }
        }
        // As often as a driver would be woken: a timer that is always due would keep it awake.
        for _ in 0..64 {
            if node.poll_timeout().is_none_or(|due| due > now.boot) {
                return;
            }
            node.handle_timeout(now);
        }
        panic!("{:?} and still due at {:?}", now.boot, node.poll_timeout());
    }

    fn drain(&mut self) {
        let mut buf = [0; DATAGRAM_MAX];
        let mut sent = 0;
        while let Some(transmit) = self.node.poll_transmit(&mut buf) {
            sent += 1;
            assert!(transmit.len <= DATAGRAM_MAX && sent <= OUTBOX_MAX, "{sent} datagrams, {transmit:?}");
        }
        let events = std::iter::from_fn(|| self.node.poll_event()).take(EVENTS_MAX + 2).count();
        // One more says how many were lost.
        assert!(events <= EVENTS_MAX + 1, "{events} events");
        let members = self.node.members().inspect(|m| assert!(m.accusers <= MEMBERS_MAX)).count();
        assert!(members <= MEMBERS_MAX, "{members} members");
    }
}
