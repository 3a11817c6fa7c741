//! Requests about voters are about the voters of their time: the network may deliver a copy much later.

use std::time::Duration;

use gossip::core::quorum::{Delta, Denial, Message, Names, Output, Recipient, View, VouchFor, Wish};
use gossip::{BootId, Epoch, Event, Identity};

use crate::bench::Bench;
use crate::names::{MS, disk, id, lease, life, subject, voters};

/// Whether a voter that hears the request looks for the next voters.
fn begins(voter: &mut Bench, wish: Wish) -> bool {
    let owner = voter.owner();
    voter.hear(2, Message::Request { owner, number: 1, wish });
    let enlists = |output: &Output| matches!(output, Output::Send { message: Message::Enlist, .. });
    voter.outputs().iter().any(enlists)
}

fn change(since: Epoch) -> Wish {
    let mut names = Names::default();
    assert!(names.insert(id("x"), ()));
    Wish::Change { voters: names, since }
}

#[test]
fn a_late_copy_of_a_change_of_voters_is_not_obeyed_again() {
    let mut voter = Bench::new("a", 1, 1);
    assert!(begins(&mut voter, change(Epoch::GENESIS)));
    // It comes about, and so does the way back.
    let (first, other) = (voter.chain.electorate.voters.clone(), voters([(4, "d"), (5, "e"), (6, "f")]));
    for next in [other, first] {
        voter.learn(Delta::Seal(next));
        voter.learn(Delta::Change);
    }
    voter.write(true);
    let since = voter.chain.electorate.since;
    assert!(voter.chain.electorate.votes(&disk(1)) && since > Epoch::GENESIS);
    assert!(!begins(&mut voter, change(Epoch::GENESIS)));
    assert!(begins(&mut voter, change(since)));
}

/// A change of disks under the same names is not done when its seal was taken back: it is asked for again.
#[test]
fn a_change_whose_seal_was_taken_back_is_asked_for_again() {
    let mut owner = Bench::new("x", 8, 1);
    let names = owner.chain.electorate.voters.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    let mut wanted = Names::default();
    assert!(names.into_iter().all(|name| wanted.insert(name, ())));
    owner.quorum.change_voters(wanted);
    let asks = |owner: &mut Bench| {
        owner.wait(500 * MS);
        let request = |output: &Output| {
            matches!(output, Output::Send { message: Message::Request { wish: Wish::Change { .. }, .. }, .. })
        };
        owner.outputs().iter().any(request)
    };
    assert!(asks(&mut owner));
    let next = voters([(1, "a"), (2, "b"), (4, "c")]);
    for (delta, asked) in [
        (Delta::Seal(next.clone()), true),
        (Delta::Unseal, true),
        (Delta::Seal(next), true),
        (Delta::Change, false),
    ] {
        owner.learn(delta);
        owner.write(true);
        assert_eq!(asks(&mut owner), asked);
    }
}

/// The answer of a lost disk may be late: who is heard under the name now is not that one.
#[test]
fn a_late_answer_of_a_lost_disk_makes_it_no_voter() {
    let mut voter = Bench::new("a", 1, 1);
    let identity = |number: u8, name: &str| Identity {
        id: id(name),
        storage: disk(number),
        incarnation: life(1),
        boot: BootId([number; 16]),
    };
    voter.sees.heard = vec![identity(4, "x")];
    assert!(begins(&mut voter, change(Epoch::GENESIS)));
    let enlisted = || Message::Enlisted { name: id("x") };
    voter.hear(9, enlisted());
    voter.wait(100 * MS);
    assert_eq!(voter.proposal(1), None, "disk 9 is not heard under this name");
    voter.hear(4, enlisted());
    voter.wait(100 * MS);
    assert!(matches!(voter.proposal(1), Some(Delta::Seal(next)) if next.get(&disk(4)).is_some()));
}

#[test]
fn a_late_copy_does_not_take_back_another_seal() {
    let mut voter = Bench::new("a", 1, 1);
    let other = voters([(4, "d"), (5, "e"), (6, "f")]);
    let mut sealed = Vec::new();
    for delta in [Delta::Seal(other.clone()), Delta::Unseal, Delta::Seal(other)] {
        voter.learn(delta);
        sealed.push(voter.chain.electorate.since);
    }
    voter.write(true);
    _ = voter.outputs();
    for (since, obeyed) in [(sealed[0], false), (sealed[2], true)] {
        let owner = voter.owner();
        voter.hear(2, Message::Request { owner, number: 1, wish: Wish::Unseal { since } });
        assert_eq!(voter.proposal(1) == Some(Delta::Unseal), obeyed);
    }
}

/// The interval is 100 ms, W two seconds, and the margin 10 ms: what the configuration would refuse at the founding is refused
/// later.
#[test]
fn a_length_of_vouchers_that_the_settings_do_not_allow_is_neither_asked_for_nor_proposed() {
    for (ms, allowed) in [(499, false), (500, true), (2000, true), (2001, false)] {
        let length = VouchFor::clamped(ms * MS);
        let mut owner = Bench::new("x", 8, 1);
        assert_eq!(owner.quorum.set_vouch(length), allowed, "{ms} ms");
        let asks = |output: &Output| {
            matches!(
                output,
                Output::Send { message: Message::Request { wish: Wish::SetVouch { .. }, .. }, .. }
            )
        };
        assert_eq!(owner.outputs().iter().any(asks), allowed, "{ms} ms");

        let mut voter = Bench::new("a", 1, 1);
        let owner = voter.owner();
        voter.hear(2, Message::Request { owner, number: 1, wish: Wish::SetVouch { length } });
        voter.wait(MS);
        assert_eq!(voter.proposal(1), allowed.then_some(Delta::SetVouch(length)), "{ms} ms");
    }
}

