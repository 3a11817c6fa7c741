//! What the gossip layer promises in numbers, at n = 20 and an interval of 100 ms.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod sim;

use std::time::Duration;

use gossip::{Event, Opinion, Verdict};
use sim::network::Rule;
use sim::world::{Step, World, config};
use sim::{MS, Nanos, SECOND};

const HOSTS: usize = 20;

/// Twenty nodes that have known each other for so many seconds.
fn cluster(seed: u64, seconds: u64) -> World {
    let mut world = World::new(config(100).build().expect("valid"), HOSTS, seed);
    world.start_all();
    world.run_for(Duration::from_secs(seconds));
    world
}

/// When which host formed, or was told of, what opinion of whom.
type Formed = (Nanos, usize, String, Opinion);

/// Runs on, and notes each opinion that nodes form themselves.
fn opinions(world: &mut World, length: Nanos) -> Vec<Formed> {
    learnt(world, length).into_iter().filter_map(|(formed, own)| own.then_some(formed)).collect()
}

/// Runs on, and notes each opinion that nodes form, which is their own, or are told of; a decision counts as one.
fn learnt(world: &mut World, length: Nanos) -> Vec<(Formed, bool)> {
    let until = world.now + length;
    let mut learnt = Vec::new();
    while let Some(step) = world.step(until) {
        let Step::Host(host, events) = step else { continue };
        for event in events {
            match event {
                Event::Opinion { observer, target, opinion, .. } => {
                    let own = observer == world.hosts[host].id;
                    learnt.push(((world.now, host, target.to_string(), opinion), own));
                }
                // The news of a decision may come before that of the opinions behind it.
                Event::Verdict { id, verdict: Verdict::Suspended { .. } | Verdict::Dead { .. }, .. } => {
                    learnt.push(((world.now, host, id.to_string(), Opinion::Suspect), false));
                }
                _ => {}
            }
        }
    }
    learnt
}

/// When each survivor first suspected a host, or was told that those who watch it do; none for who never did.
fn noticed(world: &mut World, length: Nanos, target: usize) -> Vec<Option<Nanos>> {
    let name = format!("n{target}");
    let learnt = learnt(world, length);
    let suspects = |host: usize| {
        let suspicion = |(formed, _): &&(Formed, bool)| {
            formed.1 == host && formed.2 == name && formed.3 == Opinion::Suspect
        };
        learnt.iter().find(suspicion).map(|(formed, _)| formed.0)
    };
    (0..HOSTS).filter(|&host| host != target).map(suspects).collect()
}

fn detection(seconds: u64, rule: Option<&Rule>) -> (Vec<f64>, usize) {
    let (mut times, mut missed) = (Vec::new(), 0);
    for seed in 0..10 {
        let mut world = cluster(seed, 2);
        world.network.rules.extend(rule.map(|rule| (0, rule.clone())));
        world.run_for(Duration::from_secs(seconds - 2));
        // At any moment between two heartbeats.
        let skew = world.rng.between(0, 100 * MS);
        world.run_for(Duration::from_nanos(skew));
        let killed = world.now;
        world.crash(7);
        for noticed in noticed(&mut world, 10 * SECOND, 7) {
            match noticed {
                Some(at) => times.push((at - killed) as f64 / 1e9),
                None => missed += 1,
            }
        }
    }
    times.sort_by(f64::total_cmp);
    (times, missed)
}

#[test]
fn a_killed_node_is_suspected_by_all_survivors_within_a_second() {
    for seconds in [3, 10, 20, 60] {
        let (times, missed) = detection(seconds, None);
        let (median, max) = (times[times.len() / 2], times[times.len() - 1]);
        println!("killed after {seconds} s: median {median:.3} s, max {max:.3} s, missed {missed}");
        // The first seconds of a whole cluster, when nobody has any experience, are allowed a little more.
        let bound = if seconds < 10 { 0.8 } else { 0.6 };
        assert!(missed == 0 && median <= bound && max <= 1.0, "{median} {max} {missed}");
    }
}

#[test]
fn loss_delays_detection_but_does_not_prevent_it() {
    for loss in [0.01, 0.1, 0.3] {
        let (times, missed) = detection(60, Some(&Rule::Loss(loss)));
        let (median, max) = (times[times.len() / 2], times.last().copied().unwrap_or_default());
        println!("loss {loss}: median {median:.3} s, max {max:.3} s, missed {missed}");
        assert!(missed == 0, "{missed} of {} never suspected it", 10 * (HOSTS - 1));
    }
}

