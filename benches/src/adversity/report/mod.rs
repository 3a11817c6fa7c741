//! What a reader gets of a run.
//!
//! In flow outcomes; out flow files in one directory: summary.md, claims.csv, figures.csv and verdicts.csv for the run, for each
//! scenario that was played its lines (gzip) and a time line (SVG), and for each that several systems played a picture of them beside
//! each other. No path of the machine is written into any file.

mod beside;
mod csv;
mod figures;
mod markdown;
mod raw;
mod redraw;
mod timeline;

pub(crate) use redraw::redraw;

use std::path::Path;

use anyhow::anyhow;

use super::run::{End, Outcome};
use crate::out::write;

/// What the reader must know about the run beyond its outcomes.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The command line, as typed, without machine paths.
    pub(crate) command: String,
    pub(crate) seed: u64,
    /// What the processes were joined by.
    pub(crate) network: String,
}

/// Pictures have one row for each pair up to so many nodes, and one for each node beyond.
const PAIRS_MAX: usize = 6;

/// Writes what there is to see of one outcome.
pub(crate) fn details(outcome: &Outcome, out: &Path) -> anyhow::Result<()> {
    let End::Played { log, .. } = &outcome.end else { return Ok(()) };
    let name = outcome.file_name();
    write(out, &format!("raw/{name}.jsonl.gz"), &raw::packed(log)?)?;
    let title = format!("{}: {}", outcome.scenario.name, outcome.system);
    let svg = timeline::draw(log, &title, outcome.scenario.about, log.nodes <= PAIRS_MAX)
        .map_err(|error| anyhow!("drawing {name}.svg: {error}"))?;
    write(out, &format!("{name}.svg"), svg.as_bytes())
}

/// Writes what all outcomes together say.
pub(crate) fn summary(outcomes: &[Outcome], context: &Context, out: &Path) -> anyhow::Result<()> {
    write(out, "summary.md", markdown::summary(outcomes, context).as_bytes())?;
    write(out, "claims.csv", csv::claims(outcomes).as_bytes())?;
    write(out, "verdicts.csv", csv::verdicts(outcomes).as_bytes())?;
    let figures = csv::figures(outcomes);
    write(out, "figures.csv", figures.as_bytes())?;
    redraw::pictures(&figures, out)
}
