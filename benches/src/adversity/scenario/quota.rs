//! Hosts that get a small share of a processor, as a container with a quota does.

use std::time::Duration;

use super::{Claim, Scenario, Stage};
use crate::adversity::fleet::{Cgroup, Helper, State, Throttling, Trouble};
use crate::adversity::interrupt;
use crate::adversity::observe::holder;

const QUOTA: Duration = Duration::from_millis(5);
const PERIOD: Duration = Duration::from_millis(100);
const LASTS_S: f64 = 30.0;
const VOTERS: usize = 5;
const TROUBLE: &str = "processor quota";

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "cpu-quota",
            "three nodes, a voter that holds a lease among them, each share 5 ms of processor time in every 100 ms with a busy \
             process, for 30 s, as in a container with a quota of 5 %; all others want the lease",
            vec![
                Claim::QuotaBites { share: 0.5 },
                Claim::NoMistakeLasts { seconds: 2.0 },
                Claim::Recovers { seconds: 5.0 },
                Claim::LeaseUsed { tokens: 1 },
            ],
            cpu_quota,
        )
        .uncontested(),
    ]
}

/// One voter, and the last two of those who are none.
fn starved(nodes: usize) -> Vec<usize> {
    let voters = VOTERS.min(nodes);
    let others = voters.max(nodes.saturating_sub(2))..nodes;
    [voters - 1].into_iter().chain(others).collect()
}

fn cpu_quota(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let starved = starved(stage.nodes());
    if stage.has_verdicts() {
        stage.want_lease(starved[0]);
        stage.wait_until(10.0, |stage| holder(stage.log()).is_some());
        stage.wait(1.0);
    }
    match confine(stage, &starved) {
        Ok(containers) => {
            stage.starve(TROUBLE, &starved);
            for_a_while(stage, |stage| stage.wait(1.0));
            for (&node, container) in starved.iter().zip(&containers) {
                stage.throttled(node, container.group.kind().to_owned(), container.group.throttling()?);
            }
        }
        Err(why) => {
            stage.starve(TROUBLE, &starved);
            by_signals(stage, &starved, &format!("SIGSTOP and SIGCONT, because of this: {why:#}"))?;
        }
    }
    stage.trouble(TROUBLE, false);
    stage.settle()?;
    Ok(())
}

/// A group with a quota, and the busy process in it. The latter is dropped first, so that the former can be removed.
struct Container {
    _busy: Trouble,
    group: Cgroup,
}

/// Puts each of these nodes into a container.
fn confine(stage: &mut Stage, nodes: &[usize]) -> anyhow::Result<Vec<Container>> {
    let own = std::process::id();
    // All are made before any is used: without one of them there is another way for all.
    let groups = nodes
        .iter()
        .map(|node| Cgroup::new(&format!("adversity-{own}-n{}", node + 1), QUOTA, PERIOD))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut containers = Vec::new();
    for (&node, group) in nodes.iter().zip(groups) {
        // Ends by itself long after the end, should nobody end it before.
        let busy = stage.fleet().helper(Some(node), &Helper::Busy { seconds: 2.0 * LASTS_S })?;
        group.take(busy.id())?;
        if let Some(pid) = stage.fleet().pid(node) {
            group.take(pid)?;
        }
        containers.push(Container { _busy: busy, group });
    }
    Ok(containers)
}

fn for_a_while(stage: &mut Stage, mut step: impl FnMut(&mut Stage)) {
    let begun = stage.now();
    while stage.now() - begun < LASTS_S && !interrupt::happened() {
        if stage.has_verdicts() {
            for node in stage.fleet().in_state(State::Running) {
                stage.want_lease(node);
            }
        }
        step(stage);
    }
}

/// Lets the nodes run for the quota and stops them for the rest of each period. Without a busy process: it would take nothing
/// from them here.
fn by_signals(stage: &mut Stage, nodes: &[usize], means: &str) -> anyhow::Result<()> {
    let mut counts = vec![Throttling::default(); nodes.len()];
    let mut failed = Ok(());
    for_a_while(stage, |stage| {
        for (&node, count) in nodes.iter().zip(&mut counts) {
            if stage.fleet().in_state(State::Running).contains(&node) {
                count.periods += 1;
                failed = std::mem::replace(&mut failed, Ok(())).and(stage.fleet().stop(node));
            }
        }
        stage.wait((PERIOD - QUOTA).as_secs_f64());
        for (&node, count) in nodes.iter().zip(&mut counts) {
            if stage.fleet().in_state(State::Stopped).contains(&node) {
                count.throttled += u64::from(stage.fleet().is_stopped(node));
                failed = std::mem::replace(&mut failed, Ok(())).and(stage.fleet().go_on(node));
            }
        }
        stage.wait(QUOTA.as_secs_f64());
    });
    failed?;
    for (&node, count) in nodes.iter().zip(counts) {
        stage.throttled(node, means.to_owned(), count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voter_and_two_others_starve_and_never_a_majority_of_voters() {
        assert_eq!(starved(20), [4, 18, 19]);
        for nodes in 3..=32 {
            let starved = starved(nodes);
            let voters = starved.iter().filter(|node| **node < VOTERS).count();
            assert!(voters == 1 && starved.len() <= 3 && starved.iter().all(|node| *node < nodes), "{nodes}");
        }
    }
}
