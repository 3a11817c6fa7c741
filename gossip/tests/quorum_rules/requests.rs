//! Requests about voters are about the voters of their time: the network may deliver a copy much later.

use gossip::Epoch;
use gossip::core::quorum::{Delta, Message, Names, Output, Wish};

use crate::bench::Bench;
use crate::names::{id, voters};

/// Whether a voter that hears the request looks for the next voters.
fn begins(voter: &mut Bench, wish: Wish) -> bool {
    let owner = voter.owner();
    voter.hear(2, Message::Request { owner, number: 1, wish });
    let enlists = |output: &Output| matches!(output, Output::Send { message: Message::Enlist, .. });
    voter.outputs().iter().any(enlists)
}

fn change(since: Epoch) -> Wish {
    let mut names = Names::default();
    assert!(names.insert(id("x"), ()));
    Wish::Change { voters: names, since }
}

#[test]
fn a_late_copy_of_a_change_of_voters_is_not_obeyed_again() {
    let mut voter = Bench::new("a", 1, 1);
    assert!(begins(&mut voter, change(Epoch::GENESIS)));
    // It comes about, and so does the way back.
    let (first, other) = (voter.chain.electorate.voters.clone(), voters([(4, "d"), (5, "e"), (6, "f")]));
    for next in [other, first] {
        voter.learn(Delta::Seal(next));
        voter.learn(Delta::Change);
    }
    voter.write(true);
    let since = voter.chain.electorate.since;
    assert!(voter.chain.electorate.votes(&crate::names::disk(1)) && since > Epoch::GENESIS);
    assert!(!begins(&mut voter, change(Epoch::GENESIS)));
    assert!(begins(&mut voter, change(since)));
}

#[test]
fn a_late_copy_does_not_take_back_another_seal() {
    let mut voter = Bench::new("a", 1, 1);
    let other = voters([(4, "d"), (5, "e"), (6, "f")]);
    let mut sealed = Vec::new();
    for delta in [Delta::Seal(other.clone()), Delta::Unseal, Delta::Seal(other)] {
        voter.learn(delta);
        sealed.push(voter.chain.electorate.since);
    }
    voter.write(true);
    _ = voter.outputs();
    for (since, obeyed) in [(sealed[0], false), (sealed[2], true)] {
        let owner = voter.owner();
        voter.hear(2, Message::Request { owner, number: 1, wish: Wish::Unseal { since } });
        assert_eq!(voter.proposal(1) == Some(Delta::Unseal), obeyed);
    }
}
