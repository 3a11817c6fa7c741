//! The wire format: pinned by golden bytes, and closed to everything else.
//!
//! `BLESS=1 cargo test -p gossip --test wire` writes the golden files anew, after a change of the format that is meant.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

#[path = "common/golden.rs"]
mod golden;

use std::sync::Arc;
use std::time::Duration;

use golden::encode;
use gossip::core::quorum::VouchFor;
use gossip::wire::{
    Ack, Age, Bucket, Contact, Count, Doubt, Doubts, Frame, Head, Heartbeat, HeartbeatInterval, Item, Key,
    Level, Life, Micros, Opinions, Padding, Reject, Stamp, Standing, Sums, Survey, Tag, Voucher, decode,
    reseal,
};
use gossip::{
    BootId, Config, DATAGRAM_MAX, Epoch, Identity, Incarnation, Metadata, NodeId, Opinion, Pause, Record,
    Refusal, Status, StorageId, Version,
};

fn config() -> Config {
    Config::builder("golden").build().expect("valid")
}

fn record(status: Status) -> Arc<Record> {
    let mut metadata = Metadata::default();
    metadata.set("rack", "b7").expect("fits");
    metadata.set("role", "größer").expect("fits");
    Arc::new(Record {
        identity: Identity {
            id: NodeId::new("n1").expect("a name"),
            storage: StorageId([7; 16]),
            incarnation: Incarnation::new(3).expect("in range"),
            boot: BootId([0xa5; 16]),
        },
        version: Version::new(300).expect("in range"),
        addr: "[2001:db8::1]:7001".parse().expect("an address"),
        status,
        metadata,
    })
}

fn opinions() -> Arc<Opinions> {
    let doubt = |target, opinion| Doubt {
        target: Key(target),
        incarnation: Incarnation::FIRST,
        opinion,
        level: Level::of(5.25),
    };
    Arc::new(Opinions {
        observer: Key(9),
        incarnation: Incarnation::FIRST,
        version: Version::new(2).expect("in range"),
        doubts: Doubts::sorted(vec![doubt(8, Opinion::Unsure), doubt(5, Opinion::Suspect)]),
    })
}

fn heartbeat() -> Heartbeat {
    Heartbeat {
        seq: Count::clamped(70_000),
        sent: Micros::of(Duration::from_micros(0x0102_0304_0506)),
        interval: HeartbeatInterval::clamped(Duration::from_millis(100)),
        ack: Some(Ack { seq: Count::clamped(69_999), held: 1234 }),
        ack_lag: 2,
        standing: Standing::Unvoted,
        epoch: None,
        returning: false,
        voucher: None,
        survey: None,
    }
}

/// Five voters, one of them not known.
fn age(voter: usize) -> Option<Duration> {
    let ms = [0, 110, 900, 6_350].get(voter).copied();
    ms.map(Duration::from_millis)
}

/// One of everything, by name.
fn samples() -> Vec<(&'static str, Head, Vec<Item>)> {
    let full = Heartbeat {
        standing: Standing::InQuorum,
        returning: true,
        voucher: Some(Voucher {
            bond: Key(2),
            electorate: Epoch::GENESIS.next(),
            length: VouchFor::clamped(Duration::from_secs(1)),
        }),
        survey: Some(Survey {
            digest: Tag(6),
            wall: Some(1_700_000_000_000_000),
            contact: Some(Contact {
                electorate: Epoch::GENESIS.next(),
                ages: std::array::from_fn(|voter| Age::at_least(age(voter), Duration::from_millis(100))),
            }),
        }),
        ..heartbeat()
    };
    let news = vec![Item::Record(record(Status::Running)), Item::Opinions(opinions())];
    let stamp = Stamp {
        key: Key(5),
        record: (Incarnation::FIRST, Version::FIRST),
        opinions: Some((Incarnation::FIRST, Version::FIRST)),
    };
    let pausing = Status::Pausing { max: Pause::clamped(Duration::from_secs(5)) };
    vec![
        ("heartbeat", Head::Heartbeat(heartbeat()), Vec::new()),
        ("heartbeat_full", Head::Heartbeat(full), news.clone()),
        ("hello", Head::Hello { reply: true }, vec![news[0].clone(), Item::Padding(Padding::of(9))]),
        (
            "welcome",
            Head::Welcome { observed: "10.0.0.1:7000".parse().expect("an address") },
            news[..1].to_vec(),
        ),
        (
            "refused",
            Head::Refused(Refusal::Incarnation { highest: Incarnation::new(4).expect("in range") }),
            Vec::new(),
        ),
        ("refused_full", Head::Refused(Refusal::Full), Vec::new()),
        (
            "refused_rewound",
            Head::Refused(Refusal::Rewound { highest: Incarnation::new(4).expect("in range") }),
            Vec::new(),
        ),
        (
            "refused_below_floor",
            Head::Refused(Refusal::BelowFloor { highest: Incarnation::new(4).expect("in range") }),
            Vec::new(),
        ),
        ("who", Head::Who, Vec::new()),
        ("probe", Head::Probe { nonce: Tag(1), target: Key(2) }, Vec::new()),
        ("ping", Head::Ping { nonce: Tag(1), origin: Key(2) }, Vec::new()),
        ("pong", Head::Pong { nonce: Tag(1), origin: Key(2) }, Vec::new()),
        ("alive", Head::Alive { nonce: Tag(1), life: Life(2) }, Vec::new()),
        (
            "summary",
            Head::Summary { bucket: Some(Bucket::of(63)), sums: Sums::from_fn(|i| i as u32) },
            Vec::new(),
        ),
        ("versions", Head::Versions { first: Key(0), last: Key(u64::MAX) }, vec![Item::Stamp(stamp)]),
        ("want", Head::Want, vec![Item::Want(Key(5))]),
        ("delta", Head::Delta, vec![Item::Record(record(pausing)), Item::Opinions(opinions())]),
        ("leave", Head::Leave, vec![Item::Record(record(Status::Left))]),
        ("leave_ack", Head::LeaveAck { version: Version::FIRST }, Vec::new()),
    ]
}

