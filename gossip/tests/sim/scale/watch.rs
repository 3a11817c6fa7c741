//! Letting virtual time pass, with somebody watching.

use std::time::Duration;

use super::super::Nanos;
use super::super::world::World;

use super::acquainted::INTERVAL;

/// Is told, now and then, what is being done and how much virtual time has passed since the world began.
pub type Watch<'a> = &'a mut dyn FnMut(&'static str, Nanos);

/// Runs for so long.
pub fn run(world: &mut World, length: Nanos, doing: &'static str, watch: Watch<'_>) {
    let until = world.now + length;
    watch(doing, world.now);
    while world.now < until {
        world.run_for(Duration::from_nanos(INTERVAL.min(until - world.now)));
        watch(doing, world.now);
    }
}
