//! Which leases outlast what happens around their owners, and which pass on.

use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;
use crate::sim::world::{World, config};
use crate::sim::{MS, SECOND};

/// Who owns a lease after so many intervals.
fn owner_at(run: &mut Run<'_>, seed: u64, intervals: u64) -> Option<String> {
    while run.world.now < intervals * 100 * MS {
        run.step().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
    }
    let view = crate::newest_view(&run.world);
    view.leases.iter().next().map(|(_, grant)| grant.owner.id.to_string())
}

/// V5: the voters are replaced, one and all, and nobody is out of reach. What the old ones promised holds until it has run out, by
/// when the new ones have promised as much.
#[test]
fn a_lease_outlives_a_change_of_voters() {
    for seed in 1..21 {
        let scenario = Scenario::calm(seed, 7, 100).voters(3);
        let scenario = scenario.with(30, 150, Fault::Lease(6, 0)).with(60, 140, Fault::Voters(vec![3, 4, 5]));
        let mut run = Run::new(&scenario, false, &|_| {});
        while run.world.now < 13 * SECOND {
            run.step().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
        }
        let view = crate::newest_view(&run.world);
        let voters: Vec<&str> = view.electorate.voters.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(voters.len(), 3, "{voters:?}");
        assert!(["n3", "n4", "n5"].iter().all(|name| voters.contains(name)), "seed {seed}: {voters:?}");
        let grant = view.leases.iter().next().map(|(_, grant)| grant.token);
        assert_eq!(grant, Some(gossip::Epoch::GENESIS.next()), "seed {seed}: it was lost, and granted again");
    }
}

/// T4, E1: no voter reaches the owner of a lease, and it reaches no voter, but its neighbours hear it well. It has stepped down,
/// and as long as that lasts somebody else is to get the lease.
#[test]
fn the_lease_of_an_owner_that_only_its_neighbours_hear_passes_on() {
    let (owner, other, voters) = (20, 10, Vec::from_iter(0..5));
    for seed in 1..6 {
        let mut scenario = Scenario::calm(seed, 24, 100)
            .voters(voters.len())
            .with(20, 420, Fault::Lease(owner, 0))
            .with(40, 420, Fault::Lease(other, 0))
            .with(80, 400, Fault::Net(Rule::OneWay(vec![owner], voters.clone())))
            .with(80, 400, Fault::Net(Rule::OneWay(voters.clone(), vec![owner])));
        scenario.full_mesh_max = 8;
        let mut run = Run::new(&scenario, false, &|_| {});
        assert_eq!(owner_at(&mut run, seed, 75).as_deref(), Some("n20"));
        assert_eq!(owner_at(&mut run, seed, 390).as_deref(), Some("n10"), "seed {seed}");
        assert!(run.world.in_quorum(other) && !run.world.in_quorum(owner));
        run.finish().unwrap_or_else(|failure| panic!("{}", failure.what));
    }
}

/// E1: the same, but the voters reach it again as soon as it is suspended, on a network that loses nearly every third datagram.
/// All its observers hear it, and are unsure, and its vouchers have long run out: one call lost by each of a majority would be its end.
#[test]
fn an_owner_that_voters_reach_again_is_not_lost_with_a_few_datagrams() {
    let (owner, voters) = (20, Vec::from_iter(0..5));
    let name = gossip::NodeId::new("n20").expect("a name");
    let cut = |seed, until| {
        let mut scenario = Scenario::calm(seed, 24, 100)
            .voters(voters.len())
            .with(20, 420, Fault::Lease(owner, 0))
            .with(75, 420, Fault::Net(Rule::Loss(0.3)))
            .with(80, until, Fault::Net(Rule::OneWay(vec![owner], voters.clone())))
            .with(80, until, Fault::Net(Rule::OneWay(voters.clone(), vec![owner])));
        scenario.full_mesh_max = 8;
        scenario
    };
    let mut lost = 0;
    for seed in 1..21 {
        let scenario = cut(seed, 300);
        let mut run = Run::new(&scenario, false, &|_| {});
        while crate::newest_view_if_any(&run.world).is_none_or(|view| !view.suspended.contains(&name)) {
            assert!(run.step().unwrap_or_else(|failure| panic!("{}", failure.what)), "it is suspended");
        }
        let at = run.world.now / (100 * MS) + 1;
        let scenario = cut(seed, at);
        let mut run = Run::new(&scenario, false, &|_| {});
        while run.world.now < (at + 30) * 100 * MS {
            run.step().unwrap_or_else(|failure| panic!("{}", failure.what));
        }
        let view = crate::newest_view(&run.world);
        assert!(!view.suspended.contains(&name), "seed {seed}: it is let in again, or dead");
        lost += u32::from(view.gone.contains(&name));
    }
    println!("{lost} of 20 were lost");
    assert!(lost <= 5, "{lost} of 20 were lost");
}

/// L1, L3: the power fails everywhere, and one host's disk is lost, which owned a lease. It comes back as if for the first time, in the
/// very incarnation that owns the lease: nobody remembers more of it than the view does, and nobody else is to wait for ever.
#[test]
fn the_lease_of_an_owner_that_begins_anew_while_nobody_remembers_it_passes_on() {
    for seed in 1..21 {
        let mut scenario = Scenario::calm(seed, 6, 100).voters(3).with(20, 60, Fault::Lease(5, 0)).with(
            70,
            190,
            Fault::Lease(4, 0),
        );
        for host in 0..6 {
            scenario = scenario.with(50, 65, Fault::Crash { host, disk: host != 5 });
        }
        let mut run = Run::new(&scenario, false, &|_| {});
        assert_eq!(owner_at(&mut run, seed, 49).as_deref(), Some("n5"));
        assert_eq!(owner_at(&mut run, seed, 150).as_deref(), Some("n4"), "seed {seed}");
        run.finish().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
    }
}

/// L1, L3: a process that crashes again and again, sooner than vouchers for it run out. Its first life owned a lease, and is dead
/// when those have run out, whatever becomes of the later ones.
#[test]
fn the_lease_of_a_process_that_crashes_again_and_again_becomes_free() {
    for seed in 1..11 {
        let voters = (0..3).map(|n| format!("n{n}"));
        let config = config(100).voters(voters).lease(std::time::Duration::from_secs(5));
        let mut world = World::new(config.build().expect("valid"), 6, seed);
        world.give_disks();
        world.start_all();
        world.run_for(std::time::Duration::from_secs(10));
        let (owner, other) = (5, 4);
        for host in [owner, other] {
            let now = world.hosts[host].now(world.now);
            let node = world.hosts[host].node.as_mut().expect("it runs");
            node.acquire(now, &gossip::LeaseName::new("lock").expect("a name")).expect("it can be asked for");
            world.drain(host);
            world.run_for(std::time::Duration::from_secs(2));
        }
        let granted = |world: &World| {
            let view = world.view(0).expect("a history");
            view.leases.iter().next().map(|(_, grant)| grant.owner.id.to_string())
        };
        assert_eq!(granted(&world).as_deref(), Some("n5"));
        for _ in 0..8 {
            world.crash(owner);
            world.run_for(std::time::Duration::from_millis(700));
            let incarnation = world.hosts[owner].stored + 1;
            world.start(owner, incarnation);
            world.drain(owner);
            world.run_for(std::time::Duration::from_millis(1300));
        }
        assert_eq!(granted(&world).as_deref(), Some("n4"), "seed {seed}: after sixteen seconds");
    }
}
