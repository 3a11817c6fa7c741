//! One scenario with one system, from the first process to the judgement.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::claim::{Claim, Judgement};
use super::fleet::{self, Call, Fleet, Peer, System};
use super::network::{Backend, Network};
use super::observe::{Log, costs};
use super::scenario::{Need, Scenario, Setting, Stage};
use super::soak;

/// Nodes that everybody calls to join.
const SEEDS: usize = 3;
const VOTERS: usize = 5;
/// Above this load the share of a processor says more about the machine than about the node.
const QUIET_LOAD: f64 = 1.0;

/// What became of one scenario with one system.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) system: String,
    pub(crate) ours: bool,
    /// Whether at least what must always hold is claimed of it, as of our node in any profile.
    pub(crate) always: bool,
    /// From 1 on.
    pub(crate) repeat: usize,
    pub(crate) nodes: usize,
    /// In what kind of network.
    pub(crate) backend: Backend,
    /// Load averages of the machine when it began.
    pub(crate) load: String,
    pub(crate) seconds: f64,
    pub(crate) end: End,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    Played {
        log: Log,
        judgements: Vec<(Claim, Judgement)>,
    },
    /// It could not be played to the end.
    Failed(String),
    /// It was not begun, for this reason.
    Skipped(String),
}

impl Outcome {
    /// What the machine had to do meanwhile, and how long its disk took for one small file at worst.
    pub(crate) fn machine(&self) -> String {
        let disk = match &self.end {
            End::Played { log, .. } => log.disk_took(),
            End::Failed(_) | End::Skipped(_) => None,
        };
        let disk =
            disk.map_or(String::new(), |seconds| format!(", a write to its disk up to {seconds:.2} s"));
        format!("load {}{disk}", self.load)
    }

    /// Whether something was as it must not be. What peers do is reported and not judged: nobody promised it.
    pub(crate) fn is_failure(&self) -> bool {
        self.always
            && match &self.end {
                End::Played { judgements, .. } => judgements
                    .iter()
                    .filter(|(claim, _)| self.ours || Claim::ALWAYS.contains(claim))
                    .any(|(_, judgement)| judgement.is_broken()),
                End::Failed(_) => true,
                End::Skipped(_) => false,
            }
    }

    /// A name for its files.
    pub(crate) fn file_name(&self) -> String {
        let system: String =
            self.system.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{}.{}.{}", self.scenario.name, system.replace("--", "-"), self.repeat)
    }
}

/// What all scenarios of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) nodes: usize,
    pub(crate) quick: bool,
    /// The kinds of network, the first that can do what a scenario needs being taken.
    pub(crate) backends: Vec<Backend>,
    pub(crate) seed: u64,
    /// The longest that a scenario may take.
    pub(crate) longest: Duration,
}

impl Run {
    /// In what kind of network a scenario is played: the last one must do if none can do what it needs.
    fn backend(&self, scenario: &Scenario) -> Backend {
        let can = |backend: &&Backend| {
            scenario.needs.iter().all(|need| match need {
                Need::Network(impairment) => backend.can(*impairment),
                _ => true,
            })
        };
        let last = self.backends.last().copied().unwrap_or(Backend::Emulator);
        self.backends.iter().find(can).copied().unwrap_or(last)
    }

    /// The kinds of network, in words.
    pub(crate) fn network(&self) -> String {
        let words: Vec<&str> = self.backends.iter().map(|backend| backend.word()).collect();
        words.join("; else ")
    }

    /// Plays a scenario and judges it.
    pub(crate) fn play(
        &self,
        scenario: &Scenario,
        system: &System,
        repeat: usize,
        progress: &ProgressBar,
    ) -> Outcome {
        let nodes = scenario.nodes.unwrap_or(self.nodes);
        let ours = system.is_claimed();
        let thrifty = (scenario.economy && ours).then(|| system.in_economy());
        let obstacle = self.obstacle(scenario, system);
        let system = thrifty.as_ref().unwrap_or(system);
        let load = fleet::load();
        let begun = Instant::now();
        let end = match obstacle {
            Some(why) => End::Skipped(why),
            None => match self.perform(scenario, system, nodes, repeat, progress) {
                Ok(log) => {
                    let judgements = judge(scenario, system, &log, &load);
                    End::Played { log, judgements }
                }
                Err(error) => End::Failed(format!("{error:#}")),
            },
        };
        Outcome {
            scenario: scenario.clone(),
            system: system.label.clone(),
            backend: self.backend(scenario),
            ours,
            always: system.is_ours(),
            repeat,
            nodes,
            load,
            seconds: begun.elapsed().as_secs_f64(),
            end,
        }
    }

