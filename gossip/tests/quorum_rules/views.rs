//! What every view says that any decisions can lead to (S2, V2).

use std::sync::Arc;

use gossip::core::quorum::{Cause, Delta, GONE_MAX, Gone, Inapplicable, Moment, Subjects, View, Vouching};
use gossip::{BootId, Epoch, Identity};

use crate::names::{disk, genesis, id, lease, life, subject, subjects};

/// So many ends are decided in one view at most.
const TOGETHER: usize = 8;

/// Lives that a name has here.
const LIVES: [u64; 3] = [1, 2, 3];

fn owner(incarnation: u64) -> Identity {
    Identity { id: id("x"), storage: disk(8), incarnation: life(incarnation), boot: BootId([9; 16]) }
}

/// All that can be decided about any of these lives.
fn deltas() -> Vec<Delta> {
    let of = |life: u64| {
        let (subject, all, request) = (subject("x", life), subjects("x", life), 1);
        let acquire = Delta::Acquire { lease: lease(), owner: owner(life), request };
        [Delta::Suspend(all.clone()), Delta::Restore(subject.clone()), Delta::Evict(all)]
            .into_iter()
            .chain([Delta::Leave(subject), acquire])
    };
    LIVES.into_iter().flat_map(of).collect()
}

/// Shows each step that leads from a view in so many decisions at most.
fn explore(view: &View, deltas: &[Delta], depth: u32, seen: &mut impl FnMut(&View, &Delta, &View)) {
    for delta in deltas.iter().filter(|_| depth > 0) {
        if let Ok(next) = view.after(delta) {
            seen(view, delta, &next);
            explore(&next, deltas, depth - 1, seen);
        }
    }
}

/// Whether a voter that has stored this view vouches for that life.
fn vouches(view: &View, incarnation: u64) -> bool {
    let now = Moment::default();
    Vouching::new(now, None).vouch(view, &disk(1), &owner(incarnation), now)
}

/// Were an end, or a suspension, of one incarnation only, an old machine of the name could go on as before, with a lease that is
/// granted to others meanwhile.
#[test]
fn whoever_is_gone_or_suspended_is_so_with_all_its_earlier_lives() {
    let (mut gone, mut suspended) = (0, 0);
    explore(&genesis(), &deltas(), 5, &mut |before, delta, view| {
        let is_gone = |view: &View, i: u64| view.is_gone(&id("x"), life(i));
        let is_good = |i: u64| view.is_good(&id("x"), life(i));
        for higher in LIVES {
            let what = format!("x@{higher} after {delta:?}: {:?}, {:?}", view.gone, view.suspended);
            assert!(!is_gone(before, higher) || is_gone(view, higher), "it lives again: {what}");
            assert_eq!(vouches(view, higher), is_good(higher), "{what}");
            for lower in 1..=higher {
                assert!(!is_gone(view, higher) || is_gone(view, lower), "x@{lower}: {what}");
                assert!(is_good(higher) || !is_good(lower), "x@{lower}: {what}");
                assert!(is_good(higher) || !vouches(view, lower), "x@{lower}: {what}");
                let acquire = Delta::Acquire { lease: id("other"), owner: owner(lower), request: 1 };
                let barred = view.after(&acquire).err() == Some(Inapplicable::Barred);
                assert!(is_good(higher) || barred, "x@{lower}: {what}");
            }
            gone += u32::from(is_gone(view, higher));
            suspended += u32::from(!is_good(higher) && !is_gone(view, higher));
        }
        let of_the_dead =
            |i: u64| is_gone(view, i) && view.leases.iter().any(|(_, grant)| grant.owner == owner(i));
        assert!(!LIVES.into_iter().any(of_the_dead), "{view:?}");
    });
    assert!(gone > 1000 && suspended > 1000, "{gone} gone, {suspended} suspended");
}

/// S2, S4: where the record of the dead is full each end makes room for another. Were one of those forgotten that are decided together, no
/// view would ever say that it is over: nobody would bury it, and it would be vouched for again.
#[test]
fn those_who_end_together_are_all_on_record_in_that_view() {
    let mut view = View { epoch: Epoch::GENESIS.next(), ..genesis() };
    for number in 0..GONE_MAX {
        let gone =
            Gone { incarnation: life(1000 + number as u64), cause: Cause::Left, epoch: Epoch::GENESIS };
        assert!(view.gone.insert(id(&format!("n{number}")), gone));
    }
    // Lower than all on record, the lowest first or last by name.
    for rising in [true, false] {
        let mut all = Subjects::default();
        for number in 0..TOGETHER {
            let incarnation = if rising { 10 + number } else { 10 - number } as u64;
            assert!(all.insert(id(&format!("x{number}")), life(incarnation)));
        }
        let suspended = view.after(&Delta::Suspend(all.clone())).expect("all are well");
        let ended = suspended.after(&Delta::Evict(all.clone())).expect("all are suspended");
        for (id, incarnation) in all.iter() {
            assert!(ended.is_gone(id, *incarnation), "{id} in {:?}", ended.gone);
        }
        assert_eq!((ended.gone.len(), ended.floor), (GONE_MAX, Some(life(1000 + TOGETHER as u64 - 1))));
    }
}

/// S2, S6: how long an end stays on record does not depend on how low a life it was. A member that has been away for a while would bring
/// back one that had just been forgotten.
#[test]
fn the_newer_half_of_the_record_of_the_dead_is_kept() {
    let mut view = Arc::new(View { epoch: Epoch::GENESIS.next(), ..genesis() });
    let lives = |number: u64| 1 + number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 2000;
    let name = |number: u64| id(&format!("n{number}"));
    let mut forgotten = 0;
    for number in 0..4 * GONE_MAX as u64 {
        let floor = view.floor;
        view = view.after(&Delta::Leave(subject(&format!("n{number}"), lives(number)))).expect("it is well");
        let newest = number.saturating_sub(GONE_MAX as u64 / 2 - 1)..=number;
        assert!(newest.clone().all(|number| view.gone.contains(&name(number))), "{newest:?}");
        let dropped = number + 1 - view.gone.len() as u64;
        assert_eq!(dropped - forgotten, u64::from(number >= GONE_MAX as u64), "one for one");
        assert!(dropped == forgotten || view.floor > floor, "{floor:?}, {:?}", view.floor);
        forgotten = dropped;
    }
    let lost = (0..4 * GONE_MAX as u64).filter(|&number| !view.gone.contains(&name(number)));
    assert!(lost.map(|number| Some(life(lives(number)))).all(|life| life <= view.floor), "{:?}", view.floor);
}
