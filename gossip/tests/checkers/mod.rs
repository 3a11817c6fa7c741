//! What the checkers of decisions are to catch, rule by rule: mutants that break one rule and no other before it, and, where
//! no message could, disks and events that are changed behind the nodes' backs.

use std::sync::Arc;

use gossip::core::quorum::{Delta, Durable, Grant, Table};
use gossip::core::register::Ballots;
use gossip::{Epoch, Event, Incarnation, LeaseName, LeaseState, NodeId, View};

use crate::sim::check::{Check as _, OwnerWrites, converged};
use crate::sim::decided::{NoTwoInQuorum, OneHistory};
use crate::sim::fault::{Fault, Scenario};
use crate::sim::mutant_quorum as broken;
use crate::sim::network::Rule;
use crate::sim::run::{Mutation, Run, run};
use crate::sim::world::{Next, World};
use crate::{Case, all_caught, loses_vouchers, newest_view, silenced};

/// What is made of the newest view.
type Change<'a> = &'a dyn Fn(&View) -> View;

/// What is said of a run in which everybody goes down, and finds another view on all disks when it is up again. By then
/// n4 has died in its second life, and n3 holds a lease.
fn with_disks_changed(change: Change<'_>) -> Result<(), String> {
    let scenario = Scenario::calm(3, 5, 100)
        .voters(3)
        .with(15, 400, Fault::Lease(3, 0))
        .with(30, 40, Fault::Crash { host: 4, disk: true })
        .with(120, 121, Fault::Kill(4));
    let mut run = Run::new(&scenario, false, &|_| {});
    let interval = run.world.interval();
    while run.world.now < 250 * interval {
        run.step().unwrap_or_else(|failure| panic!("{}", failure.what));
    }
    let newest = newest_view(&run.world);
    assert!(newest.is_gone(&name("n4"), second_life()) && newest.leases.len() == 1, "{newest:?}");
    let changed = Arc::new(change(&newest));
    for host in 0..4 {
        run.world.crash(host);
        let disk = &mut run.world.hosts[host].durable;
        let (view, ballots) = (Some(changed.clone()), Ballots::default());
        *disk = Durable { view, ballots, ..std::mem::take(disk) };
        run.world.powerless += 1;
        run.world.schedule(run.world.now + 20 * interval, Next::Restart(host));
    }
    run.end = run.world.now + 60 * interval;
    while run.step().map_err(|failure| failure.what)? {}
    Ok(())
}

fn name(name: &str) -> NodeId {
    NodeId::new(name).expect("a name")
}

fn second_life() -> Incarnation {
    Incarnation::FIRST.next()
}

/// The view after another one, in which nothing was decided yet.
fn next(view: &View) -> View {
    View { epoch: view.epoch.next(), ..view.clone() }
}

/// The same, in which a lease is granted to whom n3's is.
fn granting(view: &View, lease: &LeaseName, token: Epoch) -> View {
    let mut next = next(view);
    let (_, grant) = view.leases.iter().next().expect("n3 has one");
    let grant = Grant { token, ..grant.clone() };
    assert!(next.leases.insert(lease.clone(), grant));
    next
}

