//! What a voter answers when it is asked about somebody, and how long an answer counts (D4, E1).

use std::net::SocketAddr;

use gossip::core::quorum::{Delta, Envelope, Message, Output, Recipient, Subject};
use gossip::wire::{Key, Tag};
use gossip::{GenesisId, Now, Opinion};

use crate::bench::Bench;
use crate::names::{MS, disk, id, life, subject, subjects};

/// The answer that a voter gives to a question about a subject, if it gives one at once.
pub fn answer(voter: &mut Bench, about: Subject) -> Option<Opinion> {
    answer_to(voter, 1, about)
}

/// The same if this voter asks, or it itself.
fn answer_to(voter: &mut Bench, asker: u8, about: Subject) -> Option<Opinion> {
    voter.hear(asker, Message::Ask { question: 1, subject: about });
    voter.outputs().into_iter().find_map(|output| match output {
        Output::Send { message: Message::Answer { opinion, .. }, .. } => Some(opinion),
        _ => None,
    })
}

#[test]
fn a_voter_knows_that_its_own_former_life_is_over() {
    let mut voter = Bench::new("b", 2, 5);
    assert_eq!(answer(&mut voter, subject("b", 5)), Some(Opinion::Trust), "whoever answers lives");
    assert_eq!(answer(&mut voter, subject("b", 4)), Some(Opinion::Suspect));
}

/// D6: whoever asks lives. If this voter has not heard it, others may be as little heard.
#[test]
fn a_voter_accuses_nobody_when_one_asks_that_it_has_not_heard_again() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    assert_eq!(answer(&mut voter, subject("x", 1)), Some(Opinion::Suspect));
    voter.sees.silent_voters = vec![id("c")];
    assert_eq!(answer(&mut voter, subject("x", 1)), Some(Opinion::Suspect), "another one asks");
    voter.sees.silent_voters = vec![id("a")];
    assert_eq!(answer(&mut voter, subject("x", 1)), Some(Opinion::Unsure));
    // Nor are observers asked, who have been cut off with this voter.
    voter.sees.observers = vec![Key(1), Key(2)];
    assert_eq!(answer(&mut voter, subject("y", 1)), Some(Opinion::Unsure));
    voter.sees.whom = Some((subject("x", 2), Opinion::Suspect));
    assert_eq!(answer(&mut voter, subject("x", 1)), Some(Opinion::Suspect), "a later life is heard");
    voter.sees.whom = Some((subject("x", 1), Opinion::Trust));
    assert_eq!(answer(&mut voter, subject("x", 1)), Some(Opinion::Trust));
}

/// One of three voters, to which a second has come back just now; the third is as it is said.
fn reacquainting(name: &str, number: u8, opinion: Opinion, third_is_heard: bool) -> Bench {
    let mut voter = Bench::new(name, number, 1);
    voter.sees.whom = Some((subject("x", 1), opinion));
    voter.sees.returned.insert(id("c"), voter.now);
    if !third_is_heard {
        voter.sees.silent_voters = ["a", "b"].into_iter().filter(|other| *other != name).map(id).collect();
    }
    voter
}

/// D6: for ten intervals after voters have come back that make a majority, silences are those of a network that was cut.
#[test]
fn a_voter_counts_no_silence_until_it_can_have_heard_all_again() {
    for (opinion, third_is_heard, meanwhile) in [
        (Opinion::Suspect, false, Opinion::Unsure),
        (Opinion::Trust, false, Opinion::Trust),
        // With the third it had a majority all the time: one that comes and goes holds nothing up.
        (Opinion::Suspect, true, Opinion::Suspect),
    ] {
        let mut voter = reacquainting("b", 2, opinion, third_is_heard);
        voter.wait(990 * MS);
        assert_eq!(
            answer_to(&mut voter, 2, subject("x", 1)),
            Some(meanwhile),
            "{opinion:?}, {third_is_heard}"
        );
        voter.wait(10 * MS);
        assert_eq!(answer_to(&mut voter, 2, subject("x", 1)), Some(opinion), "{opinion:?}, {third_is_heard}");
    }
}

