//! Writes that fail, or hang.

use gossip::core::quorum::{Delta, Message, Output, VouchFor, Wish};
use gossip::wire::{Key, RegisterMessage};
use gossip::{Event, Now, Opinion, Standing, StorageState};

use crate::bench::Bench;
use crate::names::{MS, disk, first_ballot, id, lease, subject, subjects, voters};
use crate::opinions::answer;

#[test]
fn a_failed_write_is_reported() {
    let mut voter = Bench::new("b", 2, 1);
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    voter.write(false);
    let outputs = voter.outputs();
    assert!(outputs.contains(&Output::Event(Event::StorageFailed)), "{outputs:?}");
    let promised = |output: &Output| matches!(output, Output::Send { message: Message::Register { .. }, .. });
    assert!(!outputs.iter().any(promised), "what was not written was promised: {outputs:?}");
}

/// The second voter, which has been running for long, once a write of its has ended well, or not.
fn after_a_write(good: bool) -> Bench {
    let mut voter = Bench::new("b", 2, 1);
    voter.wait(2000 * MS);
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    voter.write(good);
    voter.outputs();
    voter
}

/// What it was to remember of its vouchers, promises and certificates is nowhere, and the next write would be no better.
#[test]
fn after_a_failed_write_nobody_is_vouched_for() {
    for good in [true, false] {
        let mut voter = after_a_write(good);
        let (whom, now) = (voter.owner(), Now::from(voter.now).into());
        assert_eq!(voter.quorum.vouch(&whom, now).is_some(), good);
        // With one of the others its own voucher makes a majority.
        voter.quorum.handle_voucher(disk(1), voter.chain.electorate.since, voter.chain.vouch_for, now);
        assert_eq!(voter.quorum.standing(), Standing::Unvoted);
        voter.quorum.vouch_for_self(now);
        assert_eq!(voter.quorum.standing() == Standing::InQuorum, good);
    }
}

#[test]
fn after_a_failed_write_no_question_of_a_voter_is_answered() {
    for good in [true, false] {
        let mut voter = after_a_write(good);
        assert_eq!(answer(&mut voter, subject("b", 1)), good.then_some(Opinion::Trust));
        // Nor does it ask others to find an answer, or anything for itself.
        voter.sees.observers = vec![Key(1)];
        assert_eq!(answer(&mut voter, subject("y", 1)), None);
        voter.sees.doubted = vec![subject("z", 1)];
        voter.pass(1000 * MS);
        let asks = |m: &Message| matches!(m, Message::Answer { .. } | Message::Ask { .. });
        assert_eq!(voter.said().iter().any(asks), good);
    }
}

#[test]
fn after_a_failed_write_no_end_is_certified() {
    for good in [true, false] {
        let mut voter = after_a_write(good);
        voter.sees.whom = Some((subject("x", 1), Opinion::Suspect));
        voter.learn(Delta::Suspend(subjects("x", 1)));
        voter.write(true);
        voter.wait(MS);
        voter.hear(1, Message::Ask { question: 1, subject: subject("x", 1) });
        voter.write(true);
        let certifies = |m: &Message| matches!(m, Message::Certificate { .. });
        assert_eq!(voter.said().iter().any(certifies), good);
    }
}

#[test]
fn after_a_failed_write_nothing_is_promised_accepted_or_proposed() {
    for good in [true, false] {
        let mut voter = after_a_write(good);
        let ballot = first_ballot();
        voter.hear_register(RegisterMessage::Prepare { ballot });
        voter.hear_register(RegisterMessage::Accept { ballot, delta: Delta::Suspend(subjects("x", 1)) });
        let (owner, wish) = (voter.owner(), Wish::Acquire { lease: lease() });
        voter.hear(8, Message::Request { owner, number: 1, wish });
        voter.pass(1000 * MS);
        voter.write(true);
        let register =
            |m: Message| if let Message::Register { message, .. } = m { Some(message) } else { None };
        let said: Vec<RegisterMessage> = voter.said().into_iter().filter_map(register).collect();
        let promises = said.iter().any(|m| matches!(m, RegisterMessage::Promise { .. }));
        let accepts = said.iter().any(|m| matches!(m, RegisterMessage::Accepted { .. }));
        let begins = said.iter().any(|m| matches!(m, RegisterMessage::Prepare { .. }));
        assert_eq!([promises, accepts, begins], [good; 3], "{said:?}");
    }
}

