//! What a node thinks of itself, whatever others vouch for (V5).

use gossip::core::quorum::{Delta, Moment, Wanted};
use gossip::{Identity, Standing};

use crate::bench::Bench;
use crate::names::{MS, lease, life, subject, subjects};

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
