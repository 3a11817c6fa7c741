//! Whole views for those who missed many (§13), and what may have happened in between (S4).

use gossip::core::quorum::{
    Cause, Delta, Durable, GONE_MAX, Gone, Message, Output, Recipient, Subject, View, VouchFor,
};
use gossip::wire::Bytes;
use gossip::{BootId, Epoch, GenesisId, Identity, Now, Standing};

use crate::bench::{Bench, settings};
use crate::names::{MS, disk, genesis, id, life, subject, subjects};

/// A view of the same history, long after.
fn later(steps: u64, floor: Option<u64>) -> View {
    let epoch = (0..steps).fold(Epoch::GENESIS, |epoch, _| epoch.next());
    View { epoch, floor: floor.map(life), ..genesis() }
}

/// A life that begins with a view on its disk.
fn follower(view: View) -> Bench {
    let mut node = Bench::new("x", 8, 3);
    node.begin_with(Identity { incarnation: life(3), ..node.owner() }, view);
    node
}

/// Hears some bytes of a whole view, from `at` on.
fn hear_part(node: &mut Bench, from: u8, view: &View, at: usize, len: usize) {
    let whole = gossip::wire::pack(view);
    let part = Bytes::of(&whole[at..(at + len).min(whole.len())]);
    let (epoch, hash, len) = (view.epoch, view.hash(), whole.len() as u32);
    node.hear(from, Message::Snapshot { epoch, hash, len, at: at as u32, part });
    node.write(true);
}

/// Hears some bytes that are said to be the whole view with this number and fingerprint.
fn hear_whole(node: &mut Bench, from: u8, (epoch, hash): (Epoch, u64), whole: &[u8]) {
    let (len, part) = (whole.len() as u32, Bytes::of(whole));
    node.hear(from, Message::Snapshot { epoch, hash, len, at: 0, part });
    node.write(true);
}

fn epoch(node: &Bench) -> Option<Epoch> {
    node.quorum.view().map(|view| view.epoch)
}

/// Servers need not agree on what they serve, and their answers may cross: reading one to the end gets somewhere, and beginning
/// anew with each does not.
#[test]
fn one_snapshot_is_read_to_the_end_although_another_is_offered() {
    let (one, other) = (later(100, None), later(101, None));
    let mut node = Bench::new("x", 8, 1);
    hear_part(&mut node, 1, &one, 0, 40);
    hear_part(&mut node, 2, &other, 0, 40);
    hear_part(&mut node, 1, &one, 40, 1000);
    assert_eq!(epoch(&node), Some(one.epoch));
}

#[test]
fn a_snapshot_whose_server_is_gone_is_given_up_for_another() {
    let (one, other) = (later(100, None), later(101, None));
    let mut node = Bench::new("x", 8, 1);
    hear_part(&mut node, 1, &one, 0, 40);
    node.wait(1000 * MS);
    hear_part(&mut node, 2, &other, 0, 40);
    hear_part(&mut node, 2, &other, 40, 1000);
    assert_eq!(epoch(&node), Some(other.epoch));
}

/// What is not what it is said to be, whole, and of this history is not taken, and is in nobody's way.
#[test]
fn a_snapshot_that_is_not_sound_is_refused_and_an_honest_one_taken() {
    let view = later(100, None);
    let (whole, said) = (gossip::wire::pack(&view), (view.epoch, view.hash()));
    let foreign = View { genesis: GenesisId(8), ..view.clone() };
    let altered = gossip::wire::pack(&View { vouch_for: VouchFor::clamped(1001 * MS), ..view.clone() });
    for (what, said, bytes) in [
        ("another fingerprint", (view.epoch, view.hash() ^ 1), whole.clone()),
        ("another content", said, altered),
        ("another number", (later(101, None).epoch, view.hash()), whole.clone()),
        ("truncated", said, whole[..whole.len() - 1].to_vec()),
        ("truncated in the middle", said, whole[..whole.len() / 2].to_vec()),
        ("of another genesis", (foreign.epoch, foreign.hash()), gossip::wire::pack(&foreign)),
    ] {
        let mut node = Bench::new("x", 8, 1);
        hear_whole(&mut node, 1, said, &bytes);
        assert_eq!((epoch(&node), node.quorum.refused()), (Some(Epoch::GENESIS), 1), "{what}");
        node.said();
        // The next heartbeat of somebody honest shows a later view, and it asks for that from the beginning.
        node.wait(100 * MS);
        node.quorum.handle_epoch(Recipient::Voter(disk(2)), Some(view.epoch));
        let fetch = Message::Fetch { after: Some(Epoch::GENESIS), snapshot: None };
        assert_eq!(node.said(), [fetch], "{what}");
        hear_whole(&mut node, 2, (view.epoch, view.hash()), &whole);
        assert_eq!(node.quorum.view().map(|stored| &**stored), Some(&view), "{what}");
    }
}

