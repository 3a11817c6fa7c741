//! Hosts whose wall clock is set.

use anyhow::ensure;

use super::{Claim, Need, Scenario, Stage};
use crate::adversity::observe::holder;

/// Forward; the step back is as large.
const STEP_S: i64 = 3600;
/// How long a clock is wrong, and how long one that was set right is watched.
const STANDS_S: f64 = 5.0;
const GRANTED_WITHIN_S: f64 = 10.0;
/// The voter whose clock is set.
const VOTER: usize = 0;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "clock-step",
            "the wall clock of one host is set forward by an hour while its node holds a lease, and back after 5 s; then that \
             of a voter, which vouches for the holder, is granted the lease while its clock is wrong, and holds it when that is \
             set back (peers have no leases: only their clocks are set)",
            vec![
                Claim::StepsShow,
                Claim::NoMistakeLasts { seconds: 0.0 },
                Claim::NobodyCondemned,
                Claim::LeasesKept,
                Claim::LeaseUsed { tokens: 2 },
            ],
            clock_step,
        )
        .needs(Need::Faketime)
        .uncontested()
        .called(|call| call.own_clocks = vec![VOTER, call.nodes - 1]),
    ]
}

fn clock_step(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let client = stage.nodes() - 1;
    hand_to(stage, client)?;
    stage.wait(1.0);
    stage.step_clock(client, STEP_S)?;
    stage.wait(STANDS_S);
    stage.step_clock(client, 0)?;
    stage.wait(STANDS_S);
    stage.step_clock(VOTER, STEP_S)?;
    stage.wait(STANDS_S);
    hand_to(stage, VOTER)?;
    stage.wait(STANDS_S);
    stage.step_clock(VOTER, 0)?;
    stage.wait(STANDS_S);
    stage.settle()?;
    Ok(())
}

/// From whoever holds it; nothing where nodes have no leases.
fn hand_to(stage: &mut Stage, node: usize) -> anyhow::Result<()> {
    if !stage.has_verdicts() {
        return Ok(());
    }
    if let Some(before) = holder(stage.log()) {
        stage.give_back_lease(before);
    }
    stage.want_lease(node);
    let granted = stage.wait_until(GRANTED_WITHIN_S, |stage| holder(stage.log()) == Some(node));
    ensure!(granted, "n{} was not granted the lease within {GRANTED_WITHIN_S} s", node + 1);
    Ok(())
}
