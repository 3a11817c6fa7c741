//! Joining, leaving, coming back, moving, and quarrelling over a name.
#![allow(clippy::expect_used, reason = "helpers of tests are tests")]

mod sim;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gossip::wire::{Frame, Head, Item};
use gossip::{CommandError, DATAGRAM_MAX, Event, Opinion, Record, Refusal, SetError, Status};
use sim::check::converged;
use sim::fault::{Fault, Scenario};
use sim::frame::encoded;
use sim::network::Rule;
use sim::run::run;
use sim::world::{Step, World, config};
use sim::{Nanos, SECOND};

fn cluster(hosts: usize, seed: u64) -> World {
    let mut world = World::new(config(100).build().expect("valid"), hosts, seed);
    world.start_all();
    world.run_for(Duration::from_secs(10));
    assert_well(&world);
    world
}

fn assert_well(world: &World) {
    if let Err(what) = converged(world) {
        panic!("at {:.3} s: {what}", world.now as f64 / 1e9);
    }
}

/// Runs on and collects events as (host, event).
fn events(world: &mut World, length: Nanos) -> Vec<(usize, Event)> {
    let until = world.now + length;
    let mut all = Vec::new();
    while let Some(step) = world.step(until) {
        if let Step::Host(host, events) = step {
            all.extend(events.into_iter().map(|event| (host, event)));
        }
    }
    all
}

fn command<T>(
    world: &mut World,
    host: usize,
    f: impl FnOnce(&mut gossip::core::Node, gossip::Now) -> T,
) -> T {
    let now = world.hosts[host].now(world.now);
    let out = f(world.hosts[host].node.as_mut().expect("it runs"), now);
    world.drain(host);
    out
}

#[test]
fn the_first_node_is_ready_alone_and_others_once_they_know_everybody() {
    let mut world = World::new(config(100).build().expect("valid"), 3, 1);
    world.hosts[0].start(0, &world.config.clone(), Vec::new(), 1, &mut sim::rng::Rng::new(1));
    let first = Event::Started { incarnation: gossip::Incarnation::FIRST };
    assert_eq!(world.drain(0), [first, Event::Ready]);
    world.start(1, 1);
    world.start(2, 1);
    world.drain(1);
    world.drain(2);
    let all = events(&mut world, 3 * SECOND);
    for host in [1, 2] {
        assert_eq!(all.iter().filter(|(h, e)| *h == host && *e == Event::Ready).count(), 1, "{all:#?}");
    }
    assert_well(&world);
}

#[test]
fn seeds_that_do_not_answer_are_called_for_ever_and_reported() {
    let mut world = World::new(config(100).build().expect("valid"), 3, 2);
    world.start(1, 1);
    world.drain(1);
    let all = events(&mut world, 60 * SECOND);
    let rounds = all.iter().filter(|(_, e)| matches!(e, Event::SeedsSilent { .. })).count();
    assert!((25..60).contains(&rounds), "{rounds}");
    // An hour later somebody answers at last.
    world.run_for(Duration::from_secs(3600));
    world.start(0, 1);
    world.drain(0);
    world.run_for(Duration::from_secs(5));
    assert_well(&world);
}

