//! What a reader gets: CSV with every number, four pictures, and a summary with advice.
//!
//! In flows a finished [`Study`]; out flow files in one directory. Nothing is measured here, and no path of the machine
//! is written into any file.

mod advice;
mod aggregate;
mod csv;
mod markdown;
mod plot;

use std::path::{Path, PathBuf};

use crate::study::Study;

/// What the reader must know about the run beyond its numbers.
#[derive(Debug, Clone)]
pub struct Context {
    /// The command line, as typed, without machine paths.
    pub command: String,
    /// Decides every draw.
    pub seed: u64,
    /// If only the beginning of each trace was used: how many heartbeats.
    pub quick_rows: Option<usize>,
}

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The directory or a file in it.
    #[error("{}: {source}; give a directory that can be written with --out", path.display())]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A picture.
    #[error("drawing {picture}: {reason}")]
    Drawing {
        /// Its file name.
        picture: &'static str,
        /// What the drawing library said.
        reason: String,
    },
}

/// Writes everything into `out`, and returns the names of the files.
///
/// # Errors
///
/// [`ReportError`] names the file that could not be written.
pub fn write(study: &Study, context: &Context, out: &Path) -> Result<Vec<&'static str>, ReportError> {
    let files = [
        ("summary.md", markdown::summary(study, context)),
        ("everything.csv", csv::everything(study)),
        ("1-per-link.csv", csv::per_link(study)),
        ("1-per-link.svg", drawn("1-per-link.svg", plot::per_link(study))?),
        ("2-one-threshold.csv", csv::one_threshold(study)),
        ("2-one-threshold.svg", drawn("2-one-threshold.svg", plot::one_threshold(study))?),
        ("3-halves.csv", csv::halves(study)),
        ("3-halves.svg", drawn("3-halves.svg", plot::halves(study))?),
        ("4-calibration.csv", csv::calibration(study)),
        ("4-calibration.svg", drawn("4-calibration.svg", plot::calibration(study))?),
    ];
    let unwritable = |path: PathBuf| move |source| ReportError::Unwritable { path, source };
    std::fs::create_dir_all(out).map_err(unwritable(out.into()))?;
    for (name, content) in &files {
        let path = out.join(name);
        std::fs::write(&path, content).map_err(unwritable(path))?;
    }
    Ok(files.map(|(name, _)| name).to_vec())
}

fn drawn<E: std::fmt::Display>(picture: &'static str, svg: Result<String, E>) -> Result<String, ReportError> {
    svg.map_err(|error| ReportError::Drawing { picture, reason: error.to_string() })
}