/// D6: what observers say counts no more than what a voter hears itself, as they may have been cut off with it.
#[test]
fn what_observers_do_not_hear_says_nothing_to_a_voter_that_has_just_come_back() {
    for (returned, expected) in [(true, Opinion::Unsure), (false, Opinion::Suspect)] {
        let mut voter = Bench::new("b", 2, 1);
        voter.sees.observers = vec![Key(1)];
        voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
        let inquiry = voter.outputs().into_iter().find_map(|output| match output {
            Output::Send { to, message: Message::Inquire { question, .. } } => Some((to, question)),
            _ => None,
        });
        let (observer, question) = inquiry.expect("asks the observer");
        if returned {
            voter.sees.returned.insert(id("c"), voter.now);
            voter.sees.silent_voters = vec![id("a")];
        }
        let message = Message::Testimony { question, opinion: Opinion::Suspect, silent_ms: 5000 };
        let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
        voter.quorum.handle_message(Now::from(voter.now), &voter.sees, observer, &envelope);
        let answers: Vec<Opinion> = voter
            .outputs()
            .into_iter()
            .filter_map(|output| match output {
                Output::Send { message: Message::Answer { opinion, .. }, .. } => Some(opinion),
                _ => None,
            })
            .collect();
        assert_eq!(answers, [expected]);
    }
}

/// D6: nor does it propose anything against anybody, whatever the others say.
#[test]
fn a_voter_that_has_just_come_back_suspends_nobody() {
    let mut voter = reacquainting("a", 1, Opinion::Suspect, false);
    voter.wait(MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 0, "no case");
    voter.wait(1000 * MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 3);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(subjects("x", 1))));
}

/// D6: a suspended node is certified once it can have been heard again.
#[test]
fn a_voter_that_has_just_come_back_certifies_nobody_s_silence() {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.wait(900 * MS);
    voter.sees.returned.insert(id("c"), voter.now);
    voter.sees.silent_voters = vec![id("b")];
    voter.write(true);
    voter.outputs();
    let certifies =
        |voter: &mut Bench| voter.said().iter().any(|message| matches!(message, Message::Certificate { .. }));
    voter.pass(990 * MS);
    assert!(!certifies(&mut voter));
    voter.pass(20 * MS);
    assert!(certifies(&mut voter));
}

/// D4: a suspension, and its end, make all answers void that were asked for before, however fresh. Else the voter that still has
/// the old ones goes on suspending whom another has just had restored.
#[test]
fn an_answer_from_before_a_restoration_suspends_nobody() {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
    voter.wait(MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 3);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(subjects("x", 1))));
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(true);
    voter.learn(Delta::Restore(subject("x", 1)));
    voter.write(true);
    voter.wait(MS);
    assert_eq!(voter.proposal(1), None);
    // Who is suspected still is asked about anew.
    voter.wait(1000 * MS);
    assert_eq!(voter.answer_all(Opinion::Suspect), 3);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(subjects("x", 1))));
}

/// What a voter answers about a node that it does not observe, after a ballot timeout and after another, if the first of its
/// four observers say this and the others nothing; and whether it called that node itself, which answers or not.
fn answer_on_testimony(testimony: &[Opinion], answers: bool) -> (Option<Opinion>, bool, Option<Opinion>) {
    answer_of_observers(4, testimony, answers)
}

/// The same with so many observers.
fn answer_of_observers(
    observers: u64,
    testimony: &[Opinion],
    answers: bool,
) -> (Option<Opinion>, bool, Option<Opinion>) {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=observers).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    let mut testimony = testimony.iter();
    for output in voter.outputs() {
        if let Output::Send { to: observer, message: Message::Inquire { question, .. } } = output
            && let Some(&opinion) = testimony.next()
        {
            let message = Message::Testimony { question, opinion, silent_ms: 5000 };
            let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
            voter.quorum.handle_message(Now::from(voter.now), &voter.sees, observer, &envelope);
        }
    }
    let mut called = false;
    let mut answer = |voter: &mut Bench| {
        let mut opinion = None;
        voter.pass(210 * MS);
        for output in voter.outputs() {
            match output {
                Output::Send { message: Message::Answer { question: 2, opinion: said, .. }, .. } => {
                    opinion = Some(said);
                }
                Output::Call { member, question } if member == id("y").key() => {
                    called = true;
                    if answers {
                        let life = life(1);
                        voter.quorum.handle_pong(Now::from(voter.now), question, &id("y"), life);
                    }
                }
                _ => {}
            }
        }
        opinion
    };
    let (first, second) = (answer(&mut voter), answer(&mut voter));
    (first, called, second)
}

