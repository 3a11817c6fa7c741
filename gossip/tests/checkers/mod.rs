//! What the checkers of decisions are to catch, rule by rule: mutants that break one rule and no other before it, and, where
//! no message could, disks and events that are changed behind the nodes' backs.

use crate::sim::fault::{Fault, Scenario};
use crate::sim::mutant_quorum as broken;
use crate::sim::network::Rule;
use crate::sim::world::World;
use crate::{Case, all_caught, loses_vouchers, silenced};

/// A follower dies, and another is there to be told of it.
fn one_dies() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(50, 51, Fault::Kill(3))
}

/// Of three voters two do not hear n4.
fn heard_by_one_of_three() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(150, 250, Fault::Net(Rule::OneWay(vec![4], vec![0, 1])))
}

/// Somebody waits for the lease of another follower.
fn waited_for() -> Scenario {
    Scenario::calm(3, 5, 100).voters(3).with(20, 190, Fault::Lease(4, 0)).with(40, 190, Fault::Lease(3, 0))
}

/// The owner of a lease dies, and then everybody who knew it.
fn owner_forgotten() -> Scenario {
    let scenario = Scenario::calm(3, 5, 100).voters(3).with(20, 1000, Fault::Lease(4, 0));
    let scenario = scenario.with(50, 51, Fault::Kill(4));
    (0..4).fold(scenario, |scenario, host| scenario.with(55, 60, Fault::Crash { host, disk: true }))
}

/// Each of these breaks one rule before any other, so that no other checker can stand in for one that sees nothing.
#[test]
fn rules_that_nothing_else_breaks_are_caught() {
    let killed = Scenario::calm(3, 5, 100).voters(3).with(50, 51, Fault::Kill(4));
    let isolates = |world: &mut World| loses_vouchers(world, 100..u64::MAX);
    let cases: [Case<'_>; 8] = [
        (&killed, &broken::founds_nothing, &["L3"], "founds nothing"),
        (&killed, &broken::trusts_everybody, &["L1"], "trusts everybody"),
        (&owner_forgotten(), &broken::trusts_everybody, &["L1"], "trusts an owner that nobody remembers"),
        (&silenced(3), &isolates, &["L2"], "isolates everybody"),
        (&silenced(3), &broken::forgives_nobody, &["L2"], "forgives nobody"),
        (&one_dies(), &broken::keeps_decisions_from_one, &["L4"], "keeps decisions from one"),
        (&heard_by_one_of_three(), &broken::are_two_faced, &["flapping"], "are two-faced"),
        (&waited_for(), &broken::gives_back_for_another, &["S5"], "gives back for another"),
    ];
    all_caught(&cases);
}
