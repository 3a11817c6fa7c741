//! The command line, and the order of things in a run.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Parser;

use super::progress::Progress;
use super::report::{self, Context, Results};
use super::sim::Nanos;
use super::sim::scale::bootstrap::Bootstrap;
use super::sim::scale::parted::Parted;
use super::sim::scale::size::Size;
use super::sim::scale::watch::Watch;
use crate::command_line::command_line;

/// Measures simulated clusters of different sizes, and draws what a node costs and how fast news is there.
///
/// The nodes are the real core of `gossip`, on a calm simulated network and on virtual time: the figures do not depend on the
/// machine. Writes scale.csv (every figure), summary.md (tables) and up to four pictures (SVG) into --out, anew after each
/// measurement, so that a run that is interrupted leaves what it had.
///
/// On one core, 1,000 nodes take a quarter of a minute, 10,000 two to six minutes and 3 GB of memory, and 100,000 took fourteen minutes of
/// processor time and 8 GB. Strangers, and parts that meet again, are dearer, since nodes that have learnt different things share no memory
/// any more: 300 strangers and halves of 200 take ten seconds, halves of 1,000 four minutes, a rack of 1,000 three, and 1,000 strangers one.
///
/// Exit status: 0 if everything promised was kept, 1 if something was not or the run failed, 2 for bad arguments.
#[derive(Debug, Parser)]
#[command(name = "scale", version)]
pub struct Arguments {
    /// Measure cost, founding, a join and a crash in a cluster of N nodes, 100 to 100,000; repeatable
    #[arg(long, value_name = "N", default_values_t = [100, 1000], value_parser = clap::value_parser!(u32).range(100..=100_000))]
    nodes: Vec<u32>,

    /// Start N strangers at once, who know three addresses, and measure until all know all, 100 to 2,000; repeatable
    #[arg(long, value_name = "N", default_values_t = [100, 300], value_parser = clap::value_parser!(u32).range(100..=2_000))]
    bootstrap: Vec<u32>,

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
    let sizes =
        [&arguments.nodes, &arguments.bootstrap, &arguments.halves, &arguments.rack].map(|n| ascending(n));
    let [nodes, strangers, halves, racks] = sizes;
    let before = work(&nodes, Size::takes) + work(&strangers, Bootstrap::takes);
    let mut run = Run::new(arguments, before + work(&halves, Parted::takes) + work(&racks, Parted::takes));
    // Before anything is measured in vain.
    run.write()?;
    run.each(&nodes, "{} nodes", Size::takes, Size::measure, |results| &mut results.sizes)?;
    run.each(&strangers, "{} strangers", Bootstrap::takes, Bootstrap::measure, |results| {
        &mut results.bootstraps
    })?;
    run.each(&halves, "halves of {}", Parted::takes, Parted::halves, |results| &mut results.halves)?;
    run.each(&racks, "a rack of {}", Parted::takes, Parted::rack, |results| &mut results.racks)?;
    run.progress.finish();
    print!("{}", report::tables(&run.results));
    let broken = run.results.broken();
    for what in &broken {
        eprintln!("not as promised: {what}");
    }
    println!("\nWritten to {}", arguments.out.display());
    Ok(broken.is_empty())
}

/// Measures one cluster of so many nodes.
type Measure<T> = fn(usize, u64, Watch<'_>) -> Result<T, String>;

/// A run, and what it has measured so far.
struct Run<'a> {
    arguments: &'a Arguments,
    context: Context,
    results: Results,
    progress: Progress,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments, work: u64) -> Self {
        let command = command_line("scale", std::env::args().skip(1));
        let context = Context { command, seed: arguments.seed };
        Self { arguments, context, results: Results::default(), progress: Progress::new(work) }
    }

    /// Writes the report as far as it goes.
    fn write(&self) -> anyhow::Result<()> {
        report::write(&self.results, &self.context, &self.arguments.out)
    }

    /// Measures each of these sizes, from the smallest on.
    fn each<T>(
        &mut self,
        sizes: &[usize],
        what: &str,
        takes: fn(usize) -> Nanos,
        measure: Measure<T>,
        among: fn(&mut Results) -> &mut Vec<T>,
    ) -> anyhow::Result<()> {
        for &nodes in sizes {
            self.progress.begin(what.replace("{}", &nodes.to_string()), nodes, takes(nodes));
            let measured =
                measure(nodes, self.arguments.seed, &mut |doing, done| self.progress.at(doing, done));
            among(&mut self.results).push(measured.map_err(|what| failed(&what, self.arguments))?);
            self.progress.end();
            self.write()?;
        }
        Ok(())
    }
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
