//! Letting virtual time pass, with somebody watching.

use std::time::Duration;

use super::super::world::World;
use super::super::{MS, Nanos};
use super::acquainted::INTERVAL;

/// Is told, now and then, what is being done, and how far the whole is, as virtual time.
pub type Watch<'a> = &'a mut dyn FnMut(&'static str, Nanos);

/// No virtual time passes while nodes are introduced, but real time does: to introduce a node to another takes about as
/// long as to run it for a millisecond.
pub const INTRODUCTION: Nanos = MS;

/// How far a world is whose nodes have been introduced.
pub fn done(world: &World) -> Nanos {
    INTRODUCTION * world.hosts.len() as Nanos + world.now
}

/// Runs for so long.
pub fn run(world: &mut World, length: Nanos, doing: &'static str, watch: Watch<'_>) {
    let until = world.now + length;
    watch(doing, done(world));
    while world.now < until {
        world.run_for(Duration::from_nanos(INTERVAL.min(until - world.now)));
        watch(doing, done(world));
    }
}
