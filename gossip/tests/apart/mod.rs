//! Parts of a cluster that meet again after no majority was left anywhere (D6).

use crate::sim::SECOND;
use crate::sim::fault::{Fault, Scenario};
use crate::sim::network::Rule;
use crate::sim::run::Run;

fn run_until(scenario: &Scenario, until: u64) -> Run<'_> {
    let mut run = Run::new(scenario, false, &|_| {});
    while run.world.now < until {
        run.step().unwrap_or_else(|failure| panic!("seed {}: {}", scenario.seed, failure.what));
    }
    run
}

fn part(of: [usize; 2]) -> Rule {
    Rule::Partition((0..20).filter(|host| of.contains(&(host % 5))).collect())
}

/// Twenty hosts, not all of which observe each other, in parts of eight, eight and four, with two, two and one voter.
fn three_parts(mut scenario: Scenario, from: u64, until: u64) -> Scenario {
    scenario.full_mesh_max = 8;
    scenario.with(from, until, Fault::Net(part([0, 1]))).with(from, until, Fault::Net(part([2, 3])))
}

fn apart_seeds() -> u64 {
    std::env::var("APART_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(10)
}

/// When three parts meet again, each has long suspected the others, and vouchers have run out, so that nothing lies between a suspicion
/// and a death but a few milliseconds. The rule or one of its halves taken out, nodes die in most of these runs. `APART_SEEDS=n` runs the
/// first n.
#[test]
fn nobody_is_dead_because_three_parts_meet_again() {
    let mut dead = 0;
    for seed in 1..=apart_seeds() {
        let scenario = three_parts(Scenario::calm(seed, 20, 800).voters(5), 50, 80);
        let gone = crate::newest_view(&run_until(&scenario, 80 * SECOND).world).gone.len();
        if gone > 0 {
            println!("seed {seed}: {gone} dead");
        }
        dead += gone;
    }
    assert_eq!(dead, 0, "nobody has crashed");
}

/// Who was suspected often of late has to show up to 32 heartbeats before it is trusted, which takes longer than ten intervals: but nobody
/// who is heard is accused meanwhile (D4).
#[test]
fn nobody_is_suspended_because_three_parts_meet_for_the_eighth_time() {
    for seed in 1..=apart_seeds() {
        let often = (0..8).fold(Scenario::calm(seed, 20, 100).voters(5), |scenario, time| {
            three_parts(scenario, 60 + 90 * time, 90 + 90 * time)
        });
        let mut run = run_until(&often, 6 * SECOND);
        while run.world.now < 80 * SECOND {
            run.step().unwrap_or_else(|failure| panic!("seed {seed}: {}", failure.what));
            let view = crate::newest_view(&run.world);
            let at_ms = run.world.now * 1000 / SECOND;
            assert!(view.suspended.is_empty(), "seed {seed}: {:?} at {at_ms} ms", view.suspended);
        }
        assert_eq!(crate::newest_view(&run.world).gone.len(), 0, "seed {seed}: nobody has crashed");
    }
}

/// Two parts meet eight intervals before the third, and are a majority without it; one of their voters was started again while they were
/// apart. It has come back as well, though nobody has ever doubted this life of it.
#[test]
fn nobody_is_dead_because_one_that_meets_the_others_is_new() {
    for seed in 1..=apart_seeds() {
        for restarts in [false, true] {
            let mut scenario = Scenario::calm(seed, 20, 800)
                .voters(5)
                .with(50, 120, Fault::Net(part([0, 1])))
                .with(50, 128, Fault::Net(part([2, 3])));
            scenario.full_mesh_max = 8;
            if restarts {
                scenario = scenario.with(52, 56, Fault::Crash { host: 4, disk: true });
            }
            let view = crate::newest_view(&run_until(&scenario, 130 * SECOND).world);
            let killed = gossip::NodeId::new("n4").expect("a name");
            let others = view.gone.iter().filter(|(node, _)| **node != killed).count();
            assert_eq!(others, 0, "seed {seed}, restarts: {restarts}: nobody else has crashed");
        }
    }
}

/// The price is a delay: with one of three voters dead, and a link between the others that comes and goes, it is on record soon after
/// the link is back, though not for long, and not for the first time.
#[test]
fn who_crashed_is_dead_soon_after_the_others_meet_though_not_for_long() {
    for seed in 1..=10 {
        let cut = |scenario: Scenario, outage: u64| {
            let (from, until) = (100 + 90 * outage, 160 + 90 * outage);
            let cut = |from: usize, to: usize| Fault::Net(Rule::OneWay(vec![from], vec![to]));
            scenario.with(from, until, cut(0, 1)).with(from, until, cut(1, 0))
        };
        // In the fifth outage, when the two have learnt not to trust each other soon.
        let scenario =
            (0..6).fold(Scenario::calm(seed, 3, 100).voters(3), cut).with(480, 1200, Fault::Kill(2));
        let run = run_until(&scenario, 54 * SECOND);
        let (view, killed) = (crate::newest_view(&run.world), gossip::NodeId::new("n2").expect("a name"));
        assert!(
            view.gone.contains(&killed),
            "seed {seed}: the outage ended at 52 s, and the next begins at 55"
        );
    }
}

/// One of five voters that comes and goes holds nothing up: the others are a majority.
#[test]
fn a_voter_that_comes_and_goes_does_not_keep_others_from_a_verdict() {
    for seed in 1..=10 {
        let outages = (0..10).map(|outage| 100 + 10 * outage);
        let away =
            |scenario: Scenario, from| scenario.with(from, from + 5, Fault::Net(Rule::Partition(vec![0])));
        let scenario =
            outages.fold(Scenario::calm(seed, 12, 100).voters(5), away).with(103, 900, Fault::Kill(2));
        let run = run_until(&scenario, 12 * SECOND);
        let (view, killed) = (crate::newest_view(&run.world), gossip::NodeId::new("n2").expect("a name"));
        assert!(view.gone.contains(&killed), "seed {seed}: killed at 10.3 s");
    }
}
