//! The summary, for a person with two minutes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Context, figures};
use crate::adversity::claim::Judgement;
use crate::adversity::run::{End, Outcome};

pub(super) fn summary(outcomes: &[Outcome], context: &Context) -> String {
    let mut text = String::from("# Real processes under faults\n\n");
    let _ = writeln!(text, "Run: `{}`, seed {}; {}.", context.command, context.seed, context.network);
    let failures = outcomes.iter().filter(|outcome| outcome.is_failure()).count();
    let as_claimed =
        outcomes.iter().filter(|o| o.ours && !o.is_failure() && !matches!(o.end, End::Skipped(_))).count();
    let played = outcomes.iter().filter(|o| o.ours && !matches!(o.end, End::Skipped(_))).count();
    let (open, all) = open_claims(outcomes);
    let _ = writeln!(
        text,
        "\n**{}**: {as_claimed} of {played} scenarios of ours as claimed; {open} of {all} claims were not judged, and the tables say why. Times are those at which a line of a process arrived at the \
         harness. Shares of a processor depend on what else the machine did: the load averages stand beside each scenario.",
        if failures == 0 { "Everything held" } else { "Something did not hold" },
    );
    claims(outcomes, &mut text);
    if outcomes.iter().any(|outcome| !outcome.ours) {
        beside_peers(outcomes, &mut text);
    }
    verdicts(outcomes, &mut text);
    costs(outcomes, &mut text);
    skipped(outcomes, &mut text);
    text
}

/// How many claims about ours could not be judged, of how many.
fn open_claims(outcomes: &[Outcome]) -> (usize, usize) {
    let judged = outcomes.iter().filter(|outcome| outcome.ours).flat_map(|outcome| match &outcome.end {
        End::Played { judgements, .. } => &judgements[..],
        End::Failed(_) | End::Skipped(_) => &[],
    });
    let open = judged.clone().filter(|(_, judgement)| matches!(judgement, Judgement::Open(_)));
    (open.count(), judged.count())
}

