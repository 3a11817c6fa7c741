//! Deaths that are certified are decided, whatever else is (D1).

use gossip::core::quorum::{Delta, Message};
use gossip::{Identity, Opinion};

use crate::bench::Bench;
use crate::names::{MS, id, lease, subject, subjects};

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