#[test]
fn leaving_is_acknowledged_spread_and_no_failure() {
    let mut world = cluster(9, 3);
    command(&mut world, 4, |node, now| node.leave(now)).expect("it runs");
    world.hosts[4].left = true;
    let all = events(&mut world, 3 * SECOND);
    let done = all.iter().find_map(|(h, e)| match e {
        Event::LeaveDone { acknowledged, told } if *h == 4 => Some((*acknowledged, *told)),
        _ => None,
    });
    let (acknowledged, told) = done.expect("it is over");
    assert!(told == 8 && acknowledged * 2 >= told, "{acknowledged} of {told}");
    let heard = |host: usize| all.iter().any(|(h, e)| *h == host && matches!(e, Event::Left { .. }));
    assert!((0..9).filter(|&host| host != 4).all(heard));
    let doubted =
        |(_, e): &(usize, Event)| matches!(e, Event::Opinion { opinion, .. } if *opinion != Opinion::Trust);
    assert!(!all.iter().any(doubted), "{all:#?}");
    let stopped = command(&mut world, 4, |node, now| node.set_metadata(now, "a", "b"));
    assert_eq!(stopped, Err(SetError::Command(CommandError::Left)));
    assert_well(&world);

    // The same incarnation cannot come back; a higher one can.
    let config = world.config.clone();
    let (now, seeds) = (world.now, world.seeds());
    world.hosts[4].left = false;
    world.hosts[4].start(now, &config, seeds, 1, &mut sim::rng::Rng::new(9));
    world.hosts[4].stored = 100; // keeps the world from starting it again by itself
    world.drain(4);
    let all = events(&mut world, SECOND);
    let refused = |e: &Event| matches!(e, Event::Refused { reason: Refusal::Incarnation { highest }, .. } if highest.get() == 1);
    assert!(all.iter().any(|(h, e)| *h == 4 && refused(e)), "{all:#?}");
    world.start(4, 2);
    world.drain(4);
    world.run_for(Duration::from_secs(5));
    assert_well(&world);
}

/// Those who are declared dead while they are cut off begin another life and call their seeds. Where those have moved, they are
/// called instead: by those who buried them.
#[test]
fn the_evicted_are_called_where_they_were_buried() {
    let config = config(100).voters(["n0", "n1", "n2"]).build().expect("valid");
    let mut world = World::new(config, 5, 3);
    world.give_disks();
    world.start_all();
    world.run_for(Duration::from_secs(10));
    world.network.rules.push((0, Rule::Partition(vec![3, 4])));
    world.run_for(Duration::from_secs(20));
    for host in [3, 4] {
        assert!(world.view(0).expect("a history").gone.contains(&world.hosts[host].id), "n{host} is dead");
    }
    for host in 0..3 {
        world.relocate(host, SocketAddr::from(([10, 9, 0, host as u8], 7000)));
    }
    // Their former lives must not tell where the others are.
    for host in [3, 4] {
        world.crash(host);
        let incarnation = world.hosts[host].stored + 1;
        let (now, config) = (world.now, world.config.clone());
        let seeds = (0..3).map(|seed| SocketAddr::from(([10, 0, 0, seed], 7000))).collect();
        world.hosts[host].start(now, &config, seeds, incarnation, &mut sim::rng::Rng::new(9 + host as u64));
        world.drain(host);
    }
    world.run_for(Duration::from_secs(5));
    world.network.rules.clear();
    world.run_for(Duration::from_secs(20));
    assert_well(&world);
}

