//! Vouchers between two whole nodes, datagram by datagram: which of them count, and from when (V4, V6).
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/frame.rs"]
mod frame;

use std::net::SocketAddr;
use std::time::Duration;

use gossip::core::quorum::{Durable, Moment, Voters, VouchFor, lease_of};
use gossip::core::{Node, Setup};
use gossip::wire::{Count, Frame, Head, Heartbeat, Item, decode};
use gossip::{
    BootId, Config, DATAGRAM_MAX, GenesisId, Identity, Incarnation, Metadata, NodeId, Now, Standing,
    StorageId, View,
};

const MS: Duration = Duration::from_millis(1);
const STEP: Duration = Duration::from_millis(10);
/// How long the voter vouches.
const VOUCH_FOR: Duration = Duration::from_secs(4);
const RHO: f64 = 1e-3;
const MARGIN: Duration = Duration::from_millis(10);

fn config() -> Config {
    let builder = Config::builder("vouchers").interval(100 * MS).lease(VOUCH_FOR).silence_max(1000 * MS);
    // Nobody is to be suspected only because acknowledgements are kept back here.
    let builder = builder.clock_drift_max(RHO).lease_margin(MARGIN).deaf_after(600 * VOUCH_FOR);
    builder.build().expect("valid")
}

fn identity(name: &str, disk: u8, incarnation: u64, boot: u8) -> Identity {
    Identity {
        id: NodeId::new(name).expect("a name"),
        storage: StorageId([disk; 16]),
        incarnation: Incarnation::new(incarnation).expect("in range"),
        boot: BootId([boot; 16]),
    }
}

/// What both disks have: a history with one voter.
fn view() -> View {
    let mut voters = Voters::default();
    assert!(voters.insert(StorageId([1; 16]), NodeId::new("voter").expect("a name")));
    View::genesis(GenesisId(7), voters, VouchFor::clamped(VOUCH_FOR))
}

/// The two clocks are not alike: whoever takes one for the other is off by far.
fn at(boot: Duration) -> Now {
    Now { boot, raw: boot + 7000 * MS, wall: None }
}

struct Host {
    node: Node,
    addr: SocketAddr,
}

impl Host {
    fn new(now: Duration, identity: Identity, view: View) -> Self {
        let addr = SocketAddr::from(([10, 0, 0, identity.storage.0[0]], 7000));
        let durable =
            Durable { vouch_for_max: Some(view.vouch_for), view: Some(view.into()), ..Durable::default() };
        let setup = Setup {
            config: config(),
            identity,
            addr,
            seeds: Vec::new(),
            metadata: Metadata::default(),
            durable,
            rng_seed: 1,
        };
        Self { node: Node::new(at(now), setup), addr }
    }

    /// Lets time pass, if anything is due, and what is to be written be written.
    fn wake(&mut self, now: Duration) {
        if self.node.poll_timeout().is_some_and(|due| due <= now) {
            self.node.handle_timeout(at(now));
        }
        while self.node.poll_write().is_some() {
            self.node.handle_written(at(now), true);
        }
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut buf = [0; DATAGRAM_MAX];
        std::iter::from_fn(|| self.node.poll_transmit(&mut buf).map(|sent| buf[..sent.len].to_vec()))
            .collect()
    }

    fn lease_until(&self) -> Moment {
        self.node.quorum().lease_until()
    }

    fn is_in_quorum(&self) -> bool {
        self.node.quorum().standing() == Standing::InQuorum
    }
}

fn heartbeat(bytes: &[u8]) -> Option<Heartbeat> {
    let frame = decode(&config(), bytes, &mut Vec::new()).expect("well formed");
    if let Head::Heartbeat(heartbeat) = frame.head { Some(heartbeat) } else { None }
}

/// Takes a datagram apart, and puts it together again with something changed.
fn forged(bytes: &[u8], change: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let (config, mut items) = (config(), Vec::<Item>::new());
    let mut frame = decode(&config, bytes, &mut items).expect("well formed");
    change(&mut frame);
    frame::encoded(&config, &frame, &items)
}

