//! The command line, and the order of things in a run.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use super::fleet::{self, Helper, Peer, System};
use super::interrupt;
use super::network::Backend;
use super::report;
use super::run::{End, Outcome, Run};
use super::scenario::{self, Scenario};
use super::soak;
use crate::command_line::command_line;

/// Nodes of a run that does not say how many, and of a quick one.
const NODES: usize = 20;
const NODES_QUICK: usize = 5;
/// The longest that an ordinary scenario may take, and a long one.
const LONGEST: Duration = Duration::from_secs(700);
const LONGEST_LONG: Duration = Duration::from_secs(1200);

/// Starts real processes, breaks them and their network, watches what they say of each other, and fails if something that
/// must not happen did.
///
/// Without --scenario: all scenarios but the long ones. --list says what each does and what it claims. Writes summary.md,
/// claims.csv, figures.csv, verdicts.csv, pictures (SVG) and all lines of all processes (gzip) into --out.
///
/// The processes are the `node` example. As root, with ip and nft, each has a network namespace, and the kernel's packet filter
/// cuts and loses; what it cannot do (bursts, delay, duplicates, reordering) is done by a relay between the namespaces, which
/// needs /dev/net/tun. Elsewhere, and in quick runs and soaks, they are on loopback, and nodes break their own links when told to.
/// The report says which it was. No privileges are needed.
/// What does need something is skipped where that is missing, and the report says so: disk-full needs root, clock-step the
/// library libfaketime. cpu-quota makes control groups where it may, which is as root, and stops and continues nodes elsewhere.
///
/// Exit status: 0 if everything held, 1 if something did not or the run failed, 2 for bad arguments.
#[derive(Debug, Parser)]
#[command(name = "adversity", version)]
pub struct Arguments {
    /// Play only this scenario, long ones too; repeatable
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,

    /// Print all scenarios with what they claim, and do nothing
    #[arg(long)]
    list: bool,

    /// So many nodes, where a scenario does not have its own number [default: 20; in a quick run 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(3..=100))]
    nodes: Option<u8>,

    /// Play each scenario so often
    #[arg(long, value_name = "K", default_value_t = 1)]
    repeat: usize,

    /// Six scenarios, shorter, with five nodes, all of them voters: two and a half minutes
    #[arg(long)]
    quick: bool,

    /// Play the long scenarios too
    #[arg(long)]
    long: bool,

    /// Put our economy profile, foca, chitchat, memberlist and serf through the same, the latter each with its defaults and
    /// tuned to detect within about a second (serf, which has to be installed and cannot be tuned, with its fastest profile);
    /// builds their agents first; where links are at fault only in network namespaces
    #[arg(long)]
    peers: bool,

    /// With --peers: only the system of this label, such as "gossip" or "foca, tuned", or, where none has it, those whose label begins
    /// so; repeatable
    #[arg(long = "system", value_name = "LABEL", requires = "peers")]
    systems: Vec<String>,

    /// Network namespaces or nothing: skip what cannot be done there; needs root, ip and nft, for some scenarios /dev/net/tun
    #[arg(long)]
    netns: bool,

    /// Loopback only, without network namespaces
    #[arg(long, conflicts_with = "netns")]
    loopback: bool,

    /// Instead of scenarios: nine nodes under faults drawn at random for so long, such as 90s or 8h [without a value: 30m]
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1, default_missing_value = "30m")]
    #[arg(conflicts_with_all = ["scenarios", "quick", "peers"])]
    soak: Option<Duration>,

    /// Play nothing: draw the pictures of systems beside each other in the report DIR anew, from its figures.csv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scenarios", "quick", "peers", "soak", "list"])]
    redraw: Option<PathBuf>,

    /// Decides who is killed, stopped and cut off
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the report into DIR
    #[arg(long, value_name = "DIR", default_value = "adversity-report")]
    out: PathBuf,

    /// For the program itself: a process that makes trouble, or is what others are compared with.
    #[arg(long, hide = true, value_parser = fleet::parse_helper)]
    helper: Option<Helper>,
}