/// S4: somebody's end may have been decided, and made room for others' since, all while it was away.
#[test]
fn who_slept_while_the_record_of_the_dead_filled_up_counts_itself_among_them() {
    let standing_after = |floor| {
        let mut node = Bench::new("x", 8, 3);
        node.vouched();
        hear_part(&mut node, 1, &later(100, floor), 0, 1000);
        assert_eq!(epoch(&node), Some(later(100, floor).epoch));
        node.quorum.standing()
    };
    assert_eq!(standing_after(Some(3)), Standing::Evicted);
    assert_eq!(standing_after(Some(2)), Standing::InQuorum, "it is above all that was dropped");
    assert_eq!(standing_after(None), Standing::InQuorum);
}

/// L2: whoever serves it may merely have no steps. Others do.
#[test]
fn a_life_a_few_steps_behind_is_not_ended_by_a_whole_view_at_once() {
    let view = later(5, Some(3));
    let offered = || {
        let mut node = Bench::new("x", 8, 3);
        node.vouched();
        hear_part(&mut node, 1, &view, 0, 1000);
        assert_eq!(epoch(&node), Some(Epoch::GENESIS));
        node
    };
    let mut steps = offered();
    steps.learn(Delta::Leave(subject("y", 9)));
    steps.write(true);
    assert_eq!((epoch(&steps), steps.quorum.standing()), (Some(Epoch::GENESIS.next()), Standing::InQuorum));
    let mut nobody = offered();
    nobody.wait(10 * settings().ballot_timeout);
    hear_part(&mut nobody, 1, &view, 0, 1000);
    assert_eq!((epoch(&nobody), nobody.quorum.standing()), (Some(view.epoch), Standing::Evicted));
}

/// S2: the same, of a life that was evicted before anybody had vouched for it. Its name may be forgotten by all that would refuse it.
#[test]
fn who_was_never_in_quorum_and_slept_through_that_begins_above_the_floor() {
    let mut node = Bench::new("x", 8, 3);
    node.write(true);
    let view = later(100, Some(4));
    hear_part(&mut node, 1, &view, 0, 1000);
    let told = Output::BelowFloor { floor: life(4) };
    assert!(node.outputs().contains(&told), "{:?}", node.outputs());
    for number in 1..=3 {
        let now = Now::from(node.now).into();
        node.quorum.handle_voucher(disk(number), view.electorate.since, view.vouch_for, now);
    }
    assert_eq!(node.quorum.standing(), Standing::Unvoted);
    let mut above = Bench::new("x", 8, 5);
    hear_part(&mut above, 1, &view, 0, 1000);
    assert!(!above.outputs().contains(&told));
    above.vouched();
}

/// A life with a disk in a cluster whose record of the dead is full of lives without one, which count from the time.
fn among_many_dead() -> Bench {
    let mut view = View { floor: Some(life(1)), ..genesis() };
    for number in 0..GONE_MAX {
        let incarnation = life(1_700_000_000_000 + number as u64);
        let gone = Gone { incarnation, cause: Cause::Left, epoch: Epoch::GENESIS };
        assert!(view.gone.insert(id(&format!("n{number}")), gone));
    }
    follower(view)
}

