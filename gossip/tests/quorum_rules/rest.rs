//! Whoever waits for something does not ask to be woken for it again and again.

use gossip::core::quorum::{Delta, Voters};
use gossip::wire::RegisterMessage;
use gossip::{Now, Opinion};

use crate::bench::Bench;
use crate::names::{MS, disk, first_ballot, id, subject, subjects};

#[test]
fn a_follower_is_at_rest_during_a_seal() {
    let mut follower = Bench::new("x", 8, 1);
    let mut next = Voters::default();
    assert!(next.insert(disk(4), id("d")));
    follower.learn(Delta::Seal(next));
    follower.write(true);
    follower.wait(MS);
    follower.assert_at_rest();
}

#[test]
fn a_voter_is_at_rest_while_a_slow_disk_takes_the_next_view() {
    let mut voter = Bench::new("b", 2, 1);
    let delta = Delta::Suspend(subjects("x", 1));
    voter.hear_register(RegisterMessage::Accept { ballot: first_ballot(), delta: delta.clone() });
    voter.write(true);
    voter.learn(delta);
    assert!(voter.quorum.poll_write().is_some());
    voter.wait(3000 * MS);
    voter.assert_at_rest();
}

#[test]
fn a_voter_is_at_rest_after_a_restoration_it_does_not_agree_with() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    // Its start's amnesty is over; it vouches for the node that it is about to suspect.
    voter.wait(2000 * MS);
    let whom = voter.owner();
    assert!(voter.quorum.vouch(&whom, Now::from(voter.now).into()).is_some());
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter.wait(MS);
    voter.learn(Delta::Restore(subject("x", 1)));
    voter.write(true);
    voter.wait(2000 * MS);
    voter.assert_at_rest();
}