/// Before the voters tire of a seal by themselves, which is after twenty lengths of vouchers.
#[test]
fn a_seal_that_somebody_wants_taken_back_is_taken_back() {
    let mut owner = Bench::new("x", 8, 1);
    owner.learn(Delta::Seal(voters([(4, "d"), (5, "e"), (6, "f")])));
    owner.write(true);
    owner.outputs();
    owner.quorum.unseal();
    let since = owner.chain.electorate.since;
    let asks = |output: &Output| {
        let Output::Send { message: Message::Request { wish, .. }, .. } = output else { return false };
        *wish == Wish::Unseal { since }
    };
    assert!(owner.outputs().iter().any(asks));
    owner.learn(Delta::Unseal);
    owner.write(true);
    assert!(owner.quorum.owes_nothing());
}

/// L3: each view may have made room for what is asked for, so it is asked for again. Were that always asked of the first voter, one that
/// is out of reach would keep an owner waiting for as long as others' wishes are decided.
#[test]
fn others_decisions_do_not_keep_a_request_with_a_voter_that_is_out_of_reach() {
    let mut owner = Bench::new("x", 8, 1);
    owner.vouched();
    owner.quorum.acquire(&lease());
    let mut asked = Vec::new();
    for number in 0..20 {
        owner.wait(100 * MS);
        owner.vouched();
        owner.learn(Delta::Leave(subject(&format!("n{number}"), 1)));
        owner.write(true);
        owner.wait(Duration::ZERO);
        for output in owner.outputs() {
            if let Output::Send { to: Recipient::Voter(to), message: Message::Request { .. } } = output {
                asked.push(to);
            }
        }
    }
    asked.dedup();
    let round = [1, 2, 3].map(disk);
    assert_eq!(asked, round.into_iter().cycle().take(asked.len()).collect::<Vec<_>>());
    assert!(asked.len() >= 5, "each has had a turn of two ballot timeouts: {asked:?}");
}

/// Whoever asks for the voters that there are, from the same disks, is told so. Were it left to ask, it would take what others have
/// changed later for what it is still waiting for, and undo it.
#[test]
fn who_asks_for_the_voters_that_there_are_is_told_so() {
    let mut wanted = Names::default();
    assert!(["a", "b", "c"].into_iter().all(|name| wanted.insert(id(name), ())));
    let mut voter = Bench::new("a", 1, 1);
    assert!(begins(&mut voter, Wish::Change { voters: wanted.clone(), since: Epoch::GENESIS }));
    for (disk, name) in [(1, "a"), (2, "b"), (3, "c")] {
        voter.hear(disk, Message::Enlisted { name: id(name) });
    }
    let reason = Denial::Unchanged;
    assert!(voter.said().contains(&Message::Denied { number: 1, reason }));
    assert_eq!(voter.proposal(1), None);

    let mut owner = Bench::new("x", 8, 1);
    owner.quorum.change_voters(wanted);
    let asked = |message| if let Message::Request { number, .. } = message { Some(number) } else { None };
    owner.wait(MS);
    let number = owner.said().into_iter().find_map(asked).expect("it asks");
    owner.hear(1, Message::Denied { number, reason });
    assert_eq!(owner.events(), [Event::RequestDenied { reason }]);
    owner.wait(1000 * MS);
    assert_eq!(owner.said().into_iter().find_map(asked), None);
}

/// A voter that leaves waits for leases that it gives back, and for nothing else that it wanted.
#[test]
fn who_leaves_owes_nobody_what_it_asked_for() {
    let mut voter = Bench::new("a", 1, 1);
    let Wish::Change { voters, .. } = change(Epoch::GENESIS) else { panic!("it is one") };
    voter.quorum.change_voters(voters);
    assert!(!voter.quorum.owes_nothing());
    voter.quorum.leave(false);
    assert!(voter.quorum.owes_nothing());
}

/// S2: whose end has been forgotten may still have a request on its way. Whoever lives is heard.
#[test]
fn a_life_that_the_floor_has_passed_is_granted_nothing_unless_it_is_heard() {
    for (floor, heard, granted) in [(0, false, true), (1, false, false), (1, true, true)] {
        let mut voter = Bench::new("a", 1, 1);
        let owner = voter.owner();
        voter.sees.heard = heard.then(|| owner.clone()).into_iter().collect();
        let floor = (floor > 0).then(|| life(floor));
        let own = Identity { id: id("a"), storage: disk(1), ..owner.clone() };
        voter.begin_with(own, View { floor, ..voter.chain.clone() });
        voter.hear(2, Message::Request { owner, number: 1, wish: Wish::Acquire { lease: lease() } });
        assert_eq!(voter.proposal(1).is_some(), granted, "floor {floor:?}, heard: {heard}");
    }
}
