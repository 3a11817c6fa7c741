//! What is said and stored about views: pinned by golden bytes, within its limits, and closed to everything else.
//!
//! `BLESS=1 cargo test -p gossip --test wire_views` writes the golden files anew, after a change of the format that is
//! meant.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/frame.rs"]
mod frame;
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "common/golden.rs"]
mod golden;

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use fuzz::cast::{self, Disk, config};
use fuzz::said::later_view as full_view;
use fuzz::{said, sample};
use gossip::core::Node;
use gossip::core::quorum::{
    Cause, Delta, Denial, Durable, Electorate, Envelope, Epoch, Founders, GONE_MAX, GenesisId, Gone, Grant,
    LEASES_MAX, Message, SUSPENDED_MAX, Subject, Subjects, Suspension, Table, VOTERS_MAX, View, Voters,
    VouchFor, Wish,
};
use gossip::core::register::Ballots;
use gossip::wire::{
    Ballot, Bytes, Frame, Head, Item, Key, RegisterMessage, Reject, Round, decode, pack, reseal, unpack,
};
use gossip::{
    BootId, DATAGRAM_MAX, Event, Identity, Incarnation, NodeId, Now, Opinion, Record, Refusal, StorageId,
};
use serde::Serialize;

// Golden bytes.

fn samples() -> impl Iterator<Item = (String, Head)> {
    let heads = sample::heads().filter(|head| matches!(head, Head::Quorum(_)));
    heads.map(|head| (sample::name(&head), head))
}

fn encode(head: &Head, items: &[Item]) -> Vec<u8> {
    golden::encode(&config(), head, items)
}

fn decoded(bytes: &[u8]) -> Result<Frame, Reject> {
    decode(&config(), bytes, &mut Vec::new())
}

#[test]
fn every_message_has_the_bytes_it_always_had() {
    for (name, head) in samples() {
        let bytes = encode(&head, &[]);
        golden::check(&name, &bytes);
        assert_eq!(decoded(&bytes).map(|frame| frame.head), Ok(head), "{name}");
    }
}

fn full_durable() -> Durable {
    Durable {
        founders: Some(cast::founders()),
        view: Some(Arc::new(full_view())),
        ballots: said::ballots(),
        vouch_for_max: Some(VouchFor::clamped(Duration::from_secs(3))),
    }
}

fn samples_of(name: &str) -> Message {
    let head = samples().find(|(of, _)| of == name).map(|(_, head)| head);
    let Some(Head::Quorum(envelope)) = head else { panic!("no sample {name}") };
    envelope.message
}

#[test]
fn what_is_stored_has_the_bytes_it_always_had() {
    golden::check("view_genesis", &pack(&cast::view()));
    golden::check("view", &pack(&full_view()));
    golden::check("durable_new", &pack(&Durable::default()));
    golden::check("durable", &pack(&full_durable()));
    assert_eq!(unpack(&pack(&full_view())), Ok(full_view()));
    assert_eq!(unpack(&pack(&full_durable())), Ok(full_durable()));
    // The fingerprint by which nodes compare views: FNV-1a and SplitMix64 over these bytes, in Python.
    assert_eq!(full_view().hash(), 0x660b_596b_aff3_6a86);
}

// Limits of size.

/// As long as a name can be, and another for every number.
fn long_name(number: usize) -> NodeId {
    NodeId::new(format!("{number:0>64}")).expect("64 bytes")
}

fn large_storage(number: usize) -> StorageId {
    StorageId([200 + u8::try_from(number).expect("few"); 16])
}

fn large_owner() -> Identity {
    Identity {
        id: long_name(0),
        storage: large_storage(0),
        incarnation: Incarnation::MAX,
        boot: BootId([255; 16]),
    }
}

fn large_table<K: Ord, V, const MAX: usize>(entry: impl Fn(usize) -> (K, V)) -> Table<K, V, MAX> {
    let mut table = Table::default();
    for (key, value) in (0..MAX).map(entry) {
        assert!(table.insert(key, value));
    }
    assert!(table.is_full());
    table
}

