//! The end of a life is known however many events were lost.

use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::core::Setup;
use crate::core::clock::Now;
use crate::core::event::Event;
use crate::core::identity::{BootId, Identity, Life, NodeId, StorageId};
use crate::core::members::Learnt;
use crate::core::quorum::{Cause, Delta, Durable, Founders, Gone, View, Voters, VouchFor};
use crate::core::record::{Metadata, Record};
use crate::wire::{Frame, Head};

const NOW: Duration = Duration::ZERO;

fn epoch(number: usize) -> Epoch {
    std::iter::successors(Some(Epoch::GENESIS), |epoch| Some(epoch.next())).nth(number).expect("endless")
}

fn incarnation(number: u64) -> Incarnation {
    Incarnation::new(number).expect("in range")
}

/// The third life of a node that keeps no more events than it has to.
fn node(seeds: &[&str], view: Option<View>) -> Node {
    let setup = Setup {
        config: Config::builder("end").events_max(16).build().expect("valid"),
        identity: Identity {
            id: NodeId::new("n1").expect("a name"),
            storage: StorageId([1; 16]),
            incarnation: incarnation(3),
            boot: BootId([1; 16]),
        },
        addr: "10.0.0.1:7000".parse().expect("an address"),
        seeds: seeds.iter().map(|seed| seed.parse().expect("an address")).collect(),
        metadata: Metadata::default(),
        durable: Durable { view: view.map(Into::into), ..Durable::default() },
        rng_seed: 1,
    };
    Node::new(Now::from(NOW), setup)
}

fn refuse(node: &mut Node, reason: Refusal) {
    let frame = Frame { from: Life(7), to: node.life.tag(), head: Head::Refused(reason) };
    node.on_refused("10.0.0.2:7000".parse().expect("an address"), &frame, reason);
}

/// So many that nothing is left of those before.
fn crowd_out(node: &mut Node) {
    (0..16).for_each(|_| refuse(node, Refusal::Full));
    assert!(matches!(node.poll_event(), Some(Event::Lagged { .. })));
    let left: Vec<Event> = std::iter::from_fn(|| node.poll_event()).collect();
    assert!(
        left.iter().all(|event| matches!(event, Event::Refused { reason: Refusal::Full, .. })),
        "{left:?}"
    );
}

#[test]
fn that_a_life_is_over_is_not_lost_with_events() {
    let at = |number| Refusal::Incarnation { highest: incarnation(number) };
    let floor = Refusal::BelowFloor { highest: incarnation(9) };
    let rewound = Refusal::Rewound { highest: incarnation(3) };
    let seed = &["10.0.0.2:7000"][..];
    let evicted = Why::Evicted { epoch: None };
    for (seeds, reason, expected) in [
        (&[][..], at(2), None),
        (&[], at(3), Some((3, evicted))),
        (&[], at(4), Some((4, Why::TooLow))),
        (seed, at(3), Some((3, Why::TooLow))),
        (seed, floor, Some((9, Why::BelowFloor))),
        (&[], rewound, Some((3, Why::Rewound))),
    ] {
        let mut node = node(seeds, None);
        assert_eq!(node.is_ready(), seeds.is_empty());
        refuse(&mut node, reason);
        crowd_out(&mut node);
        let over = node.over().map(|over| (over.highest.get(), over.why));
        assert_eq!(over, expected, "{reason:?}, {seeds:?}");
        assert_eq!(node.is_rewound(), reason == rewound);
    }
}

#[test]
fn of_several_refusals_the_highest_says_what_to_exceed() {
    let mut node = node(&[], None);
    for number in [3, 8, 5] {
        refuse(&mut node, Refusal::Incarnation { highest: incarnation(number) });
    }
    assert_eq!(node.over(), Some(Over { highest: incarnation(8), why: Why::TooLow }));
}

#[test]
fn one_that_leaves_begins_no_other_life_and_says_how_it_ended() {
    let mut node = node(&[], None);
    assert_eq!(node.end(), None);
    refuse(&mut node, Refusal::Rewound { highest: incarnation(3) });
    node.leave(Now::from(NOW)).expect("runs");
    assert_eq!(node.end(), Some(End::Left { acknowledged: 0, told: 0 }), "there is nobody to tell");
    assert_eq!(node.over(), None);
    assert!(node.is_rewound(), "the disk is none the better for that");
}

/// Its disk is older than the life on record: each next life but the one above that would be over as it begins.
#[test]
fn the_next_life_begins_above_the_one_on_record() {
    let mut node = node(&[], Some(view_with(Some(1_000))));
    node.handle_timeout(Now::from(NOW));
    let why = Why::Evicted { epoch: Some(epoch(4)) };
    assert_eq!(node.over(), Some(Over { highest: incarnation(1_000), why }));
}