/// A disk that was put back from a backup is found out by whoever has seen it in a later life, even after that was buried.
#[test]
fn a_disk_that_goes_back_in_time_is_another_disk() {
    for (buried, forgotten) in [(false, false), (true, false), (true, true)] {
        let config = config(100).voters(["n0", "n1", "n2", "n3", "n4"]).build().expect("valid");
        let mut world = World::new(config, 5, 7);
        world.give_disks();
        world.start_all();
        world.run_for(Duration::from_secs(10));
        let backup = (world.hosts[4].stored, world.hosts[4].durable.clone(), world.hosts[4].disk);
        for _ in 0..2 {
            world.crash(4);
            world.run_for(Duration::from_millis(200));
            let incarnation = world.hosts[4].stored + 1;
            world.start(4, incarnation);
            world.drain(4);
            world.run_for(Duration::from_secs(5));
        }
        world.crash(4);
        world.run_for(if buried { Duration::from_secs(30) } else { Duration::from_millis(100) });
        let gone = |host: usize, world: &World| {
            let view = world.view(host).expect("a history").clone();
            view.gone.get(&world.hosts[4].id).map(|gone| gone.incarnation.get())
        };
        assert_eq!(gone(0, &world), Some(if buried { 3 } else { 2 }));

        if forgotten {
            // One that knows from its view that the life is over, and not from which disk that ran, answers before the others.
            world.crash(0);
            world.start(0, 2);
            world.drain(0);
            world.run_for(Duration::from_secs(5));
            world.network.rules.push((1, Rule::OneWay(vec![1, 2, 3], vec![4])));
        }
        (world.hosts[4].stored, world.hosts[4].durable) = (backup.0, backup.1.clone());
        world.start(4, backup.0 + 1);
        world.drain(4);
        let mut all = events(&mut world, SECOND / 2);
        world.network.rules.clear();
        all.extend(events(&mut world, 5 * SECOND));
        let reasons: Vec<Refusal> = all
            .iter()
            .filter_map(|(host, event)| match event {
                Event::Refused { reason, .. } if *host == 4 => Some(*reason),
                _ => None,
            })
            .collect();
        assert!(reasons.iter().any(|reason| matches!(reason, Refusal::Rewound { .. })), "{reasons:?}");
        assert_eq!(matches!(reasons[0], Refusal::Incarnation { .. }), forgotten, "{reasons:?}");
        world.run_for(Duration::from_secs(10));
        let identity = world.hosts[4].node.as_ref().expect("it runs").identity().clone();
        assert!(identity.incarnation.get() > 3 && identity.storage != backup.2, "{identity:?}");
        assert!(!world.view(0).expect("a history").electorate.votes(&identity.storage));
        assert_well(&world);
    }
}

/// What a host answers to a record that it is told, as if by another host.
fn answers(world: &mut World, host: usize, by: usize, record: &Record) -> usize {
    let to = world.hosts[host].node.as_ref().expect("it runs").identity().life().tag();
    let from = world.hosts[by].node.as_ref().expect("it runs").identity().life();
    let frame = Frame { from, to, head: Head::Delta };
    let bytes = encoded(&world.config, &frame, &[Item::Record(Arc::new(record.clone()))]);
    let addr = world.hosts[by].addr;
    command(world, host, |node, now| {
        let mut out = [0; DATAGRAM_MAX];
        while node.poll_transmit(&mut out).is_some() {}
        node.handle_datagram(now, addr, &bytes);
        std::iter::from_fn(|| node.poll_transmit(&mut out)).count()
    })
}

/// Of two nodes that both know that a life is over, each would answer the other's farewells for ever.
#[test]
fn who_believes_in_a_node_that_left_is_told_and_who_does_not_is_not() {
    let mut world = cluster(3, 5);
    let mut record = Record::clone(world.hosts[1].node.as_ref().expect("it runs").record());
    command(&mut world, 1, |node, now| node.leave(now)).expect("it runs");
    world.run_for(Duration::from_secs(1));
    assert_eq!(answers(&mut world, 0, 2, &record), 1, "an old record");
    record.status = Status::Left;
    assert_eq!(answers(&mut world, 0, 2, &record), 0, "an old farewell");
}

#[test]
fn a_restarted_node_is_a_new_life() {
    let mut world = cluster(6, 4);
    world.crash(2);
    world.run_for(Duration::from_secs(3));
    world.start(2, 2);
    world.drain(2);
    let all = events(&mut world, 5 * SECOND);
    let rejoined = |host: usize| {
        all.iter().any(|(h, e)| {
            *h == host && matches!(e, Event::Joined { incarnation, .. } if incarnation.get() == 2)
        })
    };
    assert!([0, 1, 3, 4, 5].into_iter().all(rejoined));
    assert_well(&world);
}

