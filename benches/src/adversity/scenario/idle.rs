//! What it costs when nothing happens.

use super::{Claim, Scenario, Stage};

/// What a node may take of what a bare loop takes that exchanges heartbeats with nineteen others. On machines where such a loop
/// took 0.54 to 0.73 %, that is 0.27 to 0.37 %.
const OF_BARE_LOOP: f64 = 0.5;
const BARE_LOOPS: usize = 20;

pub(super) fn scenarios() -> Vec<Scenario> {
    let claims = || {
        vec![
            Claim::Payload { bytes_s: 12_000.0 },
            Claim::NoMistakeLasts { seconds: 0.0 },
            Claim::MemoryGrowth { kb: 500 },
            Claim::DescriptorGrowth { count: 0 },
        ]
    };
    let and_cpu = [vec![Claim::Cpu { of_bare_loop: OF_BARE_LOOP }], claims()].concat();
    let about_20 = "nothing is done to 20 nodes; measured for 30 s after 30 s of warming up; then beside as many bare loops, for 30 s";
    let about_50 = "nothing is done to 50 nodes; measured for 30 s after 30 s of warming up";
    vec![
        Scenario::new("idle-20", about_20, and_cpu, idle_and_bare).uncontested().nodes(BARE_LOOPS),
        Scenario::new("idle-50", about_50, claims(), idle).uncontested().nodes(50),
    ]
}

fn idle_and_bare(stage: &mut Stage) -> anyhow::Result<()> {
    idle(stage)?;
    if stage.fleet().system().is_ours() { stage.measure_bare_loops(BARE_LOOPS, 30.0) } else { Ok(()) }
}

/// What nodes cost while nothing is done to them.
pub(super) fn idle(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    stage.wait(25.0);
    stage.measure("idle from");
    stage.wait(30.0);
    stage.measure("idle to");
    Ok(())
}