/// S2: what a view says of this life holds also where the disk goes over to a later one, in which the entry has made room already.
#[test]
fn who_has_seen_its_own_end_decided_counts_itself_out_for_ever() {
    for at_once in [false, true] {
        let mut node = among_many_dead();
        node.vouched();
        node.wait(3_000 * MS);
        let end = [Delta::Suspend(subjects("x", 3)), Delta::Evict(subjects("x", 3))];
        let later = |number: usize| Delta::Leave(subject(&format!("y{number}"), 1_800_000_000_000));
        for delta in end.into_iter().chain((0..=GONE_MAX / 2).map(later)) {
            node.learn(delta);
            if !at_once {
                node.write(true);
            }
        }
        node.write(true);
        assert!(!node.chain.is_gone(&id("x"), life(3)), "it has made room");
        assert_eq!(node.quorum.standing(), Standing::Evicted, "at once: {at_once}");
        let floor = node.chain.floor.expect("it has risen");
        assert!(!node.quorum.spared_by_floor(floor));
        node.hear_vouchers();
        assert_eq!(node.quorum.standing(), Standing::Evicted, "at once: {at_once}");
    }
}

/// L2: whoever refuses it knows of the newest floor, and hardly anybody. A life that is in quorum has some time to learn of it too.
#[test]
fn a_stranger_a_step_ahead_does_not_end_a_life_in_quorum() {
    let mut node = among_many_dead();
    node.vouched();
    let next = node.chain.after(&Delta::Leave(subject("y", 1_800_000_000_000))).expect("applicable");
    let floor = next.floor.expect("it has risen");
    assert!(node.quorum.spared_by_floor(floor));
    node.wait(9 * settings().ballot_timeout);
    node.hear_vouchers();
    assert!(node.quorum.spared_by_floor(floor));
    node.wait(settings().ballot_timeout);
    assert!(!node.quorum.spared_by_floor(floor), "it can not be learnt");
    let mut isolated = among_many_dead();
    isolated.vouched();
    isolated.wait(3_000 * MS);
    assert!(!isolated.quorum.spared_by_floor(floor));
}

/// S2: disks count their lives from one, and who has none takes the time for it, so who is forgotten may be far below the floor. Were
/// that left where it is, neither whoever slept through its own end nor who refuses it could tell that from another's.
#[test]
fn the_floor_rises_with_whoever_is_forgotten() {
    let mut view = View { floor: Some(life(1_700_000_000_000)), ..later(5, None) };
    let gone =
        |incarnation| Gone { incarnation: life(incarnation), cause: Cause::Dead, epoch: Epoch::GENESIS };
    for number in 0..GONE_MAX {
        assert!(view.gone.insert(id(&format!("n{number}")), gone(2 + number as u64)));
    }
    let next = view.after(&Delta::Leave(subject("x", 9))).expect("applicable");
    assert!(!next.gone.contains(&id("n0")) && next.gone.contains(&id("x")));
    assert_eq!(next.floor, Some(life(1_700_000_000_001)));
}

/// L2: somebody who has just started knows hardly anybody, and takes all others for dead up to the floor. Whoever has seen the
/// floor decided and is not dead knows better.
#[test]
fn a_stranger_does_not_end_a_life_that_has_outlived_the_floor() {
    let node = |floor: Option<u64>| follower(later(7, floor));
    let mut knows = node(Some(5));
    assert!(!knows.quorum.outlives_floor(life(5)), "it was never in quorum: it has merely begun too low");
    knows.vouched();
    assert!(knows.quorum.outlives_floor(life(5)));
    assert!(!knows.quorum.outlives_floor(life(6)), "what has been dropped since, it does not know");
    let mut behind = node(None);
    behind.vouched();
    assert!(!behind.quorum.outlives_floor(life(5)));
}