/// D1, S3: what observers said before a suspension certifies nothing after it.
#[test]
fn testimony_from_before_a_suspension_is_not_waited_for_after_it() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=4).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    assert!(
        voter.outputs().iter().any(|o| matches!(o, Output::Send { message: Message::Inquire { .. }, .. }))
    );
    voter.learn(Delta::Suspend(subjects("y", 1)));
    voter.write(true);
    voter.outputs();
    voter.pass(420 * MS);
    let answers = |o: &Output| matches!(o, Output::Send { message: Message::Answer { question: 2, .. }, .. });
    assert!(!voter.outputs().iter().any(answers), "the question was put before the suspension");
}

/// E1: observers that do not answer leave the count; of those that do, more than half decide. If fewer than half answer, the
/// voter calls the node itself.
#[test]
fn observers_that_do_not_answer_leave_the_count() {
    use Opinion::{Suspect, Trust};
    assert_eq!(answer_on_testimony(&[Suspect, Suspect], false), (Some(Suspect), false, None));
    assert_eq!(answer_on_testimony(&[Suspect], false), (None, true, Some(Suspect)));
    assert_eq!(answer_on_testimony(&[], false), (None, true, Some(Suspect)));
    assert_eq!(answer_on_testimony(&[Suspect], true), (None, true, Some(Trust)));
    assert_eq!(answer_on_testimony(&[], true), (None, true, Some(Trust)));
}

/// E1: observers of whom no half agrees do not decide, and who is unsure has answered: else an observer more or less that cannot
/// tell has a node suspended and restored again and again, though it answers whenever it is called.
#[test]
fn observers_that_do_not_agree_have_the_node_called() {
    use Opinion::{Suspect, Trust, Unsure};
    for divided in [
        [Suspect, Suspect, Trust, Unsure],
        [Suspect, Suspect, Unsure, Unsure],
        [Trust, Suspect, Trust, Suspect],
    ] {
        assert_eq!(answer_on_testimony(&divided, true), (None, true, Some(Trust)), "{divided:?}");
    }
    // The same whether or not one more is unsure, as long as too few have made up their minds.
    assert_eq!(answer_of_observers(6, &[Suspect, Suspect], true), (None, true, Some(Trust)));
    assert_eq!(answer_of_observers(6, &[Suspect, Suspect, Unsure], true), (None, true, Some(Trust)));
    assert_eq!(answer_on_testimony(&[Suspect, Suspect, Trust, Unsure], false), (None, true, Some(Suspect)));
    assert_eq!(answer_on_testimony(&[Suspect, Suspect, Unsure, Unsure], false), (None, true, Some(Suspect)));
}

/// E1: of observers that do not agree one more or less decides, so an answer that is lost must not: the node has the last word.
#[test]
fn a_lost_testimony_does_not_decide_where_observers_do_not_agree() {
    use Opinion::{Suspect, Trust, Unsure};
    let halves = [Suspect, Suspect, Suspect, Trust, Trust];
    assert_eq!(answer_of_observers(6, &halves, true), (None, true, Some(Trust)));
    assert_eq!(answer_of_observers(6, &halves, false), (None, true, Some(Suspect)));
    let heard = [Trust, Trust, Trust, Suspect, Suspect];
    assert_eq!(answer_of_observers(6, &heard, false), (None, true, Some(Trust)));
    assert_eq!(
        answer_of_observers(6, &[Suspect, Suspect, Suspect, Unsure, Unsure], true),
        (None, true, Some(Trust))
    );
    // Where nobody speaks against it, half are enough.
    assert_eq!(answer_of_observers(6, &halves[..3], true), (Some(Suspect), false, None));
    // And more than half of all are, whatever the others say.
    let most = [Suspect, Suspect, Suspect, Trust, Suspect];
    assert_eq!(answer_of_observers(6, &most, true), (Some(Suspect), false, None));
}

