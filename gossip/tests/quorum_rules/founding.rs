//! Founders that lost their disks, or missed the beginning (I1).

use gossip::core::quorum::{
    Delta, Durable, Founders, Message, Names, Output, Quorum, Recipient, Settings, Start, View, VouchFor,
};
use gossip::core::register::Paxos;
use gossip::{BootId, Event, GenesisId, Identity, Now};

use crate::bench::{Bench, settings};
use crate::names::{MS, disk, genesis, id, life, subjects, voters};

/// A voter whose disk was wiped, started again with the list of founders that it once had.
fn wiped_founder(found: Durable) -> Bench {
    let mut bench = Bench::new("a", 4, 1);
    let settings = Settings { founders: vec![id("a"), id("b"), id("c")], ..settings() };
    let identity = Identity { id: id("a"), storage: disk(4), incarnation: life(1), boot: BootId([8; 16]) };
    let start = Start { identity, settings, found, register: Paxos::new(200 * MS), rng_seed: 1 };
    bench.quorum = Quorum::new(Now::from(bench.now), start);
    bench.sees.heard = [(2, "b"), (3, "c")]
        .map(|(number, name)| Identity {
            id: id(name),
            storage: disk(number),
            incarnation: life(1),
            boot: BootId([number; 16]),
        })
        .into();
    bench
}

/// Whether it has said that a list is on its disk.
fn says_list(bench: &mut Bench) -> bool {
    let says = |output: &Output| matches!(output, Output::Send { message: Message::Founding { .. }, .. });
    bench.outputs().iter().any(says)
}

#[test]
fn a_wiped_founder_does_not_found_again_what_others_have_founded() {
    let mut voter = wiped_founder(Durable::default());
    voter.quorum.handle_epoch(Recipient::Voter(disk(2)), Some(voter.chain.epoch));
    voter.wait(100 * MS);
    voter.write(true);
    assert!(!says_list(&mut voter), "this disk is bound to a list that can never be complete");
}

/// I1: "this list is on my disk" is said once it is. Else a founder that ends before that has told others to count on a disk that is
/// bound to nothing, and agrees to another list in its next life.
#[test]
fn a_list_is_announced_once_it_is_on_the_disk() {
    let list = lists().0;
    for (told, good) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut voter = wiped_founder(Durable::default());
        voter.chain.genesis = GenesisId(0);
        let announcement = || Message::Founding { founders: list.clone(), complete: false };
        if told {
            voter.hear(2, announcement());
        }
        voter.wait(100 * MS);
        let written = voter.quorum.poll_write().map(|durable| durable.founders.clone());
        assert_eq!(written, Some(Some(list.clone())), "and that takes its time");
        // Nor is it said to whoever asks, or because everybody else has said it.
        for by in [2, 3] {
            voter.hear(by, announcement());
            voter.wait(1000 * MS);
        }
        assert!(!says_list(&mut voter));
        voter.quorum.handle_written(Now::from(voter.now), &voter.sees, good);
        assert_eq!(says_list(&mut voter), good);
        voter.wait(1000 * MS);
        voter.write(true);
        assert_eq!((says_list(&mut voter), voter.quorum.view().is_some()), (good, good));
    }
}

/// One founder that has heard of the history is enough to keep all of them from beginning a second one.
#[test]
fn who_has_been_shown_a_history_agrees_to_no_list_of_those_who_have_not() {
    let list = Founders { voters: voters([(4, "a"), (2, "b"), (3, "c")]), vouch_for: genesis().vouch_for };
    let agrees = |shown: bool| {
        let mut voter = wiped_founder(Durable::default());
        voter.quorum.hear_of_history(shown.then_some(voter.chain.epoch));
        voter.chain.genesis = GenesisId(0);
        voter.hear(2, Message::Founding { founders: list.clone(), complete: false });
        voter.write(true);
        says_list(&mut voter)
    };
    assert!(agrees(false));
    assert!(!agrees(true));
}

#[test]
fn a_founder_that_missed_the_beginning_follows_the_history_it_agreed_to() {
    let list = Founders { voters: voters([(4, "a"), (2, "b"), (3, "c")]), vouch_for: genesis().vouch_for };
    let mut voter = wiped_founder(Durable { founders: Some(list.clone()), ..Durable::default() });
    let later = list.view().after(&Delta::Suspend(subjects("x", 1))).expect("applicable");
    voter.chain = View::clone(&later);
    let whole = gossip::wire::pack(&*later);
    voter.hear(
        2,
        Message::Snapshot {
            epoch: later.epoch,
            hash: later.hash(),
            len: whole.len() as u32,
            at: 0,
            part: gossip::wire::Bytes::of(&whole),
        },
    );
    voter.write(true);
    assert_eq!(voter.quorum.view(), Some(&later));
}