fn large_voters() -> Voters {
    large_table(|number| (large_storage(number), long_name(number)))
}

fn large_subjects() -> Subjects {
    large_table(|number| (long_name(number), Incarnation::MAX))
}

fn large_subject() -> Subject {
    Subject { id: long_name(0), incarnation: Incarnation::MAX }
}

fn large_ballot() -> Ballot {
    let round = Round::try_from(1 << 32).expect("in range");
    Ballot { round, proposer: large_storage(0), incarnation: Incarnation::MAX }
}

fn longest_vouch() -> VouchFor {
    VouchFor::clamped(VouchFor::MAX)
}

/// The longest of its kind.
fn large_delta(kind: &Delta) -> Delta {
    let (lease, owner, token) = (long_name(0), large_owner(), Epoch::MAX);
    match kind {
        Delta::Suspend(_) => Delta::Suspend(large_subjects()),
        Delta::Restore(_) => Delta::Restore(large_subject()),
        Delta::Evict(_) => Delta::Evict(large_subjects()),
        Delta::Acquire { .. } => Delta::Acquire { lease, owner, request: u64::MAX },
        Delta::Release { .. } => Delta::Release { lease, owner, token },
        Delta::Leave(_) => Delta::Leave(large_subject()),
        Delta::Seal(_) => Delta::Seal(large_voters()),
        Delta::Unseal => Delta::Unseal,
        Delta::Change => Delta::Change,
        Delta::SetVouch(_) => Delta::SetVouch(longest_vouch()),
    }
}

fn largest_delta() -> Delta {
    let all = iter::successors(Some(said::first_delta()), said::after_delta).map(|kind| large_delta(&kind));
    all.max_by_key(|delta| pack(delta).len()).expect("some")
}

/// The longest of its kind.
fn large_register(kind: &RegisterMessage) -> RegisterMessage {
    let ballot = large_ballot();
    match kind {
        RegisterMessage::Prepare { .. } => RegisterMessage::Prepare { ballot },
        RegisterMessage::Promise { .. } => {
            RegisterMessage::Promise { ballot, accepted: Some((ballot, largest_delta())) }
        }
        RegisterMessage::Accept { delta, .. } => {
            RegisterMessage::Accept { ballot, delta: large_delta(delta) }
        }
        RegisterMessage::Accepted { .. } => RegisterMessage::Accepted { ballot },
        RegisterMessage::Beaten { .. } => RegisterMessage::Beaten { ballot, promised: ballot },
    }
}

/// The longest of its kind.
fn large_wish(kind: &Wish) -> Wish {
    match kind {
        Wish::Acquire { .. } => Wish::Acquire { lease: long_name(0) },
        Wish::Release { .. } => Wish::Release { lease: long_name(0), token: Epoch::MAX },
        Wish::Leave => Wish::Leave,
        Wish::Change { .. } => {
            Wish::Change { voters: large_table(|number| (long_name(number), ())), since: Epoch::MAX }
        }
        Wish::SetVouch { .. } => Wish::SetVouch { length: longest_vouch() },
        Wish::Unseal { .. } => Wish::Unseal { since: Epoch::MAX },
    }
}

/// The longest of its kind.
fn large_message(kind: &Message) -> Message {
    let (question, subject, opinion, epoch) = (u32::MAX, large_subject(), Opinion::Unsure, Epoch::MAX);
    match kind {
        Message::Founding { .. } => Message::Founding {
            founders: Founders { voters: large_voters(), vouch_for: longest_vouch() },
            complete: true,
        },
        Message::Misfounded { .. } => {
            Message::Misfounded { names: large_table(|number| (long_name(number), ())) }
        }
        Message::Register { message, .. } => {
            Message::Register { base: epoch, hash: u64::MAX, message: large_register(message) }
        }
        Message::Ask { .. } => Message::Ask { question, subject },
        Message::Answer { .. } => Message::Answer { question, subject, opinion },
        Message::Certificate { .. } => Message::Certificate { subject, since: epoch },
        Message::Inquire { .. } => Message::Inquire { question, subject },
        Message::Testimony { .. } => Message::Testimony { question, opinion, silent_ms: u32::MAX },
        Message::Sealed { .. } => Message::Sealed { epoch, certified: Some(epoch) },
        Message::Enlist => Message::Enlist,
        Message::Enlisted { .. } => Message::Enlisted { name: long_name(0) },
        Message::Fetch { .. } => Message::Fetch { after: Some(epoch), snapshot: Some((epoch, u32::MAX)) },
        Message::Decided { .. } => Message::Decided { epoch, before: u64::MAX, delta: largest_delta() },
        Message::Snapshot { .. } => Message::Snapshot {
            epoch,
            hash: u64::MAX,
            len: u32::MAX,
            at: u32::MAX,
            part: Bytes::of(&[255; DATAGRAM_MAX]),
        },
        Message::Request { wish, .. } => {
            Message::Request { owner: large_owner(), number: u64::MAX, wish: large_wish(wish) }
        }
        Message::Denied { .. } => Message::Denied { number: u64::MAX, reason: Denial::Voters },
    }
}

