//! The power fails at a write: at each of a run, in a copy of it that goes on from there.

use super::Nanos;
use super::fault::Scenario;
use super::rng::Rng;
use super::run::{Failure, Run};

/// A crash at a write that broke something.
#[derive(Debug)]
pub struct Crashed {
    pub write: u64,
    /// Whether the disk had it.
    pub after: bool,
    pub failure: Failure,
}

/// A write, and the step in which it is begun.
pub type Chosen = (u64, u64);

/// So many of the writes of a run, given the step of each: all of them, or some by lot.
pub fn choose(steps: &[u64], count: u64, seed: u64) -> Vec<Chosen> {
    let all = steps.len() as u64;
    let mut rng = Rng::new(!seed);
    let mut writes: Vec<u64> =
        if count >= all { (0..all).collect() } else { (0..count).map(|_| rng.between(0, all)).collect() };
    writes.sort_unstable();
    writes.into_iter().map(|write| (write, steps[write as usize])).collect()
}

/// Runs a scenario once more, and at each of these writes, which are in order, lets two copies go on until all is well again:
/// in one the host crashes before the disk has the write, in the other right after.
pub fn crash_at_writes(scenario: &Scenario, writes: &[Chosen]) -> Result<(), Crashed> {
    let mut run = Run::new(scenario, false, &|_| {});
    for &(write, step) in writes {
        while run.steps < step {
            run.step().expect("it has been made before");
        }
        for after in [false, true] {
            let mut copy = run.clone();
            copy.world.crash_at = Some((write, after));
            recover(&mut copy, scenario).map_err(|failure| Crashed { write, after, failure })?;
        }
    }
    Ok(())
}

/// Goes on until all is well, with all faults over and the host that crashed back; at the end of the scenario at the latest.
fn recover(run: &mut Run<'_>, scenario: &Scenario) -> Result<(), Failure> {
    let interval = run.world.interval();
    // Who loses its power has it back after twenty intervals.
    let mut look: Nanos = scenario.calm.max(run.world.now + 25 * interval);
    while run.step()? {
        if run.world.now < look {
            continue;
        }
        if run.well().is_ok() {
            return run.sound().map_err(|what| run.failed(what));
        }
        look = run.world.now + 10 * interval;
    }
    run.finish()
}
