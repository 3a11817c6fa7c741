//! One datagram of every kind, from the real encoder, for the fuzzer to start from.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use gossip::wire::{
    Ack, Age, Bucket, Contact, Count, Doubt, Doubts, Encoder, Head, Heartbeat, HeartbeatInterval, Item, Key,
    Level, Message, Micros, Opinions, Padding, Stamp, Standing, Sums, Survey, Tag, Voucher,
};
use gossip::{DATAGRAM_MAX, Epoch, Incarnation, Opinion, Record, Refusal, Status, Version};

use super::cast::{self, addr, config, life, record};
use super::said;

/// All kinds of heads in the order of the wire format; of the last one, all kinds of messages.
pub fn heads() -> impl Iterator<Item = Head> {
    iter::successors(Some(first()), |head| after(head).1)
}

/// As a name for a file.
pub fn name(head: &Head) -> String {
    match head {
        Head::Quorum(envelope) => format!("quorum_{}", said::name(&envelope.message)),
        _ => said::word(head),
    }
}

/// What node `from` says to node 0 with this head and the items that may follow it.
pub fn datagram(from: u8, head: &Head) -> Vec<u8> {
    let config = config();
    let mut head = head.clone();
    if let Head::Quorum(envelope) = &mut head {
        envelope.from = cast::storage(from);
    }
    let mut buf = [0; DATAGRAM_MAX];
    let head = &head;
    let mut encoder = Encoder::new(&config, &mut buf, life(from), life(0).tag(), head);
    assert!(after(head).0.iter().all(|item| encoder.push(item)));
    let len = encoder.finish();
    buf[..len].to_vec()
}

fn first() -> Head {
    Head::Heartbeat(Heartbeat {
        seq: Count::clamped(1),
        sent: Micros::of(Duration::from_millis(100)),
        interval: HeartbeatInterval::clamped(Duration::from_millis(100)),
        ack: Some(Ack { seq: Count::clamped(1), held: 1234 }),
        ack_lag: 2,
        standing: Standing::InQuorum,
        returning: false,
        epoch: Some(Epoch::GENESIS),
        voucher: Some(Voucher {
            bond: Key(1),
            electorate: Epoch::GENESIS,
            length: cast::founders().vouch_for,
        }),
        survey: Some(Survey {
            digest: Tag(6),
            wall: Some(1_700_000_000_000_000),
            contact: Some(Contact {
                electorate: Epoch::GENESIS,
                ages: [Age::at_least(Some(Duration::from_millis(250)), Duration::from_millis(100)); 9],
            }),
        }),
    })
}

/// The items that may follow a head in a datagram, and the head that follows it in the wire format. A new one goes to the
/// end: without a place here this does not compile, and `every_kind_is_sampled` in `tests/fuzz.rs` sees to the link.
fn after(head: &Head) -> (Vec<Item>, Option<Head>) {
    let key = |number| record(number).identity.id.key();
    let nonce = Tag(1);
    let (items, next) = match head {
        Head::Heartbeat(_) => (vec![said_by(1), doubted_by(1)], Head::Hello { reply: true }),
        Head::Hello { .. } => {
            (vec![said_by(1), Item::Padding(Padding::of(9))], Head::Welcome { observed: addr(0) })
        }
        Head::Welcome { .. } => {
            let highest = Incarnation::FIRST;
            (vec![said_by(1), said_by(9)], Head::Refused(Refusal::Incarnation { highest }))
        }
        Head::Refused(_) => (Vec::new(), Head::Who),
        Head::Who => (Vec::new(), Head::Probe { nonce, target: key(2) }),
        Head::Probe { .. } => (Vec::new(), Head::Ping { nonce, origin: key(2) }),
        Head::Ping { .. } => (Vec::new(), Head::Pong { nonce, origin: key(2) }),
        Head::Pong { .. } => (Vec::new(), Head::Alive { nonce, life: life(2) }),
        Head::Alive { .. } => {
            (Vec::new(), Head::Summary { bucket: Some(Bucket::of(63)), sums: Sums::from_fn(|i| i as u32) })
        }
        Head::Summary { .. } => {
            let (first, last) = (key(2).min(key(3)), key(2).max(key(3)));
            (Vec::new(), Head::Versions { first, last })
        }
        Head::Versions { .. } => (vec![Item::Stamp(stamp(2))], Head::Want),
        Head::Want => (vec![Item::Want(key(2)), Item::Want(key(3))], Head::Delta),
        Head::Delta => (vec![said_by(9), doubted_by(2)], Head::Leave),
        Head::Leave => (vec![farewell(1)], Head::LeaveAck { version: Version::FIRST }),
        Head::LeaveAck { .. } => (Vec::new(), said_of_views(said::first())),
        Head::Quorum(envelope) => return (Vec::new(), said::after(&envelope.message).map(said_of_views)),
    };
    (items, Some(next))
}

fn said_of_views(message: Message) -> Head {
    Head::Quorum(Box::new(said::envelope(1, message)))
}

fn said_by(number: u8) -> Item {
    Item::Record(record(number))
}

fn farewell(number: u8) -> Item {
    let record = Record::clone(&record(number));
    Item::Record(Arc::new(Record { status: Status::Left, version: record.version.next(), ..record }))
}

fn doubted_by(observer: u8) -> Item {
    let doubt = |number, opinion| {
        let target = record(number).identity.id.key();
        Doubt { target, incarnation: Incarnation::FIRST, opinion, level: Level::of(5.25) }
    };
    Item::Opinions(Arc::new(Opinions {
        observer: record(observer).identity.id.key(),
        incarnation: Incarnation::FIRST,
        version: Version::FIRST,
        doubts: Doubts::sorted(vec![doubt(3, Opinion::Suspect), doubt(4, Opinion::Unsure)]),
    }))
}

fn stamp(number: u8) -> Stamp {
    let one = (Incarnation::FIRST, Version::FIRST);
    Stamp { key: record(number).identity.id.key(), record: one, opinions: Some(one) }
}
