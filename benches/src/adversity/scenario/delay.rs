//! Datagrams that come late, twice or in the wrong order.

use std::time::Duration;

use super::{Claim, Need, Scenario, Stage};
use crate::adversity::network::{Impairment, Links};

const JUMP: Impairment = Impairment::Delay(Duration::from_millis(400));
const TWICE: Impairment = Impairment::Duplicate(0.5);
/// Longer than two heartbeats are apart, so that there is something to overtake.
const ORDER: Impairment = Impairment::Reorder { every: 3, delay: Duration::from_millis(250) };

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "delay-jump",
            "all datagrams suddenly take 400 ms instead of none, for 30 s",
            // Four heartbeats are missing all at once, everywhere: nobody can tell that from a crash while it lasts.
            vec![Claim::NoMistakeLasts { seconds: 1.0 }, Claim::Recovers { seconds: 2.0 }],
            |stage| one(stage, "delay", JUMP, 30.0),
        )
        .needs(Need::Network(JUMP)),
        Scenario::new(
            "duplicates",
            "half of all datagrams arrive twice for 30 s",
            vec![Claim::NoMistakeLasts { seconds: 0.0 }, Claim::Recovers { seconds: 2.0 }],
            |stage| one(stage, "duplicates", TWICE, 30.0),
        )
        .needs(Need::Network(TWICE)),
        Scenario::new(
            "reordering",
            "all datagrams take 250 ms, and every third overtakes the one before, for 30 s",
            vec![Claim::NoMistakeLasts { seconds: 1.0 }, Claim::Recovers { seconds: 2.0 }],
            |stage| one(stage, "reordering", ORDER, 30.0),
        )
        .needs(Need::Network(ORDER)),
    ]
}

fn one(stage: &mut Stage, text: &str, impairment: Impairment, seconds: f64) -> anyhow::Result<()> {
    stage.gather()?;
    stage.fault(text, Links::fine(stage.nodes()).everywhere(impairment))?;
    stage.wait(seconds);
    stage.mend(text)?;
    stage.settle()?;
    Ok(())
}