#[test]
fn idle_nodes_spend_at_most_twelve_kilobytes_a_second() {
    let mut world = cluster(1, 20);
    let before = world.network.stats;
    world.run_for(Duration::from_secs(60));
    let spent = |a: u64, b: u64| (b - a) as f64 / 60.0 / HOSTS as f64;
    let bytes = spent(before.bytes, world.network.stats.bytes);
    let datagrams = spent(before.datagrams, world.network.stats.datagrams);
    println!("idle: {bytes:.0} B/s and {datagrams:.1} datagrams/s a node, {:.1} B each", bytes / datagrams);
    assert!(bytes <= 12_000.0, "{bytes}");
}

#[test]
fn random_loss_makes_no_lasting_suspicion() {
    for loss in [0.1, 0.3] {
        let (mut suspicions, mut early, mut longest, mut suspect_time) = (0, 0, 0, 0);
        for seed in 0..5 {
            let mut world = cluster(100 + seed, 5);
            world.network.rules.push((0, Rule::Loss(loss)));
            let onset = world.now;
            let formed = opinions(&mut world, 60 * SECOND);
            for (at, host, target, opinion) in &formed {
                if *opinion != Opinion::Suspect {
                    continue;
                }
                let over = formed.iter().find(|f| f.0 > *at && f.1 == *host && f.2 == *target);
                let length = over.map_or(world.now, |f| f.0) - at;
                suspicions += 1;
                early += u32::from(at - onset < 5 * SECOND);
                suspect_time += length;
                longest = longest.max(length);
            }
        }
        println!(
            "loss {loss}: {suspicions} suspicions in 5 x 60 s, {early} of them in the first 5 s, \
             together {:.1} s, the longest {:.3} s",
            suspect_time as f64 / 1e9,
            longest as f64 / 1e9
        );
        assert!(longest < 3 * SECOND, "{longest}");
    }
}

#[test]
fn a_node_stopped_for_five_seconds_accuses_nobody() {
    for seed in 0..10 {
        let mut world = cluster(200 + seed, 10);
        world.pause(3);
        world.run_for(Duration::from_secs(5));
        let events = world.unpause(3);
        assert!(events.iter().any(|e| matches!(e, Event::ProcessPaused { length } if length.as_secs() >= 4)));
        let formed = opinions(&mut world, 20 * SECOND);
        let own = |f: &&(Nanos, usize, String, Opinion)| f.1 == 3 && f.3 != Opinion::Trust;
        assert!(formed.iter().find(own).is_none(), "{formed:?}");
        assert!(sim::check::converged(&world).is_ok());
    }
}

#[test]
fn a_node_that_dies_in_a_storm_nobody_had_seen_is_suspected_in_bounded_time() {
    let mut world = cluster(300, 20);
    world.network.rules.push((0, Rule::Jitter(200 * MS)));
    world.run_for(Duration::from_secs(2));
    world.crash(7);
    world.network.rules.clear();
    let noticed = noticed(&mut world, 7 * SECOND, 7);
    assert!(noticed.iter().all(Option::is_some), "{noticed:?}");
}

/// A cluster of the economy profile that decides verdicts, after a hundred seconds.
fn thrifty(seed: u64) -> World {
    let config = config(800).economy().voters((0..5).map(|n| format!("n{n}"))).build().expect("valid");
    let mut world = World::new(config, HOSTS, seed);
    world.give_disks();
    world.start_all();
    world.run_for(Duration::from_secs(100));
    world
}

#[test]
fn the_economy_profile_notices_within_three_seconds_and_spends_little() {
    let mut times = Vec::new();
    for seed in 0..10 {
        let mut world = thrifty(seed);
        let skew = world.rng.between(0, 800 * MS);
        world.run_for(Duration::from_nanos(skew));
        let killed = world.now;
        world.crash(7);
        let noticed = noticed(&mut world, 20 * SECOND, 7);
        times.extend(noticed.into_iter().map(|at| (at.expect("all notice") - killed) as f64 / 1e9));
    }
    times.sort_by(f64::total_cmp);
    let (median, max) = (times[times.len() / 2], times[times.len() - 1]);
    let mut world = thrifty(100);
    let before = world.network.stats;
    world.run_for(Duration::from_secs(100));
    let bytes = (world.network.stats.bytes - before.bytes) as f64 / 100.0 / HOSTS as f64;
    println!("economy: median {median:.2} s, max {max:.2} s, {bytes:.0} B/s a node");
    assert!(max <= 3.0 && bytes <= 1000.0);
}

#[test]
fn the_economy_profile_declares_nobody_dead_under_loss() {
    for seed in 0..5 {
        let mut world = thrifty(200 + seed);
        world.network.rules.push((0, Rule::Loss(0.3)));
        world.run_for(Duration::from_secs(300));
        let view = world.view(0).expect("founded");
        println!("economy, 30 % loss: {} views, {} dead", view.epoch.get(), view.gone.len());
        assert_eq!(view.gone.len(), 0);
    }
}