/// I1: a founder that has just learnt of a history, and has not written it down yet, agrees to no other list; least of all does it
/// say that everybody has.
#[test]
fn a_view_on_its_way_to_the_disk_ends_the_founding() {
    let mut voter = wiped_founder(Durable::default());
    let known = genesis();
    let whole = gossip::wire::pack(&known);
    let (epoch, hash, len) = (known.epoch, known.hash(), whole.len() as u32);
    voter.hear(2, Message::Snapshot { epoch, hash, len, at: 0, part: gossip::wire::Bytes::of(&whole) });
    assert_eq!(voter.quorum.view(), None, "not yet");
    let list = Founders { voters: voters([(4, "a"), (2, "b"), (3, "c")]), vouch_for: genesis().vouch_for };
    voter.hear(3, Message::Founding { founders: list, complete: false });
    voter.write(true);
    assert!(!says_list(&mut voter));
    assert_eq!(voter.quorum.view().map(|view| view.genesis), Some(known.genesis));
}

/// What a founder with a new disk has agreed to, and the list that the others had agreed to before.
fn lists() -> (Founders, Founders) {
    let list = |own: u8| Founders {
        voters: voters([(own, "a"), (2, "b"), (3, "c")]),
        vouch_for: genesis().vouch_for,
    };
    (list(4), list(1))
}

/// Shows it, from the voter with that disk, the history which began with the other list; what it has stored then.
fn shown_history(voter: &mut Bench, by: u8) -> Option<View> {
    voter.chain = lists().1.view();
    let (view, hash) = (voter.chain.clone(), voter.chain.hash());
    let whole = gossip::wire::pack(&view);
    let (len, part) = (whole.len() as u32, gossip::wire::Bytes::of(&whole));
    voter.hear(by, Message::Snapshot { epoch: view.epoch, hash, len, at: 0, part });
    voter.write(true);
    voter.quorum.view().map(|view| View::clone(view))
}

/// I1: it lost its disk after it had said that the first list was on it, so the others may found with that; and its new disk has
/// agreed to a list that they never will agree to.
#[test]
fn a_list_is_void_once_a_disk_on_it_is_bound_to_another() {
    let (ours, theirs) = lists();
    let agreed = Durable { founders: Some(ours), ..Durable::default() };
    // Not on the word of somebody else: all that are on the list may be about to found with it.
    assert_eq!(shown_history(&mut wiped_founder(agreed.clone()), 9), None);
    // Who is on the list shows the history itself, or has only said what it is bound to.
    assert_eq!(shown_history(&mut wiped_founder(agreed.clone()), 2), Some(theirs.view()));
    let mut voter = wiped_founder(agreed);
    voter.hear(3, Message::Founding { founders: theirs.clone(), complete: false });
    voter.outputs();
    voter.wait(1000 * MS);
    assert!(!says_list(&mut voter), "nothing is left to found with it");
    let (epoch, whole) = (genesis().epoch, gossip::wire::pack(&genesis()));
    let (hash, len) = (genesis().hash(), whole.len() as u32);
    voter.hear(9, Message::Snapshot { epoch, hash, len, at: 0, part: gossip::wire::Bytes::of(&whole) });
    voter.write(true);
    assert_eq!(voter.quorum.view(), None, "a third history is none of its business");
    assert_eq!(shown_history(&mut voter, 9), Some(theirs.view()));
    // One of the others has not heard yet that it is complete. There is nothing to be said of the list that was void.
    voter.hear(3, Message::Founding { founders: theirs, complete: false });
    assert!(!says_list(&mut voter));
}

/// A void list is never founded, and no other takes its place on this disk: it could be the one that completes it.
#[test]
fn a_disk_whose_list_is_void_agrees_to_no_other() {
    let (ours, theirs) = lists();
    let mut voter = wiped_founder(Durable { founders: Some(ours.clone()), ..Durable::default() });
    voter.hear(3, Message::Founding { founders: theirs, complete: false });
    voter.chain.genesis = GenesisId(0);
    for by in [2, 3] {
        voter.hear(by, Message::Founding { founders: ours.clone(), complete: true });
    }
    let other = Founders { vouch_for: VouchFor::clamped(2000 * MS), ..ours };
    voter.hear(2, Message::Founding { founders: other, complete: false });
    voter.wait(1000 * MS);
    voter.write(true);
    assert!(!says_list(&mut voter));
    assert_eq!(voter.quorum.view(), None);
}

/// Who has heard of another list by its names alone cannot tell that it is the lease; once it can, it says so, and no more after
/// that.
#[test]
fn a_lease_that_differs_is_told_once_it_is_known() {
    let mut voter = wiped_founder(Durable::default());
    voter.chain.genesis = GenesisId(0);
    let (same, _) = lists();
    let other = Founders { vouch_for: VouchFor::clamped(2000 * MS), ..same };
    let mut names = Names::default();
    assert!(other.names().into_iter().all(|name| names.insert(name, ())));
    let mut leases = Vec::new();
    for message in [
        Message::Misfounded { names: names.clone() },
        Message::Misfounded { names: names.clone() },
        Message::Founding { founders: other.clone(), complete: false },
        Message::Founding { founders: other, complete: false },
        Message::Misfounded { names },
    ] {
        voter.hear(2, message);
        leases.extend(voter.events().into_iter().map(|event| match event {
            Event::FoundersDiffer { theirs, ours, their_lease, .. } if theirs == ours => their_lease,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(leases, [None, Some(2000 * MS)]);
}