fn claims(outcomes: &[Outcome], text: &mut String) {
    text.push_str("\n## What was claimed, and what happened\n");
    for outcome in outcomes.iter().filter(|outcome| outcome.ours) {
        let (name, repeat) = (outcome.scenario.name, outcome.repeat);
        match &outcome.end {
            End::Skipped(_) => continue,
            End::Failed(why) => {
                let _ = writeln!(text, "\n### {name}, {repeat}\n\n**Failed**: {why}");
            }
            End::Played { judgements, .. } => {
                let _ = writeln!(
                    text,
                    "\n### {name}, {repeat}\n\n{} {} nodes, {}, {:.0} s, {}; [time line]({}.svg).\n\n\
                     | claim | | measured |\n| --- | --- | --- |",
                    sentence(outcome.scenario.about),
                    outcome.nodes,
                    outcome.backend.word(),
                    outcome.seconds,
                    outcome.machine(),
                    outcome.file_name()
                );
                for (claim, judgement) in judgements {
                    let (word, measured) = judgement.words();
                    let _ = writeln!(text, "| {} | {word} | {} |", claim.text(), measured.replace('|', "/"));
                }
            }
        }
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The figures that compare, by column: name of the figure, head of the column, factor.
const COMPARED: [(&str, &str, f64); 11] = [
    ("detection first", "killed, suspected: first s", 1.0),
    ("detection median", "median s", 1.0),
    ("detection last", "last s", 1.0),
    ("not detected", "never", 1.0),
    ("notice median", "cut off or stopped, suspected: median s", 1.0),
    ("notice last", "last s", 1.0),
    ("not noticed", "never", 1.0),
    ("mistakes", "mistakes", 1.0),
    ("accusations", "times a healthy node was accused", 1.0),
    ("mistake longest", "longest s", 1.0),
    ("recovery longest", "recovered s", 1.0),
];

const UNFAIR: &str = "**Where this is unfair**: the claims are ours, and were never made by the others; that a node says \
     that it was stopped is not in their interface at all. foca, memberlist and serf confirm a suspicion by gossip and tell the \
     application only of the outcome, so their detection includes what ours leaves to a verdict, and all their nodes hold \
     one opinion where ours hold their own. With more nodes than a full mesh has, only some watch each node of ours: who is told of \
     their suspicion counts as having noticed, and does not count as mistaken where they are. So mistakes of ours are fewer than \
     they would be if all watched all; how often a healthy node was accused, by however many, does not depend on that. memberlist leaves it to its user to call again those that it has given up, and \
     this agent only calls its seeds while it is alone. With their defaults they are made for larger and slower networks; \
     *tuned* is our choice of their settings for detection in about a second, not their authors'. serf, a program in Go \
     around the memberlist of that language, cannot be tuned so: *local* is the fastest of its three profiles. Its lines \
     are made of its log, which tells of an event a second or more before scripts are run and clients told; the process of \
     ours that reads the log is not counted among its cost.";

fn beside_peers(outcomes: &[Outcome], text: &mut String) {
    text.push_str(
        "\n## Beside peers\n\nThe same processes of the harness, the same faults and victims, one system after the other.\n\n",
    );
    text.push_str(UNFAIR);
    text.push_str(
        "\n\nOnly repeat 1 is shown where there are several; figures.csv has all. *Never*: not within ten seconds, or as \
         long as the fault lasted. *Recovered*: from the end of a fault, or a restart, until all that run know and trust each other \
         again, and go on doing so for a second. Empty: nothing of the kind happened.\n",
    );
    for name in scenarios(outcomes) {
        let rows: Vec<&Outcome> =
            outcomes.iter().filter(|o| o.scenario.name == name && o.repeat == 1).collect();
        if rows.iter().filter(|o| matches!(o.end, End::Played { .. })).count() < 2 {
            continue;
        }
        let _ = write!(text, "\n### {name}\n\n| system |");
        for (_, head, _) in COMPARED {
            let _ = write!(text, " {head} |");
        }
        let _ = writeln!(text, " load |\n| --- |{}", " --- |".repeat(COMPARED.len() + 1));
        for outcome in &rows {
            compared(outcome, text);
        }
        unheld(&rows, text);
    }
}

/// What of our claims does not hold for whom.
fn unheld(rows: &[&Outcome], text: &mut String) {
    let broken = rows.iter().flat_map(|outcome| match &outcome.end {
        End::Played { judgements, .. } => judgements
            .iter()
            .filter(|(_, judgement)| judgement.is_broken())
            .map(|(claim, judgement)| (&outcome.system, claim.text(), judgement.words().1))
            .collect(),
        _ => Vec::new(),
    });
    let lines: Vec<String> = broken
        .map(|(system, claim, measured)| format!("- {system}: not \"{claim}\": {measured}\n"))
        .collect();
    if !lines.is_empty() {
        let _ = write!(text, "\nOf our claims do not hold:\n\n{}", lines.concat());
    }
}

fn compared(outcome: &Outcome, text: &mut String) {
    let _ = write!(text, "| {} |", outcome.system);
    match &outcome.end {
        End::Played { log, .. } => {
            let figures = by_name(log);
            for (name, _, factor) in COMPARED {
                match figures.get(name) {
                    // Counts are whole.
                    Some(value) if name.starts_with("not ") || matches!(name, "mistakes" | "accusations") => {
                        let _ = write!(text, " {value} |");
                    }
                    Some(value) => {
                        let _ = write!(text, " {:.2} |", value * factor);
                    }
                    None => text.push_str("  |"),
                }
            }
            if figures.get("not recovered").is_some_and(|times| *times > 0.0) {
                // In the last column before the load: recovery is a maximum of those that there were.
                text.truncate(text.len() - 2);
                text.push_str(", once never |");
            }
        }
        End::Failed(why) | End::Skipped(why) => {
            let _ = write!(text, " {why} |{}", "  |".repeat(COMPARED.len() - 1));
        }
    }
    let _ = writeln!(text, " {} |", outcome.load);
}

fn by_name(log: &crate::adversity::observe::Log) -> BTreeMap<&'static str, f64> {
    figures::of(log).into_iter().map(|figure| (figure.name, figure.value)).collect()
}

fn scenarios(outcomes: &[Outcome]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for outcome in outcomes {
        if !names.contains(&outcome.scenario.name) {
            names.push(outcome.scenario.name);
        }
    }
    names
}

/// How soon the dead were declared dead.
fn verdicts(outcomes: &[Outcome], text: &mut String) {
    let mut rows = String::new();
    for outcome in outcomes {
        let End::Played { log, .. } = &outcome.end else { continue };
        let figures = by_name(log);
        let cell = |name: &str| figures.get(name).map(|value| format!("{value:.3}")).unwrap_or_default();
        if !figures.contains_key("dead reports") {
            continue;
        }
        let _ = writeln!(
            rows,
            "| {}, {} | {} | {} | {} | {} | {} | {} | {} |",
            outcome.scenario.name,
            outcome.repeat,
            outcome.nodes,
            figures["dead reports"],
            cell("detection last"),
            cell("dead median"),
            cell("dead p99"),
            cell("dead last"),
            outcome.load
        );
    }
    if !rows.is_empty() {
        text.push_str(
            "\n## Verdicts\n\nSeconds from SIGKILL until survivors reported the node dead, one report for each kill and each \
             survivor; verdicts.csv has them all.\n\n| scenario | nodes | reports | last suspicion | median | p99 | last | load \
             |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
        );
        text.push_str(&rows);
    }
}

fn costs(outcomes: &[Outcome], text: &mut String) {
    let measured: Vec<(&Outcome, BTreeMap<&str, f64>)> = outcomes
        .iter()
        .filter_map(|outcome| match &outcome.end {
            End::Played { log, .. } => Some((outcome, by_name(log))),
            _ => None,
        })
        .filter(|(_, figures)| figures.contains_key("processor mean"))
        .collect();
    if measured.is_empty() {
        return;
    }
    text.push_str(
        "\n## Costs\n\nMeans over the nodes. Payload is what a node counts itself; on the wire is what the kernel counts, with \
         all headers, where every node has a network namespace.\n\n\
         | scenario | system | nodes | processor % | payload kB/s | datagrams/s | on the wire kB/s | memory MB | descriptors | \
         load |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (outcome, figures) in measured {
        let cell = |name: &str, factor: f64, places: usize| {
            figures.get(name).map(|value| format!("{:.places$}", value * factor)).unwrap_or_default()
        };
        let datagrams = cell("datagrams mean", 1.0, 0);
        let datagrams = if datagrams.is_empty() { cell("wire datagrams mean", 1.0, 0) } else { datagrams };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {datagrams} | {} | {} | {} | {} |",
            outcome.scenario.name,
            outcome.system,
            outcome.nodes,
            cell("processor mean", 1.0, 2),
            cell("payload mean", 1e-3, 2),
            cell("wire mean", 1e-3, 2),
            cell("memory mean", 1e-3, 1),
            cell("descriptors mean", 1.0, 0),
            outcome.load
        );
    }
}

fn skipped(outcomes: &[Outcome], text: &mut String) {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.repeat == 1) {
        if let End::Skipped(why) = &outcome.end {
            let who = format!("{} ({})", outcome.scenario.name, outcome.system);
            reasons.entry(why).or_default().push(who);
        }
    }
    if reasons.is_empty() {
        return;
    }
    text.push_str("\n## Skipped\n\n");
    for (why, who) in reasons {
        let _ = writeln!(text, "- {}: {why}", who.join(", "));
    }
}
