//! Cost and speed against the size of the cluster, up to 1,000 nodes.
//!
//! What is measured stands in `sim/scale`. Ten thousand nodes, and pictures of them: the program `scale` of `benches`.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod sim;

use std::time::Duration;

use gossip::NodeId;
use sim::scale::acquainted::{acquainted, acquainted_by};
use sim::scale::bootstrap::Bootstrap;
use sim::scale::parted::Parted;
use sim::scale::size::Size;
use sim::world::{World, config};

#[test]
fn cost_a_node_does_not_grow_up_to_a_thousand_nodes() {
    let sizes = [100, 300, 1000].map(|nodes| Size::measure(nodes, 1, &mut |_, _| ()).expect("all are told"));
    for size in &sizes {
        println!("{size:?}");
        size.check(&sizes[0]).expect("as promised");
    }
}

#[test]
fn halves_of_two_hundred_that_each_changed_meet_again() {
    let halves = Parted::halves(200, 1, &mut |_, _| ()).expect("they meet");
    println!("{halves:?}");
    halves.check().expect("as promised");
}

#[test]
fn a_rack_that_was_cut_off_finds_back() {
    let rack = Parted::rack(240, 1, &mut |_, _| ()).expect("it finds back");
    println!("{rack:?}");
    assert_eq!(rack.dead, 101, "the whole rack, and the one that started again");
    rack.check().expect("as promised");
}

#[test]
fn strangers_that_start_together_find_each_other() {
    for nodes in [100, 300] {
        let strangers = Bootstrap::measure(nodes, 5, &mut |_, _| ()).expect("they meet");
        println!("{strangers:?}");
        strangers.check().expect("as promised");
    }
}

/// The first three are the seeds of all, and the first five the voters.
#[test]
fn seeds_have_hardly_more_to_bear_than_others() {
    let config = config(100).seed_retry_max(Duration::from_secs(10));
    let mut world = acquainted_by(config, 300, 1, &mut |_, _| ());
    world.run_for(Duration::from_secs(10));
    let bytes = |world: &World, host: usize| {
        let counters = world.hosts[host].node.as_ref().expect("it runs").counters();
        counters.received_bytes + counters.sent_bytes
    };
    let before: Vec<u64> = (0..5).map(|host| bytes(&world, host)).collect();
    world.run_for(Duration::from_secs(30));
    let borne: Vec<u64> = (0..5).map(|host| bytes(&world, host) - before[host]).collect();
    let most = borne[3].max(borne[4]) * 5 / 4;
    assert!(borne[..3].iter().all(|seed| *seed <= most), "seeds, and two other voters: {borne:?} bytes");
}

/// Where heartbeats are far apart, a suspicion does not wait for the next: neighbours are told at once, and all others by their next.
#[test]
fn in_the_economy_profile_all_know_within_an_interval_of_the_first_suspicion() {
    let (step, mut slowest) = (Duration::from_millis(10), Duration::ZERO);
    for (seed, nodes) in (1..=10).flat_map(|seed| [(seed, 20), (seed, 50)]) {
        let mut world = acquainted_by(config(100).economy(), nodes, seed, &mut |_, _| ());
        world.run_for(Duration::from_secs(60));
        let killed = (nodes - 1, world.hosts[nodes - 1].id.clone());
        world.crash(killed.0);
        let knows = |world: &World, host: usize| {
            let node = world.hosts[host].node.as_ref().expect("it runs");
            node.member(&killed.1).is_none_or(|member| member.accusers > 0)
        };
        let told = |world: &World| (0..killed.0).filter(|host| knows(world, *host)).count();
        let mut first = None;
        for at in (1..500).map(|steps| step * steps) {
            world.run_for(step);
            let told = told(&world);
            first = first.or((told > 0).then_some(at));
            if told == killed.0 {
                slowest = slowest.max(at - first.expect("somebody was"));
                break;
            }
            assert!(at < step * 499, "seed {seed}: {told} of {} know of the crash", killed.0);
        }
    }
    println!("{slowest:?}");
    assert!(
        slowest <= Duration::from_millis(810),
        "{slowest:?} from the first suspicion to the last who knows"
    );
}

#[test]
fn when_half_of_a_hundred_crash_together_the_others_hold_together() {
    let mut world = acquainted(100, 1, &mut |_, _| ());
    world.run_for(Duration::from_secs(20));
    for index in (0..100).step_by(2) {
        world.crash(index);
    }
    world.run_for(Duration::from_secs(10));
    for index in (1..100).step_by(2) {
        let node = world.hosts[index].node.as_ref().expect("it runs");
        let accused = |dead: &usize| node.member(&world.hosts[*dead].id).is_some_and(|m| m.accusers > 0);
        let found = (0..100).step_by(2).filter(accused).count();
        assert!(found >= 49, "n{index} knows of {found} of 50 that they are suspected");
    }
    if let Err(what) = sim::check::converged(&world) {
        panic!("{what}");
    }
}

/// E1: with four observers each, whole neighbourhoods die at once. Those who take their place have never heard the dead, and
/// cannot suspect them; that they say so is enough for the voters to ask, and to call the dead themselves.
#[test]
fn who_dies_with_its_neighbourhood_is_put_on_record() {
    let mut world = acquainted_by(config(100).full_mesh_max(8).rings(2), 120, 1, &mut |_, _| ());
    world.run_for(Duration::from_secs(20));
    for index in (0..120).filter(|index| index % 6 != 0 && *index > 4) {
        world.crash(index);
    }
    world.run_for(Duration::from_secs(60));
    let view = world.view(0).expect("a history");
    let dead = world.hosts[..120].iter().filter(|host| host.node.is_none());
    let listed: Vec<&NodeId> = dead.map(|host| &host.id).filter(|id| view.gone.get(id).is_none()).collect();
    assert!(listed.is_empty(), "not on record: {listed:?}");
}
