//! What must hold of a node, whatever it is told in whatever order.
//!
//! An input is a byte that says what the node finds on its disk and whether that is fast, and then a script of steps of
//! four bytes each, two of which say how many more bytes of a datagram or of a message follow. Every datagram gets the
//! checksum that belongs to it, and every message an envelope of the history that it may belong to.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use gossip::core::Node;
use gossip::core::quorum::{Load, Message, View};
use gossip::wire::{self, Head, reseal};
use gossip::{Counters, DATAGRAM_MAX, NodeId, Now};

use super::cast::{self, Disk, EVENTS_MAX, MEMBERS_MAX, addr, config};
use super::{said, sample};

/// Bytes that a node may hold at a time, with its outbox full: 1,024 datagrams of 1,200 bytes, and what it knows; and
/// while its disk hangs, some thousand messages of about as many bytes and some views.
const HELD_MAX: u64 = 8 << 20;
/// What may be under way about views, and bytes of two snapshots.
const LOAD_MAX: Load = Load {
    outputs: 4096,
    adopted: 64,
    cases: 128,
    inquiries: 64,
    requests: 256,
    steps: 64,
    snapshots: 1 << 18,
};
/// Datagrams that may wait to be sent.
const OUTBOX_MAX: usize = 1024;

/// Runs a script on a node that knows a few others; what the node has counted.
pub fn check(script: &[u8]) -> Counters {
    let mut counters = Counters::default();
    let held = measure(|| counters = run(script)).bytes_max;
    assert!(held <= HELD_MAX, "{held} bytes");
    counters
}

fn run(script: &[u8]) -> Counters {
    let Some((&setting, mut script)) = script.split_first() else { return Counters::default() };
    let disks = [Disk::None, Disk::New, Disk::Founded, Disk::Later];
    let mut stage = Stage {
        node: cast::node(disks[usize::from(setting) % disks.len()]),
        now: Duration::ZERO,
        fast: setting & 4 == 0,
        writing: false,
        newest: None,
    };
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

/// How scripts begin: a node with this disk, which may be slow.
pub fn beginning(disk: Disk, fast: bool) -> Vec<u8> {
    vec![disk as u8 | u8::from(!fast) << 2]
}

/// One step, for scripts to go on with: time passes (see [`Stage::pass`]), then a datagram comes.
pub fn step(from: u8, wait: u8, datagram: &[u8]) -> Vec<u8> {
    act(from, wait, 0, datagram)
}

/// The same with a message that fits the view that the node has (see [`Stage::fitted`]).
pub fn say(from: u8, wait: u8, message: &Message) -> Vec<u8> {
    act(from, wait, FITTED, &wire::pack(message))
}

/// The same with something that is done (see [`Stage::act`]).
pub fn act(from: u8, wait: u8, action: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("a datagram's length").to_le_bytes();
    [&[wait << 4 | from, action << 1, len[0], len[1]], bytes].concat()
}

/// Some actions.
pub const BEGIN_WRITE: u8 = 9;
pub const WRITTEN: u8 = 10;
pub const NOT_WRITTEN: u8 = 11;
pub const ACQUIRE: u8 = 12;
pub const RELEASE: u8 = 13;
pub const CHANGE: u8 = 14;
const SAID: u8 = 15;
const FITTED: u8 = 16;

struct Stage {
    node: Node,
    now: Duration,
    /// Whether whatever is to be written is written at once.
    fast: bool,
    /// Whether a write has begun and not ended.
    writing: bool,
    /// The newest view that the node was told of in steps that fit.
    newest: Option<Arc<View>>,
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
            BEGIN_WRITE => self.writing |= node.poll_write().is_some(),
            WRITTEN | NOT_WRITTEN if std::mem::take(&mut self.writing) => {
                node.handle_written(now, action == WRITTEN);
            }
            WRITTEN | NOT_WRITTEN => {}
            ACQUIRE => _ = node.acquire(now, &lease(sender)),
            RELEASE => _ = node.release(now, &lease(sender)),
            CHANGE => {
                let names: Vec<NodeId> =
                    (0..=sender).map(|number| cast::record(number).identity.id.clone()).collect();
                _ = node.change_voters(now, &names);
            }
            SAID | FITTED => {
                let Ok(message) = wire::unpack::<Message>(datagram) else { return };
                let message = if action == FITTED { self.fitted(message) } else { message };
                let head = Head::Quorum(Box::new(said::envelope(sender, message)));
                self.node.handle_datagram(now, addr(sender), &sample::datagram(sender, &head));
            }
            // In time, and not before what has arrived by then.
            _ => {
                let mut datagram = datagram.to_vec();
                reseal(&config(), &mut datagram);
                node.handle_datagram(now, addr(sender), &datagram);
            }
        }
        self.write_if_fast(now);
        // As often as a driver would be woken: a timer that is always due would keep it awake.
        for _ in 0..64 {
            if self.node.poll_timeout().is_none_or(|due| due > now.boot) {
                return;
            }
            self.node.handle_timeout(now);
            self.write_if_fast(now);
        }
        panic!("{:?} and still due at {:?}", now.boot, self.node.poll_timeout());
    }

    fn write_if_fast(&mut self, now: Now) {
        for _ in 0..64 {
            if !self.fast || self.writing || self.node.poll_write().is_none() {
                return;
            }
            self.node.handle_written(now, true);
        }
        panic!("there is always something to write");
    }

    /// The message as one would say it who has the node's view, or the newest one in the case of a decision.
    fn fitted(&mut self, message: Message) -> Message {
        let Some(stored) = self.node.quorum().view().cloned() else { return message };
        match message {
            Message::Register { message, .. } => {
                Message::Register { base: stored.epoch, hash: stored.hash(), message }
            }
            Message::Decided { delta, .. } => {
                let newest =
                    self.newest.take().filter(|newest| newest.epoch > stored.epoch).unwrap_or(stored);
                self.newest = Some(newest.after(&delta).unwrap_or_else(|_| newest.clone()));
                Message::Decided { epoch: newest.epoch.next(), before: newest.hash(), delta }
            }
            Message::Sealed { certified, .. } => {
                Message::Sealed { epoch: stored.epoch, certified: certified.map(|_| stored.electorate.since) }
            }
            Message::Certificate { subject, since } => {
                let suspension = stored.suspended.get(&subject.id);
                Message::Certificate { since: suspension.map_or(since, |s| s.since), subject }
            }
            other => other,
        }
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
        let (load, max) = (self.node.quorum().load(), LOAD_MAX);
        assert!(load.outputs <= max.outputs && load.adopted <= max.adopted, "{load:?}");
        assert!(load.cases <= max.cases && load.inquiries <= max.inquiries, "{load:?}");
        assert!(load.requests <= max.requests, "{load:?}");
        assert!(load.steps <= max.steps && load.snapshots <= max.snapshots, "{load:?}");
    }
}

fn lease(number: u8) -> NodeId {
    NodeId::new(format!("lease {number}")).expect("a name")
}
