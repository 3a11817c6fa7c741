//! Finding the programs under test, and building them first under `cargo run`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use super::Peer;

/// The `node` example, in the directory of this build. Under `cargo run` it is built, so that it is as new as this program.
pub(crate) fn find_node() -> anyhow::Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where this program lies")?;
    let dir = own.parent().context("this program lies nowhere")?;
    // Tests lie one deeper.
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    let node = dir.join("examples").join("node");
    if let Some(cargo) = env::var_os("CARGO") {
        let profile = match dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let arguments = ["build", "--quiet", "-p", "examples", "--example", "node", "--profile", profile];
        build(Path::new(&cargo), Path::new(env!("CARGO_MANIFEST_DIR")), &arguments)?;
    }
    ensure!(
        node.exists(),
        "{} is missing: build it with `cargo build --release -p examples --example node`",
        node.display()
    );
    Ok(node)
}

/// The agent of a peer, which takes minutes the first time.
pub(crate) fn build_agent(peer: &Peer) -> anyhow::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let package = peer.package();
    ensure!(package.exists(), "{} is missing from this checkout", package.display());
    eprintln!("building the agent for {}", peer.name);
    // One directory for all: they have most dependencies in common.
    build(Path::new(&cargo), &package, &["build", "--quiet", "--release", "--target-dir", "../target"])
}

fn build(cargo: &Path, dir: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(cargo)
        .current_dir(dir)
        .args(arguments)
        .status()
        .with_context(|| format!("cannot run {}", cargo.display()))?;
    if !status.success() {
        bail!("`cargo {}` failed in {} ({status})", arguments.join(" "), dir.display());
    }
    Ok(())
}
