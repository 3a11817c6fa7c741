//! More doubted nodes than a voter can ask about at once (L1, D4).

use std::collections::{BTreeMap, BTreeSet};

use gossip::Opinion;
use gossip::core::quorum::{Delta, Message, Output, Recipient, Subject};

use crate::bench::Bench;
use crate::names::{MS, disk, subject, subjects};

/// Twice as many as there are cases, all of whom others doubt.
const DOUBTED: usize = 256;
/// As many are asked about at once.
const CASES: usize = 128;

/// A voter in whose cluster some links between others are broken for long.
fn crowded(name: &str, number: u8) -> Bench {
    let mut voter = Bench::new(name, number, 1);
    voter.sees.doubted = (0..DOUBTED).map(|n| subject(&format!("m{n}"), 1)).collect();
    voter
}

/// Lets it ask for so many intervals, while all answer that they trust; whom it asked about, and how often, and how many certificates it
/// sent.
fn ask(voter: &mut Bench, intervals: u32) -> (BTreeMap<Subject, usize>, usize) {
    let (mut asked, mut certified) = (BTreeMap::new(), 0);
    for _ in 0..intervals {
        voter.wait(100 * MS);
        voter.write(true);
        for output in voter.outputs() {
            match output {
                Output::Send { message: Message::Ask { question, subject }, .. } => {
                    *asked.entry(subject.clone()).or_default() += 1;
                    let doubted = voter.sees.doubted.contains(&subject);
                    for from in (1..=3).filter(|_| doubted) {
                        let (subject, opinion) = (subject.clone(), Opinion::Trust);
                        voter.hear(from, Message::Answer { question, subject, opinion });
                    }
                }
                Output::Send { message: Message::Certificate { .. }, .. } => certified += 1,
                _ => {}
            }
        }
    }
    (asked, certified)
}

#[test]
fn where_many_are_doubted_all_have_their_turn() {
    // Later voters wait for the first, before they ask and between questions.
    for (name, number, turn) in [("a", 1, 10), ("c", 3, 34)] {
        let mut voter = crowded(name, number);
        voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
        let (asked, _) = ask(&mut voter, 5);
        assert_eq!(asked.len(), CASES, "at once");
        let (asked, _) = ask(&mut voter, 4 * turn);
        assert_eq!(asked.len(), DOUBTED + 1, "by {name}");
        assert!(asked.contains_key(&subject("x", 1)));
    }
}

#[test]
fn whoever_is_suspended_stays_a_case_among_many() {
    let mut voter = crowded("a", 1);
    ask(&mut voter, 10);
    voter.sees.whom = Some((subject("c", 1), Opinion::Suspect));
    voter.learn(Delta::Suspend(subjects("c", 1)));
    voter.write(true);
    let (asked, certified) = ask(&mut voter, 100);
    let times = asked[&subject("c", 1)];
    assert!(times >= 120, "three voters were asked {times} times in all: it had to wait for its turn");
    assert_eq!(certified, 3, "once to each voter: certificates are remembered with the case");
}

/// L1: who is asked by several about too many answers those that come first. Whoever asks in the same order each time never hears of
/// the last.
#[test]
fn many_are_not_always_asked_about_in_the_same_order() {
    let mut voter = crowded("a", 1);
    let mut among_the_first = BTreeSet::new();
    for _ in 0..40 {
        let mut burst = Vec::new();
        for _ in 0..10 {
            voter.wait(100 * MS);
            for output in voter.outputs() {
                if let Output::Send { to: Recipient::Voter(to), message: Message::Ask { subject, .. } } =
                    output
                    && to == disk(2)
                {
                    burst.push(subject);
                }
            }
        }
        among_the_first.extend(burst.into_iter().take(CASES / 2));
    }
    assert_eq!(among_the_first.len(), DOUBTED);
}