#[test]
fn a_second_process_of_the_same_name_and_incarnation_is_refused() {
    let mut world = cluster(5, 5);
    // A sixth host with the name of the second, believing itself to be its first life too.
    let mut twin = sim::host::Host::new(77, &mut sim::rng::Rng::new(5));
    twin.id = world.hosts[1].id.clone();
    world.addrs.insert(twin.addr, world.hosts.len());
    world.hosts.push(twin);
    world.pauses.push(Vec::new());
    world.start(5, 1);
    world.hosts[5].stored = 100;
    world.drain(5);
    let all = events(&mut world, 3 * SECOND);
    let told = |e: &Event| matches!(e, Event::Refused { reason: Refusal::NameConflict, .. });
    assert!(all.iter().any(|(h, e)| *h == 5 && told(e)), "{all:#?}");
    let conflicts = all.iter().filter(|(_, e)| matches!(e, Event::NameConflict { .. }));
    assert!((1..10).contains(&conflicts.count()), "reported, but not for ever");
    world.crash(5);
    world.hosts.pop();
    assert_well(&world);
}

#[test]
fn an_older_process_gives_way_to_its_successor() {
    let mut world = cluster(5, 6);
    let mut twin = sim::host::Host::new(77, &mut sim::rng::Rng::new(5));
    twin.id = world.hosts[1].id.clone();
    world.addrs.insert(twin.addr, world.hosts.len());
    world.hosts.push(twin);
    world.pauses.push(Vec::new());
    world.start(5, 2);
    world.drain(5);
    let all = events(&mut world, 10 * SECOND);
    assert!(all.iter().any(|(h, e)| *h == 1 && matches!(e, Event::Superseded { incarnation } if incarnation.get() == 2)));
    let stopped = command(&mut world, 1, |node, now| node.leave(now));
    assert_eq!(stopped, Err(CommandError::Superseded));
    world.hosts.swap_remove(1);
    world.addrs.insert(world.hosts[1].addr, 1);
    assert_well(&world);
}

#[test]
fn a_node_that_moves_is_followed_whether_it_says_so_or_not() {
    let mut world = cluster(6, 7);
    world.relocate(3, SocketAddr::from(([10, 9, 9, 9], 7000)));
    world.run_for(Duration::from_secs(5));
    assert_well(&world);
    // Its address is changed under its feet, as by a NAT.
    let addr = SocketAddr::from(([10, 9, 9, 10], 7000));
    world.addrs.insert(addr, 3);
    world.hosts[3].addr = addr;
    let all = events(&mut world, 5 * SECOND);
    assert!(all.iter().any(|(_, e)| matches!(e, Event::AddrChanged { addr: to, .. } if *to == addr)));
    assert_well(&world);
}

#[test]
fn metadata_reaches_everybody_and_its_limits_are_clear() {
    let mut world = cluster(12, 8);
    assert_eq!(command(&mut world, 5, |node, now| node.set_metadata(now, "role", "db")), Ok(true));
    assert_eq!(command(&mut world, 5, |node, now| node.set_metadata(now, "role", "db")), Ok(false));
    let long = "x".repeat(257);
    let refused = command(&mut world, 5, |node, now| node.set_metadata(now, "role", &long));
    let text = refused.expect_err("too long").to_string();
    assert_eq!(text, "a metadata value must have at most 256 bytes, this one has 257");
    world.run_for(Duration::from_secs(1));
    for host in &world.hosts {
        let member = host.node.as_ref().and_then(|node| node.member(&world.hosts[5].id)).expect("a member");
        assert_eq!(member.record.metadata.value("role"), Some("db"));
    }
}

#[test]
fn an_announced_pause_is_no_silence() {
    let mut world = cluster(8, 9);
    command(&mut world, 2, |node, now| node.announce_pause(now, Duration::from_secs(6))).expect("it runs");
    world.pause(2);
    let all = events(&mut world, 5 * SECOND);
    let doubted =
        |(_, e): &(usize, Event)| matches!(e, Event::Opinion { opinion, .. } if *opinion != Opinion::Trust);
    assert!(!all.iter().any(doubted), "{all:#?}");
    world.unpause(2);
    world.run_for(Duration::from_secs(2));
    assert!(world.hosts.iter().all(|host| {
        let member = host.node.as_ref().and_then(|node| node.member(&world.hosts[2].id)).expect("a member");
        member.record.status == Status::Running
    }));
    assert_well(&world);
    // One that never comes back is suspected when its time is up, and soon.
    command(&mut world, 2, |node, now| node.announce_pause(now, Duration::from_secs(3))).expect("it runs");
    world.run_for(Duration::from_millis(50));
    world.crash(2);
    let all = events(&mut world, 10 * SECOND);
    let suspects = |host: usize| {
        let own = &world.hosts[host].id;
        all.iter().any(|(h, e)| {
            *h == host
                && matches!(e, Event::Opinion { observer, opinion: Opinion::Suspect, .. } if observer == own)
        })
    };
    assert!([0, 1, 3, 4, 5, 6, 7].into_iter().all(suspects));
}