/// Plays what the arguments ask for and writes the report; whether everything held.
///
/// # Errors
///
/// A scenario that does not exist, a program that cannot be built, a report that cannot be written. What goes wrong within a
/// scenario is part of the report.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    if let Some(helper) = &arguments.helper {
        return fleet::run_helper(helper.clone()).map(|()| true);
    }
    if let Some(report) = &arguments.redraw {
        return report::redraw(report).map(|()| true);
    }
    let scenarios = choose(arguments)?;
    if arguments.list {
        print!("{}", list(&scenarios));
        return Ok(true);
    }
    ensure!(cfg!(target_os = "linux"), "this program reads /proc: run it on Linux");
    let systems = systems(arguments)?;
    let long = scenarios.iter().any(|scenario| scenario.long);
    let run = Run {
        nodes: arguments.nodes.map_or(if arguments.quick { NODES_QUICK } else { NODES }, usize::from),
        quick: arguments.quick,
        backends: backends(arguments),
        seed: arguments.seed,
        longest: match arguments.soak {
            Some(length) => length + soak::MARGIN,
            None if long => LONGEST_LONG,
            None => LONGEST,
        },
    };
    println!("seed {}; {}", run.seed, run.network());
    interrupt::listen()?;
    let outcomes = play_all(arguments, &run, &scenarios, &systems)?;
    let context = report::Context {
        command: command_line("adversity", std::env::args().skip(1)),
        seed: run.seed,
        network: run.network(),
    };
    report::summary(&outcomes, &context, &arguments.out)?;
    let failures = outcomes.iter().filter(|outcome| outcome.is_failure()).count();
    println!("{} of {} failed; written to {}", failures, outcomes.len(), arguments.out.display());
    Ok(failures == 0 && !interrupt::happened())
}

fn play_all(
    arguments: &Arguments,
    run: &Run,
    scenarios: &[Scenario],
    systems: &[System],
) -> anyhow::Result<Vec<Outcome>> {
    let total = arguments.repeat * scenarios.len() * systems.len();
    let progress = progress_bar(total as u64);
    let mut outcomes = Vec::new();
    for repeat in 1..=arguments.repeat {
        for scenario in scenarios {
            // All systems one after the other, so that they meet about the same machine.
            for system in systems {
                progress.set_prefix(format!("{} ({})", scenario.name, system.label));
                let outcome = run.play(scenario, system, repeat, &progress);
                // Half a scenario is no result, but those before it are.
                if interrupt::happened() {
                    progress.suspend(|| println!("interrupted"));
                    return Ok(outcomes);
                }
                progress.suspend(|| print!("{}", line(&outcome)));
                // At once: a run that is interrupted has shown something all the same.
                report::details(&outcome, &arguments.out)?;
                progress.inc(1);
                outcomes.push(outcome);
            }
        }
    }
    progress.finish_and_clear();
    Ok(outcomes)
}

/// What a person watching the run is told of one outcome.
fn line(outcome: &Outcome) -> String {
    let head = format!("{:<16} {:<20}", outcome.scenario.name, outcome.system);
    let network = outcome.backend.word();
    match &outcome.end {
        End::Skipped(why) => format!("{head} skipped: {why}\n"),
        End::Failed(why) => format!("{head} FAILED: {why}\n"),
        End::Played { judgements, .. } => {
            let (seconds, machine) = (outcome.seconds, outcome.machine());
            let mut text = format!("{head} {seconds:.0} s, {machine}; {network}\n");
            for (claim, judgement) in judgements {
                let (word, measured) = judgement.words();
                text += &format!("    {word:<10} {}: {measured}\n", claim.text());
            }
            text
        }
    }
}

fn choose(arguments: &Arguments) -> anyhow::Result<Vec<Scenario>> {
    if arguments.soak.is_some() {
        return Ok(vec![soak::scenario()]);
    }
    let all = scenario::all();
    if arguments.scenarios.is_empty() {
        let wanted =
            |s: &Scenario| arguments.list || (!arguments.quick || s.quick) && (!s.long || arguments.long);
        return Ok(all.into_iter().filter(wanted).collect());
    }
    let mut chosen = Vec::new();
    for name in &arguments.scenarios {
        match all.iter().find(|scenario| scenario.name == name) {
            Some(scenario) => chosen.push(scenario.clone()),
            None => {
                let known: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
                bail!("--scenario: none is named `{name}`; choose from {}", known.join(", "));
            }
        }
    }
    Ok(chosen)
}

fn systems(arguments: &Arguments) -> anyhow::Result<Vec<System>> {
    let mut systems = vec![System::ours(fleet::find_node()?)?];
    if arguments.peers {
        systems.push(systems[0].in_economy());
        systems.extend(fleet::PEERS.iter().flat_map(System::of_peer));
    }
    let labels: Vec<String> = systems.iter().map(|system| system.label.clone()).collect();
    for wanted in &arguments.systems {
        if !labels.iter().any(|label| label.starts_with(wanted.as_str())) {
            bail!("--system: none begins with `{wanted}`; choose from {}", labels.join("; "));
        }
    }
    systems.retain(|system| is_wanted(&system.label, &arguments.systems, &labels));
    let wanted = |peer: &Peer| systems.iter().any(|system| system.peer() == Some(peer));
    // One that cannot run here is skipped later, and the report says why.
    for peer in fleet::PEERS.iter().filter(|peer| wanted(peer) && peer.obstacle().is_none()) {
        fleet::build_agent(peer)?;
    }
    Ok(systems)
}

/// Whether a system is one of those asked for, which is all if none is: the one of that label, or all whose label begins so.
fn is_wanted(label: &str, wanted: &[String], labels: &[String]) -> bool {
    wanted.is_empty()
        || wanted.iter().any(|wanted| {
            if labels.contains(wanted) { label == wanted } else { label.starts_with(wanted.as_str()) }
        })
}

