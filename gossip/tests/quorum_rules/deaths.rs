//! When a death is certified (D7), and that it is decided then, whatever else is (D1).

use gossip::core::quorum::{Delta, Envelope, Message, Output};
use gossip::wire::Key;
use gossip::{Identity, Incarnation, Now, Opinion};

use crate::bench::Bench;
use crate::names::{MS, disk, id, lease, subject, subjects};

/// What a voter proposes while a lease is granted or freed every 50 ms, if all have certified a death before that began.
fn proposed_among_leases(name: &str, own: u8) -> Option<Delta> {
    let mut voter = Bench::new(name, own, 1);
    let (dead, owner) = (subject("x", 1), Identity { id: id("y"), ..voter.owner() });
    voter.sees.whom = Some((dead.clone(), Opinion::Suspect));
    voter.wait(2000 * MS);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    // Once each, and never again.
    for from in 1..=3 {
        voter.hear(from, Message::Certificate { subject: dead.clone(), since: voter.chain.epoch });
    }
    (0..40).find_map(|number| {
        let (owner, token) = (owner.clone(), voter.chain.epoch);
        voter.learn(match number % 2 {
            0 => Delta::Acquire { lease: lease(), owner, request: number },
            _ => Delta::Release { lease: lease(), owner, token },
        });
        voter.write(true);
        voter.wait(50 * MS);
        voter.proposal(own)
    })
}

/// D1: a certificate is bound to the suspension and not to the view it was given in. Else a death would wait until nobody wants
/// leases any more.
#[test]
fn certificates_outlast_what_is_decided_about_leases() {
    assert_eq!(proposed_among_leases("a", 1), Some(Delta::Evict(subjects("x", 1))));
}

/// Nor does the patience with voters of higher rank begin anew with each view: the first may be well and yet not propose
/// anything, as when its disk has failed.
#[test]
fn the_first_voter_is_not_waited_for_again_in_each_view() {
    assert_eq!(proposed_among_leases("b", 2), Some(Delta::Evict(subjects("x", 1))));
}

/// D4: nobody proposes what its own opinion contradicts.
#[test]
fn a_death_is_left_to_others_by_a_voter_that_hears_the_node() {
    let mut voter = Bench::new("a", 1, 1);
    let dead = subject("x", 1);
    voter.sees.whom = Some((dead.clone(), Opinion::Suspect));
    voter.wait(2000 * MS);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.sees.whom = Some((dead.clone(), Opinion::Trust));
    voter.write(true);
    for from in 1..=3 {
        voter.hear(from, Message::Certificate { subject: dead.clone(), since: voter.chain.epoch });
    }
    for heard in [Opinion::Trust, Opinion::Unsure] {
        voter.sees.whom = Some((dead.clone(), heard));
        voter.wait(10 * MS);
        assert_eq!(voter.proposal(1), None, "{heard:?}");
    }
    voter.sees.whom = Some((dead, Opinion::Suspect));
    voter.wait(10 * MS);
    assert_eq!(voter.proposal(1), Some(Delta::Evict(subjects("x", 1))));
}

fn certifies(voter: &mut Bench) -> bool {
    voter.said().iter().any(|message| matches!(message, Message::Certificate { .. }))
}

/// D7: who is suspended is not vouched for, and may yet be heard.
#[test]
fn nobody_is_certified_who_was_heard_less_than_a_promise_ago() {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    voter.wait(2000 * MS);
    voter.sees.heard_at = voter.now;
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter.pass(990 * MS);
    assert!(!certifies(&mut voter));
    voter.pass(20 * MS);
    assert!(certifies(&mut voter));
}

/// Ten milliseconds in the life of a voter that observes nobody, its one observer saying this, or nothing. Whether it has certified, and
/// the question with which it has called the node itself.
fn step(voter: &mut Bench, testimony: Option<Opinion>) -> (bool, Option<u32>) {
    let (mut certified, mut called) = (false, None);
    voter.wait(10 * MS);
    while let Some(output) = voter.quorum.poll_output() {
        match output {
            Output::Send { to, message: Message::Inquire { question, .. } } => {
                let Some(opinion) = testimony else { continue };
                let message = Message::Testimony { question, opinion };
                let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
                voter.quorum.handle_message(Now::from(voter.now), &voter.sees, to, &envelope);
            }
            // The voter is one of those that it asks.
            Output::Send { message: message @ Message::Ask { .. }, .. } => voter.hear(1, message),
            Output::Send { message: Message::Certificate { .. }, .. } => certified = true,
            Output::Call { question, .. } => called = Some(question),
            _ => {}
        }
    }
    (certified, called)
}

/// D7: whoever was promised nothing by this voter has as much time. Observers speak of a silence of two and a half intervals at least.
#[test]
fn nobody_is_certified_on_evidence_whose_silence_is_younger_than_a_promise() {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.observers = vec![Key(9)];
    voter.sees.doubted = vec![subject("x", 1)];
    voter.wait(2000 * MS);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    let certified = |voter: &mut Bench, testimony: Opinion, length: u32| {
        (0..length / 10).any(|_| step(voter, Some(testimony)).0)
    };
    assert!(!certified(&mut voter, Opinion::Suspect, 600));
    // Somebody has heard it: that begins anew.
    assert!(!certified(&mut voter, Opinion::Trust, 250), "it is asked about every 200 ms");
    assert!(!certified(&mut voter, Opinion::Suspect, 740));
    // Nobody answers, so it is called itself; and does.
    let question = (0..100).find_map(|_| step(&mut voter, None).1).expect("it is called");
    voter.quorum.handle_pong(Now::from(voter.now), question, &id("x"), Incarnation::FIRST);
    assert!(!certified(&mut voter, Opinion::Suspect, 740));
    assert!(certified(&mut voter, Opinion::Suspect, 250));
}
