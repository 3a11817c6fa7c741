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
    /// Until when it had been given time.
    pub end: Nanos,
    pub failure: Failure,
}

/// For so many intervals all must have been well: in fewer nobody can be suspended so often that it counts as flapping.
const STAYS_WELL: Nanos = 50;

/// A write, and the step in which it is begun.
pub type Chosen = (u64, u64);

/// So many of the writes of a run, given the step of each: all of them, or some by lot, and fewer if the lot falls on one twice.
pub fn choose(steps: &[u64], count: u64, seed: u64) -> Vec<Chosen> {
    let all = steps.len() as u64;
    let mut rng = Rng::new(!seed);
    let mut writes: Vec<u64> =
        if count >= all { (0..all).collect() } else { (0..count).map(|_| rng.between(0, all)).collect() };
    writes.sort_unstable();
    writes.dedup();
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
            let recovered = recover(&mut copy, scenario);
            recovered.map_err(|failure| Crashed { write, after, end: copy.end, failure })?;
        }
    }
    Ok(())
}

/// Goes on until all is well and stays so, with all faults over and the host that crashed back.
fn recover(run: &mut Run<'_>, scenario: &Scenario) -> Result<(), Failure> {
    let interval = run.world.interval();
    // A late crash gets as much time as there is after the last fault.
    run.end = run.end.max(run.world.now + (scenario.end - scenario.calm) + 20 * interval);
    let (mut look, mut well_since) = (scenario.calm, None);
    while run.step()? {
        let now = run.world.now;
        if now < look {
            continue;
        }
        look = now + 10 * interval;
        let back = run.world.powerless == 0 && run.world.hosts.iter().all(|host| !host.crash_after_write);
        well_since = (back && run.well().is_ok()).then(|| well_since.unwrap_or(now));
        if well_since.is_some_and(|since: Nanos| now >= since + STAYS_WELL * interval) {
            return run.sound().map_err(|what| run.failed(what));
        }
    }
    run.finish()
}