/// In what kinds of network scenarios are to be played, the first that can do it being taken.
fn backends(arguments: &Arguments) -> Vec<Backend> {
    let whole = arguments.loopback || arguments.quick || arguments.soak.is_some();
    match (arguments.netns, Backend::namespaces_available()) {
        (true, Ok(())) => in_namespaces(),
        (true, Err(why)) => {
            eprintln!("--netns: {why}; going on without");
            vec![Backend::Emulator]
        }
        (false, Ok(())) if !whole => [in_namespaces(), vec![Backend::Emulator]].concat(),
        (false, _) => vec![Backend::Emulator],
    }
}

/// With a relay for what the packet filter cannot do, where one can be had.
fn in_namespaces() -> Vec<Backend> {
    match Backend::relay_available() {
        Ok(()) => vec![Backend::Namespaces, Backend::Relay],
        Err(why) => {
            eprintln!("no relay between network namespaces: {why}; going on without");
            vec![Backend::Namespaces]
        }
    }
}

fn list(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    for scenario in scenarios {
        let tags = [
            (scenario.quick, "quick"),
            (scenario.long, "long: only when named, or with --long"),
            (!scenario.contested, "without the usual contest for a lease"),
        ];
        let tags: Vec<&str> = tags.iter().filter(|(has, _)| *has).map(|(_, tag)| *tag).collect();
        let tags = if tags.is_empty() { String::new() } else { format!(" ({})", tags.join(", ")) };
        text += &format!("{}{tags}: {}\n", scenario.name, scenario.about);
        for claim in &scenario.claims {
            text += &format!("    {}\n", claim.text());
        }
    }
    text += "in all of them:\n";
    for claim in super::claim::Claim::ALWAYS {
        text += &format!("    {}\n", claim.text());
    }
    text
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time: write for instance 90s, 30m or 8h");
    let (number, unit) = text.split_at(text.find(|c: char| c.is_alphabetic()).ok_or_else(wrong)?);
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    // A week is more than anybody waits, and far from where the arithmetic ends.
    let seconds = number.checked_mul(factor).filter(|s| (1..=604_800).contains(s)).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

/// Drawn on standard error, and not at all if that is no terminal.
fn progress_bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {prefix}: {msg}") {
        bar.set_style(style);
    }
    bar.tick();
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parsed(more: &[&str]) -> Arguments {
        Arguments::try_parse_from(["adversity"].iter().chain(more)).unwrap()
    }

    #[test]
    fn arguments_are_well_formed_and_refused_with_advice() {
        Arguments::command().debug_assert();
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1800)));
        for text in ["30", "m", "3 days", "0s", "9999999h"] {
            assert!(duration(text).unwrap_err().contains("write for instance"), "{text}");
        }
        let error = choose(&parsed(&["--scenario", "meteor"])).unwrap_err().to_string();
        assert!(error.starts_with("--scenario: none is named `meteor`; choose from crash, dark"), "{error}");
    }

    #[test]
    fn a_whole_label_is_one_system_and_its_beginning_all_that_have_it() {
        let labels = ["gossip", "gossip, economy", "foca, tuned", "foca, default"].map(String::from);
        for (wanted, expected) in [
            (&[][..], &[0, 1, 2, 3][..]),
            (&["gossip"], &[0]),
            (&["foca"], &[2, 3]),
            (&["gossip, e", "foca, tuned"], &[1, 2]),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|wanted| (*wanted).to_owned()).collect();
            let chosen: Vec<usize> =
                (0..labels.len()).filter(|at| is_wanted(&labels[*at], &wanted, &labels)).collect();
            assert_eq!(chosen, expected, "{wanted:?}");
        }
    }

    #[test]
    fn long_scenarios_run_only_when_asked_for() {
        let names = |more: &[&str]| -> Vec<&str> {
            choose(&parsed(more)).unwrap().iter().map(|scenario| scenario.name).collect()
        };
        assert!(!names(&[]).contains(&"partition-10min"));
        assert!(names(&["--long"]).contains(&"partition-10min"));
        assert_eq!(names(&["--scenario", "partition-10min"]), ["partition-10min"]);
        assert_eq!(names(&["--soak", "1h"]), ["soak"]);
        assert_eq!(names(&["--soak", "--netns"]), ["soak"]);
        assert_eq!(parsed(&["--soak"]).soak, Some(Duration::from_secs(1800)));
        assert_eq!(names(&["--quick"]).len(), 6);
    }

    #[test]
    fn the_list_says_what_is_claimed() {
        let text = list(&scenario::all());
        assert!(
            text.contains("crash (quick): SIGKILL")
                && text.contains("    nobody suspects a node that leaves")
                && text.contains("idle-50 (without the usual contest for a lease): ")
        );
    }
}