#[test]
fn one_bad_link_is_not_a_dead_node() {
    let mut world = cluster(10, 10);
    world.network.rules.push((0, Rule::OneWay(vec![3], vec![7])));
    let all = events(&mut world, 60 * SECOND);
    let suspected = |(_, e): &(usize, Event)| matches!(e, Event::Opinion { opinion: Opinion::Suspect, .. });
    assert!(!all.iter().any(suspected), "{all:#?}");
    let unsure = |(h, e): &(usize, Event)| {
        *h == 7
            && matches!(e, Event::Opinion { opinion: Opinion::Unsure, target, .. } if target.as_str() == "n3")
    };
    assert!(all.iter().any(unsure), "the link is reported all the same");
    world.network.rules.clear();
    world.run_for(Duration::from_secs(5));
    assert_well(&world);
}

/// S8: a process that was stopped soon after it met somebody had no time to hear it, however long that is ago by the clock.
#[test]
fn a_pause_is_no_time_in_which_a_new_acquaintance_could_have_been_heard() {
    let mut world = World::new(config(100).build().expect("valid"), 4, 12);
    world.network.rules.push((0, Rule::OneWay(vec![1], vec![3])));
    (0..3).for_each(|host| {
        world.start(host, 1);
        world.drain(host);
    });
    world.run_for(Duration::from_secs(5));
    world.start(3, 1);
    world.drain(3);
    world.run_for(Duration::from_millis(500));
    let own = world.hosts[3].id.clone();
    let knows = |world: &World| {
        let member = world.hosts[3].node.as_ref().and_then(|node| node.member(&world.hosts[1].id));
        member.is_some_and(|member| member.opinion == Some(Opinion::Unsure))
    };
    assert!(knows(&world), "it has met the one that it cannot hear");
    world.pause(3);
    world.run_for(Duration::from_secs(9));
    world.unpause(3);
    let doubted = |all: &[(usize, Event)]| {
        all.iter().any(|(_, event)| {
            matches!(event, Event::Opinion { observer, target, .. } if *observer == own && target.as_str() == "n1")
        })
    };
    assert!(!doubted(&events(&mut world, SECOND / 4)), "it has been awake for less than a second");
    assert!(doubted(&events(&mut world, SECOND)), "by now it has not heard it for a second");
}

#[test]
fn a_node_cut_off_from_everybody_doubts_itself() {
    let mut world = cluster(8, 11);
    world.network.rules.push((0, Rule::Partition(vec![3])));
    let all = events(&mut world, 20 * SECOND);
    for (host, event) in &all {
        if let Event::Opinion { observer, opinion: Opinion::Suspect, .. } = event {
            assert!(*host != 3 || observer != &world.hosts[3].id, "{event:?}");
        }
    }
    world.network.rules.clear();
    world.run_for(Duration::from_secs(10));
    assert_well(&world);
}

#[test]
fn halves_find_each_other_after_a_long_partition() {
    for (seed, full_mesh_max) in [(1, 32), (2, 8)] {
        let scenario = Scenario { full_mesh_max, ..Scenario::calm(seed, 16, 100) };
        let long = scenario.with(50, 12_000, Fault::Net(Rule::Partition((0..7).collect())));
        if let Err(failure) = run(&long, false, &|_| {}) {
            panic!("{}", failure.what);
        }
    }
}

