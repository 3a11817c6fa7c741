//! The profile that spends little, by claims of its own.

use super::{Claim, Need, Scenario, Stage, crash, idle, loss};
use crate::adversity::network::Impairment;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "economy",
            "nodes in the economy profile: nothing is done to them for 30 s, over which costs are measured; then ten are killed and \
             started again, once those concerned have heard fifty heartbeats of each other; then 30 % of all datagrams are lost for \
             60 s",
            vec![
                Claim::Wire { bytes_s: 1_000.0 },
                Claim::Processor { percent: 0.1 },
                // Not all watch all, and who does not is told.
                Claim::Detected { all_s: 3.0, median_s: 2.5 },
                // Twenty heartbeats.
                Claim::NoMistakeLasts { seconds: 12.0 },
                Claim::Recovers { seconds: 15.0 },
            ],
            thrift,
        )
        .in_economy()
        .long()
        .uncontested()
        .needs(Need::Network(Impairment::Loss(0.3))),
    ]
}

fn thrift(stage: &mut Stage) -> anyhow::Result<()> {
    idle::idle(stage)?;
    crash::kills(stage, 10)?;
    loss::everywhere(stage, Impairment::Loss(0.3))
}
