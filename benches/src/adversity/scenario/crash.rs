//! Nodes that die.

use super::{Claim, DEAD_SOON, Need, Scenario, Stage};
use crate::adversity::network::{Impairment, Links};

/// How long a killed node stays away once it has been noticed.
const AWAY_S: f64 = 2.0;
/// The longest wait for that.
const NOTICED_MAX_S: f64 = 10.0;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "crash",
            "SIGKILL for a random node, ten times, each started again once all have noticed; on loopback and in namespaces the \
             kernel answers that nobody listens, which nobody may rely on",
            vec![
                Claim::Detected { all_s: 1.0, median_s: 0.6 },
                DEAD_SOON,
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            crash,
        )
        .quick(),
        Scenario::new(
            "dark",
            "a host goes dark, three times: all its links are cut, then its node is killed; nothing answers any more (cutting takes \
             a moment, so times from the kill are too short, and those from the first cut too long)",
            vec![
                Claim::Detected { all_s: 1.0, median_s: 0.6 },
                Claim::Noticed { seconds: 1.5 },
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            dark,
        )
        .needs(Need::Network(Impairment::Cut)),
    ]
}

fn crash(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    kills(stage, if stage.setting.quick { 3 } else { 10 })
}

/// Kills somebody, waits until all know, and starts it again, so often.
pub(super) fn kills(stage: &mut Stage, count: usize) -> anyhow::Result<()> {
    for _ in 0..count {
        let victim = stage.any()?;
        stage.kill(victim)?;
        stage.wait_until(NOTICED_MAX_S, |stage| stage.all_suspect(victim));
        stage.wait(AWAY_S);
        stage.start(victim)?;
        stage.settle()?;
        stage.wait(stage.young_s());
    }
    Ok(())
}

fn dark(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for _ in 0..3 {
        let victim = stage.any()?;
        let nodes = stage.nodes();
        let links = Links::fine(nodes).apart(|node| usize::from(node == victim));
        stage.fault("host dark", links)?;
        stage.kill(victim)?;
        stage.wait_until(NOTICED_MAX_S, |stage| stage.all_suspect(victim));
        stage.wait(AWAY_S);
        stage.mend("host dark")?;
        stage.start(victim)?;
        stage.settle()?;
        stage.wait(stage.young_s());
    }
    Ok(())
}