/// What arrives.
#[derive(Clone, Copy, PartialEq)]
enum Carried {
    Everything,
    /// The voter's heartbeats stay on their way.
    AllButVouchers,
    Nothing,
}

/// The one voter, and a node that it vouches for.
struct Pair {
    now: Duration,
    voter: Host,
    holder: Host,
    carried: Carried,
    /// What the voter has sent and is on its way.
    late: Vec<Vec<u8>>,
}

impl Pair {
    /// Both run, and the holder is in quorum.
    fn new() -> Self {
        let mut pair = Self::met(view());
        pair.run(3000 * MS);
        assert!(pair.holder.is_in_quorum());
        pair
    }

    /// They have just met, and this is the view on the voter's disk.
    fn met(stored: View) -> Self {
        let now = 60_000 * MS;
        let voter = Host::new(now, identity("voter", 1, 1, 1), stored);
        let mut holder = Host::new(now, identity("holder", 8, 1, 8), view());
        holder.node.introduce(at(now), [voter.node.record().clone()]);
        let mut pair = Self { now, voter, holder, carried: Carried::Everything, late: Vec::new() };
        pair.voter.node.introduce(at(now), [pair.holder.node.record().clone()]);
        pair
    }

    fn run(&mut self, length: Duration) {
        let until = self.now + length;
        while self.now < until {
            self.now += STEP;
            self.voter.wake(self.now);
            self.holder.wake(self.now);
            self.exchange();
        }
    }

    fn exchange(&mut self) {
        loop {
            let (there, back) = (self.holder.sent(), self.voter.sent());
            if there.is_empty() && back.is_empty() {
                return;
            }
            for bytes in there {
                if self.carried != Carried::Nothing {
                    self.voter.node.handle_datagram(at(self.now), self.holder.addr, &bytes);
                }
            }
            for bytes in back {
                match self.carried {
                    Carried::Nothing => self.late.push(bytes),
                    Carried::AllButVouchers if heartbeat(&bytes).is_some() => self.late.push(bytes),
                    _ => self.give(&bytes),
                }
            }
        }
    }

    /// Hands the holder a datagram of the voter's.
    fn give(&mut self, bytes: &[u8]) {
        self.holder.node.handle_datagram(at(self.now), self.voter.addr, bytes);
    }

    /// Keeps some vouchers on their way, newer than any that have arrived.
    fn delay_some(&mut self) -> Vec<Vec<u8>> {
        self.carried = Carried::AllButVouchers;
        self.run(500 * MS);
        let late = std::mem::take(&mut self.late);
        let vouches = |bytes: &Vec<u8>| heartbeat(bytes).is_some_and(|beat| beat.voucher.is_some());
        assert!(!late.is_empty() && late.iter().all(vouches));
        late
    }

    /// The holder's host starts again: its disk says the same, its voter is known to it, nothing passes between them.
    fn restart(&mut self, identity: Identity) {
        self.carried = Carried::Nothing;
        let record = self.voter.node.record().clone();
        self.holder = Host::new(self.now, identity, view());
        self.holder.node.introduce(at(self.now), [record]);
    }
}

