//! A silence that is shorter than a promise kills nobody, whether it was promised anything or not.

use crate::sim::SECOND;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;

/// How many are on record as dead some time later.
fn dead(scenario: &Scenario, until: u64) -> usize {
    let mut run = Run::new(scenario, false, &|_| {});
    while run.world.now < until {
        run.step().unwrap_or_else(|failure| panic!("seed {}: {}", scenario.seed, failure.what));
    }
    crate::newest_view(&run.world).gone.len()
}

/// A node that neither votes nor has a lease is vouched for by those voters only that happen to observe it: its death is decided on what
/// observers say.
#[test]
fn nobody_is_dead_who_was_stopped_for_less_than_a_promise() {
    for seed in 1..=10 {
        for length in 5..=9 {
            let stopped = 5 + (seed as usize * 5 + length as usize) % 19;
            let mut scenario =
                Scenario::calm(seed, 24, 100).voters(5).with(150, 150 + length, Fault::Pause(stopped));
            scenario.full_mesh_max = 8;
            assert_eq!(dead(&scenario, 25 * SECOND), 0, "seed {seed}, n{stopped}, {length} intervals");
        }
    }
}

/// Those who were cut off say that they do not hear one that all others hear, until its next heartbeat.
#[test]
fn nobody_is_dead_because_those_who_watched_it_were_cut_off_for_a_moment() {
    for seed in 1..=10 {
        for length in 3..=7 {
            let away = Rule::Partition((0..20).filter(|host| host % 5 >= 3).collect());
            let mut scenario =
                Scenario::calm(seed, 20, 800).voters(5).with(50, 50 + length, Fault::Net(away));
            scenario.full_mesh_max = 8;
            assert_eq!(dead(&scenario, 60 * SECOND), 0, "seed {seed}, {length} intervals");
        }
    }
}