    /// Why a scenario cannot be played here.
    fn obstacle(&self, scenario: &Scenario, system: &System) -> Option<String> {
        if let Some(why) = system.peer().and_then(Peer::obstacle) {
            return Some(why);
        }
        if scenario.economy && system.is_ours() && !system.is_claimed() {
            return Some("is what our node is played as here anyway".into());
        }
        if !system.is_ours() && !scenario.peers {
            return Some("is about what only our node has, or does to its own links".into());
        }
        let backend = self.backend(scenario);
        scenario.needs.iter().find_map(|need| match *need {
            Need::Network(impairment) if !backend.can(impairment) => {
                let why = Backend::relay_available().err();
                let why = why.unwrap_or_else(|| "there was none when this run began".into());
                Some(format!(
                    "the packet filter cannot do this to a link, and a relay cannot be had ({why}): run without --netns"
                ))
            }
            Need::Network(_) if !system.is_ours() && backend == Backend::Emulator => {
                Some(
                    "peers cannot break their own links, and here nothing else does: needs root, ip and nft, and /dev/net/tun for \
                     what the packet filter cannot do"
                        .into(),
                )
            }
            Need::Verdicts if !system.has_verdicts() => {
                Some("this node has no quorum: its --help knows no --voters".into())
            }
            Need::Root if !rustix::process::geteuid().is_root() => {
                Some("needs root, to mount a small file system".into())
            }
            Need::Faketime if fleet::find_faketime().is_none() => Some(
                "libfaketime, which gives a process a wall clock of its own, is not installed: install the package faketime \
                 (Debian, Ubuntu) or libfaketime (Fedora, Arch)"
                    .into(),
            ),
            Need::Faketime => system.peer().and_then(Peer::only_true_clock),
            _ => None,
        })
    }

    fn perform(
        &self,
        scenario: &Scenario,
        system: &System,
        nodes: usize,
        repeat: usize,
        progress: &ProgressBar,
    ) -> anyhow::Result<Log> {
        let mut call = Call::plain(nodes, SEEDS, VOTERS);
        let leases = system.is_ours() && system.has_verdicts();
        call.writes = leases;
        (scenario.call)(&mut call);
        // Every system meets the same victims.
        let mut hasher = DefaultHasher::new();
        (self.seed, scenario.name, repeat).hash(&mut hasher);
        let seed = hasher.finish();
        let network = Network::new(self.backend(scenario), nodes, seed)?;
        let fleet = Fleet::new(system.clone(), network, call)?;
        let contested = leases && scenario.contested;
        let setting = Setting { nodes, quick: self.quick, contested, longest: self.longest };
        let rng = SmallRng::seed_from_u64(seed);
        let mut stage = Stage::new(setting, fleet, rng, progress.clone());
        (scenario.play)(&mut stage)?;
        stage.close()
    }
}

/// Judges a log by all claims of its scenario that can be about this system.
fn judge(scenario: &Scenario, system: &System, log: &Log, load: &str) -> Vec<(Claim, Judgement)> {
    scenario
        .all_claims()
        .into_iter()
        .filter(|claim| system.has_verdicts() || !claim.needs_verdicts())
        .map(|claim| {
            let judged = insist(scenario, &claim, claim.judge(log));
            let judgement = excuse_busy_machine(&claim, judged, load);
            (claim, judgement)
        })
        .collect()
}

/// What a scenario is there to show must have been shown: a claim of its own that could not be judged does not hold. In a short soak
/// chance may not have drawn what a claim is about.
fn insist(scenario: &Scenario, claim: &Claim, judgement: Judgement) -> Judgement {
    match judgement {
        Judgement::Open(why) if scenario.name != soak::NAME && scenario.claims.contains(claim) => {
            Judgement::Broken(format!("not judged: {why}"))
        }
        judgement => judgement,
    }
}

/// A processor's share that is too high is no fact about a node while others take the processors away from it.
fn excuse_busy_machine(claim: &Claim, judgement: Judgement, load: &str) -> Judgement {
    let busy = load.split(' ').next().and_then(|l| l.parse::<f64>().ok()).is_none_or(|l| l > QUIET_LOAD);
    match judgement {
        Judgement::Broken(measured)
            if busy && matches!(claim, Claim::Cpu { .. } | Claim::Processor { .. }) =>
        {
            Judgement::Open(format!("{measured}, on a machine that was busy otherwise (load {load})"))
        }
        judgement => judgement,
    }
}