#[test]
fn the_largest_of_each_message_fits_into_one_datagram() {
    let mut longest = (0, String::new());
    for message in said::messages() {
        let name = said::name(&message);
        let message = large_message(&message);
        assert_eq!(said::name(&message).split('_').next(), name.split('_').next());
        let large = Envelope { genesis: GenesisId(u64::MAX), from: large_storage(0), message };
        let head = Head::Quorum(Box::new(large));
        // The encoder would panic, in a debug build, before it cut anything.
        let bytes = encode(&head, &[]);
        assert_eq!(decoded(&bytes).map(|frame| frame.head), Ok(head), "{name}");
        longest = longest.max((bytes.len(), name));
    }
    assert_eq!(longest, (1105, "snapshot".to_owned()), "see `Encoder::new`, which says so");
}

/// At all its limits at once.
fn large_view() -> View {
    let (incarnation, epoch) = (Incarnation::MAX, Epoch::MAX);
    let voters = large_voters;
    View {
        epoch,
        genesis: GenesisId(u64::MAX),
        electorate: Electorate { since: epoch, voters: voters(), next: Some(voters()) },
        vouch_for: longest_vouch(),
        gone: large_table(|number| (long_name(number), Gone { incarnation, cause: Cause::Left, epoch })),
        floor: Some(incarnation),
        suspended: large_table(|number| (long_name(1000 + number), Suspension { incarnation, since: epoch })),
        leases: large_table(|number| {
            (long_name(number), Grant { owner: large_owner(), request: u64::MAX, token: epoch })
        }),
    }
}

#[test]
fn a_view_at_all_its_limits_can_be_stored_and_passed_on() {
    let view = large_view();
    assert_eq!(
        (view.gone.len(), view.suspended.len(), view.leases.len()),
        (GONE_MAX, SUSPENDED_MAX, LEASES_MAX)
    );
    assert_eq!(view.electorate.voters.len(), VOTERS_MAX);
    let whole = pack(&view);
    assert!(whole.len() < (1 << 18) / 3, "{}: see LEN_MAX of wire/pack.rs", whole.len());
    assert_eq!(unpack(&whole), Ok(view.clone()));
    let durable = Durable {
        founders: Some(Founders { voters: large_voters(), vouch_for: longest_vouch() }),
        view: Some(Arc::new(view.clone())),
        ballots: Ballots {
            promised: Some(large_ballot()),
            accepted: Some((large_ballot(), largest_delta())),
        },
        vouch_for_max: Some(longest_vouch()),
    };
    assert_eq!(unpack(&pack(&durable)), Ok(durable));
    // In parts, to a node that knows of none.
    let (epoch, hash, len) = (view.epoch, view.hash(), whole.len() as u32);
    let mut node = cast::node(Disk::New);
    let now = Now::from(Duration::from_secs(1));
    for (number, part) in whole.chunks(Bytes::LEN_MAX).enumerate() {
        let at = (number * Bytes::LEN_MAX) as u32;
        let message = Message::Snapshot { epoch, hash, len, at, part: Bytes::of(part) };
        let envelope = Envelope { genesis: view.genesis, from: cast::storage(1), message };
        let datagram = sample::datagram(1, &Head::Quorum(Box::new(envelope)));
        node.handle_datagram(now, cast::addr(1), &datagram);
    }
    assert!(node.poll_write().is_some());
    node.handle_written(now, true);
    assert_eq!(node.quorum().view().map(|known| (**known).clone()), Some(view));
}