/// S2, S5 and S9, of views that follow from no other. No delta leads to one, so they are put on the disks.
#[test]
fn a_view_that_does_not_follow_from_the_one_before_is_caught() {
    let held = |view: &View| view.leases.iter().next().expect("n3 has one").0.clone();
    let sound: [(&str, Change<'_>); 3] = [
        ("the same", &View::clone),
        ("gives the lease back", &|view| {
            let (lease, grant) = view.leases.iter().next().expect("n3 has one");
            let (lease, owner, token) = (lease.clone(), grant.owner.clone(), grant.token);
            View::clone(&view.after(&Delta::Release { lease, owner, token }).expect("it holds it"))
        }),
        ("forgets a death for a floor", &|view| View {
            gone: Table::default(),
            floor: Some(second_life()),
            ..next(view)
        }),
    ];
    for (what, change) in sound {
        assert_eq!(with_disks_changed(change), Ok(()), "{what}");
    }
    let broken: [(&str, &str, Change<'_>); 6] = [
        ("S2", "forgets a death", &|view| View { gone: Table::default(), ..next(view) }),
        ("S2", "forgets one above the floor", &|view| View {
            gone: Table::default(),
            floor: Some(Incarnation::FIRST),
            ..next(view)
        }),
        ("S2", "puts it down for the former life", &|view| {
            let mut next = next(view);
            let mut gone = *next.gone.get(&name("n4")).expect("it is dead");
            gone.incarnation = Incarnation::FIRST;
            assert!(next.gone.insert(name("n4"), gone));
            next
        }),
        ("S5", "grants what is held", &|view| granting(view, &held(view), view.epoch.next())),
        ("S5", "grants with an old token", &|view| granting(view, &name("another"), view.epoch)),
        ("S9", "leaves a number out", &|view| next(&next(view))),
    ];
    for (rule, what, change) in broken {
        let said = with_disks_changed(change).err().unwrap_or_default();
        println!("{what}: {said:.150}");
        assert!(said.starts_with(&format!("{rule}: ")), "{what} was not caught as {rule}: {said:?}");
    }
}

/// S1: in one life nobody follows a view after a later one.
#[test]
fn a_view_after_a_later_one_is_caught() {
    let scenario = one_dies();
    let mut run = Run::new(&scenario, false, &|_| {});
    let mut until = |epoch: u64| {
        while run.world.view(0).is_none_or(|view| view.epoch.get() < epoch) {
            assert!(run.step().unwrap_or_else(|failure| panic!("{}", failure.what)), "it is decided");
        }
        run.world.clone()
    };
    let (founded, suspended) = (until(0), until(1));
    let holds = |worlds: &[&World]| {
        let mut checker = OneHistory::default();
        worlds.iter().try_for_each(|world| checker.after(world, 0, &[]))
    };
    assert_eq!(holds(&[&founded, &suspended]), Ok(()));
    let said = holds(&[&founded, &suspended, &founded]).err().unwrap_or_default();
    assert!(said.starts_with("S1: n0 went back"), "{said:?}");
}

/// S5, as owners see it: of one lease nobody gets the token that somebody had, nor an older one.
#[test]
fn a_token_that_does_not_grow_is_caught() {
    let world =
        run(&Scenario::calm(1, 5, 100).voters(3), false, &|_| {}).unwrap_or_else(|f| panic!("{}", f.what));
    let granted = |(lease, token): (&str, u64)| Event::Lease {
        lease: name(lease),
        token: Some(Epoch::try_from(token).expect("small")),
        state: LeaseState::Granted,
    };
    let holds = |grants: [(usize, (&str, u64)); 2]| {
        let mut checker = NoTwoInQuorum::default();
        grants.into_iter().try_for_each(|(host, grant)| checker.after(&world, host, &[granted(grant)]))
    };
    assert_eq!(holds([(3, ("one", 4)), (4, ("one", 5))]), Ok(()));
    assert_eq!(holds([(3, ("one", 5)), (4, ("another", 4))]), Ok(()), "each lease has its own");
    for broken in [
        [(3, ("one", 5)), (4, ("one", 4))],
        [(3, ("one", 5)), (4, ("one", 5))],
        [(3, ("one", 5)), (3, ("one", 5))],
    ] {
        let said = holds(broken).err().unwrap_or_default();
        println!("{broken:?}: {said}");
        assert!(said.starts_with("S5: ") && said.contains("with token"), "{broken:?}: {said}");
    }
}

/// S6: a record goes back, and another is written under a number that is taken.
#[test]
fn records_that_are_undone_are_caught() {
    let scenario = Scenario::calm(3, 5, 100).with(50, 51, Fault::Metadata(2));
    let mut run = Run::new(&scenario, false, &|_| {});
    let mut checker = OwnerWrites::default();
    let mut until = |intervals: u64| {
        while run.world.now < intervals * run.world.interval() {
            run.step().unwrap_or_else(|failure| panic!("{}", failure.what));
            let all = (0..5).try_for_each(|host| checker.after(&run.world, host, &[]));
            assert_eq!(all, Ok(()));
        }
        (run.world.clone(), checker.clone())
    };
    let (before, _) = until(45);
    let (mut world, mut checker) = until(60);
    let undone = checker.clone().after(&before, 0, &[]).err().unwrap_or_default();
    assert!(undone.starts_with("S6: at n0 the record of n2 went back"), "{undone:?}");
    world.hosts[2].addr.set_port(1);
    world.start(2, 1);
    let rewritten = checker.after(&world, 2, &[]).err().unwrap_or_default();
    assert!(rewritten.starts_with("S6: n2 wrote two records of the same version"), "{rewritten:?}");
}

/// What must be so in the end, and is not for one host.
#[test]
fn what_is_not_well_in_the_end_is_caught() {
    let world = run(&Scenario::calm(1, 5, 100), false, &|_| {}).unwrap_or_else(|f| panic!("{}", f.what));
    let cases: [(&str, Mutation<'_>); 4] = [
        ("n0 does not know n1", &|world| world.start(0, 2)),
        ("n0 has a ghost: n4", &|world| world.hosts.truncate(4)),
        ("n0 has not noticed that n4 left", &|world| {
            (world.hosts[4].left, world.hosts[4].node) = (true, None);
        }),
        ("n0 still trusts n4, which is dead", &|world| world.hosts[4].node = None),
    ];
    for (expected, change) in cases {
        let mut world = world.clone();
        change(&mut world);
        assert_eq!(converged(&world), Err(expected.to_owned()));
    }
}

/// A follower dies, and another is there to be told of it.
fn one_dies() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(50, 51, Fault::Kill(3))
}

/// Of three voters two do not hear n4.
fn heard_by_one_of_three() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(150, 250, Fault::Net(Rule::OneWay(vec![4], vec![0, 1])))
}

/// Somebody waits for the lease of another follower.
fn waited_for() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(20, 190, Fault::Lease(4, 0)).with(40, 190, Fault::Lease(3, 0))
}

