//! A long time under faults drawn at random.

use std::time::Duration;

use rand::RngExt as _;

use super::claim::Claim;
use super::fleet::State;
use super::interrupt;
use super::network::{Impairment, Links};
use super::scenario::{Scenario, Stage};

pub(crate) const NODES: usize = 9;
/// Beyond what is asked for: gathering, and the last recovery.
pub(crate) const MARGIN: Duration = Duration::from_secs(300);

/// The scenario; its length is that of the setting, less the margin.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        name: "soak",
        about: "faults drawn at random, one after another, each followed by recovery",
        claims: vec![
            Claim::WakesWithoutAccusing,
            Claim::NoMistakeLasts { seconds: 6.0 },
            Claim::Recovers { seconds: 20.0 },
            Claim::MemoryGrowth { kb: 4_000 },
            // The file that a holder writes to.
            Claim::DescriptorGrowth { count: 1 },
            Claim::LeaseUsed { tokens: 2 },
        ],
        needs: Vec::new(),
        nodes: Some(NODES),
        quick: false,
        long: true,
        peers: false,
        call: |_| {},
        contested: false,
        play,
    }
}

fn play(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    stage.measure("soak from");
    let length = stage.setting.longest.saturating_sub(MARGIN).as_secs_f64();
    let begun = stage.now();
    while stage.now() - begun < length && !interrupt::happened() {
        // One lease, wanted by all, all the time.
        if stage.has_verdicts() {
            for node in stage.fleet().in_state(State::Running) {
                stage.want_lease(node);
            }
        }
        one_fault(stage)?;
        stage.settle()?;
        stage.measure("soak");
    }
    Ok(())
}

fn one_fault(stage: &mut Stage) -> anyhow::Result<()> {
    let nodes = stage.nodes();
    let (one, seconds) = (stage.any()?, stage.rng.random_range(3.0..12.0));
    let other = (one + stage.rng.random_range(1..nodes)) % nodes;
    let fine = Links::fine(nodes);
    let (text, links) = match stage.rng.random_range(0..10) {
        0 | 1 => {
            stage.kill(one)?;
            stage.wait(seconds);
            return stage.start(one);
        }
        2 => {
            stage.stop(one)?;
            stage.wait(seconds);
            return stage.go_on(one);
        }
        3 => {
            let p = stage.rng.random_range(0.1..0.4);
            (format!("loss {p:.2}"), fine.everywhere(Impairment::Loss(p)))
        }
        4 => (format!("loss 0.8 to n{}", one + 1), fine.towards(one, Impairment::Loss(0.8))),
        5 => {
            let burst = Impairment::Burst { loss: 0.15, length: 6.0 };
            ("bursts".to_owned(), fine.everywhere(burst))
        }
        6 => {
            let sides: Vec<usize> = (0..nodes).map(|_| stage.rng.random_range(0..2)).collect();
            ("partition".to_owned(), fine.apart(|node| sides[node]))
        }
        7 => {
            let cut = fine.both_ways(one, other, Impairment::Cut);
            stage.fault_excusing("bad link", cut, Default::default())?;
            stage.wait(seconds);
            return stage.mend("bad link");
        }
        8 => {
            let delay = Duration::from_millis(stage.rng.random_range(20..200));
            (format!("delay {delay:?}"), fine.everywhere(Impairment::Delay(delay)))
        }
        _ => ("duplicates".to_owned(), fine.everywhere(Impairment::Duplicate(0.4))),
    };
    stage.fault(&text, links)?;
    stage.wait(seconds);
    stage.mend(&text)
}
