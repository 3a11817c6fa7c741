//! Cost and speed against the size of the cluster.
//!
//! CI goes to 1,000 nodes. Ten thousand, and halves of a thousand, take some ten minutes and 8 GB:
//! `cargo test --release -p gossip --test scale -- --ignored --nocapture`
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod sim;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gossip::{ConfigBuilder, Event, NodeId, Opinion, Record, Verdict};
use sim::network::Rule;
use sim::world::{Step, World, config};
use sim::{MS, Nanos, SECOND};

const INTERVAL: Nanos = 100 * MS;

/// One line of the table.
#[derive(Debug)]
struct Row {
    nodes: usize,
    bytes: f64,
    datagrams: f64,
    longest: usize,
    /// Intervals until everybody knew of a join, and until everybody knew that somebody suspects a crashed node; of the
    /// latter also from the first suspicion on.
    join: f64,
    /// Seconds until the newcomer knew everybody.
    newcomer: f64,
    crash: f64,
    crash_spread: f64,
    /// Seconds until everybody held the first view, counted from the start of all, and until everybody knew that the
    /// crashed node is dead.
    founded: f64,
    dead: f64,
}

/// Nodes that know each other from a list, as after a deployment, so that only what they do from then on is measured.
fn acquainted(nodes: usize) -> World {
    acquainted_by(config(100), nodes)
}

fn acquainted_by(config: ConfigBuilder, nodes: usize) -> World {
    let config = config.voters((0..5).map(|n| format!("n{n}")));
    let mut world = World::new(config.build().expect("valid"), nodes + 1, 1);
    world.give_disks();
    for index in 0..nodes {
        world.start(index, 1);
    }
    let records: Vec<Arc<Record>> =
        world.hosts.iter().filter_map(|host| host.node.as_ref()).map(|node| node.record().clone()).collect();
    for index in 0..nodes {
        let host = &mut world.hosts[index];
        let now = host.now(world.now);
        if let Some(node) = &mut host.node {
            node.introduce(now, records.iter().cloned());
        }
        world.drain(index);
    }
    world
}

/// Runs until each of `done` has held for as many nodes as there are to tell; the moments of the first and of the last.
fn spread<const N: usize>(
    world: &mut World,
    tell: usize,
    limit: Nanos,
    done: [&dyn Fn(&Event) -> bool; N],
) -> [(Nanos, Nanos); N] {
    let (start, until) = (world.now, world.now + limit);
    let mut told: [BTreeSet<usize>; N] = std::array::from_fn(|_| BTreeSet::new());
    let mut when = [(None, 0); N];
    while told.iter().any(|told| told.len() < tell) {
        let Some(step) = world.step(until) else {
            let told = told.map(|told| told.len());
            panic!("only {told:?} of {tell} were told in time");
        };
        let Step::Host(host, events) = step else { continue };
        for (of, done) in done.iter().enumerate() {
            if events.iter().any(done) && told[of].insert(host) {
                when[of].0.get_or_insert(world.now);
                when[of].1 = world.now;
            }
        }
    }
    when.map(|(first, last)| (first.unwrap_or(start) - start, last - start))
}

/// How long the host of this number takes from its start until it knows as many nodes as there are.
fn caught_up(world: &mut World, nodes: usize) -> Nanos {
    let known = |world: &World| world.hosts[nodes].node.as_ref().map_or(0, |node| node.members().count());
    while known(world) <= nodes {
        assert!(world.now - world.hosts[nodes].started < 120 * SECOND, "{} known", known(world));
        world.run_for(Duration::from_millis(100));
    }
    world.now - world.hosts[nodes].started
}

fn measure(nodes: usize, idle: u64) -> Row {
    let mut world = acquainted(nodes);
    let view = |event: &Event| matches!(event, Event::View { .. });
    let [(_, founded)] = spread(&mut world, nodes, 60 * SECOND, [&view]);
    world.run_for(Duration::from_secs(12));
    let before = world.network.stats;
    world.run_for(Duration::from_secs(idle));
    let after = world.network.stats;
    let per_node = |a: u64, b: u64| (b - a) as f64 / idle as f64 / nodes as f64;

    let newcomer = world.hosts[nodes].id.clone();
    world.start(nodes, 1);
    world.drain(nodes);
    let joined = |event: &Event| matches!(event, Event::Joined { id, .. } if *id == newcomer);
    let [(_, join)] = spread(&mut world, nodes, 60 * SECOND, [&joined]);

    let newcomer = caught_up(&mut world, nodes);
    let victim: NodeId = world.hosts[nodes / 2].id.clone();
    world.crash(nodes / 2);
    // The news of a decision may overtake that of the opinions behind it.
    let suspected = |event: &Event| match event {
        Event::Opinion { target, opinion, .. } => *target == victim && *opinion == Opinion::Suspect,
        Event::Verdict { id, verdict: Verdict::Suspended { .. } | Verdict::Dead { .. }, .. } => *id == victim,
        _ => false,
    };
    let dead = |event: &Event| matches!(event, Event::Verdict { id, verdict: Verdict::Dead { .. }, .. } if *id == victim);
    let [(first, crash), (_, dead)] = spread(&mut world, nodes, 60 * SECOND, [&suspected, &dead]);

    let intervals = |time: Nanos| time as f64 / INTERVAL as f64;
    Row {
        nodes,
        bytes: per_node(before.bytes, after.bytes),
        datagrams: per_node(before.datagrams, after.datagrams),
        longest: world.network.stats.longest,
        join: intervals(join),
        newcomer: newcomer as f64 / 1e9,
        crash: intervals(crash),
        crash_spread: intervals(crash - first),
        founded: founded as f64 / 1e9,
        dead: dead as f64 / 1e9,
    }
}