/// I2, I3: another process of this name owns a lease, in this incarnation or a later one. Whoever let this one in did not remember.
#[test]
fn a_life_that_an_owner_of_its_name_outranks_is_over() {
    let (own, other) = (BootId([1; 16]), BootId([2; 16]));
    let (this, another) = (StorageId([1; 16]), StorageId([2; 16]));
    for (number, boot, storage, expected) in [
        (3, own, this, None),
        (2, other, this, None),
        (3, other, another, Some((3, Why::TooLow))),
        (7, other, another, Some((7, Why::TooLow))),
        (7, other, this, Some((7, Why::Rewound))),
    ] {
        let owner = node(&[], None).identity().clone();
        let view = owned(Identity { incarnation: incarnation(number), storage, boot, ..owner });
        let found_it = node(&[], Some(View::clone(&view)));
        let mut learnt_it = node(&[], None);
        learnt_it.on_adopted(&view, None, false);
        for node in [found_it, learnt_it] {
            assert_eq!(node.over().map(|over| (over.highest.get(), over.why)), expected);
            assert_eq!(node.is_rewound(), expected.is_some_and(|(_, why)| why == Why::Rewound));
        }
    }
}

/// The same, as seen by others: it is not let in. If its disk has gone back, of which only the view knows, that is found out.
#[test]
fn a_life_that_an_owner_of_its_name_outranks_is_not_let_in() {
    let first = Identity { id: NodeId::new("n2").expect("a name"), ..node(&[], None).identity().clone() };
    let owner = Identity { incarnation: incarnation(5), boot: BootId([2; 16]), ..first.clone() };
    let view = owned(owner.clone());
    let mut node = node(&[], Some(View::clone(&view)));
    assert_eq!(node.rewound(&first), Some(incarnation(5)));
    let mut record = Record::clone(node.record());
    record.identity = Identity { storage: StorageId([2; 16]), ..first };
    assert!(
        matches!(node.learn_record(&record.clone().into(), true), Learnt::Over { highest } if highest == incarnation(5))
    );
    // Before anybody knew of the lease it was let in.
    let mut early = self::node(&[], Some(view_with(None)));
    assert!(matches!(early.learn_record(&record.clone().into(), true), Learnt::New));
    early.on_adopted(&view, None, false);
    assert!(early.members.of(record.identity.id.key()).is_none(), "it has to introduce itself again");
    assert_eq!(early.outlived.len(), 1, "nor may it be dead without anybody to say so (I4)");
    // Where the owner is remembered, there is a conflict of two processes.
    record.identity = owner.clone();
    assert!(matches!(node.learn_record(&record.clone().into(), true), Learnt::New));
    (record.identity.boot, record.identity.storage) = (BootId([3; 16]), StorageId([2; 16]));
    let conflict = node.learn_record(&record.clone().into(), true);
    assert!(matches!(conflict, Learnt::Conflict { known } if known == owner.boot), "{conflict:?}");
    record.identity.incarnation = incarnation(6);
    assert!(matches!(node.learn_record(&record.into(), true), Learnt::Reborn(_)));
}

/// A view in which somebody owns a lease.
fn owned(owner: Identity) -> std::sync::Arc<View> {
    let lease = NodeId::new("db").expect("a name");
    view_with(None).after(&Delta::Acquire { lease, owner, request: 1 }).expect("free")
}

/// A view that has a life of this node on record as over, or does not.
fn view_with(gone: Option<u64>) -> View {
    let mut voters = Voters::default();
    for number in 1..=3 {
        let name = NodeId::new(format!("v{number}")).expect("a name");
        assert!(voters.insert(StorageId([10 + number; 16]), name));
    }
    let mut view = Founders { voters, vouch_for: VouchFor::clamped(Duration::from_secs(1)) }.view();
    view.epoch = epoch(9);
    if let Some(number) = gone {
        let gone = Gone { incarnation: incarnation(number), cause: Cause::Dead, epoch: epoch(4) };
        assert!(view.gone.insert(NodeId::new("n1").expect("a name"), gone));
    }
    view
}

/// The view in which it is gone, whichever is stored now; and none if only others say so.
#[test]
fn an_eviction_is_told_with_the_view_that_decided_it() {
    for (gone, expected) in [(Some(3), Some(epoch(4))), (None, None)] {
        let mut node = node(&[], Some(view_with(gone)));
        refuse(&mut node, Refusal::Incarnation { highest: incarnation(3) });
        let why = Why::Evicted { epoch: expected };
        assert_eq!(node.over(), Some(Over { highest: incarnation(3), why }));
    }
}
