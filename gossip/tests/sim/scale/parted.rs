//! Two parts of a cluster that each went on without the other, and meet again.

use gossip::core::quorum::GONE_MAX;

use super::super::network::Rule;
use super::super::world::World;
use super::super::{Nanos, SECOND, check};
use super::acquainted::{INTERVAL, acquainted};
use super::watch::{INTRODUCTION, Watch, run};

/// How long the parts are apart before they change, and after.
const APART: Nanos = 60 * SECOND;
const BEFORE: Nanos = 10 * SECOND;
/// Whoever is not one again by then never will be.
const LIMIT: Nanos = 60 * SECOND;
/// How many nodes a rack has.
pub const RACK: usize = 100;

/// What became of parts that were apart for two minutes, in which each changed, and the part with the voters declared the
/// other dead.
#[derive(Debug, Clone)]
pub struct Parted {
    pub nodes: usize,
    /// How many of them were without voters.
    pub cut_off: usize,
    /// From healing until all know each other, with their newest records, and hold the same view. Virtual time.
    pub one_again: Nanos,
    /// How many lives were on record as dead when the network healed.
    pub dead: usize,
}

impl Parted {
    /// About how far the measurement of so many nodes goes, as it tells those who watch.
    pub fn takes(nodes: usize) -> Nanos {
        INTRODUCTION * nodes as Nanos + BEFORE + 2 * APART + 4 * SECOND
    }

    /// Cuts off half of so many nodes; fails if the halves do not find together.
    pub fn halves(nodes: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        Self::measure(nodes, nodes - nodes / 2, seed, watch)
    }

    /// Cuts off a hundred of so many nodes; fails if they do not find back.
    pub fn rack(nodes: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        Self::measure(nodes, RACK, seed, watch)
    }

    fn measure(nodes: usize, cut_off: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        let mut world = acquainted(nodes, seed, watch);
        run(&mut world, BEFORE, "settling", watch);
        world.network.rules.push((0, Rule::Partition((nodes - cut_off..nodes).collect())));
        run(&mut world, APART, "apart", watch);
        change(&mut world, nodes, cut_off);
        run(&mut world, APART, "apart, each with changes", watch);
        let dead = world.view(0).map_or(0, |view| view.gone.len());
        world.network.rules.clear();
        let healed = world.now;
        let mut asking = Asking::default();
        while let Err(what) = asking.all_are_one(&world) {
            if world.now - healed >= LIMIT {
                return Err(format!("{cut_off} of {nodes} cut off: not one again within a minute: {what}"));
            }
            run(&mut world, INTERVAL, "healed, becoming one again", watch);
        }
        Ok(Self { nodes, cut_off, one_again: world.now - healed, dead })
    }

    /// Whether it keeps what is promised of any size.
    pub fn check(&self) -> Result<(), String> {
        // A view has room for no more.
        let kept = self.one_again <= 20 * SECOND && self.dead >= self.cut_off.min(GONE_MAX);
        kept.then_some(())
            .ok_or_else(|| format!("parts took more than 20 s, or not all of one died: {self:?}"))
    }
}

/// What each part does by itself: as many have something new to say in both, one in ten of the smaller, and one starts again.
fn change(world: &mut World, nodes: usize, cut_off: usize) {
    for index in (0..nodes - cut_off).take(cut_off).chain(nodes - cut_off..nodes).step_by(10) {
        let now = world.hosts[index].now(world.now);
        let node = world.hosts[index].node.as_mut().expect("it runs");
        node.set_metadata(now, "seen", "both sides").expect("fits");
        world.drain(index);
    }
    world.crash(13);
    world.start(13, 2);
    world.drain(13);
}

/// Who is to be asked next whether it knows and trusts everybody. One who says yes is asked again only when all do.
#[derive(Default)]
struct Asking {
    next: usize,
}

impl Asking {
    /// Whether all hold the same view, and know and trust everybody.
    fn all_are_one(&mut self, world: &World) -> Result<(), String> {
        let up = world.hosts.iter().enumerate().filter(|(_, host)| host.is_up());
        let epoch = |host| world.view(host).map(|view| view.epoch);
        if let Some((index, _)) = up.into_iter().find(|&(index, _)| epoch(index) != epoch(0)) {
            return Err(format!("n{index} is at view {:?}, not {:?}", epoch(index), epoch(0)));
        }
        while self.next < world.hosts.len() {
            check::converged_at(world, self.next)?;
            self.next += 1;
        }
        self.next = 0;
        check::converged(world)
    }
}
