//! The command line, and the order of things in a run.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Parser;

use super::progress::Progress;
use super::report::{self, Context, Results};
use super::sim::scale::parted::Parted;
use super::sim::scale::size::Size;
use crate::command_line::command_line;

/// Measures simulated clusters of different sizes, and draws what a node costs and how fast news is there.
///
/// The nodes are the real core of `gossip`, on a calm simulated network and on virtual time: the figures do not depend on the
/// machine. Writes scale.csv (every figure), summary.md (tables) and up to three pictures (SVG) into --out, anew after each
/// measurement, so that a run that is interrupted leaves what it had.
///
/// On one core, 1,000 nodes take a quarter of a minute, 10,000 two to six minutes and 3 GB of memory, and 100,000 took fourteen minutes of
/// processor time and 8 GB. Parts that meet again are dearer, since nodes that have learnt different things share no memory any more:
/// halves of 200 take ten seconds, those of 1,000 four minutes, and a rack of 1,000 three.
///
/// Exit status: 0 if everything promised was kept, 1 if something was not or the run failed, 2 for bad arguments.
#[derive(Debug, Parser)]
#[command(name = "scale", version)]
pub struct Arguments {
    /// Measure cost, founding, a join and a crash in a cluster of N nodes, 100 to 100,000; repeatable
    #[arg(long, value_name = "N", default_values_t = [100, 1000], value_parser = clap::value_parser!(u32).range(100..=100_000))]
    nodes: Vec<u32>,

    /// Part a cluster of N nodes into halves for two minutes, and measure until all are one again, 100 to 2,000; repeatable
    #[arg(long, value_name = "N", default_values_t = [100, 200], value_parser = clap::value_parser!(u32).range(100..=2_000))]
    halves: Vec<u32>,

    /// Cut a hundred nodes off from a cluster of N nodes for two minutes, and measure until all are one again, 200 to 1,000; repeatable
    #[arg(long, value_name = "N", default_values_t = [500], value_parser = clap::value_parser!(u32).range(200..=1_000))]
    rack: Vec<u32>,

    /// Decides every random draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the report into DIR
    #[arg(long, value_name = "DIR", default_value = "scale-report")]
    out: PathBuf,
}

/// Measures what the arguments ask for, from small to large, and writes the report; whether all promises were kept.
///
/// # Errors
///
/// A report that cannot be written, or a cluster in which some news never reaches everybody.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let [nodes, halves, racks] = [&arguments.nodes, &arguments.halves, &arguments.rack].map(|n| ascending(n));
    let context = Context { command: command_line("scale", std::env::args().skip(1)), seed: arguments.seed };
    let mut results = Results::default();
    // Before anything is measured in vain.
    report::write(&results, &context, &arguments.out)?;
    let parted = work(&halves, Parted::takes) + work(&racks, Parted::takes);
    let mut progress = Progress::new(work(&nodes, Size::takes) + parted);
    for nodes in nodes {
        progress.begin(format!("{nodes} nodes"), nodes, Size::takes(nodes));
        let size = Size::measure(nodes, arguments.seed, &mut |doing, done| progress.at(doing, done));
        results.sizes.push(size.map_err(|what| failed(&what, arguments))?);
        progress.end();
        report::write(&results, &context, &arguments.out)?;
    }
    for nodes in halves {
        progress.begin(format!("halves of {nodes}"), nodes, Parted::takes(nodes));
        let halves = Parted::halves(nodes, arguments.seed, &mut |doing, done| progress.at(doing, done));
        results.halves.push(halves.map_err(|what| failed(&what, arguments))?);
        progress.end();
        report::write(&results, &context, &arguments.out)?;
    }
    for nodes in racks {
        progress.begin(format!("a rack of {nodes}"), nodes, Parted::takes(nodes));
        let rack = Parted::rack(nodes, arguments.seed, &mut |doing, done| progress.at(doing, done));
        results.racks.push(rack.map_err(|what| failed(&what, arguments))?);
        progress.end();
        report::write(&results, &context, &arguments.out)?;
    }
    progress.finish();
    print!("{}", report::tables(&results));
    let broken = results.broken();
    for what in &broken {
        eprintln!("not as promised: {what}");
    }
    println!("\nWritten to {}", arguments.out.display());
    Ok(broken.is_empty())
}

/// Of all sizes together, if each goes so far.
fn work(sizes: &[usize], takes: fn(usize) -> u64) -> u64 {
    sizes.iter().map(|&nodes| nodes as u64 * takes(nodes)).sum()
}

fn ascending(sizes: &[u32]) -> Vec<usize> {
    let mut sizes: Vec<usize> = sizes.iter().map(|&n| n as usize).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// No user can cause it, or mend it.
fn failed(what: &str, arguments: &Arguments) -> anyhow::Error {
    anyhow!(
        "{what}. The same command fails again: please report it. What was measured before stands in {}",
        arguments.out.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_are_well_formed() {
        Arguments::command().debug_assert();
        let parsed = |more: &[&str]| Arguments::try_parse_from(["scale"].iter().chain(more));
        assert_eq!(parsed(&[]).unwrap().nodes, [100, 1000]);
        assert_eq!(parsed(&["--nodes", "300", "--nodes", "100"]).unwrap().nodes, [300, 100]);
        for wrong in
            [["--nodes", "99"], ["--nodes", "x"], ["--halves", "2001"], ["--rack", "199"], ["--rack", "1001"]]
        {
            let error = parsed(&wrong).unwrap_err().to_string();
            assert!(error.contains("is not in") || error.contains("invalid digit"), "{error}");
        }
    }

    #[test]
    fn sizes_are_measured_once_each_the_smallest_first() {
        assert_eq!(ascending(&[1000, 100, 1000]), [100, 1000]);
    }
}