/// A change of voters counts on each word of it: that the seal is stored, and whose disk the new voters are.
#[test]
fn after_a_failed_write_no_seal_is_certified_and_nobody_enlists() {
    for good in [true, false] {
        let mut voter = after_a_write(good);
        voter.hear(1, Message::Enlist);
        assert_eq!(voter.said() == [Message::Enlisted { name: id("b") }], good);
        voter.learn(Delta::Seal(voters([(4, "d"), (5, "e"), (6, "f")])));
        voter.write(true);
        voter.pass(1200 * MS);
        let seals = |m: &Message| matches!(m, Message::Sealed { .. });
        assert_eq!(voter.said().iter().any(seals), good);
    }
}

/// Watching goes on: what an observer says of others is of no disk.
#[test]
fn after_a_failed_write_an_observer_still_says_what_it_hears() {
    let mut voter = after_a_write(false);
    voter.sees.whom = Some((subject("x", 1), Opinion::Trust));
    voter.hear(1, Message::Inquire { question: 4, subject: subject("x", 1) });
    assert_eq!(voter.said(), [Message::Testimony { question: 4, opinion: Opinion::Trust, silent_ms: 0 }]);
}

/// The event is said once; whoever asks later is told too.
#[test]
fn a_failed_disk_can_be_asked_for_as_long_as_it_is_failed() {
    let mut voter = Bench::new("b", 2, 1);
    assert_eq!(voter.quorum.storage(), StorageState::Good);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    assert_eq!(voter.quorum.storage(), StorageState::Good, "a write that is under way has not failed");
    voter.write(false);
    voter.events();
    voter.learn(Delta::Evict(subjects("x", 1)));
    voter.write(true);
    voter.wait(5000 * MS);
    assert!(!voter.events().contains(&Event::StorageFailed));
    assert_eq!(voter.quorum.storage(), StorageState::Failed);
    let mut rewound = Bench::new("b", 2, 1);
    rewound.quorum.distrust_disk();
    assert_eq!(rewound.quorum.storage(), StorageState::Failed);
    assert_eq!(Bench::new("x", 0, 1).quorum.storage(), StorageState::None);
}

#[test]
fn after_a_failed_write_views_are_still_followed() {
    let mut voter = Bench::new("b", 2, 1);
    voter.learn(Delta::Suspend(subjects("x", 1)));
    voter.write(false);
    voter.learn(Delta::Evict(subjects("x", 1)));
    assert_eq!(voter.quorum.view().map(|view| view.epoch), Some(voter.chain.epoch));
}

#[test]
fn stepping_down_does_not_wait_for_the_disk() {
    let mut voter = Bench::new("b", 2, 1);
    voter.vouched();
    let _ = voter.outputs();
    voter.hear_register(RegisterMessage::Prepare { ballot: first_ballot() });
    assert!(voter.quorum.poll_write().is_some(), "and it hangs");
    voter.wait(5000 * MS);
    assert_eq!(voter.quorum.standing(), Standing::Isolated);
    let isolated = |event: &Event| matches!(event, Event::Standing { standing: Standing::Isolated, .. });
    assert!(voter.events().iter().any(isolated));
}

#[test]
fn decisions_do_not_pile_up_while_the_disk_hangs() {
    let mut voter = Bench::new("b", 2, 1);
    let mut seen = voter.chain.epoch;
    voter.learn(Delta::SetVouch(VouchFor::clamped(499 * MS)));
    assert!(voter.quorum.poll_write().is_some(), "and it hangs");
    for number in 0..1000 {
        voter.learn(Delta::SetVouch(VouchFor::clamped((500 + number) * MS)));
    }
    assert!(voter.quorum.load().adopted <= 64, "{:?}", voter.quorum.load());
    // Each of those that are told follows from the one before, and the last one is the newest.
    voter.quorum.handle_written(Now::from(voter.now), &voter.sees, true);
    voter.write(true);
    for output in voter.outputs() {
        if let Output::Adopted { view, before, .. } = output {
            assert_eq!(before.map(|before| before.epoch), Some(seen));
            seen = view.epoch;
        }
    }
    assert_eq!(seen, voter.chain.epoch);
}