fn decoded(bytes: &[u8]) -> Result<(Frame, Vec<Item>), Reject> {
    let mut items = vec![Item::Want(Key(1))];
    let frame = decode(&config(), bytes, &mut items);
    if frame.is_err() {
        assert!(items.is_empty(), "a refused datagram leaves nothing behind");
    }
    Ok((frame?, items))
}

#[test]
fn every_message_has_the_bytes_it_always_had() {
    for (name, head, items) in samples() {
        let bytes = encode(&config(), &head, &items);
        golden::check(name, &bytes);
        let (frame, found) = decoded(&bytes).expect(name);
        assert_eq!((frame.head, found), (head, items), "{name}");
        assert_eq!((frame.from, frame.to), (Life(0x1111_2222_3333_4444), Tag(0x5555_6666)));
    }
}

#[test]
fn an_idle_heartbeat_is_small() {
    let bytes = encode(&config(), &Head::Heartbeat(heartbeat()), &[]);
    assert!(bytes.len() <= 56, "{}", bytes.len());
}

/// A head is copied a few times on its way out of the decoder, and heartbeats are most of what there is.
#[test]
fn every_head_is_little_to_copy() {
    assert!(size_of::<Head>() <= size_of::<Heartbeat>() + 8, "{}", size_of::<Head>());
}

#[test]
fn whatever_is_cut_short_or_damaged_is_refused() {
    for (name, head, items) in samples() {
        let bytes = encode(&config(), &head, &items);
        for len in 0..bytes.len() {
            assert!(decoded(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decoded(&damaged).is_err(), "{name} with bit {bit} flipped");
        }
    }
}

#[test]
fn each_reason_is_told_from_the_others() {
    let good = encode(&config(), &Head::Who, &[]);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        reseal(&config(), &mut bytes);
        decoded(&bytes).expect_err("changed")
    };
    assert_eq!(decoded(&[]), Err(Reject::Size));
    assert_eq!(decoded(&[0; DATAGRAM_MAX + 1]), Err(Reject::Size));
    assert_eq!(changed(0, 0), Reject::Magic);
    assert_eq!(changed(2, 0x20), Reject::Version);
    assert_eq!(changed(3, 1), Reject::Flags);
    assert_eq!(changed(4, !good[4]), Reject::Cluster);
    assert_eq!(changed(20, 200), Reject::Range);
    let mut bytes = good.clone();
    bytes[9] ^= 1;
    assert_eq!(decoded(&bytes), Err(Reject::Checksum));
    // A newer minor version may say what is not understood here, and what is.
    let mut newer = good.clone();
    newer[2] = 0x11;
    reseal(&config(), &mut newer);
    assert!(decoded(&newer).is_ok());
    newer[20] = 200;
    reseal(&config(), &mut newer);
    assert_eq!(decoded(&newer), Err(Reject::Newer));
    // Another cluster's, even if its tag were the same, has another checksum.
    let other = Config::builder("golden2").build().expect("valid");
    let mut foreign = encode(&other, &Head::Who, &[]);
    assert_eq!(decoded(&foreign), Err(Reject::Cluster));
    foreign[4..8].copy_from_slice(&good[4..8]);
    reseal(&other, &mut foreign);
    assert_eq!(decoded(&foreign), Err(Reject::Checksum));
}

#[test]
fn nothing_may_follow_what_was_said() {
    for (name, head, items) in samples() {
        let mut bytes = encode(&config(), &head, &items);
        bytes.insert(bytes.len() - 4, 0);
        reseal(&config(), &mut bytes);
        assert_eq!(decoded(&bytes), Err(Reject::Malformed), "{name}");
    }
    let misplaced = encode(&config(), &Head::Who, &[Item::Want(Key(1))]);
    assert_eq!(decoded(&misplaced), Err(Reject::Misplaced));
}