// What is refused.

/// A datagram in which something else was said.
fn said_raw(raw: &impl Serialize) -> Result<Frame, Reject> {
    let enlist = encode(&Head::Quorum(Box::new(said::envelope(1, Message::Enlist))), &[]);
    // Without the message, of one byte, and the checksum.
    let mut bytes = [&enlist[..enlist.len() - 5], &pack(raw), &[0; 4]].concat();
    reseal(&config(), &mut bytes);
    decoded(&bytes)
}

/// The number of a kind of message on the wire.
fn kind(name: &str) -> u32 {
    u32::from(pack(&samples_of(&format!("quorum_{name}")))[0])
}

#[test]
fn numbers_out_of_range_are_refused() {
    let certificate = |incarnation: u64, since: u64| {
        said_raw(&(kind("certificate"), ("n5", incarnation), since)).map(|_| ())
    };
    assert_eq!(certificate(1, 0), Ok(()));
    assert_eq!(certificate(1 << 48, 1 << 48), Ok(()));
    for (incarnation, epoch) in [(1, (1 << 48) + 1), (1, u64::MAX), (0, 0), ((1 << 48) + 1, 0)] {
        assert_eq!(certificate(incarnation, epoch), Err(Reject::Range), "{incarnation}, {epoch}");
    }
    let prepare = |round: u64| {
        let ballot = (round, [1_u8; 16], 1_u64);
        said_raw(&(kind("register_prepare"), 0_u64, 0_u64, (0_u32, ballot))).map(|_| ())
    };
    assert_eq!((prepare(0), prepare(1 << 32)), (Ok(()), Ok(())));
    assert_eq!((prepare((1 << 32) + 1), prepare(u64::MAX)), (Err(Reject::Range), Err(Reject::Range)));
    let owner = ("n1", [1_u8; 16], 1_u64, [1_u8; 16]);
    let set_vouch = |ms: u32| said_raw(&(kind("request_setvouch"), owner, 3_u64, (4_u32, ms))).map(|_| ());
    assert_eq!((set_vouch(50), set_vouch(600_000)), (Ok(()), Ok(())));
    for ms in [0, 49, 600_001, u32::MAX] {
        assert_eq!(set_vouch(ms), Err(Reject::Range), "{ms} ms");
    }
    // Kinds that there are not: of messages, register messages, deltas, wishes, denials, opinions.
    assert_eq!(said_raw(&200_u32), Err(Reject::Range));
    assert_eq!(said_raw(&(kind("register_prepare"), 0_u64, 0_u64, 200_u32)), Err(Reject::Range));
    assert_eq!(said_raw(&(kind("decided"), 0_u64, 0_u64, 200_u32)), Err(Reject::Range));
    assert_eq!(said_raw(&(kind("request_unseal"), owner, 3_u64, 200_u32)), Err(Reject::Range));
    assert_eq!(said_raw(&(kind("denied_full"), 3_u64, 200_u32)), Err(Reject::Range));
    assert_eq!(said_raw(&(kind("testimony"), 7_u32, 200_u32)), Err(Reject::Range));
}

