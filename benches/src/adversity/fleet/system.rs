//! Which program the nodes are, and how it is called.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Up to this many members everybody observes everybody; the default of `gossip::Config::full_mesh_max`.
const OUR_FULL_MESH_MAX: usize = 16;

/// A program under test. All take the options of the `node` example that are used here.
#[derive(Debug, Clone)]
pub(crate) struct System {
    /// As the report calls it.
    pub(crate) label: String,
    program: PathBuf,
    profile: Option<&'static str>,
    verdicts: bool,
}

impl System {
    /// Our own node.
    pub(crate) fn ours(program: PathBuf) -> anyhow::Result<Self> {
        let help = Command::new(&program)
            .arg("--help")
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let verdicts = String::from_utf8_lossy(&help.stdout).contains("--voters");
        Ok(Self { label: "gossip".into(), program, profile: None, verdicts })
    }

    /// A peer's agent with one of its profiles.
    pub(crate) fn peer(name: &str, program: PathBuf, profile: &'static str) -> Self {
        Self { label: format!("{name}, {profile}"), program, profile: Some(profile), verdicts: false }
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.profile.is_none()
    }

    /// Whether a quorum decides who is dead, and grants leases.
    pub(crate) fn has_verdicts(&self) -> bool {
        self.verdicts
    }

    /// Up to how many nodes everybody has an opinion of everybody. A peer's agent always has one: what the cluster thinks.
    pub(crate) fn full_mesh_max(&self) -> usize {
        if self.is_ours() { OUR_FULL_MESH_MAX } else { usize::MAX }
    }

    pub(super) fn command(
        &self,
        node: usize,
        addr: SocketAddr,
        seeds: &[String],
        data: &Path,
        voters: usize,
    ) -> Vec<String> {
        let mut command: Vec<String> = vec![self.program.to_string_lossy().into_owned()];
        let mut push = |words: &[&str]| command.extend(words.iter().map(|word| (*word).to_owned()));
        push(&["--cluster", "adversity", "--name", &format!("n{}", node + 1), "--exit-with-parent"]);
        push(&["--bind", &addr.to_string()]);
        if !seeds.is_empty() {
            push(&["--seed", &seeds.join(",")]);
        }
        match self.profile {
            Some(profile) => push(&["--profile", profile]),
            None => {
                push(&["--data", &data.to_string_lossy(), "--interval", "100ms", "--opinions"]);
                // The network is cut off from everything but these nodes.
                if !addr.ip().is_loopback() {
                    push(&["--insecure"]);
                }
                if self.verdicts && voters > 0 {
                    let names: Vec<String> = (1..=voters).map(|voter| format!("n{voter}")).collect();
                    push(&["--voters", &names.join(",")]);
                }
            }
        }
        command
    }
}
