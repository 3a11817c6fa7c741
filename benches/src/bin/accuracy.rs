//! Accuracy of failure detectors against timeout length, on recorded and synthetic heartbeat traces.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use benches::command_line::command_line;
use benches::detector::Spec;
use benches::registry::{ABLATIONS, DETECTORS};
use benches::replay::Replay;
use benches::report;
use benches::study::{Effort, Study};
use benches::synthetic;
use benches::trace::{self, Trace};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Traces that come with the source.
const OWN_TRACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces");
/// Heartbeats of each trace in a quick run.
const QUICK_ROWS: usize = 20_000;
/// Points of each detector's sweep, and crash moments in each trace.
const FULL: (usize, usize) = (48, 5_000);
const QUICK: (usize, usize) = (24, 2_000);

/// Replays heartbeat traces to failure detectors and reports how often each is wrong, and how soon it notices a crash.
///
/// Without --traces or --trace: the recorded traces that come with the source, and synthetic scenarios.
/// Writes summary.md, four pictures (SVG) and every number (CSV) into --out.
#[derive(Debug, Parser)]
#[command(name = "accuracy", version)]
struct Arguments {
    /// Take every *.csv and *.csv.gz in DIR instead of the traces that come with the source; repeatable
    #[arg(long, value_name = "DIR")]
    traces: Vec<PathBuf>,

    /// Take this trace (header seq,send_ns,recv_ns; packed with gzip or not); repeatable
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,

    /// Run only these detectors: names separated by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    detectors: Vec<String>,

    /// Write the report into DIR
    #[arg(long, value_name = "DIR", default_value = "accuracy-report")]
    out: PathBuf,

    /// Advise for this rate of mistakes per heartbeat gap
    #[arg(long, value_name = "RATE", default_value = "1e-3", value_parser = budget)]
    budget: f64,

    /// Decides every random draw: scenarios, crash moments, bootstrap
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Use only the first 20,000 heartbeats of each trace and a coarser sweep
    #[arg(long)]
    quick: bool,

    /// Also run this project's detector with one part taken out each
    #[arg(long)]
    ablations: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let specs = choose(&arguments.detectors, arguments.ablations)?;
    let (grid_points, crashes) = if arguments.quick { QUICK } else { FULL };
    let replays = traces(arguments)?
        .iter()
        .map(|trace| Replay::new(trace, crashes, arguments.seed))
        .collect::<Result<Vec<_>, _>>()?;
    let effort = Effort { budget: arguments.budget, grid_points, seed: arguments.seed };
    let bar = progress_bar(Study::steps(specs.len(), replays.len()));
    let study = Study::run(&specs, replays, effort, &|| bar.inc(1));
    bar.finish_and_clear();
    let context = report::Context {
        command: command_line("accuracy", std::env::args().skip(1)),
        seed: arguments.seed,
        quick_rows: arguments.quick.then_some(QUICK_ROWS),
    };
    let files = report::write(&study, &context, &arguments.out)?;
    let summary = arguments.out.join("summary.md");
    let text = std::fs::read_to_string(&summary).with_context(|| format!("{}", summary.display()))?;
    // The headline and the advice; the rest is in the file.
    let end = text.find("\n## Calibration").unwrap_or(text.len());
    println!("{}\nWritten to {}: {}", &text[..end], arguments.out.display(), files.join(", "));
    Ok(())
}

fn traces(arguments: &Arguments) -> anyhow::Result<Vec<Trace>> {
    let mut traces = Vec::new();
    for directory in &arguments.traces {
        traces.extend(trace::directory(directory)?);
    }
    for file in &arguments.trace {
        traces.push(trace::file(file)?);
    }
    if traces.is_empty() {
        traces.extend(trace::directory(Path::new(OWN_TRACES))?);
    }
    // A user who names files wants to know about those.
    if arguments.trace.is_empty() {
        traces.extend(synthetic::scenarios(arguments.seed));
    }
    if arguments.quick {
        for trace in &mut traces {
            trace.truncate(QUICK_ROWS);
        }
    }
    Ok(traces)
}

fn choose(names: &[String], ablations: bool) -> anyhow::Result<Vec<Spec>> {
    let all = || DETECTORS.iter().chain(ABLATIONS);
    if names.is_empty() {
        let extra = if ablations { ABLATIONS } else { &[] };
        return Ok(DETECTORS.iter().chain(extra).copied().collect());
    }
    let mut chosen: Vec<Spec> = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        let Some(spec) = all().find(|spec| spec.name == name) else {
            let known: Vec<&str> = all().map(|spec| spec.name).collect();
            bail!("--detectors: no detector is named `{name}`; choose from {}", known.join(","));
        };
        if !chosen.iter().any(|other| other.name == name) {
            chosen.push(*spec);
        }
    }
    if ablations {
        chosen.extend(ABLATIONS);
    }
    Ok(chosen)
}

fn budget(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (1e-9..=0.5).contains(&rate) => Ok(rate),
        _ => Err("give mistakes per gap between 1e-9 and 0.5, such as 1e-4".into()),
    }
}

/// Drawn on standard error, and not at all if that is no terminal.
fn progress_bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} detector passes, {elapsed}, {eta} to go")
    {
        bar.set_style(style);
    }
    bar.tick();
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_unknown_detector_is_answered_with_the_known_ones() {
        let error = choose(&["phi".into()], false).unwrap_err().to_string();
        assert!(
            error.starts_with("--detectors: no detector is named `phi`; choose from fixed,chen,"),
            "{error}"
        );
        let chosen = choose(&["normal".into(), " fixed".into(), "normal".into()], false).unwrap();
        assert_eq!(chosen.iter().map(|spec| spec.name).collect::<Vec<_>>(), ["normal", "fixed"]);
    }

    #[test]
    fn budgets_out_of_range_are_refused() {
        assert_eq!(budget("1e-4"), Ok(1e-4));
        for text in ["0", "-1", "1", "nan", "x"] {
            assert!(budget(text).unwrap_err().contains("between 1e-9 and 0.5"), "{text}");
        }
    }
}