/// The mean of some part of what nodes cost.
pub(crate) fn mean_cost(log: &Log, part: fn(&super::observe::Cost) -> Option<f64>) -> Option<f64> {
    let parts: Vec<f64> = costs(log).iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_played_in_the_first_kind_of_network_that_can_do_it() {
        let run = |backends: &[Backend]| Run {
            nodes: 5,
            quick: false,
            backends: backends.to_vec(),
            seed: 1,
            longest: Duration::ZERO,
        };
        let (kernel, relay, own) = (Backend::Namespaces, Backend::Relay, Backend::Emulator);
        let all = super::super::scenario::all();
        let named = |name: &str| all.iter().find(|scenario| scenario.name == name).unwrap();
        for (name, expected) in [
            ("crash", kernel),
            ("loss-30", kernel),
            ("partition-3-2", kernel),
            ("delay-jump", relay),
            ("loss-bursts", relay),
        ] {
            assert_eq!(run(&[kernel, relay, own]).backend(named(name)), expected, "{name}");
            let without_relay = if expected == relay { own } else { expected };
            assert_eq!(run(&[kernel, own]).backend(named(name)), without_relay, "{name}");
            assert_eq!(run(&[own]).backend(named(name)), own);
            assert_eq!(run(&[kernel]).backend(named(name)), kernel, "skipped where it cannot");
        }
    }

    #[test]
    fn whoever_cannot_be_put_through_a_scenario_is_told_what_is_missing() {
        let all = super::super::scenario::all();
        let jump = all.iter().find(|scenario| scenario.name == "delay-jump").unwrap();
        let mut peers =
            fleet::PEERS.iter().filter(|peer| peer.obstacle().is_none()).flat_map(System::of_peer);
        let peer = peers.next().unwrap();
        let obstacle = |backends: &[Backend]| {
            let backends = backends.to_vec();
            Run { nodes: 5, quick: false, backends, seed: 1, longest: Duration::ZERO }.obstacle(jump, &peer)
        };
        assert_eq!(obstacle(&[Backend::Namespaces, Backend::Relay]), None);
        assert!(obstacle(&[Backend::Emulator]).is_some_and(|why| why.contains("/dev/net/tun")));
        assert!(obstacle(&[Backend::Namespaces]).is_some_and(|why| why.contains("run without --netns")));
    }

    #[test]
    fn a_claim_of_a_scenario_s_own_must_be_judged() {
        let all = super::super::scenario::all();
        let crash = all.iter().find(|scenario| scenario.name == "crash").unwrap();
        let open = || Judgement::Open("nobody was killed".into());
        assert!(insist(crash, &crash.claims[0], open()).is_broken());
        assert_eq!(insist(crash, &Claim::StepsDownFirst, open()), open());
        let soak = soak::scenario();
        assert_eq!(insist(&soak, &soak.claims[0], open()), open(), "nobody was drawn to be killed");
    }

    #[test]
    fn a_profile_of_ours_must_keep_what_always_holds_and_a_peer_promised_nothing() {
        let all = super::super::scenario::all();
        let outcome = |ours, always, claim| Outcome {
            scenario: all[0].clone(),
            system: String::new(),
            ours,
            always,
            repeat: 1,
            nodes: 3,
            backend: Backend::Emulator,
            load: String::new(),
            seconds: 0.0,
            end: End::Played {
                log: Log::new(3, 16),
                judgements: vec![(claim, Judgement::Broken(String::new()))],
            },
        };
        let (always, slow) = (Claim::NoHealthyDead, Claim::Recovers { seconds: 1.0 });
        assert!(outcome(true, true, slow.clone()).is_failure());
        assert!(
            outcome(false, true, always.clone()).is_failure() && !outcome(false, true, slow).is_failure()
        );
        assert!(!outcome(false, false, always).is_failure());
    }

    #[test]
    fn only_the_processor_s_share_is_excused_and_only_on_a_busy_machine() {
        let broken = || Judgement::Broken("0.9 %".into());
        let cpu = Claim::Cpu { of_bare_loop: 0.8 };
        assert!(matches!(excuse_busy_machine(&cpu, broken(), "3.10 2 1"), Judgement::Open(_)));
        assert!(excuse_busy_machine(&cpu, broken(), "0.20 2 1").is_broken());
        assert!(excuse_busy_machine(&Claim::NoSurprise, broken(), "3.10 2 1").is_broken());
    }
}