/// E1: who has not answered is asked again, so that testimony is not lost with one datagram.
#[test]
fn observers_that_do_not_answer_are_asked_again() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=4).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    let mut asked = Vec::new();
    for _ in 0..25 {
        let mut now = Vec::new();
        for output in voter.outputs() {
            if let Output::Send { to, message: Message::Inquire { question, .. } } = output {
                now.push((to, question));
            }
        }
        // Two of the four answer the first time, and one the second.
        let answering = if asked.is_empty() { &now[..2.min(now.len())] } else { &now[..1.min(now.len())] };
        for (observer, question) in answering {
            let message =
                Message::Testimony { question: *question, opinion: Opinion::Trust, silent_ms: 5000 };
            let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
            voter.quorum.handle_message(Now::from(voter.now), &voter.sees, *observer, &envelope);
        }
        asked.extend((!now.is_empty()).then_some(now.len()));
        voter.wait(10 * MS);
    }
    assert_eq!(asked, [4, 2], "with three of four that agree it is over");
}

/// E1: that a call is not answered does not outweigh as many observers that hear the node as do not: else one lost datagram
/// would have a node suspended that is well.
#[test]
fn a_call_that_is_not_answered_does_not_outweigh_an_observer_that_hears_the_node() {
    use Opinion::{Suspect, Trust, Unsure};
    assert_eq!(answer_on_testimony(&[Trust], false), (None, true, Some(Unsure)));
    assert_eq!(answer_on_testimony(&[Unsure, Unsure, Unsure, Trust], false), (None, true, Some(Unsure)));
    assert_eq!(answer_on_testimony(&[Trust, Suspect, Trust, Suspect], false), (None, true, Some(Unsure)));
    assert_eq!(answer_on_testimony(&[Unsure; 4], false), (None, true, Some(Suspect)));
}

/// What an observer answers to a voter that asks about a subject.
fn testimony(observer: &mut Bench, about: Subject) -> Option<Opinion> {
    observer.hear(1, Message::Inquire { question: 4, subject: about });
    observer.outputs().into_iter().find_map(|output| match output {
        Output::Send { message: Message::Testimony { question: 4, opinion, .. }, .. } => Some(opinion),
        _ => None,
    })
}

/// T4: an observer that hears somebody who has long been isolated cannot tell whether the voters can reach it, so they call it
/// themselves, suspended or not. Else the lease of an owner that only its neighbours hear would be free for nobody.
#[test]
fn whoever_is_heard_and_has_long_been_isolated_is_called_by_the_voters() {
    let mut observer = Bench::new("c", 7, 1);
    observer.sees.whom = Some((subject("y", 1), Opinion::Trust));
    assert_eq!(testimony(&mut observer, subject("y", 1)), Some(Opinion::Trust));
    observer.sees.isolated = true;
    assert_eq!(testimony(&mut observer, subject("y", 1)), Some(Opinion::Unsure));
    observer.learn(Delta::Suspend(subjects("y", 1)));
    observer.write(true);
    observer.outputs();
    assert_eq!(testimony(&mut observer, subject("y", 1)), Some(Opinion::Unsure));
    observer.sees.whom = Some((subject("y", 1), Opinion::Suspect));
    assert_eq!(testimony(&mut observer, subject("y", 1)), Some(Opinion::Suspect));
    assert_eq!(answer_on_testimony(&[Opinion::Unsure; 4], true), (None, true, Some(Opinion::Trust)));
    assert_eq!(answer_on_testimony(&[Opinion::Unsure; 4], false), (None, true, Some(Opinion::Suspect)));
}

/// E1: the node is called more than once before its silence counts, and within the same ballot timeout. Else the loss of one
/// datagram in two directions would have voters suspect, and certify the end of, one that all its observers hear.
#[test]
fn a_node_is_not_lost_with_one_call() {
    for lost in 0..4 {
        let mut voter = Bench::new("b", 2, 1);
        voter.sees.observers = (1..=4).map(Key).collect();
        voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
        let (mut calls, mut answers) = (0, Vec::new());
        for _ in 0..45 {
            for output in voter.outputs() {
                match output {
                    Output::Call { question, .. } => {
                        calls += 1;
                        if calls > lost {
                            voter.quorum.handle_pong(Now::from(voter.now), question, &id("y"), life(1));
                        }
                    }
                    Output::Send { message: Message::Answer { question: 2, opinion, .. }, .. } => {
                        answers.push(opinion);
                    }
                    _ => {}
                }
            }
            voter.wait(10 * MS);
        }
        let expected = if lost < 3 { Opinion::Trust } else { Opinion::Suspect };
        assert_eq!((calls, answers), (3.min(lost + 1), vec![expected]), "{lost} lost");
    }
}

