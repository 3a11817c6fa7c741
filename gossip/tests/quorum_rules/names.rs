//! Short forms: names, disks, subjects, and the view that all histories here begin with.

use std::time::Duration;

use gossip::core::quorum::{Subject, Subjects, View, Voters, VouchFor};
use gossip::wire::{Ballot, Round};
use gossip::{GenesisId, Incarnation, LeaseName, NodeId, StorageId};

pub const MS: Duration = Duration::from_millis(1);

pub fn id(name: &str) -> NodeId {
    NodeId::new(name).expect("a name")
}

pub fn disk(number: u8) -> StorageId {
    StorageId([number; 16])
}

pub fn life(number: u64) -> Incarnation {
    Incarnation::new(number).expect("in range")
}

pub fn voters(list: [(u8, &str); 3]) -> Voters {
    let mut voters = Voters::default();
    for (number, name) in list {
        assert!(voters.insert(disk(number), id(name)));
    }
    voters
}

pub fn genesis() -> View {
    View::genesis(GenesisId(7), voters([(1, "a"), (2, "b"), (3, "c")]), VouchFor::clamped(1000 * MS))
}

pub fn lease() -> LeaseName {
    id("lease")
}

/// The lowest that the first voter can have.
pub fn first_ballot() -> Ballot {
    Ballot { round: Round::default().next().expect("not the last"), proposer: disk(1), incarnation: life(1) }
}

pub fn subject(name: &str, incarnation: u64) -> Subject {
    Subject { id: id(name), incarnation: life(incarnation) }
}

pub fn subjects(name: &str, incarnation: u64) -> Subjects {
    let mut subjects = Subjects::default();
    assert!(subjects.insert(id(name), life(incarnation)));
    subjects
}
