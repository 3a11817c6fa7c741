//! A long time under faults drawn at random.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::claim::Claim;
use super::fleet::State;
use super::interrupt;
use super::network::{Backend, Impairment, Links};
use super::observe::holder;
use super::scenario::{Scenario, Stage};

pub(crate) const NAME: &str = "soak";
pub(crate) const NODES: usize = 9;
/// Never killed, so that there is one process to look at for the whole time.
const SPARED: usize = NODES - 1;
/// Beyond what is asked for: gathering, and the last recovery.
pub(crate) const MARGIN: Duration = Duration::from_secs(300);

/// The scenario; its length is that of the setting, less the margin.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        name: NAME,
        about: "faults drawn at random, one after another, each followed by recovery",
        claims: vec![
            // One that could hardly hear anybody a moment ago is slow to suspect, and hears of the verdict first.
            Claim::DeclaredDead { seconds: 3.0 },
            Claim::WakesWithoutAccusing,
            Claim::NoMistakeLasts { seconds: 6.0 },
            Claim::Recovers { seconds: 3.0 },
            Claim::MemoryGrowth { kb: 2_000 },
            // The file that a holder writes to.
            Claim::DescriptorGrowth { count: 1 },
            Claim::LeaseUsed { tokens: 5 },
        ],
        needs: Vec::new(),
        nodes: Some(NODES),
        quick: false,
        long: true,
        economy: false,
        peers: false,
        contested: false,
        call: |_| {},
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
        // In peace nobody loses it.
        if let Some(held_by) = holder(stage.log()) {
            stage.give_back_lease(held_by);
        }
        stage.measure("soak");
    }
    Ok(())
}

fn one_fault(stage: &mut Stage) -> anyhow::Result<()> {
    let nodes = stage.nodes();
    let (one, seconds) = (stage.any()?, stage.rng.random_range(3.0..12.0));
    let other = (one + stage.rng.random_range(1..nodes)) % nodes;
    let fine = Links::fine(nodes);
    let backend = stage.backend();
    let (text, links) = match draw(&mut stage.rng, backend) {
        Drawn::Kill => {
            let victim = if one == SPARED { other } else { one };
            stage.kill(victim)?;
            stage.wait(seconds);
            return stage.start(victim);
        }
        Drawn::Stop => {
            stage.stop(one)?;
            stage.wait(seconds);
            return stage.go_on(one);
        }
        Drawn::Everywhere(impairment) => (word(impairment), fine.everywhere(impairment)),
        Drawn::Towards(impairment) => {
            (format!("{} to n{}", word(impairment), one + 1), fine.towards(one, impairment))
        }
        Drawn::Partition => {
            let sides = two_sides(&mut stage.rng, nodes, [one, other]);
            ("partition".to_owned(), fine.apart(|node| sides[node]))
        }
        Drawn::BadLink => {
            let cut = fine.both_ways(one, other, Impairment::Cut);
            stage.fault_excusing("bad link", cut, Default::default())?;
            stage.wait(seconds);
            return stage.mend("bad link");
        }
    };
    stage.fault(&text, links)?;
    stage.wait(seconds);
    stage.mend(&text)
}

/// What is done next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Drawn {
    Kill,
    Stop,
    /// To all links.
    Everywhere(Impairment),
    /// To all that is sent to one node.
    Towards(Impairment),
    Partition,
    BadLink,
}

fn word(impairment: Impairment) -> String {
    match impairment {
        Impairment::Loss(p) => format!("loss {p:.2}"),
        Impairment::Burst { .. } => "bursts".to_owned(),
        Impairment::Delay(delay) => format!("delay {delay:?}"),
        other => format!("{other:?}"),
    }
}

/// Which side each node is on; these two are on different ones, so that something is cut.
fn two_sides(rng: &mut SmallRng, nodes: usize, apart: [usize; 2]) -> Vec<usize> {
    let mut sides: Vec<usize> = (0..nodes).map(|_| rng.random_range(0..2)).collect();
    sides[apart[1]] = 1 - sides[apart[0]];
    sides
}

/// Draws until the network can do it.
fn draw(rng: &mut SmallRng, backend: Backend) -> Drawn {
    loop {
        let drawn = match rng.random_range(0..10) {
            0 | 1 => Drawn::Kill,
            2 => Drawn::Stop,
            3 => Drawn::Everywhere(Impairment::Loss(rng.random_range(0.1..0.4))),
            4 => Drawn::Towards(Impairment::Loss(0.8)),
            5 => Drawn::Everywhere(Impairment::Burst { loss: 0.15, length: 6.0 }),
            6 => Drawn::Partition,
            7 => Drawn::BadLink,
            8 => Drawn::Everywhere(Impairment::Delay(Duration::from_millis(rng.random_range(20..200)))),
            _ => Drawn::Everywhere(Impairment::Duplicate(0.4)),
        };
        match drawn {
            Drawn::Everywhere(impairment) if !backend.can(impairment) => {}
            drawn => return drawn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_partition_parts_somebody() {
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..200 {
            let sides = two_sides(&mut rng, 3, [2, 0]);
            assert_ne!(sides[2], sides[0]);
        }
    }

    #[test]
    fn only_what_the_network_can_do_is_drawn_and_all_of_that() {
        let drawn = |backend| {
            let mut rng = SmallRng::seed_from_u64(1);
            (0..200).map(|_| draw(&mut rng, backend)).collect::<Vec<_>>()
        };
        let delay = |d: &Drawn| matches!(d, Drawn::Everywhere(Impairment::Delay(_)));
        let (loopback, filter) = (drawn(Backend::Emulator), drawn(Backend::Namespaces));
        assert!(loopback.iter().any(delay) && !filter.iter().any(delay));
        for all in [&loopback, &filter] {
            let lossy = |d: &Drawn| matches!(d, Drawn::Everywhere(Impairment::Loss(_)));
            assert!(all.iter().any(lossy) && all.contains(&Drawn::Partition) && all.contains(&Drawn::Stop));
        }
        let cannot = |d: &Drawn| matches!(d, Drawn::Everywhere(i) if !Backend::Namespaces.can(*i));
        assert!(!filter.iter().any(cannot));
    }
}