/// V4: what answers a heartbeat of one life is worth nothing to the next, although that has sent one of the same number.
#[test]
fn an_acknowledgement_of_a_former_life_counts_for_nothing() {
    let mut pair = Pair::new();
    let late = pair.delay_some();
    let before = pair.holder.lease_until();
    pair.give(late.last().expect("some"));
    assert!(pair.holder.lease_until() > before, "it is good for the life that it was meant for");

    // The usual restart; and one from a disk that does not know that there was one.
    for (incarnation, boot) in [(2, 9), (1, 9)] {
        for readdressed in [false, true] {
            pair.restart(identity("holder", 8, incarnation, boot));
            pair.run(VOUCH_FOR);
            let own = pair.holder.node.identity().life().tag();
            for bytes in &late {
                let acked = heartbeat(bytes).and_then(|beat| beat.ack).expect("an acknowledgement");
                assert!(acked.seq.get() < 40, "this life has sent such a number too");
                let bytes = forged(bytes, |frame| frame.to = if readdressed { own } else { frame.to });
                pair.give(&bytes);
            }
            let what = format!("incarnation {incarnation}, readdressed: {readdressed}");
            assert_eq!(pair.holder.node.counters().heartbeats, late.len() as u64, "they were heard: {what}");
            assert_eq!(pair.holder.node.quorum().standing(), Standing::Unvoted, "{what}");
            assert_eq!(pair.holder.lease_until(), Moment::default(), "{what}");
            let voter = pair.holder.node.member(&pair.voter.node.identity().id).expect("a member");
            let link = voter.link.expect("it was heard");
            assert!(readdressed || link.rtt.is_none(), "nothing of this life's was acknowledged: {link:?}");
        }
    }
}

/// V4: a holder looks up when it sent what is acknowledged. What cannot be looked up, because it is too old or was never
/// sent, is not taken for something newer.
#[test]
fn an_acknowledgement_of_what_was_not_sent_lately_counts_for_nothing() {
    let mut pair = Pair::new();
    let late = pair.delay_some();
    pair.carried = Carried::Nothing;
    // In a table of the last 128 their places have just been taken by others.
    pair.run(13_200 * MS);
    assert!(!pair.holder.is_in_quorum());
    for bytes in &late {
        pair.give(bytes);
        assert!(!pair.holder.is_in_quorum());
    }
    for bytes in &late {
        pair.give(&forged(bytes, |frame| {
            let Head::Heartbeat(beat) = &mut frame.head else { panic!("heartbeats only") };
            beat.seq = Count::clamped(beat.seq.get() + 1000);
            let ack = beat.ack.as_mut().expect("an acknowledgement");
            ack.seq = Count::clamped(ack.seq.get() + 128 * 1000);
        }));
        assert!(!pair.holder.is_in_quorum());
    }
    assert_eq!(pair.holder.node.counters().heartbeats_stale, 0, "all were heard");
}

/// V4 and V6: a voucher counts from the time that was read before the heartbeat left, however long that, the answer, and the
/// way back take.
#[test]
fn a_voucher_counts_from_before_its_heartbeat_left() {
    let mut pair = Pair::new();
    pair.carried = Carried::Nothing;
    pair.run(200 * MS);
    // One heartbeat: when the clock was read for it, and what it says.
    let (sent, bytes) = loop {
        pair.now += STEP;
        pair.holder.wake(pair.now);
        if let Some(bytes) = pair.holder.sent().into_iter().find(|bytes| heartbeat(bytes).is_some()) {
            break (pair.now, bytes);
        }
    };
    pair.run(200 * MS);
    pair.voter.node.handle_datagram(at(pair.now), pair.holder.addr, &bytes);
    pair.late.clear();
    pair.run(150 * MS);
    let answer =
        pair.late.pop().filter(|bytes| heartbeat(bytes).is_some()).expect("the voter's next heartbeat");
    pair.run(400 * MS);
    pair.give(&answer);
    let length = lease_of(VouchFor::clamped(VOUCH_FOR), RHO, MARGIN);
    assert_eq!(pair.holder.lease_until(), Moment::from(at(sent)).plus(length));
}

