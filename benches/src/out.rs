//! Files of a report.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Writes a file below the directory `out`, which is made if it is not there.
pub(crate) fn write(out: &Path, name: &str, content: &[u8]) -> anyhow::Result<()> {
    let path = out.join(name);
    let advice = || format!("{}; give a directory that can be written with --out", path.display());
    fs::create_dir_all(path.parent().unwrap_or(out)).with_context(advice)?;
    fs::write(&path, content).with_context(advice)
}
