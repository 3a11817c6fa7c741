//! Processes that are stopped and go on: garbage collectors, hypervisors, laptops.

use super::{Claim, Scenario, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let claims = || {
        vec![
            Claim::Noticed { seconds: 1.5 },
            Claim::WakesWithoutAccusing,
            Claim::KnowsOfItsPause,
            Claim::NoMistakeLasts { seconds: 1.0 },
            Claim::Recovers { seconds: 2.0 },
        ]
    };
    vec![
        Scenario::new("pause-2", "SIGSTOP for a random node, 2 s, SIGCONT; three times", claims(), |stage| {
            pauses(stage, 3, 2.0)
        }),
        Scenario::new(
            "pause-5",
            "SIGSTOP for a random node, 5 s, SIGCONT; three times (once in a quick run)",
            claims(),
            |stage| {
                let times = if stage.setting.quick { 1 } else { 3 };
                pauses(stage, times, 5.0)
            },
        )
        .quick(),
        Scenario::new("pause-15", "SIGSTOP for a random node, 15 s, SIGCONT", claims(), |stage| {
            pauses(stage, 1, 15.0)
        }),
    ]
}

fn pauses(stage: &mut Stage, times: usize, seconds: f64) -> anyhow::Result<()> {
    stage.gather()?;
    for _ in 0..times {
        let sleeper = stage.any()?;
        stage.stop(sleeper)?;
        stage.wait(seconds);
        stage.go_on(sleeper)?;
        stage.settle()?;
        // For as long as an accusation would be held against it.
        stage.wait(stage.length(9.0, 5.0));
    }
    Ok(())
}