/// Nobody hears n11 for so short that it is suspended, and not dead. Where not all observe all nobody has to be in quorum,
/// so only what is read of it shows in the end.
fn silenced_by_all() -> Scenario {
    let silence = Rule::OneWay(vec![11], Vec::from_iter(0..11));
    let mut scenario = Scenario::calm(3, 12, 100).voters(5).with(150, 157, Fault::Net(silence));
    scenario.full_mesh_max = 8;
    scenario
}

/// The owner of a lease dies, and then everybody who knew it.
fn owner_forgotten() -> Scenario {
    let scenario = Scenario::calm(3, 5, 100).voters(3).with(20, 1000, Fault::Lease(4, 0));
    let scenario = scenario.with(50, 51, Fault::Kill(4));
    (0..4).fold(scenario, |scenario, host| scenario.with(55, 60, Fault::Crash { host, disk: true }))
}

/// n0 and n1 decide without n2; then n1 loses its disk, and is alone with n2.
fn wiped() -> Scenario {
    Scenario::calm(3, 3, 100)
        .voters(3)
        .with(20, 32, Fault::Net(Rule::Partition(vec![2])))
        .with(22, 200, Fault::Lease(0, 0))
        .with(30, 32, Fault::Crash { host: 1, disk: false })
        .with(30, 120, Fault::Net(Rule::Partition(vec![0])))
}

/// Each of these breaks one rule before any other, so that no other checker can stand in for one that sees nothing.
#[test]
fn rules_that_nothing_else_breaks_are_caught() {
    let killed = Scenario::calm(3, 5, 100).voters(3).with(50, 51, Fault::Kill(4));
    let isolates = |world: &mut World| loses_vouchers(world, 100..u64::MAX);
    let cases: [Case<'_>; 10] = [
        (&killed, &broken::founds_nothing, &["L3"], "founds nothing"),
        (&killed, &broken::trusts_everybody, &["L1"], "trusts everybody"),
        (&owner_forgotten(), &broken::trusts_everybody, &["L1"], "trusts an owner that nobody remembers"),
        (&silenced(3), &isolates, &["L2"], "isolates everybody"),
        (&silenced_by_all(), &broken::forgives_nobody, &["L2"], "forgives nobody"),
        (&one_dies(), &broken::keeps_decisions_from_one, &["L4"], "keeps decisions from one"),
        (&heard_by_one_of_three(), &broken::are_two_faced, &["flapping"], "are two-faced"),
        (&waited_for(), &broken::gives_back_for_another, &["S5"], "gives back for another"),
        // S7: a disk that has forgotten what it promised, and is taken for the same one, lets two views follow one.
        // Where its starts are forgotten as well, the nodes find it out themselves, and it votes for nothing.
        (&wiped(), &broken::forgets_promises, &["S1"], "forgets promises"),
        (&wiped(), &broken::forgets_promises_and_starts, &["I3"], "forgets promises and starts"),
    ];
    all_caught(&cases);
}