/// Neither misses anybody, so nobody calls but the few whose turn it is.
#[test]
fn two_clusters_that_never_met_become_one() {
    for seed in 1..=5 {
        let mut world = World::new(config(100).build().expect("valid"), 60, seed);
        world.network.rules.push((0, Rule::Partition(Vec::from_iter(2..30))));
        world.start_all();
        world.run_for(Duration::from_secs(30));
        let known = |world: &World, host: usize| {
            world.hosts[host].node.as_ref().map_or(0, |node| node.members().count())
        };
        assert_eq!([known(&world, 0), known(&world, 2)], [32, 28], "each knows itself only");
        world.network.rules.clear();
        world.run_for(Duration::from_secs(10));
        assert!(converged(&world).is_ok(), "{:?}", converged(&world));
    }
}

#[test]
fn a_node_that_does_not_know_its_address_is_told() {
    let mut world = World::new(config(100).build().expect("valid"), 2, 13);
    world.start(0, 1);
    world.drain(0);
    let real = world.hosts[1].addr;
    world.hosts[1].addr = SocketAddr::from(([0, 0, 0, 0], 7000));
    world.start(1, 1);
    world.hosts[1].addr = real;
    world.drain(1);
    world.run_for(Duration::from_secs(3));
    let own = world.hosts[1].node.as_ref().map(|node| node.record().addr);
    assert_eq!(own, Some(real));
    assert_well(&world);
}

/// Nobody answers the first node before it has been called, and others know where it is from its datagrams alone.
#[test]
fn the_first_node_learns_its_address_too() {
    let mut world = World::new(config(100).build().expect("valid"), 3, 13);
    let real = std::mem::replace(&mut world.hosts[0].addr, SocketAddr::from(([0, 0, 0, 0], 7000)));
    world.hosts[0].start(0, &world.config.clone(), Vec::new(), 1, &mut sim::rng::Rng::new(1));
    world.hosts[0].addr = real;
    world.drain(0);
    for host in [1, 2] {
        world.start(host, 1);
        world.drain(host);
    }
    world.run_for(Duration::from_secs(5));
    let own = world.hosts[0].node.as_ref().map(|node| node.record().addr);
    assert_eq!(own, Some(real));
    assert_well(&world);
}

/// While a cluster grows beyond a full mesh, nodes stop observing each other, and say so: whoever follows the events knows
/// which opinions count.
#[test]
fn opinions_that_no_longer_count_are_withdrawn() {
    let mut world = World::new(config(100).full_mesh_max(8).rings(2).build().expect("valid"), 20, 4);
    let mut counts = BTreeSet::new();
    for host in 0..20 {
        world.start(host, 1);
        world.drain(host);
        for (by, event) in events(&mut world, SECOND) {
            let own = &world.hosts[by].id;
            match event {
                Event::Opinion { observer, target, .. } if observer == *own => counts.insert((by, target)),
                Event::Unobserved { id, .. } => counts.remove(&(by, id)),
                _ => false,
            };
        }
    }
    for (index, host) in world.hosts.iter().enumerate() {
        let members = host.node.as_ref().expect("it runs").members();
        let observed =
            members.filter(|member| member.opinion.is_some()).map(|m| m.record.identity.id.clone());
        let observed: BTreeSet<_> = observed.filter(|id| *id != host.id).collect();
        let said = counts.iter().filter(|(by, _)| *by == index).map(|(_, id)| id.clone()).collect();
        assert_eq!(observed, said, "n{index}");
        assert!(observed.len() <= 4, "{observed:?}");
    }
}

#[test]
fn everybody_may_restart_at_once() {
    let mut world = cluster(12, 14);
    for host in 0..12 {
        world.crash(host);
    }
    world.run_for(Duration::from_secs(1));
    for host in 0..12 {
        world.start(host, 2);
        world.drain(host);
    }
    world.run_for(Duration::from_secs(5));
    assert_well(&world);
}
