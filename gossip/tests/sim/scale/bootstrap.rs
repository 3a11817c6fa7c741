//! Nodes that know nothing but their seeds, and start together.

use super::super::world::{World, config};
use super::super::{MS, Nanos, SECOND};
use super::acquainted::INTERVAL;
use super::watch::{INTRODUCTION, Watch, run};

/// Whoever does not know all by then never will.
const LIMIT: Nanos = 60 * SECOND;

/// What became of a cluster that began with strangers. All times are virtual, from the start of all.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub nodes: usize,
    /// Until everybody knew everybody.
    pub complete: Nanos,
    /// Until everybody held the first view, which the five founders make once they have all met.
    pub founded: Nanos,
    /// What a node sent until both were so, in bytes of UDP payload.
    pub bytes: f64,
}

impl Bootstrap {
    /// About how far the measurement of so many nodes goes, as it tells those who watch.
    pub fn takes(nodes: usize) -> Nanos {
        INTRODUCTION * nodes as Nanos + 3 * SECOND
    }

    /// Starts so many nodes at once, each told the addresses of the same three; fails if some never know all.
    pub fn measure(nodes: usize, seed: u64, watch: Watch<'_>) -> Result<Self, String> {
        let config = config(INTERVAL / MS).members_max(2 * nodes.max(8_192));
        let config = config.voters((0..5).map(|n| format!("n{n}")));
        let mut world = World::new(config.build().expect("valid"), nodes, seed);
        world.notes_heard = false;
        world.give_disks();
        world.start_all();
        // How many of the first hosts are known to be there: who knows all, or has a view, goes on doing so.
        let (mut knowing, mut following) = (0, 0);
        let (mut complete, mut founded) = (None, None);
        while complete.is_none() || founded.is_none() {
            if world.now >= LIMIT {
                return Err(format!(
                    "{nodes} strangers: after a minute n{knowing} does not know all, or n{following} has no view"
                ));
            }
            run(&mut world, INTERVAL, "strangers meet", watch);
            let knows_all = |&host: &usize| known(&world, host) == nodes;
            knowing += (knowing..nodes).take_while(knows_all).count();
            following += (following..nodes).take_while(|&host| world.view(host).is_some()).count();
            complete = complete.or((knowing == nodes).then_some(world.now));
            founded = founded.or((following == nodes).then_some(world.now));
        }
        let bytes = world.network.stats.bytes as f64 / nodes as f64;
        Ok(Self { nodes, complete: complete.unwrap_or(LIMIT), founded: founded.unwrap_or(LIMIT), bytes })
    }

    /// Whether it keeps what is promised of any size.
    pub fn check(&self) -> Result<(), String> {
        let kept = self.complete.max(self.founded) <= 20 * SECOND;
        kept.then_some(()).ok_or_else(|| format!("strangers took more than 20 s to be one cluster: {self:?}"))
    }
}

fn known(world: &World, host: usize) -> usize {
    world.hosts[host].node.as_ref().map_or(0, |node| node.members().count())
}
