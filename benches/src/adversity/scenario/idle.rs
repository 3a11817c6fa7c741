//! What it costs when nothing happens.

use super::{Claim, Scenario, Stage};

pub(super) fn scenarios() -> Vec<Scenario> {
    let claims = || {
        vec![
            Claim::Cpu { percent: 0.4 },
            Claim::Payload { bytes_s: 12_000.0 },
            Claim::NoMistakeLasts { seconds: 0.0 },
            Claim::MemoryGrowth { kb: 2_000 },
            Claim::DescriptorGrowth { count: 0 },
        ]
    };
    let about_20 = "nothing is done to 20 nodes; measured for 30 s after 30 s of warming up";
    let about_50 = "nothing is done to 50 nodes; measured for 30 s after 30 s of warming up";
    vec![
        Scenario::new("idle-20", about_20, claims(), idle).nodes(20),
        Scenario::new("idle-50", about_50, claims(), idle).nodes(50),
    ]
}

fn idle(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    stage.wait(25.0);
    stage.measure("idle from");
    stage.wait(30.0);
    stage.measure("idle to");
    Ok(())
}
