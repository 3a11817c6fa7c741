//! Restarts that an operator makes.

use super::{Claim, Scenario, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "restart-all",
            "SIGKILL for all nodes at once; a second later all are started again with what they have on disk",
            vec![
                Claim::AllKnown { seconds: 3.0 },
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 3.0 },
            ],
            all_at_once,
        ),
        Scenario::new(
            "restart-rolling",
            "every node, one after the other, leaves and is started again",
            vec![
                Claim::LeavesUnsuspected,
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            rolling,
        ),
    ]
}

fn all_at_once(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for node in 0..stage.nodes() {
        stage.kill(node)?;
    }
    stage.wait(1.0);
    for node in 0..stage.nodes() {
        stage.start(node)?;
    }
    stage.settle()?;
    Ok(())
}

fn rolling(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for node in 0..stage.nodes() {
        stage.dismiss(node)?;
        stage.wait(0.5);
        stage.start(node)?;
        stage.settle()?;
    }
    Ok(())
}
