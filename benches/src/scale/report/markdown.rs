//! The figures for a person, and what they mean.

use std::fmt::Write as _;

use super::figure::{Figure, OF_BOOTSTRAP, OF_PARTED, OF_SIZE};
use super::{Context, Results};
use crate::number::grouped;

const ABOUT: &str = "\
**Simulated**: the real core of `gossip` on virtual time, so the figures do not depend on the machine. One-way delays
of 0.1 to 1 ms without order and without loss, a heartbeat every 100 ms, all options at their defaults, five voters.
Each was measured once of each size.";

const COST: &str = "\
What is sent are UDP payloads, over ten seconds in which nothing happens, or two of 50,000 nodes or more. All nodes start
at once and know each other's addresses from a list; the first view is counted from there. A join is known when the last node has reported
it; a crash when the last node knows that somebody suspects the node, or that it is decided; a death when the last
node has stored the view that says so. What the newcomer knows is looked at every 0.1 s,
and not waited for with 50,000 nodes or more.";

const PARTED: &str = "\
The parts were apart for two minutes. In each as many nodes said something new, one in ten of the smaller; one started again, and the part
with the voters declared the other dead, of which a view has room for 512. They are one again when all hold the same view, trust each
other and have everybody's newest record; whether they are is looked at every 0.1 s.";

const BOOTSTRAP: &str = "\
All nodes start at the same moment, know nothing but the addresses of the same three of them, and five are the founders. How many others each
of them knows, and whether it holds a view, is looked at every 0.1 s; what is sent are UDP payloads.";

pub(super) fn summary(results: &Results, context: &Context, pictures: &[&str]) -> String {
    let mut text = format!("# Cost and speed against the size of a cluster\n\nRun: `{}`, ", context.command);
    let _ = writeln!(text, "seed {}.\n\n{ABOUT}\n", context.seed);
    text.push_str(&tables(results));
    for what in results.broken() {
        let _ = writeln!(text, "\n**Not as promised**: {what}");
    }
    for name in pictures {
        let _ = writeln!(text, "\n![{name}]({name})");
    }
    text
}

/// The tables, each with what its columns mean.
pub(crate) fn tables(results: &Results) -> String {
    let sizes: Vec<_> = results.sizes.iter().map(|size| (size.nodes, size)).collect();
    let parted: Vec<_> = results.parted().map(|parted| (parted.nodes, parted)).collect();
    let bootstraps: Vec<_> =
        results.bootstraps.iter().map(|bootstrap| (bootstrap.nodes, bootstrap)).collect();
    let tables = [
        (table(&sizes, &OF_SIZE), COST),
        (table(&bootstraps, &OF_BOOTSTRAP), BOOTSTRAP),
        (table(&parted, &OF_PARTED), PARTED),
    ];
    let written = tables.iter().filter(|(table, _)| !table.is_empty());
    written.map(|(table, meaning)| format!("{table}\n{meaning}\n")).collect::<Vec<_>>().join("\n")
}

/// Nothing if nothing was measured.
fn table<T>(rows: &[(usize, &T)], figures: &[Figure<T>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut text = String::from("| nodes |");
    for figure in figures {
        let _ = write!(text, " {}, {} |", figure.label, figure.unit);
    }
    let _ = writeln!(text, "\n| --- |{}", " --- |".repeat(figures.len()));
    for (nodes, measured) in rows {
        let _ = write!(text, "| {} |", grouped(*nodes));
        for figure in figures {
            let _ = match (figure.of)(measured) {
                Some(value) => write!(text, " {value:.*} |", figure.decimals),
                None => write!(text, " not waited for |"),
            };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::results;
    use super::*;

    #[test]
    fn tables_have_a_row_for_each_size() {
        let text = tables(&results());
        assert!(text.contains("| 100 | 6000 | 100.0 | 1200 | 0.50 | 0.10 | 1.00 |"), "{text}");
        assert!(text.contains("| 1,000 | 6000 | 100.0 | 1200 | 0.50 | 0.10 | not waited for |"), "{text}");
        assert!(text.contains("| 200 | 100 | 2.00 | 101 |\n| 1,000 | 100 | 1.00 | 101 |"), "{text}");
        assert!(text.contains("| 300 | 4.00 | 1.00 | 200000 |"), "{text}");
        assert_eq!(tables(&Results::default()), "");
    }

    #[test]
    fn the_summary_names_the_command_and_what_was_broken() {
        let mut results = results();
        results.sizes[1].datagrams = 500.0;
        let context = Context { command: "cargo run".into(), seed: 3 };
        let text = summary(&results, &context, &["1-cost.svg"]);
        assert!(text.contains("Run: `cargo run`, seed 3.") && text.contains("**Simulated**"), "{text}");
        assert!(text.contains("**Not as promised**: 1000 nodes: datagrams a node grow"), "{text}");
        assert!(text.ends_with("![1-cost.svg](1-cost.svg)\n"), "{text}");
    }
}
