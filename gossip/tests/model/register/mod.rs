//! One epoch, or two, decided by real voters: the whole `Quorum` with `Paxos` behind it, on real disks and a bad network.
//!
//! Every message that was ever sent may arrive at any time, any number of times, or never. A voter may crash at any moment,
//! before a write, while it is under way, or after it, and goes on from what the disk had or from what it was being given.
//! Timers run out whenever they like: all lengths are zero. Two owners ask two voters for different leases, so that different
//! deltas compete; any voter that accepted one finishes it.

mod actions;
mod actors;
mod bounds;
mod mutants;
mod names;
mod properties;
mod state;
mod talk;

use actors::Epochs;
use bounds::Scope;
use mutants::Mutant;

use super::explore::{caught, full, holds};

fn check(name: &str, scope: Scope) {
    holds(name, Epochs(scope), None);
}

fn mutant(mutant: Mutant, scope: Scope) {
    caught(&format!("{mutant:?}"), Epochs(Scope { mutant: Some(mutant), ..scope }), mutant.breaks());
}

#[test]
fn register_one_epoch() {
    check("register, two proposers, a round", Scope { rounds: 1, ..Scope::default() });
    mutant(Mutant::DropsForced, Scope::default());
    mutant(Mutant::TwoValues, Scope::default());
    mutant(Mutant::Alone, Scope::default());
}

#[test]
fn register_crashes() {
    let crashes = Scope { crashes: 1, rounds: 1, ..Scope::default() };
    let one = Scope { asked: vec![0], slow_disks: true, wipes: true, ..crashes };
    check("register, one proposer, a crash during a write, a disk lost", one.clone());
    if full() {
        check("register, two proposers, a crash, a disk lost", Scope { wipes: true, ..crashes.clone() });
        let rounds = Scope { crashes: 1, asked: vec![0], wipes: true, ..Scope::default() };
        check("register, one proposer, two rounds, a crash, a disk lost", rounds);
    }
    mutant(Mutant::SameLife, one.clone());
    mutant(Mutant::Unwritten, one);
    mutant(Mutant::ForgetsPromise, crashes.clone());
    mutant(Mutant::Amnesiac, crashes);
}

/// Too many states to finish: as many as are reached, breadth first.
#[test]
fn register_further() {
    let far = if full() { 2_000_000 } else { 100_000 };
    let cut = |name: &str, scope| holds(name, Epochs(scope), Some(far));
    let all = Scope { crashes: 1, slow_disks: true, timers: true, wipes: true, ..Scope::default() };
    cut("register, two proposers, two rounds", Scope::default());
    cut("register, two epochs", Scope { epochs: 2, ..Scope::default() });
    cut("register, two proposers, crashes, timers, a disk lost", all);
}
