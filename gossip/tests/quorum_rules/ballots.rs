//! What a voter promises, accepts and proposes (P1 to P5), and whose votes count (D3).

use gossip::core::quorum::{Delta, Message, Output, Quorum, Recipient, Start, View, Wish};
use gossip::core::register::Paxos;
use gossip::wire::{Ballot, RegisterMessage, Round};
use gossip::{BootId, Identity, Now, Opinion};

use crate::bench::{Bench, settings};
use crate::names::{MS, disk, first_ballot, id, lease, life, subject, subjects, voters};

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

impl Bench {
    /// Whether it answers a ballot that the voter with that disk begins on the newest view, and has it written.
    fn votes_for(&mut self, from: u8) -> bool {
        let ballot = Ballot { proposer: disk(from), ..first_ballot() };
        let (base, hash, message) =
            (self.chain.epoch, self.chain.hash(), RegisterMessage::Prepare { ballot });
        self.hear(from, Message::Register { base, hash, message });
        promises(self, ballot)
    }
}

/// P2: a voter for which the next view is on its way to the disk answers no ballot about either; about the earlier one never again.
#[test]
fn while_the_next_view_is_being_written_no_ballot_is_answered() {
    let mut voter = Bench::new("b", 2, 1);
    let prepare = |view: &View, hash: u64| {
        let message = RegisterMessage::Prepare { ballot: first_ballot() };
        Message::Register { base: view.epoch, hash, message }
    };
    let (before, delta) = (voter.chain.clone(), Delta::Suspend(subjects("x", 1)));
    voter.learn(delta.clone());
    let after = voter.chain.clone();
    assert!(voter.quorum.poll_write().is_some(), "and that takes its time");
    for view in [&before, &after] {
        voter.hear(1, prepare(view, view.hash()));
    }
    voter.quorum.handle_written(Now::from(voter.now), &voter.sees, true);
    assert!(!promises(&mut voter, first_ballot()));
    // Whoever begins a ballot on a view that is over lacks what followed it; on one that is not known here, has it.
    voter.hear(1, prepare(&before, before.hash()));
    let step = Message::Decided { epoch: after.epoch, before: before.hash(), delta };
    assert_eq!(voter.said(), [step]);
    let next = View { epoch: after.epoch.next(), ..after.clone() };
    voter.wait(1000 * MS);
    voter.outputs();
    voter.hear(1, prepare(&next, next.hash()));
    assert_eq!(voter.said(), [Message::Fetch { after: Some(after.epoch), snapshot: None }]);
    voter.hear(1, prepare(&after, before.hash()));
    assert!(!promises(&mut voter, first_ballot()), "of another history");
    voter.hear(1, prepare(&after, after.hash()));
    assert!(promises(&mut voter, first_ballot()));
}

/// P2: not before, or a promise would be forgotten while it binds; and not after, or it would be taken for one about the next view.
#[test]
fn ballots_are_dropped_in_the_write_that_stores_the_next_view() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Suspend(subjects("x", 1));
    let mut written = Vec::new();
    let mut write = |voter: &mut Bench| {
        while let Some(durable) = voter.quorum.poll_write().cloned() {
            let epoch = durable.view.map(|view| view.epoch.get());
            written.push((epoch, durable.ballots.promised.is_some(), durable.ballots.accepted.is_some()));
            voter.quorum.handle_written(Now::from(voter.now), &voter.sees, true);
        }
    };
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta: delta.clone() });
    write(&mut voter);
    voter.learn(delta);
    write(&mut voter);
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    write(&mut voter);
    assert_eq!(written, [(Some(0), true, true), (Some(1), false, false), (Some(1), true, false)]);
}