/// L2: most nodes of a large cluster are never vouched for. One that came in above the floor, and has seen each decision since, is as
/// healthy as any when the floor passes it.
#[test]
fn a_stranger_does_not_end_a_life_that_nobody_vouches_for_and_that_the_floor_has_passed() {
    let full = |floor: Option<u64>| {
        let mut view = later(7, floor);
        for number in 0..GONE_MAX {
            let gone =
                Gone { incarnation: life(4 + number as u64), cause: Cause::Dead, epoch: Epoch::GENESIS };
            assert!(view.gone.insert(id(&format!("n{number}")), gone));
        }
        view
    };
    let passed = |floor: Option<u64>| {
        let mut node = follower(full(floor));
        let unseen = node.quorum.spared_by_floor(life(6));
        node.learn(Delta::Leave(subject("y", 600)));
        node.write(true);
        assert_eq!(node.quorum.standing(), Standing::Unvoted);
        (unseen, node.quorum.outlives_floor(node.chain.floor.expect("it has risen")))
    };
    assert_eq!(passed(None), (true, true));
    assert_eq!(passed(Some(2)), (true, true));
    assert_eq!(passed(Some(3)), (false, false), "it has begun too low");
    let mut slept = follower(full(None));
    hear_part(&mut slept, 1, &later(100, Some(4)), 0, 1000);
    assert!(!slept.quorum.outlives_floor(life(4)) && !slept.quorum.spared_by_floor(life(4)));
}

/// S4: who ended and has made room on record is known to nobody, and to itself once it has stored the view that raised the floor. Where
/// all steps since an earlier one are known, they tell as well: the floor may rise faster than a healthy node can show that it knows.
#[test]
fn a_life_that_the_floor_has_passed_has_to_have_seen_it() {
    let who = |name: &str, incarnation| Identity {
        id: id(name),
        storage: disk(7),
        incarnation: life(incarnation),
        boot: BootId([7; 16]),
    };
    let ends = |voter: &mut Bench, subject: Subject| {
        voter.learn(Delta::Leave(subject));
        voter.write(true);
        voter.chain.epoch
    };
    let mut voter = among_many_dead();
    let start = voter.chain.epoch;
    assert!(voter.quorum.has_seen_floor(&who("y", 2), None), "it is above the floor");
    assert!(voter.quorum.has_seen_floor(&who("y", 1), Some(start)));
    assert!(!voter.quorum.has_seen_floor(&who("y", 1), None));
    let first = ends(&mut voter, subject("w", 3));
    let second = ends(&mut voter, subject("z", 1_800_000_000_000));
    assert!(voter.quorum.has_seen_floor(&who("y", 2_000_000_000_000), None));
    for (whom, shown, seen) in [
        (who("y", 3), None, false),
        (who("y", 3), Some(start), true),
        (who("w", 3), Some(start), false),
        (who("w", 4), Some(start), true),
        (who("w", 3), Some(first), true),
        (who("w", 3), Some(second), true),
    ] {
        assert_eq!(voter.quorum.has_seen_floor(&whom, shown), seen, "{whom:?} at {shown:?}");
    }
    // A start forgets the steps.
    let restarted = follower(voter.chain.clone());
    for (shown, seen) in [(None, false), (Some(first), false), (Some(second), true)] {
        assert_eq!(restarted.quorum.has_seen_floor(&who("y", 3), shown), seen, "{shown:?}");
    }
    voter.learn(Delta::SetVouch(VouchFor::clamped(900 * MS)));
    voter.write(true);
    assert!(voter.quorum.has_seen_floor(&who("y", 3), Some(second)), "the floor is where it was");
    // Not all steps are kept.
    for number in 0..64 {
        ends(&mut voter, subject(&format!("later{number}"), 1_800_000_000_000 + number));
    }
    assert!(!voter.quorum.has_seen_floor(&who("y", 3), Some(second)));
    assert!(voter.quorum.has_seen_floor(&who("y", 3), Some(second.next())));
}

/// The first part of what this node serves to somebody who has nothing, or the next one.
fn served(node: &mut Bench, snapshot: Option<(Epoch, u32)>) -> Option<(Epoch, u32, usize)> {
    node.hear(2, Message::Fetch { after: None, snapshot });
    node.said().into_iter().find_map(|message| match message {
        Message::Snapshot { epoch, at, part, .. } => Some((epoch, at, part.get().len())),
        _ => None,
    })
}

/// L1: views may come faster than a far-off reader gets through one of them. What it reads stays the same to the end.
#[test]
fn a_snapshot_that_is_being_read_is_not_swapped_for_another() {
    let mut server = among_many_dead();
    let (first, _, len) = served(&mut server, None).expect("it serves");
    for number in 0..40 {
        server.learn(Delta::SetVouch(VouchFor::clamped((900 + number) * MS)));
        server.write(true);
    }
    assert_eq!(
        served(&mut server, Some((first, len as u32))).map(|(epoch, at, _)| (epoch, at)),
        Some((first, len as u32))
    );
    let (newer, ..) = served(&mut server, None).expect("it serves");
    assert!(newer > first, "whoever begins is given a newer one");
}