/// V6: a reading of the clocks from before what was read already is no reading. A voter that took one for the time of a
/// receipt would promise less than the holder relies on.
#[test]
fn a_voter_does_not_receive_in_the_past() {
    let mut pair = Pair::new();
    pair.carried = Carried::Nothing;
    pair.run(200 * MS);
    let last = loop {
        pair.now += STEP;
        pair.voter.wake(pair.now);
        pair.holder.wake(pair.now);
        if let Some(bytes) = pair.holder.sent().into_iter().find(|bytes| heartbeat(bytes).is_some()) {
            break bytes;
        }
    };
    let received = pair.now;
    pair.voter.node.handle_timeout(at(received));
    // Its driver had looked at the clocks too early, and was stopped until now.
    pair.voter.node.handle_datagram(at(received - 1500 * MS), pair.holder.addr, &last);
    let holder = pair.holder.node.identity().clone();
    let gone =
        |voter: &Host| voter.node.quorum().view().is_some_and(|v| v.is_gone(&holder.id, holder.incarnation));
    while !gone(&pair.voter) {
        assert!(pair.now < received + 3 * VOUCH_FOR, "it is found dead at last");
        pair.run(STEP);
    }
    let after = pair.now - received;
    assert!(after > VOUCH_FOR, "evicted {after:?} after a heartbeat that was vouched for");
    assert!(after < VOUCH_FOR + 500 * MS, "and nothing but that voucher was waited for: {after:?}");
}

/// V6: nor does a holder come back to life in the past, whichever of its clocks goes back.
#[test]
fn a_lease_that_has_run_out_does_not_revive_when_a_clock_goes_back() {
    let over =
        |now: Now, boot: Duration, raw: Duration| Now { boot: now.boot + boot, raw: now.raw + raw, ..now };
    for (boot, raw) in [(VOUCH_FOR, VOUCH_FOR), (VOUCH_FOR, Duration::ZERO), (Duration::ZERO, VOUCH_FOR)] {
        let mut pair = Pair::new();
        let late = pair.delay_some();
        let before = at(pair.now);
        pair.holder.node.handle_timeout(over(before, boot, raw));
        assert!(!pair.holder.is_in_quorum(), "either clock is enough");
        pair.holder.node.handle_timeout(before);
        assert!(!pair.holder.is_in_quorum());
        // It answers something sent long ago.
        pair.holder.node.handle_datagram(before, pair.voter.addr, late.last().expect("some"));
        assert!(!pair.holder.is_in_quorum());
    }
}

/// V1: a suspended node is acknowledged all the same, without a voucher, and told by which view.
#[test]
fn a_suspended_node_is_acknowledged_without_a_voucher() {
    let mut pair = Pair::new();
    let holder = pair.holder.node.identity().clone();
    let suspended = |voter: &Host| {
        let view = voter.node.quorum().view().expect("a history");
        view.suspension(&holder.id, holder.incarnation).map(|suspension| suspension.since)
    };
    pair.carried = Carried::Nothing;
    let since = loop {
        pair.run(STEP);
        if let Some(since) = suspended(&pair.voter) {
            break since;
        }
    };
    pair.carried = Carried::AllButVouchers;
    let heard = pair.voter.node.counters().heartbeats;
    while pair.voter.node.counters().heartbeats == heard {
        pair.run(STEP);
    }
    pair.late.clear();
    pair.run(100 * MS);
    let beat = pair.late.iter().find_map(|bytes| heartbeat(bytes)).expect("a heartbeat");
    assert_eq!(suspended(&pair.voter), Some(since));
    assert_eq!((beat.voucher, beat.epoch), (None, Some(since)));
    // The one that has just come after all that were lost.
    assert!(beat.ack.is_some_and(|ack| ack.seq.get() > 35), "{beat:?}");
    pair.carried = Carried::Everything;
    pair.run(1000 * MS);
    assert!(pair.holder.is_in_quorum(), "it is restored");
}

/// V2, S4: the record of the dead may have had the holder on it, in a view that it has yet to see, and have made room since.
#[test]
fn who_has_yet_to_see_the_floor_that_has_passed_it_is_not_vouched_for() {
    let ever_in_quorum = |floor: Option<u64>| {
        let floor = floor.map(|floor| Incarnation::new(floor).expect("in range"));
        let mut pair = Pair::met(View { epoch: view().epoch.next(), floor, ..view() });
        (0..300).any(|_| {
            pair.run(STEP);
            pair.holder.is_in_quorum()
        })
    };
    assert!(ever_in_quorum(None));
    assert!(!ever_in_quorum(Some(1)));
}