/// D1: testimony is an answer to what was asked before it came. Whoever asks again while observers are being asked gets an answer
/// to the first question, and may ask a third time.
#[test]
fn a_later_question_is_not_answered_with_testimony_from_before_it() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=4).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    voter.pass(200 * MS);
    voter.hear(1, Message::Ask { question: 3, subject: subject("y", 1) });
    voter.pass(220 * MS);
    let questions = |output: Output| match output {
        Output::Send { message: Message::Answer { question, .. }, .. } => Some(question),
        _ => None,
    };
    let answered: Vec<u32> = voter.outputs().into_iter().filter_map(questions).collect();
    assert_eq!(answered, [2]);
}

/// E1: a voter that has just started may not know where a node is. That it could not call it says nothing, until it has had the
/// time to meet everybody.
#[test]
fn who_could_not_be_called_is_not_suspected_by_a_voter_that_has_just_started() {
    let answer_at = |age| {
        let mut voter = Bench::new("b", 2, 1);
        voter.wait(age);
        voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
        voter.wait(MS);
        for output in voter.outputs() {
            if let Output::Call { question, .. } = output {
                voter.quorum.handle_uncallable(question);
            }
        }
        voter.pass(210 * MS);
        voter.outputs().into_iter().find_map(|output| match output {
            Output::Send { message: Message::Answer { opinion, .. }, .. } => Some(opinion),
            _ => None,
        })
    };
    assert_eq!(answer_at(500 * MS), Some(Opinion::Unsure));
    // Else the lease of an owner whom nobody remembers would never be free.
    assert_eq!(answer_at(2000 * MS), Some(Opinion::Suspect));
}

/// E1, D1: testimony is a word of the observer that was asked, and of nobody else who knows the question.
#[test]
fn testimony_of_who_was_not_asked_is_not_counted() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = (1..=3).map(Key).collect();
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    let inquired = |output| match output {
        Output::Send { message: Message::Inquire { question, .. }, .. } => Some(question),
        _ => None,
    };
    let question = voter.outputs().into_iter().find_map(inquired).expect("it asks");
    let answered = |voter: &mut Bench, from: Recipient| {
        let message = Message::Testimony { question, opinion: Opinion::Suspect, silent_ms: 5000 };
        let envelope = Envelope { genesis: voter.chain.genesis, from: disk(9), message };
        voter.quorum.handle_message(Now::from(voter.now), &voter.sees, from, &envelope);
        let answers = |o: &Output| matches!(o, Output::Send { message: Message::Answer { .. }, .. });
        voter.outputs().iter().any(answers)
    };
    let stranger = Recipient::Sender(SocketAddr::from(([10, 0, 0, 9], 7000)), Tag::default());
    for by in [stranger, Recipient::Member(Key(4)), Recipient::Member(Key(5)), Recipient::Voter(disk(3))] {
        assert!(!answered(&mut voter, by), "{by:?} is none of the observers");
    }
    assert!(!answered(&mut voter, Recipient::Member(Key(1))), "one of three");
    assert!(!answered(&mut voter, Recipient::Member(Key(1))), "once more the same");
    assert!(answered(&mut voter, Recipient::Member(Key(2))));
}

/// An observer may have joined a moment ago, and have no view yet. It says what it observes all the same.
#[test]
fn testimony_counts_from_an_observer_that_has_no_view_yet() {
    let mut voter = Bench::new("b", 2, 1);
    voter.sees.observers = vec![Key(1)];
    voter.hear(1, Message::Ask { question: 2, subject: subject("y", 1) });
    let inquired = |output| match output {
        Output::Send { message: Message::Inquire { question, .. }, .. } => Some(question),
        _ => None,
    };
    let question = voter.outputs().into_iter().find_map(inquired).expect("it asks");
    let message = Message::Testimony { question, opinion: Opinion::Suspect, silent_ms: 5000 };
    let envelope = Envelope { genesis: GenesisId(0), from: disk(9), message };
    voter.quorum.handle_message(Now::from(voter.now), &voter.sees, Recipient::Member(Key(1)), &envelope);
    let answers = |o: &Output| matches!(o, Output::Send { message: Message::Answer { .. }, .. });
    assert!(voter.outputs().iter().any(answers));
}