fn table(rows: &[Row]) {
    println!(
        "| nodes | B/s a node | datagrams/s a node | longest datagram, B \
         | join known to all, intervals | newcomer knows all, s | crash known to all, intervals \
         | of it after the first suspicion | first view at all, s | death known to all, s |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        println!(
            "| {} | {:.0} | {:.1} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} |",
            row.nodes,
            row.bytes,
            row.datagrams,
            row.longest,
            row.join,
            row.newcomer,
            row.crash,
            row.crash_spread,
            row.founded,
            row.dead
        );
    }
}

fn check(rows: &[Row]) {
    table(rows);
    let first = &rows[0];
    for row in rows {
        let within = |a: f64, b: f64| (a / b - 1.0).abs() <= 0.2;
        assert!(within(row.bytes, first.bytes) && within(row.datagrams, first.datagrams), "{row:?}");
        assert!(row.longest <= gossip::DATAGRAM_MAX, "{row:?}");
        // Rounds in proportion to the logarithm.
        let rounds = (row.nodes as f64).log2();
        assert!(row.founded <= 10.0 && row.dead <= 3.0, "{row:?}");
        assert!(row.join <= 2.0 * rounds && row.crash_spread <= 2.0 * rounds, "{row:?}");
    }
}

#[test]
fn cost_a_node_does_not_grow_up_to_a_thousand_nodes() {
    check(&[measure(100, 10), measure(300, 10), measure(1000, 10)]);
}

#[test]
#[ignore = "minutes, and gigabytes"]
fn nor_up_to_ten_thousand() {
    check(&[measure(100, 20), measure(1000, 10), measure(10_000, 5)]);
}

#[test]
fn a_hundred_nodes_that_start_together_find_each_other() {
    let mut world = World::new(config(100).build().expect("valid"), 100, 5);
    world.start_all();
    let start = world.now;
    let complete = |world: &World| {
        world.hosts.iter().filter_map(|h| h.node.as_ref()).all(|node| node.members().count() == 100)
    };
    while !complete(&world) {
        world.run_for(Duration::from_millis(100));
        assert!(world.now - start < 60 * SECOND, "not within a minute");
    }
    println!("complete after {:.1} s", (world.now - start) as f64 / 1e9);
    world.run_for(Duration::from_secs(10));
    if let Err(what) = sim::check::converged(&world) {
        panic!("{what}");
    }
}

#[test]
fn when_half_of_a_hundred_crash_together_the_others_hold_together() {
    let mut world = acquainted(100);
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
    let mut world = acquainted_by(config(100).full_mesh_max(8).rings(2), 120);
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

/// Seconds until all are one again after the halves of a cluster were apart for two minutes, in which each changed, and the
/// half with the voters declared the other dead. Also how many deaths that were.
fn halves(nodes: usize) -> (f64, usize) {
    let mut world = acquainted(nodes);
    world.run_for(Duration::from_secs(10));
    world.network.rules.push((0, Rule::Partition((0..nodes / 2).collect())));
    world.run_for(Duration::from_secs(60));
    for index in (0..nodes).step_by(10) {
        let now = world.hosts[index].now(world.now);
        let node = world.hosts[index].node.as_mut().expect("it runs");
        node.set_metadata(now, "seen", "both sides").expect("fits");
        world.drain(index);
    }
    world.crash(13);
    world.start(13, 2);
    world.drain(13);
    world.run_for(Duration::from_secs(60));
    let dead = world.view(0).map_or(0, |view| view.gone.len());
    world.network.rules.clear();
    let healed = world.now;
    while let Err(what) = one_again(&world) {
        world.run_for(Duration::from_millis(100));
        assert!(world.now - healed < 60 * SECOND, "{what}");
    }
    ((world.now - healed) as f64 / 1e9, dead)
}

/// Whether all know each other, and hold the same view. The last look is dear: it is taken when the others are promising.
fn one_again(world: &World) -> Result<(), String> {
    let up = || world.hosts.iter().enumerate().filter(|(_, host)| host.is_up());
    let epoch = |host| world.view(host).map(|view| view.epoch);
    for (index, host) in up() {
        if epoch(index) != epoch(0) {
            return Err(format!("n{index} is at view {:?}, not {:?}", epoch(index), epoch(0)));
        }
        let members = host.node.as_ref().map_or(0, |node| node.members().count());
        if members != up().count() {
            return Err(format!("n{index} knows {members} nodes"));
        }
    }
    sim::check::converged(world)
}

#[test]
fn halves_of_two_hundred_that_each_changed_meet_again() {
    let (seconds, dead) = halves(200);
    println!("one again after {seconds:.1} s, {dead} lives later");
    assert!(seconds <= 20.0 && dead >= 100, "{seconds} {dead}");
}

#[test]
#[ignore = "four minutes in a release build"]
fn so_do_halves_of_a_thousand() {
    let (seconds, dead) = halves(1000);
    println!("1000 nodes: one again after {seconds:.1} s, {dead} lives later");
    assert!(seconds <= 20.0 && dead >= 500, "{seconds} {dead}");
}
