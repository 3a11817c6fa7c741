//! What nodes read of members on whom nothing was decided (E3), above the size of a full mesh.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod sim;

use std::time::Duration;

use gossip::{ConfigBuilder, Event, Verdict};
use sim::network::Rule;
use sim::scale::acquainted::acquainted_by;
use sim::world::{Step, World, config};

const VOTERS: usize = 5;

/// A cluster whose nodes are on rings, after some time in which all went well.
fn cluster(config: ConfigBuilder, nodes: usize) -> World {
    let config = config.voters((0..VOTERS).map(|n| format!("n{n}")));
    let mut world = World::new(config.build().expect("valid"), nodes, 7);
    world.give_disks();
    world.start_all();
    world.run_for(Duration::from_secs(10));
    world
}

/// What one host reads of another.
fn reads(world: &World, host: usize, of: usize) -> Verdict {
    world.hosts[host].node.as_ref().expect("it runs").verdict(&world.hosts[of].id)
}

fn assert_all_read(world: &World, hosts: impl Iterator<Item = usize>, wanted: Verdict) {
    let up = || (0..world.hosts.len()).filter(|&host| world.hosts[host].node.is_some());
    for host in hosts {
        for of in up() {
            assert_eq!(reads(world, host, of), wanted, "n{host} of n{of}");
        }
    }
}

/// How many verdicts are told by anybody while so much time passes.
fn told(world: &mut World, length: Duration) -> usize {
    let until = world.now + length.as_nanos() as sim::Nanos;
    let mut told = 0;
    while let Some(step) = world.step(until) {
        if let Step::Host(_, events) = step {
            told += events.iter().filter(|event| matches!(event, Event::Verdict { .. })).count();
        }
    }
    told
}

#[test]
fn followers_on_rings_read_all_as_alive_and_go_on_doing_so() {
    let mut world = cluster(config(100), 60);
    assert_all_read(&world, 0..60, Verdict::Alive);
    assert_eq!(told(&mut world, Duration::from_secs(30)), 0);
}

/// More members than events are kept: the newest are told, how many were lost is said, and whoever asks gets all.
#[test]
fn what_is_read_of_more_members_than_there_is_room_for_events_is_counted() {
    let config = config(100).events_max(16).voters((0..VOTERS).map(|n| format!("n{n}")));
    let mut world = acquainted_by(config, 60, 7, &mut |_, _| {});
    let (until, mut told, mut lost) = (world.now + 10 * sim::SECOND, 0, 0);
    while let Some(step) = world.step(until) {
        let Step::Host(59, events) = step else { continue };
        for event in events {
            match event {
                Event::Verdict { .. } => told += 1,
                Event::Lagged { lost: more } => lost += more,
                _ => {}
            }
        }
    }
    // Undecided at first, and alive once voters are known to be well.
    assert!(told <= 2 * 16, "{told}");
    assert!((120..=130).contains(&(told + lost)), "{lost} lost, and {told} told");
    assert_all_read(&world, 0..60, Verdict::Alive);
}

#[test]
fn nor_do_readings_flicker_where_a_third_of_all_datagrams_is_lost() {
    let mut world = cluster(config(100), 60);
    world.network.rules.push((0, Rule::Loss(0.3)));
    world.run_for(Duration::from_secs(10));
    assert_eq!(told(&mut world, Duration::from_secs(30)), 0);
}

#[test]
fn who_cannot_reach_the_voters_reads_nobody_as_alive_and_nobody_as_dead() {
    let mut world = cluster(config(100), 60);
    let apart = 20..60;
    world.network.rules.push((0, Rule::Partition((0..20).collect())));
    // What is left from before is at most 2 s old: here as long as a voter may be silent. A reading follows two intervals later.
    world.run_for(Duration::from_millis(2_400));
    assert_all_read(&world, apart.clone(), Verdict::Undecided);
    world.run_for(Duration::from_secs(20));
    assert_all_read(&world, apart, Verdict::Undecided);
    // The others have decided, meanwhile.
    assert!(matches!(reads(&world, 19, 59), Verdict::Dead { .. }));
    assert_eq!(reads(&world, 19, 0), Verdict::Alive);
    world.network.rules.clear();
    world.run_for(Duration::from_secs(20));
    assert_all_read(&world, 0..60, Verdict::Alive);
}

#[test]
fn a_majority_of_voters_is_enough_and_less_is_not() {
    let mut world = cluster(config(100), 40);
    for voter in 0..2 {
        world.crash(voter);
    }
    world.run_for(Duration::from_secs(10));
    for host in 2..40 {
        for of in 0..40 {
            let verdict = reads(&world, host, of);
            let right =
                if of < 2 { matches!(verdict, Verdict::Dead { .. }) } else { verdict == Verdict::Alive };
            assert!(right, "n{host} reads {verdict:?} of n{of}");
        }
    }
    world.crash(2);
    world.run_for(Duration::from_secs(5));
    for host in 3..40 {
        for of in 2..40 {
            assert_eq!(reads(&world, host, of), Verdict::Undecided, "n{host} of n{of}");
        }
    }
}

/// I3: a voter is its disk. Its name, on a node that runs from another one, is nobody's word.
#[test]
fn who_has_the_name_of_a_voter_and_another_disk_does_not_count_as_one() {
    let mut world = cluster(config(100), 40);
    world.crash(0);
    world.run_for(Duration::from_secs(10));
    world.replace_disk(0);
    let incarnation = world.hosts[0].stored + 1;
    world.start(0, incarnation);
    world.run_for(Duration::from_secs(20));
    assert_all_read(&world, 0..40, Verdict::Alive);
    for voter in 1..3 {
        world.crash(voter);
    }
    world.run_for(Duration::from_secs(5));
    for host in (3..40).chain([0]) {
        for of in 0..40 {
            assert_eq!(reads(&world, host, of), Verdict::Undecided, "n{host} of n{of}");
        }
    }
}

/// The economy profile has longer intervals, and fewer rings.
#[test]
fn so_do_followers_that_are_set_for_economy() {
    let mut world = cluster(config(100).economy(), 60);
    world.run_for(Duration::from_secs(60));
    assert_all_read(&world, 0..60, Verdict::Alive);
    assert_eq!(told(&mut world, Duration::from_secs(60)), 0);
}