#[test]
fn tables_out_of_order_or_too_long_are_refused() {
    let names = |names: &[&str]| {
        let names: Vec<(&str, ())> = names.iter().map(|name| (*name, ())).collect();
        said_raw(&(kind("misfounded"), names)).map(|_| ())
    };
    let ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    assert_eq!((names(&[]), names(&["a", "b"]), names(&ten[..9])), (Ok(()), Ok(()), Ok(())));
    for bad in [&["b", "a"][..], &["a", "a"], &["a", "c", "b"], &ten] {
        assert_eq!(names(bad), Err(Reject::Range), "{bad:?}");
    }
    let founders = |voters: &[([u8; 16], &str)]| {
        said_raw(&(kind("founding"), (voters.to_vec(), 1000_u32), true)).map(|_| ())
    };
    let (one, two) = (([1; 16], "x"), ([2; 16], "x"));
    assert_eq!(founders(&[one, two]), Ok(()));
    for bad in [&[two, one][..], &[one, one]] {
        assert_eq!(founders(bad), Err(Reject::Range));
    }
    let suspend = |subjects: &[&str]| {
        let subjects: Vec<(&str, u64)> = subjects.iter().map(|name| (*name, 1)).collect();
        said_raw(&(kind("decided"), 1_u64, 0_u64, (0_u32, subjects))).map(|_| ())
    };
    assert_eq!(suspend(&ten[..8]), Ok(()));
    assert_eq!((suspend(&ten[..9]), suspend(&["b", "a"])), (Err(Reject::Range), Err(Reject::Range)));
    // Counts that nothing backs.
    for count in [1_u64, 9, 10, 1 << 16, u64::MAX] {
        assert!(said_raw(&(kind("misfounded"), count)).is_err(), "{count}");
    }
}

#[test]
fn names_and_parts_out_of_bounds_are_refused() {
    let name = |name: &[u8]| said_raw(&(kind("enlisted"), name)).map(|_| ());
    assert_eq!((name(b"n"), name(&[b'x'; 64])), (Ok(()), Ok(())));
    assert_eq!((name(b""), name(&[b'x'; 65])), (Err(Reject::Range), Err(Reject::Range)));
    assert_eq!((name(b"a\nb"), name(b"\xff")), (Err(Reject::Range), Err(Reject::Malformed)));
    let part = |len: usize| {
        let part = vec![7_u8; len];
        said_raw(&(kind("snapshot"), 1_u64, 0_u64, 5000_u32, 0_u32, part)).map(|_| ())
    };
    assert_eq!((part(0), part(Bytes::LEN_MAX)), (Ok(()), Ok(())));
    assert_eq!(part(Bytes::LEN_MAX + 1), Err(Reject::Range));
}

#[test]
fn nothing_may_follow_a_message_and_nothing_be_missing() {
    for (name, head) in samples() {
        let bytes = encode(&head, &[]);
        let end = bytes.len() - 4;
        for cut in 20..end {
            let mut bytes = [&bytes[..cut], &[0; 4]].concat();
            reseal(&config(), &mut bytes);
            assert_eq!(decoded(&bytes), Err(Reject::Malformed), "{name} cut to {cut}");
        }
        let mut longer = [&bytes[..end], &[0; 5]].concat();
        reseal(&config(), &mut longer);
        assert_eq!(decoded(&longer), Err(Reject::Malformed), "{name}");
        assert_eq!(decoded(&encode(&head, &[Item::Want(Key(1))])), Err(Reject::Misplaced), "{name}");
    }
}

/// A generator of numbers that are the same in every run.
fn noise() -> impl FnMut() -> usize {
    let mut word = 1_u64;
    move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (word >> 33) as usize
    }
}

#[test]
fn noise_with_a_good_checksum_is_survived() {
    let good: Vec<Vec<u8>> = samples().map(|(_, head)| encode(&head, &[])).collect();
    let (config, mut next, mut accepted, mut items) = (config(), noise(), 0, Vec::new());
    for _ in 0..200_000 {
        let mut bytes = good[next() % good.len()].clone();
        for _ in 0..1 + next() % 4 {
            let at = 20 + next() % (bytes.len() - 20);
            bytes[at] = next() as u8;
        }
        reseal(&config, &mut bytes);
        if let Ok(frame) = decode(&config, &bytes, &mut items) {
            accepted += 1;
            let again = encode(&frame.head, &items);
            assert_eq!(decoded(&again).map(|again| again.head), Ok(frame.head));
        }
    }
    assert!(accepted > 1000, "the noise is too crude to get anywhere: {accepted}");
}

