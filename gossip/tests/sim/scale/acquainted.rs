//! Nodes that know each other from the start.

use gossip::ConfigBuilder;
use gossip::core::Roster;

use super::super::world::{World, config};
use super::super::{MS, Nanos};
use super::watch::{INTRODUCTION, Watch};

/// How often nodes beat.
pub const INTERVAL: Nanos = 100 * MS;

/// Nodes that know each other from a list, as after a deployment, so that only what they do from then on is measured. One
/// more host is there, and has not been started. The first five vote.
pub fn acquainted(nodes: usize, seed: u64, watch: Watch<'_>) -> World {
    let members = 2 * nodes.max(8_192);
    acquainted_by(config(INTERVAL / MS).members_max(members), nodes, seed, watch)
}

/// The same with other options.
pub fn acquainted_by(config: ConfigBuilder, nodes: usize, seed: u64, watch: Watch<'_>) -> World {
    let config = config.voters((0..5).map(|n| format!("n{n}")));
    let mut world = World::new(config.build().expect("valid"), nodes + 1, seed);
    world.notes_heard = false;
    world.give_disks();
    for index in 0..nodes {
        world.start(index, 1);
    }
    let started = world.hosts.iter().filter_map(|host| host.node.as_ref());
    let roster = Roster::new(started.map(|node| node.record().clone()));
    for index in 0..nodes {
        watch("introducing all to all", INTRODUCTION * index as Nanos);
        let host = &mut world.hosts[index];
        let now = host.now(world.now);
        if let Some(node) = &mut host.node {
            node.introduce_all(now, &roster);
        }
        world.drain(index);
    }
    world
}
