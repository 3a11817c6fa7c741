//! Writes that fail, or hang.

use gossip::core::quorum::{Delta, Message, Output, VouchFor};
use gossip::wire::RegisterMessage;
use gossip::{Event, Now, Standing, StorageState};

use crate::bench::Bench;
use crate::names::{MS, first_ballot, subjects};

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
