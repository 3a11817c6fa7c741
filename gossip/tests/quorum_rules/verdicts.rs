//! What is decided first, and what waits for it (D2).

use gossip::core::quorum::{Delta, Message, Names, Subject, Subjects, Wish};
use gossip::wire::RegisterMessage;
use gossip::{Identity, Opinion};

use crate::bench::Bench;
use crate::names::{MS, first_ballot, id, lease, subject, subjects};

/// The first voter, which suspects nobody itself, and in whose cluster others doubt these.
fn voter(doubted: &[Subject]) -> Bench {
    let mut voter = Bench::new("a", 1, 1);
    voter.sees.doubted = doubted.to_vec();
    // Its owner is heard: a lease of somebody who is not is a case by itself.
    voter.sees.heard = vec![voter.owner()];
    voter
}

impl Bench {
    /// As long as a promise is on its way to the disk, nothing is proposed: so several things become ripe at once.
    fn hold_back(&mut self) {
        self.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    }

    fn follow(&mut self, delta: &Delta) {
        self.learn(delta.clone());
        self.write(true);
    }

    /// All voters certify the end of this one, which is suspended since the newest view.
    fn certify(&mut self, subject: &Subject) {
        for from in 1..=3 {
            let message = Message::Certificate { subject: subject.clone(), since: self.chain.epoch };
            self.hear(from, message);
        }
    }

    /// What this voter has asked both others answer so, if they do.
    fn answered(&mut self, asked: Vec<Message>, think: impl Fn(&Subject) -> Option<Opinion>) {
        for message in asked {
            let Message::Ask { question, subject } = message else { continue };
            for from in 2..=3 {
                if let Some(opinion) = think(&subject) {
                    self.hear(from, Message::Answer { question, subject: subject.clone(), opinion });
                }
            }
        }
    }

    fn request(&mut self, number: u64, wish: Wish) {
        let owner = self.owner();
        self.hear(8, Message::Request { owner, number, wish });
    }
}

fn acquire(number: u64, owner: Identity) -> Delta {
    Delta::Acquire { lease: lease(), owner, request: number }
}

/// Many that die together are not to be suspended, and evicted, one view after another.
#[test]
fn verdicts_share_a_view() {
    let both = [subject("y", 1), subject("z", 2)];
    let mut together = Subjects::default();
    assert!(both.iter().all(|subject| together.insert(subject.id.clone(), subject.incarnation)));
    let mut voter = voter(&both);
    voter.wait(MS);
    voter.hold_back();
    assert_eq!(voter.answer_all(Opinion::Suspect), 6);
    assert_eq!(voter.proposal(1), Some(Delta::Suspend(together.clone())));
    voter.follow(&Delta::Suspend(together.clone()));
    voter.hold_back();
    both.iter().for_each(|subject| voter.certify(subject));
    assert_eq!(voter.proposal(1), Some(Delta::Evict(together)));
}

/// Of all that is ripe a death comes first, then a suspension, then a change of voters, and what anybody asked for comes last.
#[test]
fn verdicts_go_first() {
    let mut voter = voter(&[subject("y", 1)]);
    voter.follow(&Delta::Suspend(subjects("z", 1)));
    voter.outputs();
    voter.wait(MS);
    let asked = voter.said();
    voter.hold_back();
    let since = voter.chain.electorate.since;
    let mut names = Names::default();
    assert!(names.insert(id("d"), ()));
    voter.request(1, Wish::Acquire { lease: lease() });
    voter.request(2, Wish::Change { voters: names, since });
    voter.hear(4, Message::Enlisted { name: id("d") });
    voter.answered(asked, |subject| (subject.id == id("y")).then_some(Opinion::Suspect));
    voter.certify(&subject("z", 1));
    for expected in [Delta::Evict(subjects("z", 1)), Delta::Suspend(subjects("y", 1))] {
        assert_eq!(voter.proposal(1).as_ref(), Some(&expected));
        voter.follow(&expected);
    }
    let seal = voter.proposal(1).expect("the next voters have been found");
    assert!(matches!(seal, Delta::Seal(_)), "{seal:?}");
    voter.follow(&seal);
    assert_eq!(voter.proposal(1), None, "a seal is in force");
    voter.wait(200 * MS);
    assert_eq!(voter.proposal(1), Some(acquire(1, voter.owner())));
}

/// Who is well again is not kept waiting by others who are not.
#[test]
fn a_restoration_goes_before_a_suspension() {
    let mut voter = voter(&[subject("y", 1)]);
    voter.follow(&Delta::Suspend(subjects("z", 1)));
    voter.outputs();
    voter.wait(MS);
    let asked = voter.said();
    voter.hold_back();
    voter.answered(asked, |subject| {
        Some(if subject.id == id("z") { Opinion::Trust } else { Opinion::Suspect })
    });
    for expected in [Delta::Restore(subject("z", 1)), Delta::Suspend(subjects("y", 1))] {
        assert_eq!(voter.proposal(1).as_ref(), Some(&expected));
        voter.follow(&expected);
    }
}

/// A verdict needs several views, and any grant in between would make its ballots void.
#[test]
fn each_grant_waits_one_ballot_timeout_for_a_verdict_that_is_pending() {
    let mut at_once = voter(&[]);
    at_once.request(1, Wish::Acquire { lease: lease() });
    assert_eq!(at_once.proposal(1), Some(acquire(1, at_once.owner())));

    let mut voter = voter(&[subject("y", 1)]);
    voter.wait(MS);
    for number in [1, 2] {
        let lease = id(&format!("lease{number}"));
        let grant = Delta::Acquire { lease: lease.clone(), owner: voter.owner(), request: number };
        voter.request(number, Wish::Acquire { lease });
        assert_eq!(voter.proposal(1), None, "of grant {number}");
        voter.wait(199 * MS);
        assert_eq!(voter.proposal(1), None, "of grant {number}");
        voter.wait(MS);
        assert_eq!(voter.proposal(1).as_ref(), Some(&grant), "no longer than that");
        voter.follow(&grant);
    }
    // What is given back is no grant, and waits for nothing.
    let (lease, owner, token) = (id("lease2"), voter.owner(), voter.chain.epoch);
    voter.request(0, Wish::Release { lease: lease.clone(), token });
    assert_eq!(voter.proposal(1), Some(Delta::Release { lease, owner, token }));
}