/// P3: of what two voters of three have accepted one value may have been chosen, and no other can have been.
#[test]
fn what_was_accepted_in_the_highest_ballot_is_proposed_unchanged() {
    let of = |number: u8| Ballot { proposer: disk(number), ..first_ballot() };
    let [ours, theirs] = ["y", "z"].map(|name| Delta::Leave(subject(name, 1)));
    // The second voter's ballot is between the first one's and the third one's.
    for (accepted, proposed) in [(None, &ours), (Some(of(1)), &ours), (Some(of(3)), &theirs)] {
        let mut voter = Bench::new("a", 1, 1);
        let accept = RegisterMessage::Accept { ballot: of(2), delta: ours.clone() };
        let (base, hash) = (voter.chain.epoch, voter.chain.hash());
        voter.hear(2, Message::Register { base, hash, message: accept });
        let (owner, wish) = (voter.owner(), Wish::Acquire { lease: lease() });
        voter.hear(8, Message::Request { owner, number: 1, wish });
        let accepted = accepted.map(|ballot| (ballot, theirs.clone()));
        assert_eq!(voter.proposal_after(1, accepted.as_ref()).as_ref(), Some(proposed));
    }
}

/// P5: whoever asks whether it is still so would leave in doubt what may have been chosen already.
#[test]
fn an_eviction_that_was_accepted_is_finished_although_its_subject_is_heard_again() {
    let evict = Delta::Evict(subjects("x", 1));
    let back = |name: &str, number: u8| {
        let mut voter = Bench::new(name, number, 1);
        voter.learn(Delta::Suspend(subjects("x", 1)));
        voter.write(true);
        voter.sees.whom = Some((subject("x", 1), Opinion::Trust));
        voter.outputs();
        voter
    };
    let mut asked = back("b", 2);
    asked.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta: evict.clone() });
    asked.write(true);
    let accepted = |message: &Message| {
        matches!(message, Message::Register { message: RegisterMessage::Accepted { .. }, .. })
    };
    assert!(asked.said().iter().any(accepted));
    // All want it restored, and one of them has accepted its end.
    let mut asking = back("a", 1);
    asking.wait(MS);
    assert_eq!(asking.answer_all(Opinion::Trust), 3);
    let accepted = (Ballot { proposer: disk(3), ..first_ballot() }, evict.clone());
    assert_eq!(asking.proposal_after(1, Some(&accepted)), Some(evict));
}

/// D3: a voter is a disk, whatever is thought of the node that it is in.
#[test]
fn whoever_is_suspended_or_dead_votes_and_is_counted_like_any_other() {
    let (suspend, evict) = (Delta::Suspend(subjects("c", 1)), Delta::Evict(subjects("c", 1)));
    for decided in [vec![suspend.clone()], vec![suspend, evict]] {
        let after = |name: &str, number: u8| {
            let mut voter = Bench::new(name, number, 1);
            for delta in decided.clone() {
                voter.learn(delta);
                voter.write(true);
            }
            voter.outputs();
            voter
        };
        assert!(after("c", 3).votes_for(1), "{decided:?}");
        assert!(after("a", 1).votes_for(3), "{decided:?}");
        let mut asking = after("a", 1);
        let (owner, wish) = (asking.owner(), Wish::Acquire { lease: lease() });
        asking.hear(8, Message::Request { owner, number: 1, wish });
        assert!(matches!(asking.proposal(1), Some(Delta::Acquire { .. })), "with its promise: {decided:?}");
    }
}

/// D3: under a seal the old voters decide; after the change the new ones, each from when it has stored that.
#[test]
fn until_the_change_is_stored_the_old_voters_decide() {
    let (mut old, mut new) = (Bench::new("b", 2, 1), Bench::new("d", 4, 1));
    let learn = |voter: &mut Bench, delta: &Delta| {
        voter.learn(delta.clone());
        voter.write(true);
    };
    let seal = Delta::Seal(voters([(4, "d"), (5, "e"), (6, "f")]));
    learn(&mut old, &seal);
    learn(&mut new, &seal);
    assert_eq!([old.votes_for(1), old.votes_for(5)], [true, false]);
    assert_eq!([new.votes_for(1), new.votes_for(5)], [false, false]);
    new.learn(Delta::Change);
    assert!(!new.votes_for(5), "it has not stored that yet");
    learn(&mut old, &Delta::Change);
    assert_eq!([old.votes_for(1), old.votes_for(5)], [false, false]);
    assert_eq!([new.votes_for(1), new.votes_for(5)], [false, true]);
}