/// Whatever is left of a damaged value can be told from it by its fingerprint, as a snapshot is.
fn check_stored(bytes: &[u8], whole: &View) {
    if let Ok(view) = unpack::<View>(bytes) {
        assert_eq!(view == *whole, view.hash() == whole.hash());
        assert!(view.gone.len() <= GONE_MAX && view.leases.len() <= LEASES_MAX);
    }
}

#[test]
fn damaged_views_are_survived() {
    let view = full_view();
    let (bytes, durable) = (pack(&view), pack(&full_durable()));
    for len in 0..bytes.len() {
        assert!(unpack::<View>(&bytes[..len]).is_err(), "cut to {len}");
    }
    for len in 0..durable.len() {
        assert!(unpack::<Durable>(&durable[..len]).is_err(), "cut to {len}");
    }
    assert!(unpack::<View>(&[&bytes[..], &[0]].concat()).is_err());
    assert!(unpack::<Durable>(&[&durable[..], &[0]].concat()).is_err());
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        check_stored(&damaged, &view);
    }
    let mut next = noise();
    for _ in 0..100_000 {
        let mut damaged = bytes.clone();
        let mut stored = durable.clone();
        for _ in 0..1 + next() % 6 {
            let at = next() % damaged.len();
            damaged[at] = next() as u8;
            let at = next() % stored.len();
            stored[at] = next() as u8;
        }
        check_stored(&damaged, &view);
        if let Ok(durable) = unpack::<Durable>(&stored) {
            assert_eq!(unpack(&pack(&durable)), Ok(durable));
        }
    }
}

// Below the floor.

/// What a node answers to an introduction of number 100, whom it does not know, in this incarnation.
fn answer_to(node: &mut Node, incarnation: u64) -> Option<Head> {
    let mut record = Record::clone(&cast::record(100));
    record.identity.incarnation = Incarnation::new(incarnation).expect("in range");
    // A welcome is no longer than what asked for it.
    record.metadata.set("padding", &"x".repeat(100)).expect("fits");
    let (from, to) = (record.identity.life(), node.identity().life().tag());
    let hello = Frame { from, to, head: Head::Hello { reply: true } };
    let bytes = frame::encoded(&config(), &hello, &[Item::Record(Arc::new(record))]);
    let mut out = [0; DATAGRAM_MAX];
    while node.poll_transmit(&mut out).is_some() {}
    node.handle_datagram(Now::from(Duration::from_secs(1)), cast::addr(100), &bytes);
    let sent = iter::from_fn(|| node.poll_transmit(&mut out).map(|sent| out[..sent.len].to_vec()));
    let heads = sent.filter_map(|bytes| decoded(&bytes).ok()).filter(|frame| frame.to == from.tag());
    heads.map(|frame| frame.head).find(|head| matches!(head, Head::Refused(_) | Head::Welcome { .. }))
}

#[test]
fn a_stranger_below_the_floor_is_told_where_that_is() {
    let floor = full_view().floor.expect("it has one");
    let mut later = cast::node(Disk::Later);
    let refused = answer_to(&mut later, floor.get());
    assert_eq!(refused, Some(Head::Refused(Refusal::BelowFloor { highest: floor })));
    assert!(matches!(answer_to(&mut later, floor.get() + 1), Some(Head::Welcome { .. })));
    // Where nobody has been dropped from the record there is no floor.
    let mut founded = cast::node(Disk::Founded);
    assert!(matches!(answer_to(&mut founded, floor.get()), Some(Head::Welcome { .. })));
}

/// It begins another life above the floor: that is for its driver, which reads this.
#[test]
fn who_is_told_that_it_is_below_the_floor_says_so() {
    let mut node = cast::node(Disk::None);
    let (from, to) = (cast::life(1), node.identity().life().tag());
    let reason = Refusal::BelowFloor { highest: Incarnation::new(7).expect("in range") };
    let bytes = frame::encoded(&config(), &Frame { from, to, head: Head::Refused(reason) }, &[]);
    node.handle_datagram(Now::from(Duration::from_secs(1)), cast::addr(1), &bytes);
    let told = Event::Refused { by: cast::addr(1), reason };
    assert!(iter::from_fn(|| node.poll_event()).any(|event| event == told));
}
