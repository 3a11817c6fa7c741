//! Two halves of a cluster that each went on without the other, and meet again.

use gossip::core::quorum::GONE_MAX;

use super::super::network::Rule;
use super::super::world::World;
use super::super::{Nanos, SECOND, check};
use super::acquainted::{INTERVAL, acquainted};
use super::watch::{INTRODUCTION, Watch, run};

/// How long the halves are apart before they change, and after.
const APART: Nanos = 60 * SECOND;
const BEFORE: Nanos = 10 * SECOND;
/// Whoever is not one again by then never will be.
const LIMIT: Nanos = 60 * SECOND;

/// What became of halves that were apart for two minutes, in which each changed, and the half with the voters declared the
/// other dead.
#[derive(Debug, Clone)]
pub struct Halves {
    pub nodes: usize,
    /// From healing until all know each other, with their newest records, and hold the same view. Virtual time.
    pub one_again: Nanos,
    /// How many lives were on record as dead when the network healed.
    pub dead: usize,
}

impl Halves {
    /// About how far the measurement of so many nodes goes, as it tells those who watch.
    pub fn takes(nodes: usize) -> Nanos {
        INTRODUCTION * nodes as Nanos + BEFORE + 2 * APART + 4 * SECOND
    }

    /// Measures a cluster of so many nodes; fails if its halves do not find together.
    pub fn measure(nodes: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        let mut world = acquainted(nodes, seed, watch);
        run(&mut world, BEFORE, "settling", watch);
        world.network.rules.push((0, Rule::Partition((0..nodes / 2).collect())));
        run(&mut world, APART, "halves apart", watch);
        change(&mut world, nodes);
        run(&mut world, APART, "halves apart, each with changes", watch);
        let dead = world.view(0).map_or(0, |view| view.gone.len());
        world.network.rules.clear();
        let healed = world.now;
        while let Err(what) = one_again(&world) {
            if world.now - healed >= LIMIT {
                return Err(format!("halves of {nodes}: not one again within a minute: {what}"));
            }
            run(&mut world, INTERVAL, "healed, becoming one again", watch);
        }
        Ok(Self { nodes, one_again: world.now - healed, dead })
    }

    /// Whether it keeps what is promised of any size.
    pub fn check(&self) -> Result<(), String> {
        // A view has room for no more.
        let kept = self.one_again <= 20 * SECOND && self.dead >= (self.nodes / 2).min(GONE_MAX);
        kept.then_some(())
            .ok_or_else(|| format!("halves took more than 20 s, or not all of one died: {self:?}"))
    }
}

/// What each half does by itself: one node in ten has something new to say, and one starts again.
fn change(world: &mut World, nodes: usize) {
    for index in (0..nodes).step_by(10) {
        let now = world.hosts[index].now(world.now);
        let node = world.hosts[index].node.as_mut().expect("it runs");
        node.set_metadata(now, "seen", "both sides").expect("fits");
        world.drain(index);
    }
    world.crash(13);
    world.start(13, 2);
    world.drain(13);
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
    check::converged(world)
}
