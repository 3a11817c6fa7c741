//! Machines and nodes with more to do than they can: no processor time, floods.

use super::{Claim, Scenario, Stage};
use crate::adversity::fleet::Helper;

const BUSY_PROCESSES: usize = 6;
const FLOOD_PER_SECOND: f64 = 100_000.0;
/// More than a node can keep up with: they take most of the processors too.
const SENDERS: usize = 8;
const BURST_S: f64 = 1.0;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "starvation",
            "six processes compute for 30 s while all nodes run at the lowest priority (nice 19)",
            // On few processors the nodes get a few per cent between them: what must be is that it does not last.
            vec![Claim::NoMistakeLasts { seconds: 2.0 }, Claim::Recovers { seconds: 5.0 }],
            starvation,
        )
        .called(|call| call.nice = 19),
        Scenario::new(
            "flood",
            "100,000 datagrams a second of random bytes at one node for 10 s",
            vec![
                Claim::NoMistakeLasts { seconds: 0.0 },
                Claim::FloodArrives { datagrams: 500_000 },
                Claim::MemoryGrowth { kb: 2_000 },
                // The file that a holder of the lease writes to.
                Claim::DescriptorGrowth { count: 1 },
                Claim::Recovers { seconds: 5.0 },
            ],
            flood,
        ),
        Scenario::new(
            "overflow",
            "eight processes send random bytes to one node without a pause for a second, five times, and once more while the node \
             is stopped, so that the buffer of its socket overflows and heartbeats are lost with the rest",
            vec![
                Claim::Overflows { datagrams: 10_000 },
                // Heartbeats are lost for a second at a time, and others take the processors.
                Claim::NoMistakeLasts { seconds: 2.0 },
                Claim::MemoryGrowth { kb: 2_000 },
                // As above.
                Claim::DescriptorGrowth { count: 1 },
                Claim::Recovers { seconds: 5.0 },
            ],
            overflow,
        ),
    ]
}

fn starvation(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    // Nobody is excused: it is the same for all.
    stage.starve("busy machine", &[]);
    let busy = (0..BUSY_PROCESSES)
        .map(|_| stage.fleet().helper(None, &Helper::Busy { seconds: 30.0 }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    stage.wait(30.0);
    drop(busy);
    stage.trouble("busy machine", false);
    stage.settle()?;
    Ok(())
}

fn flood(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let (victim, by) = (stage.any()?, stage.any()?);
    stage.measure("before the flood");
    stage.trouble("flood", true);
    let to = stage.fleet().network().addr(victim);
    let flood = Helper::Flood { to, per_second: FLOOD_PER_SECOND, seconds: 10.0 };
    let flood = stage.fleet().helper(Some(by), &flood)?;
    stage.wait(10.5);
    drop(flood);
    stage.trouble("flood", false);
    stage.settle()?;
    stage.measure("after the flood");
    Ok(())
}

fn overflow(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let (victim, by) = (stage.any()?, stage.any()?);
    stage.measure("before the bursts");
    let before = stage.fleet().dropped(victim);
    stage.starve("overflow", &[]);
    for _ in 0..5 {
        burst(stage, victim, by, |stage| {
            stage.wait(BURST_S);
            Ok(())
        })?;
    }
    let between = stage.dropped_since(victim, before);
    burst(stage, victim, by, |stage| {
        stage.stop(victim)?;
        stage.wait(BURST_S);
        stage.go_on(victim)
    })?;
    stage.dropped_since(victim, between);
    stage.trouble("overflow", false);
    stage.settle()?;
    stage.measure("after the bursts");
    Ok(())
}

/// Sends to one node from where another lives, does this meanwhile, and leaves all alone for a second.
fn burst(
    stage: &mut Stage,
    to: usize,
    by: usize,
    meanwhile: impl FnOnce(&mut Stage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let helper = Helper::Burst { to: stage.fleet().network().addr(to), seconds: BURST_S };
    let senders =
        (0..SENDERS).map(|_| stage.fleet().helper(Some(by), &helper)).collect::<anyhow::Result<Vec<_>>>()?;
    meanwhile(stage)?;
    drop(senders);
    stage.wait(1.0);
    Ok(())
}
