//! Many nodes that are new at once.

use super::{Claim, Scenario, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let claims = |seconds| vec![Claim::AllKnown { seconds }, Claim::NoMistakeLasts { seconds: 1.0 }];
    vec![
        Scenario::new(
            "join-50",
            "50 nodes join a running cluster of five at once; all call the same three",
            claims(2.0),
            join,
        )
        .nodes(55),
        Scenario::new(
            "bootstrap-100",
            "100 nodes start at once; all call the same three",
            claims(4.0),
            |stage| start_from(stage, 0),
        )
        .nodes(100),
    ]
}

fn join(stage: &mut Stage) -> anyhow::Result<()> {
    for node in 0..5 {
        stage.start(node)?;
    }
    stage.wait(5.0);
    stage.contest();
    start_from(stage, 5)
}

fn start_from(stage: &mut Stage, first: usize) -> anyhow::Result<()> {
    for node in first..stage.nodes() {
        stage.start(node)?;
    }
    stage.settle()?;
    stage.contest();
    // Mistakes of the young would show now.
    stage.wait(10.0);
    Ok(())
}
