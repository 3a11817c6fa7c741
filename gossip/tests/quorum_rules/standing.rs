//! What a node thinks of itself, whatever others vouch for (V5).

use gossip::core::quorum::{Delta, Moment, Voters, Wanted};
use gossip::{Event, Identity, LeaseState, Now, Standing};

use crate::bench::Bench;
use crate::names::{MS, disk, id, lease, life, subject, subjects};

/// Voters that have not stored the suspension yet still vouch for it, as many as it needs. It has, and knows better.
#[test]
fn who_has_stored_its_own_suspension_counts_itself_out_though_all_vouch() {
    for suspended in [3, 4] {
        let mut node = Bench::new("x", 8, 3);
        node.vouched();
        assert!(node.quorum.acquire(&lease()));
        let Some(Wanted::Grant { request }) = node.quorum.leases().map(|(_, wanted)| wanted).next() else {
            panic!("it is asked for");
        };
        let owner = Identity { incarnation: life(3), ..node.owner() };
        node.learn(Delta::Acquire { lease: lease(), owner, request });
        node.write(true);
        assert!(node.quorum.holds(&lease()).is_some());

        node.learn(Delta::Suspend(subjects("x", suspended)));
        assert_eq!(node.quorum.standing(), Standing::InQuorum, "that view is not in force here yet");
        node.write(true);
        for _ in 0..3 {
            assert_eq!(node.quorum.standing(), Standing::Isolated);
            assert_eq!(node.quorum.lease_until(), Moment::default());
            assert_eq!(node.quorum.holds(&lease()), None);
            node.wait(100 * MS);
            node.hear_vouchers();
        }
        node.learn(Delta::Restore(subject("x", suspended)));
        node.write(true);
        assert_eq!(node.quorum.standing(), Standing::InQuorum);
        assert_eq!(node.quorum.holds(&lease()), None, "a handle that is dead stays so");
    }
}

#[test]
fn the_suspension_of_an_earlier_life_is_none_of_the_next_one() {
    let mut node = Bench::new("x", 8, 3);
    node.vouched();
    node.learn(Delta::Suspend(subjects("x", 2)));
    node.write(true);
    assert_eq!(node.quorum.standing(), Standing::InQuorum);
}

/// A promise lasts as long as it was given for. Whoever makes another, of the electorate that follows, does not take it back: a lease would
/// be lost with each change of voters whose second view is on the way to the disk, or whose new voters are heard a little later.
#[test]
fn a_voucher_of_a_later_electorate_takes_nothing_from_an_earlier_one() {
    let owner = || {
        let mut owner = Bench::new("x", 8, 1);
        owner.vouched();
        assert!(owner.quorum.acquire(&lease()));
        let wanted = owner.quorum.leases().map(|(_, wanted)| wanted).next();
        let Some(Wanted::Grant { request }) = wanted else { panic!("it is asked for") };
        owner.grant(request);
        owner.wait(100 * MS);
        owner.hear_vouchers();
        owner.events();
        owner
    };
    let next = (4..7).map(|number| (disk(number), id(&format!("next{number}"))));
    let seal = next.fold(Voters::default(), |mut next, (disk, name)| {
        assert!(next.insert(disk, name));
        next
    });
    for stored in [false, true] {
        let mut owner = owner();
        owner.learn(Delta::Seal(seal.clone()));
        if stored {
            owner.write(true);
        }
        owner.wait(100 * MS);
        // The old voters have stored it, and are heard first.
        owner.hear_vouchers();
        let expired = |event: &Event| matches!(event, Event::Lease { state: LeaseState::Expired, .. });
        assert!(!owner.events().iter().any(expired), "stored here: {stored}");
        assert!(owner.quorum.holds(&lease()).is_some());
        owner.wait(100 * MS);
        let (since, length) = (owner.chain.electorate.since, owner.chain.vouch_for);
        for number in 4..7 {
            owner.quorum.handle_voucher(disk(number), since, length, Now::from(owner.now).into());
        }
        owner.write(true);
        assert!(owner.quorum.holds(&lease()).is_some());
        // What was promised before has run out by then, and both majorities go on.
        owner.wait(850 * MS);
        assert!(owner.quorum.holds(&lease()).is_some(), "stored here: {stored}");
        owner.wait(200 * MS);
        assert_eq!(owner.quorum.standing(), Standing::Isolated);
    }
}