/// Replaces the one occurrence of `from` in a good datagram.
fn patched(head: &Head, items: &[Item], from: &[u8], to: &[u8]) -> Result<(Frame, Vec<Item>), Reject> {
    let bytes = encode(&config(), head, items);
    let at: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert_eq!(at.len(), 1, "{from:?} occurs {} times", at.len());
    let mut bytes = [&bytes[..at[0]], to, &bytes[at[0] + from.len()..]].concat();
    reseal(&config(), &mut bytes);
    decoded(&bytes)
}

#[test]
fn values_out_of_range_are_refused() {
    let beat = Head::Heartbeat(heartbeat());
    // A sequence number, in the varint form of bincode: 252 and four bytes, or 253 and eight.
    let seq = [252, 0x70, 0x11, 1, 0];
    assert!(patched(&beat, &[], &seq, &[252, 0x71, 0x11, 1, 0]).is_ok());
    assert_eq!(patched(&beat, &[], &seq, &[0]), Err(Reject::Range));
    assert_eq!(patched(&beat, &[], &seq, &[253, 0, 0, 0, 0, 0, 0, 2, 0]), Err(Reject::Range));
    let delta =
        |from: &[u8], to: &[u8]| patched(&Head::Delta, &[Item::Record(record(Status::Running))], from, to);
    assert!(delta(b"\x02n1", b"\x02n2").is_ok());
    // Names: empty, with a control character, not UTF-8, too long, longer than the datagram.
    assert_eq!(delta(b"\x02n1", b"\x00"), Err(Reject::Range));
    assert_eq!(delta(b"\x02n1", b"\x02\n1"), Err(Reject::Range));
    assert_eq!(delta(b"\x02n1", b"\x02\xff1"), Err(Reject::Malformed));
    assert_eq!(delta(b"\x02n1", &[&[65][..], &[b'x'; 65]].concat()), Err(Reject::Range));
    assert_eq!(
        delta(b"\x02n1", &[253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        Err(Reject::Malformed)
    );
    // Metadata: unsorted, or doubled.
    assert_eq!(delta(b"\x04role", b"\x04pole"), Err(Reject::Range));
    assert_eq!(delta(b"\x04role", b"\x04rack"), Err(Reject::Range));
    // Counts that nothing backs.
    let opinions = [Item::Opinions(opinions())];
    let doubts = |to: &[u8]| patched(&Head::Delta, &opinions, &[1, 2, 2, 5], to);
    assert!(doubts(&[1, 2, 2, 5]).is_ok());
    assert_eq!(doubts(&[1, 2, 49, 5]), Err(Reject::Range));
    assert!(doubts(&[1, 2, 253, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 5]).is_err());
}

#[test]
fn noise_with_a_good_checksum_is_survived() {
    let mut word = 1_u64;
    let mut next = move || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word >> 33
    };
    let config = config();
    let good: Vec<Vec<u8>> = samples().iter().map(|(_, head, items)| encode(&config, head, items)).collect();
    let (mut accepted, mut items) = (0, Vec::new());
    for _ in 0..200_000 {
        let mut bytes = good[next() as usize % good.len()].clone();
        for _ in 0..1 + next() % 4 {
            let at = 8 + next() as usize % (bytes.len() - 8);
            bytes[at] = next() as u8;
        }
        reseal(&config, &mut bytes);
        if let Ok(frame) = decode(&config, &bytes, &mut items) {
            accepted += 1;
            // What was accepted can be said again.
            let again = encode(&config, &frame.head, &items);
            let mut reread = Vec::new();
            assert!(
                decode(&config, &again, &mut reread).is_ok_and(|f| f.head == frame.head) && reread == items
            );
        }
    }
    assert!(accepted > 1000, "the noise is too crude to get anywhere: {accepted}");
}

#[test]
fn the_largest_items_fit_into_one_datagram() {
    let mut metadata = Metadata::default();
    for i in 0..16 {
        metadata.set(&format!("key-{i:05}"), &"v".repeat(23)).expect("fits exactly");
    }
    assert!(metadata.set("key-00000", &"v".repeat(24)).is_err());
    let record = Record {
        identity: Identity {
            id: NodeId::new("x".repeat(64)).expect("a name"),
            storage: StorageId([255; 16]),
            incarnation: Incarnation::MAX,
            boot: BootId([255; 16]),
        },
        version: Version::MAX,
        addr: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().expect("an address"),
        status: Status::Pausing { max: Pause::clamped(Duration::from_secs(3600)) },
        metadata,
    };
    let doubts = (0..48).map(|i| Doubt {
        target: Key(i),
        incarnation: Incarnation::MAX,
        opinion: Opinion::Suspect,
        level: Level::of(1e9),
    });
    let opinions = Opinions {
        observer: Key(u64::MAX),
        incarnation: Incarnation::MAX,
        version: Version::MAX,
        doubts: Doubts::sorted(doubts.collect()),
    };
    for (head, item) in [
        (Head::Hello { reply: true }, Item::Record(Arc::new(record.clone()))),
        (Head::Heartbeat(heartbeat()), Item::Record(Arc::new(record))),
        (Head::Heartbeat(heartbeat()), Item::Opinions(Arc::new(opinions))),
    ] {
        let bytes = encode(&config(), &head, &[item]);
        assert!(decoded(&bytes).is_ok());
    }
}
