//! What is done to the processes: one file for each family of faults.
//!
//! A [`Scenario`] names its claims before it runs, and its script only does things and waits; it judges nothing. Scripts use
//! a [`Stage`], which writes every deed into the log.

mod clock;
mod contest;
mod crash;
mod delay;
mod economy;
mod idle;
mod join;
mod loss;
mod partition;
mod pause;
mod pressure;
mod quorum;
mod quota;
mod restart;
mod stage;

pub(crate) use stage::{Setting, Stage};

use super::claim::Claim;
use super::network::Impairment;

/// Until when a lease may be used: promises are for ten intervals of 100 ms, and what is done is noted a little before it is done.
const WRITES_IN_TOUCH: Claim = Claim::WritesInTouch { seconds: 1.1 };
/// How soon a verdict comes after the same.
const DEAD_SOON: Claim = Claim::DeadSoon { promise_s: 1.0, slack_s: 0.3, p99_s: 2.0 };

/// One scenario.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What is done, in words.
    pub(crate) about: &'static str,
    /// What must hold, beside [`Claim::ALWAYS`].
    pub(crate) claims: Vec<Claim>,
    pub(crate) needs: Vec<Need>,
    /// The number of nodes, if it is not for the user to choose.
    pub(crate) nodes: Option<usize>,
    /// Whether a quick run has it.
    pub(crate) quick: bool,
    /// Runs only when named.
    pub(crate) long: bool,
    /// Whether peers are put through it too.
    pub(crate) peers: bool,
    /// Whether our nodes are in their economy profile.
    pub(crate) economy: bool,
    /// Whether three nodes want one lease all the time, where nodes have leases.
    pub(crate) contested: bool,
    /// How nodes are called, where it is not as usual.
    pub(crate) call: fn(&mut super::fleet::Call),
    pub(crate) play: fn(&mut Stage) -> anyhow::Result<()>,
}

/// What a scenario cannot do without.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Need {
    /// A network that can do this to a link.
    Network(Impairment),
    /// Nodes whose quorum decides.
    Verdicts,
    /// Mounting a file system.
    Root,
    /// A library that gives a process a wall clock of its own.
    Faketime,
}

impl Scenario {
    fn new(
        name: &'static str,
        about: &'static str,
        claims: Vec<Claim>,
        play: fn(&mut Stage) -> anyhow::Result<()>,
    ) -> Self {
        Self {
            name,
            about,
            claims,
            needs: Vec::new(),
            nodes: None,
            quick: false,
            long: false,
            peers: true,
            economy: false,
            contested: true,
            call: |_| {},
            play,
        }
    }

    fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    fn long(self) -> Self {
        Self { long: true, ..self }
    }

    fn ours_only(self) -> Self {
        Self { peers: false, ..self }
    }

    fn in_economy(self) -> Self {
        Self { economy: true, ..self }
    }

    /// Nobody asks for a lease but the script.
    fn uncontested(self) -> Self {
        Self { contested: false, ..self }
    }

    fn nodes(self, nodes: usize) -> Self {
        Self { nodes: Some(nodes), ..self }
    }

    fn needs(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    fn called(self, call: fn(&mut super::fleet::Call)) -> Self {
        Self { call, ..self }
    }

    /// All that must hold, the common part last.
    pub(crate) fn all_claims(&self) -> Vec<Claim> {
        // A contest in which the lease never moves is none.
        let contested = [Claim::LeaseUsed { tokens: 2 }, Claim::LeaseUsedAfterAll];
        let contested = contested.into_iter().filter(|_| self.contested);
        self.claims.iter().cloned().chain(contested).chain(Claim::ALWAYS).collect()
    }
}

/// All scenarios, in the order in which they run.
pub(crate) fn all() -> Vec<Scenario> {
    [
        crash::scenarios(),
        pause::scenarios(),
        loss::scenarios(),
        partition::scenarios(),
        delay::scenarios(),
        clock::scenarios(),
        pressure::scenarios(),
        quota::scenarios(),
        restart::scenarios(),
        join::scenarios(),
        quorum::scenarios(),
        idle::scenarios(),
        economy::scenarios(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn names_differ_and_every_scenario_claims_something() {
        let all = super::all();
        let names: BTreeSet<&str> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.iter().all(|scenario| !scenario.claims.is_empty() && !scenario.about.is_empty()));
        let quick: Vec<&str> = all.iter().filter(|s| s.quick).map(|s| s.name).collect();
        assert_eq!(quick, ["crash", "pause-5", "loss-30", "one-way-loss", "partition-3-2", "lease-kills"]);
    }

    #[test]
    fn a_lease_is_fought_over_nearly_everywhere_and_must_then_be_used() {
        let all = super::all();
        let without: Vec<&str> = all.iter().filter(|s| !s.contested).map(|s| s.name).collect();
        let expected =
            ["clock-step", "cpu-quota", "verdict", "lease", "lease-kills", "wiped-voter", "majority-lost"];
        assert_eq!(without, [&expected[..], &["idle-20", "idle-50", "economy"]].concat());
        let used = |s: &super::Scenario| {
            s.all_claims().iter().any(|claim| matches!(claim, super::Claim::LeaseUsed { .. }))
        };
        assert!(all.iter().filter(|s| s.contested).all(used));
    }
}
