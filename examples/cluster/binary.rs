//! Finding the `node` program, which lies beside this one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// The path of the `node` example. Under `cargo run` it is built first, so that it is as new as this program.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where this program lies")?;
    let dir = own.parent().context("this program lies nowhere")?;
    let node = dir.join(format!("node{}", env::consts::EXE_SUFFIX));
    if let (Some(cargo), Some(manifest)) = (env::var_os("CARGO"), env::var_os("CARGO_MANIFEST_DIR")) {
        build(Path::new(&cargo), Path::new(&manifest), dir, node.exists())?;
    }
    ensure!(
        node.exists(),
        "{} is missing: build it with `cargo build --release --example node`, or start this program with `cargo run`",
        node.display()
    );
    Ok(node)
}

/// Into the same directory: `target/PROFILE/examples`.
fn build(cargo: &Path, manifest: &Path, dir: &Path, exists: bool) -> anyhow::Result<()> {
    let profile = match dir.parent().and_then(Path::file_name).and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    if !exists {
        eprintln!("building the node program: cargo build --example node --profile {profile}");
    }
    let status = Command::new(cargo)
        .current_dir(manifest)
        .args(["build", "--quiet", "--example", "node", "--profile", profile])
        .status()
        .with_context(|| format!("cannot run {}", cargo.display()))?;
    if !status.success() {
        bail!("the node program could not be built ({status})");
    }
    Ok(())
}