/// L4: whoever has taken a whole view has no steps, and what it was serving before is of no use to those who have that.
#[test]
fn nobody_is_served_the_view_that_it_has() {
    let (old, new) = (later(100, None), later(101, None));
    let mut server = Bench::new("b", 2, 1);
    hear_part(&mut server, 1, &old, 0, 1000);
    assert_eq!(served(&mut server, None).map(|(epoch, ..)| epoch), Some(old.epoch));
    hear_part(&mut server, 1, &new, 0, 1000);
    assert_eq!(epoch(&server), Some(new.epoch));
    server.said();
    for _ in 0..3 {
        server.hear(3, Message::Fetch { after: Some(old.epoch), snapshot: None });
        let offered: Vec<Epoch> = server
            .said()
            .into_iter()
            .filter_map(|message| match message {
                Message::Snapshot { epoch, .. } => Some(epoch),
                _ => None,
            })
            .collect();
        assert_eq!(offered, [new.epoch]);
        server.wait(1000 * MS);
    }
}

/// Section 13: the last steps are kept, also by whoever is offered a whole view that would end it, and waits.
#[test]
fn a_whole_view_that_is_not_taken_costs_no_steps() {
    let mut node = Bench::new("x", 8, 3);
    node.vouched();
    node.learn(Delta::Leave(subject("y", 9)));
    node.write(true);
    hear_part(&mut node, 1, &later(5, Some(3)), 0, 1000);
    assert_eq!(epoch(&node), Some(Epoch::GENESIS.next()));
    node.outputs();
    node.hear(2, Message::Fetch { after: Some(Epoch::GENESIS), snapshot: None });
    assert!(node.said().iter().any(|message| matches!(message, Message::Decided { .. })));
}

/// L2: what has been waited for since a refusal long ago is not waited for in vain: a whole view is another matter.
#[test]
fn a_refusal_does_not_use_up_the_time_in_which_steps_are_looked_for() {
    let mut node = Bench::new("x", 8, 3);
    node.vouched();
    assert!(node.quorum.spared_by_floor(life(3)), "it may be a step ahead");
    for _ in 0..30 {
        node.wait(100 * MS);
        node.hear_vouchers();
    }
    assert!(!node.quorum.spared_by_floor(life(3)));
    hear_part(&mut node, 1, &later(5, Some(3)), 0, 1000);
    assert_eq!((epoch(&node), node.quorum.standing()), (Some(Epoch::GENESIS), Standing::InQuorum));
}

/// L2: in a large cluster whoever gives its last lease back is vouched for no more, and that takes nothing from what it was.
#[test]
fn a_life_that_was_in_quorum_once_outlives_the_floor() {
    let guest = || {
        let mut guest = follower(later(7, Some(5)));
        guest.quorum.set_renewing(false);
        guest.hear_vouchers();
        assert_eq!(guest.quorum.standing(), Standing::InQuorum);
        guest.wait(3_000 * MS);
        assert_eq!(guest.quorum.standing(), Standing::Unvoted);
        guest
    };
    assert!(guest().quorum.outlives_floor(life(5)));
    let mut refused = guest();
    refused.quorum.hear_of_own_end();
    assert_eq!(refused.quorum.standing(), Standing::Evicted);
}

/// Whoever has just started knows hardly anybody, and refuses all it does not know up to the floor: a life begins above it.
#[test]
fn a_life_begins_above_the_floor_that_its_disk_knows() {
    let disk = |floor| Durable { view: Some(later(7, floor).into()), ..Durable::default() };
    assert_eq!(Durable::default().begins_at(life(3)), life(3));
    assert_eq!(disk(None).begins_at(life(3)), life(3));
    assert_eq!(disk(Some(2)).begins_at(life(3)), life(3));
    assert_eq!(disk(Some(3)).begins_at(life(3)), life(4));
    assert_eq!(disk(Some(1_000)).begins_at(life(3)), life(1_001));
}
