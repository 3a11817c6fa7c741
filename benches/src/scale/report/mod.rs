//! What a reader gets: every figure as CSV, tables, and pictures.
//!
//! In flow [`Results`]; out flow files in one directory. No path of the machine is written into any file.

mod csv;
mod figure;
mod markdown;
mod plot;

use std::path::Path;

use anyhow::anyhow;

pub(super) use markdown::tables;

use super::sim::scale::bootstrap::Bootstrap;
use super::sim::scale::parted::Parted;
use super::sim::scale::size::Size;
use crate::out;

/// What was measured, from small to large.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) sizes: Vec<Size>,
    pub(super) bootstraps: Vec<Bootstrap>,
    pub(super) halves: Vec<Parted>,
    pub(super) racks: Vec<Parted>,
}

impl Results {
    /// All that were parted.
    fn parted(&self) -> impl Iterator<Item = &Parted> {
        self.halves.iter().chain(&self.racks)
    }

    /// Which promises were not kept.
    pub(super) fn broken(&self) -> Vec<String> {
        let sizes = self.sizes.iter().map(|size| size.check(&self.sizes[0]));
        let others = self.bootstraps.iter().map(Bootstrap::check).chain(self.parted().map(Parted::check));
        sizes.chain(others).filter_map(Result::err).collect()
    }
}

/// What the reader must know about the run beyond its figures.
#[derive(Debug)]
pub(super) struct Context {
    /// The command line, as typed, without machine paths.
    pub(super) command: String,
    pub(super) seed: u64,
}

/// Writes everything there is so far.
pub(super) fn write(results: &Results, context: &Context, out: &Path) -> anyhow::Result<()> {
    let pictures = plot::all(results).map_err(|error| anyhow!("drawing the pictures: {error}"))?;
    out::write(out, "scale.csv", csv::figures(results, context.seed).as_bytes())?;
    for (name, svg) in &pictures {
        out::write(out, name, svg.as_bytes())?;
    }
    let names: Vec<&str> = pictures.iter().map(|(name, _)| *name).collect();
    out::write(out, "summary.md", markdown::summary(results, context, &names).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    pub(super) fn results() -> Results {
        let size = |nodes| Size {
            nodes,
            bytes: 6000.0,
            datagrams: 100.0,
            longest: 1200,
            founded: SECOND / 2,
            joined: SECOND / 10,
            newcomer: (nodes < 1000).then_some(SECOND),
            suspected: SECOND / 4,
            spread: SECOND / 10,
            dead: SECOND / 3,
        };
        let halves = Parted { nodes: 200, cut_off: 100, one_again: 2 * SECOND, dead: 101 };
        let rack = Parted { nodes: 1000, cut_off: 100, one_again: SECOND, dead: 101 };
        let bootstrap = Bootstrap { nodes: 300, complete: 4 * SECOND, founded: SECOND, bytes: 200_000.0 };
        Results {
            sizes: vec![size(100), size(1000)],
            bootstraps: vec![bootstrap],
            halves: vec![halves],
            racks: vec![rack],
        }
    }

    #[test]
    fn a_broken_promise_is_named() {
        let mut results = results();
        assert_eq!(results.broken(), Vec::<String>::new());
        results.sizes[1].bytes *= 2.0;
        results.halves[0].one_again = 30 * SECOND;
        results.bootstraps[0].complete = 30 * SECOND;
        let broken = results.broken();
        assert!(broken[0].starts_with("1000 nodes: bytes a node grow"), "{broken:?}");
        assert!(broken[1].starts_with("strangers took more than 20 s"), "{broken:?}");
        assert!(broken[2].starts_with("parts took more than 20 s"), "{broken:?}");
    }

    #[test]
    fn everything_is_written_also_when_there_is_nothing_yet() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context { command: "scale".into(), seed: 1 };
        let files = || {
            let mut names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
            names.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
            names
                .into_iter()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect::<Vec<_>>()
        };
        write(&Results::default(), &context, directory.path()).unwrap();
        assert_eq!(files(), ["scale.csv", "summary.md"]);
        write(&results(), &context, directory.path()).unwrap();
        assert_eq!(
            files(),
            ["1-cost.svg", "2-times.svg", "3-bootstrap.svg", "4-parted.svg", "scale.csv", "summary.md"]
        );
    }
}
