//! A silence that is shorter than a promise kills nobody, whether it was promised anything or not.

use crate::sim::SECOND;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;

/// How many are on record as dead some time later, and whether anything was decided about anybody.
fn dead(scenario: &Scenario, until: u64) -> (usize, bool) {
    let mut run = Run::new(scenario, false, &|_| {});
    while run.world.now < until {
        run.step().unwrap_or_else(|failure| panic!("seed {}: {}", scenario.seed, failure.what));
    }
    let view = crate::newest_view(&run.world);
    (view.gone.len(), view.epoch > gossip::Epoch::GENESIS)
}

/// A node that neither votes nor has a lease is vouched for by those voters only that happen to observe it: its death is decided on what
/// observers say.
#[test]
fn nobody_is_dead_who_was_stopped_for_less_than_a_promise() {
    let mut suspensions = 0;
    for seed in 1..=10 {
        for length in 5..=9 {
            let stopped = 5 + (seed as usize * 5 + length as usize) % 19;
            let mut scenario =
                Scenario::calm(seed, 24, 100).voters(5).with(150, 150 + length, Fault::Pause(stopped));
            scenario.full_mesh_max = 8;
            let (dead, decided) = dead(&scenario, 25 * SECOND);
            assert_eq!(dead, 0, "seed {seed}, n{stopped}, {length} intervals");
            suspensions += usize::from(decided);
        }
    }
    assert!(suspensions > 25, "{suspensions}: most of those that were stopped were suspended");
}

/// Those who were cut off say that they do not hear one that all others hear, until its next heartbeat.
#[test]
fn nobody_is_dead_because_those_who_watched_it_were_cut_off_for_a_moment() {
    let mut suspensions = 0;
    for seed in 1..=10 {
        for length in 3..=7 {
            let away = Rule::Partition((0..20).filter(|host| host % 5 >= 3).collect());
            let mut scenario =
                Scenario::calm(seed, 20, 800).voters(5).with(50, 50 + length, Fault::Net(away));
            scenario.full_mesh_max = 8;
            let (dead, decided) = dead(&scenario, 60 * SECOND);
            assert_eq!(dead, 0, "seed {seed}, {length} intervals");
            suspensions += usize::from(decided);
        }
    }
    assert!(suspensions > 25, "{suspensions}: in most of the partitions somebody was suspended");
}
