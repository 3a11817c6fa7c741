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
fn step(voter: &mut Bench, testimony: Option<(Opinion, u32)>) -> (bool, Option<u32>) {
    let (mut certified, mut called) = (false, None);
    voter.wait(10 * MS);
    while let Some(output) = voter.quorum.poll_output() {
        match output {
            Output::Send { to, message: Message::Inquire { question, .. } } => {
                let Some((opinion, silent_ms)) = testimony else { continue };
                let message = Message::Testimony { question, opinion, silent_ms };
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

/// A voter that has x suspended, of which it has to ask the one observer.
fn asking() -> Bench {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.observers = vec![Key(9)];
    voter.sees.doubted = vec![subject("x", 1)];
    voter.wait(2000 * MS);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter
}

/// D7: whoever was promised nothing by this voter has as much time.
#[test]
fn nobody_is_certified_on_evidence_whose_silence_is_younger_than_a_promise() {
    let mut voter = asking();
    // As told by an observer whose clock is 5 ms late.
    let after = (1..200).find(|&n| step(&mut voter, Some((Opinion::Suspect, 300 + 10 * n - 5))).0);
    let after = after.expect("it is asked about when that can be over");
    assert!((70..=75).contains(&after), "{after}: it is silent for a second after 700 ms");
}

/// D7: of all who suspect, the one that heard it last counts.
#[test]
fn a_silence_that_somebody_has_broken_begins_anew() {
    let mut voter = asking();
    let broken = |n: u32| if n <= 60 { 300 + 10 * n } else { 10 * (n - 60) };
    let after = (1..300).find(|&n| step(&mut voter, Some((Opinion::Suspect, broken(n)))).0);
    let after = after.expect("it is certified");
    assert!(
        (160..=165).contains(&after),
        "{after}: it was heard after 600 ms, and would have been silent for a second after 700"
    );
}

/// D7: those who said that it was silent hear it now, and do not trust it yet. That it answers no calls begins then.
#[test]
fn what_observers_said_is_no_silence_any_more_when_they_hear_it_again() {
    let mut voter = asking();
    assert!((1..=60).all(|n| !step(&mut voter, Some((Opinion::Suspect, 300 + 10 * n))).0));
    let after = (1..300).find(|_| step(&mut voter, Some((Opinion::Unsure, 0))).0).expect("it is certified");
    // An inquiry takes 400 ms, and the last one ends a second after the first.
    assert!((120..=200).contains(&after), "{after}");
}

/// D7: that a later life is heard is no silence.
#[test]
fn a_life_that_is_over_is_certified_at_once() {
    let mut voter = asking();
    assert!((1..=3).any(|_| step(&mut voter, Some((Opinion::Suspect, u32::MAX))).0));
}

/// D7: where no observer is left, the node is called; it is silent from the first call that it does not answer.
#[test]
fn whoever_nobody_observes_is_certified_after_as_long_a_time_without_an_answer() {
    let mut voter = asking();
    let question = (0..100).find_map(|_| step(&mut voter, None).1).expect("it is called");
    let until_certified = |voter: &mut Bench| (1..300).find(|_| step(voter, None).0);
    // The call has two more tries, 70 ms apart, and the second inquiry takes 400 ms.
    let after = until_certified(&mut voter).expect("it is certified");
    assert!((120..=170).contains(&after), "{after}");
    let mut answers = asking();
    let called = (0..100).find_map(|_| step(&mut answers, None).1);
    assert_eq!(called, Some(question), "the same so far");
    (0..40).for_each(|_| _ = step(&mut answers, None));
    let question = (0..100).find_map(|_| step(&mut answers, None).1).expect("it is called again");
    answers.quorum.handle_pong(Now::from(answers.now), question, &id("x"), Incarnation::FIRST);
    let after = until_certified(&mut answers).expect("it is certified");
    assert!((120..=200).contains(&after), "{after}: what was before its answer is void");
}
