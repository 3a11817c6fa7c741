//! What a voter promises, accepts and proposes (P1, P4).

use gossip::core::quorum::{Delta, Message, Output, Quorum, Recipient, Start, Wish};
use gossip::core::register::Paxos;
use gossip::wire::{Ballot, RegisterMessage, Round};
use gossip::{BootId, Identity, Now};

use crate::bench::{Bench, settings};
use crate::names::{MS, disk, first_ballot, id, lease, life, subject, subjects};

#[test]
fn no_ballot_is_used_twice() {
    let mut voter = Bench::new("b", 2, 1);
    let round = Round::try_from(1 << 32).expect("in range");
    let high = Ballot { round, proposer: disk(1), incarnation: life(1) };
    voter.hear_register(RegisterMessage::Prepare { ballot: high });
    voter.write(true);
    let mut asked = Vec::new();
    for request in 0..40 {
        let (owner, wish) = (voter.owner(), Wish::Acquire { lease: id(&format!("lease{request}")) });
        voter.hear(8, Message::Request { owner, number: request, wish });
        voter.wait(5000 * MS);
        voter.write(true);
        for output in voter.outputs() {
            if let Output::Send {
                message: Message::Register { message: RegisterMessage::Prepare { ballot }, .. },
                ..
            } = output
                && ballot.proposer == disk(2)
                && ballot.round == round
            {
                asked.push(ballot);
            }
        }
    }
    assert!(asked.is_empty(), "the last ballot there is was begun {} times", asked.len());
}

#[test]
fn a_delta_that_cannot_follow_is_not_accepted() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Restore(subject("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta });
    voter.write(true);
    let accepted = |output: &Output| {
        matches!(
            output,
            Output::Send { message: Message::Register { message: RegisterMessage::Accepted { .. }, .. }, .. }
        )
    };
    assert!(!voter.outputs().iter().any(accepted));
}

#[test]
fn what_a_voter_has_accepted_it_finishes_after_a_restart() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Suspend(subjects("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta });
    let found = voter.quorum.poll_write().cloned().expect("something to write");
    let identity = Identity { id: id("b"), storage: disk(2), incarnation: life(2), boot: BootId([8; 16]) };
    let start = Start { identity, settings: settings(), found, register: Paxos::new(200 * MS), rng_seed: 1 };
    voter.quorum = Quorum::new(Now::from(voter.now), start);
    let prepares = |output: &Output| {
        matches!(
            output,
            Output::Send { message: Message::Register { message: RegisterMessage::Prepare { .. }, .. }, .. }
        )
    };
    let mut prepared = false;
    for _ in 0..20 {
        voter.wait(100 * MS);
        voter.write(true);
        prepared |= voter.outputs().iter().any(prepares);
    }
    assert!(prepared);
}

/// Whether the voter has promised this ballot, since it was last asked for what it sends.
fn promises(voter: &mut Bench, wanted: Ballot) -> bool {
    voter.write(true);
    voter.outputs().iter().any(|output| {
        matches!(
            output,
            Output::Send {
                message: Message::Register { message: RegisterMessage::Promise { ballot, .. }, .. },
                ..
            } if *ballot == wanted
        )
    })
}

/// L1, L4: one voter alone tries for days, a round higher each time; when another comes back it must not take that for an error
/// for ever.
#[test]
fn rounds_that_have_grown_apart_meet_again() {
    let high = |round: u64| {
        let round = Round::try_from(round).expect("in range");
        Ballot { round, proposer: disk(1), incarnation: life(1) }
    };
    let mut asked = Bench::new("b", 2, 1);
    let mut promised = Vec::new();
    for round in 200_000..200_006 {
        asked.hear_register(RegisterMessage::Prepare { ballot: high(round) });
        promised.push(promises(&mut asked, high(round)));
    }
    assert_eq!(promised, [false, false, false, true, true, true], "three leaps of 65,536, and it believes");

    let mut beaten = Bench::new("b", 2, 1);
    let mut rounds = Vec::new();
    for number in 0..600 {
        // Whoever wants something repeats it.
        let (owner, wish) = (beaten.owner(), Wish::Acquire { lease: lease() });
        beaten.hear(8, Message::Request { owner, number, wish });
        beaten.wait(100 * MS);
        beaten.write(true);
        for output in beaten.outputs() {
            if let Output::Send {
                to: Recipient::Voter(to),
                message: Message::Register { message: RegisterMessage::Prepare { ballot }, .. },
            } = output
                && to == disk(1)
                && rounds.last() != Some(&ballot.round)
            {
                rounds.push(ballot.round);
                beaten.hear_register(RegisterMessage::Beaten { ballot, promised: high(200_000) });
            }
        }
        if rounds.last().is_some_and(|last| u64::from(*last) > 200_000) {
            assert_eq!(rounds.len(), 5, "{rounds:?}");
            return;
        }
    }
    panic!("it never comes near: {rounds:?}");
}
