//! Founders that lost their disks, or missed the beginning (I1).

use gossip::core::quorum::{
    Delta, Durable, Founders, Message, Output, Quorum, Recipient, Settings, Start, View,
};
use gossip::core::register::Paxos;
use gossip::{BootId, Identity, Now};

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

#[test]
fn a_wiped_founder_does_not_found_again_what_others_have_founded() {
    let mut voter = wiped_founder(Durable::default());
    voter.quorum.handle_epoch(Recipient::Voter(disk(2)), Some(voter.chain.epoch));
    voter.wait(100 * MS);
    voter.write(true);
    let agrees = |output: &Output| matches!(output, Output::Send { message: Message::Founding { .. }, .. });
    assert!(!voter.outputs().iter().any(agrees), "this disk is bound to a list that can never be complete");
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
    let agrees = |output: &Output| matches!(output, Output::Send { message: Message::Founding { .. }, .. });
    assert!(!voter.outputs().iter().any(agrees));
    assert_eq!(voter.quorum.view().map(|view| view.genesis), Some(known.genesis));
}
