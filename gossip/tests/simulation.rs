//! The real core under simulated weather. See `sim/mod.rs` for how it works.
//!
//! `SIM_SEEDS=100000 cargo test --release -p gossip --test simulation seeds` soaks; `SIM_FIRST` sets the first seed.

mod sim;

use sim::fault::Scenario;
use sim::run::{env, run, run_seeds};

/// Mixed faults, 5 to 30 nodes a run.
#[test]
fn seeds() {
    let (first, count) = (env("SIM_FIRST", 1), env("SIM_SEEDS", 2000));
    eprintln!("seeds {first} to {}", first + count - 1);
    let failures = run_seeds(first, count);
    assert!(failures.is_empty(), "{} seeds failed, the first: {}", failures.len(), failures[0]);
}

#[test]
fn twenty_healthy_nodes_find_and_trust_each_other() {
    if let Err(failure) = run(&Scenario::calm(1, 20, 100), true, &|_| {}) {
        panic!("{}: {}", failure.what, failure.log.unwrap_or_default());
    }
}
