//! Which program the nodes are, and how it is called.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::Peer;

/// A program under test. All take the options of the `node` example that are used here.
#[derive(Debug, Clone)]
pub(crate) struct System {
    /// As the report calls it.
    pub(crate) label: String,
    program: PathBuf,
    kind: Kind,
    verdicts: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Our node as the claims mean it.
    Ours,
    /// Our node in its economy profile, to be seen beside peers that spend little.
    Economy,
    /// A peer's agent with one of its profiles.
    Peer(&'static Peer, &'static str),
}

impl System {
    /// Our own node.
    pub(crate) fn ours(program: PathBuf) -> anyhow::Result<Self> {
        let help = Command::new(&program)
            .arg("--help")
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let verdicts = String::from_utf8_lossy(&help.stdout).contains("--voters");
        Ok(Self { label: "gossip".into(), program, kind: Kind::Ours, verdicts })
    }

    /// The same program in its economy profile.
    pub(crate) fn in_economy(&self) -> Self {
        Self { label: "gossip, economy".into(), kind: Kind::Economy, ..self.clone() }
    }

    /// For how long one of its detectors has heard little, and is slow on purpose: that is another figure than the one claimed. Of
    /// ours, fifty heartbeats; peers get as much as our node at its usual interval.
    pub(crate) fn young_s(&self) -> f64 {
        let builder = gossip::Config::builder("adversity");
        let config = if let Kind::Economy = self.kind { builder.economy() } else { builder };
        config.build().map_or(0.0, |config| 50.0 * config.interval().as_secs_f64())
    }

    /// A peer's agent, once with each of its profiles. It may still have to be built.
    pub(crate) fn of_peer(peer: &'static Peer) -> impl Iterator<Item = Self> {
        peer.profiles.iter().map(move |(label, profile)| Self {
            label: format!("{}, {label}", peer.name),
            program: peer.agent(),
            kind: Kind::Peer(peer, profile),
            verdicts: false,
        })
    }

    /// Whose agent it is; None if it is our node.
    pub(crate) fn peer(&self) -> Option<&'static Peer> {
        match self.kind {
            Kind::Peer(peer, _) => Some(peer),
            Kind::Ours | Kind::Economy => None,
        }
    }

    /// Whether the claims are about it.
    pub(crate) fn is_claimed(&self) -> bool {
        matches!(self.kind, Kind::Ours)
    }

    /// Whether it takes our node's options and commands.
    pub(crate) fn is_ours(&self) -> bool {
        self.peer().is_none()
    }

    /// Whether a quorum decides who is dead, and grants leases.
    pub(crate) fn has_verdicts(&self) -> bool {
        self.verdicts
    }

    /// Up to how many nodes everybody has an opinion of everybody. A peer's agent always has one: what the cluster thinks.
    pub(crate) fn full_mesh_max(&self) -> usize {
        let builder = gossip::Config::builder("adversity");
        let config = match self.kind {
            Kind::Ours => builder.build(),
            Kind::Economy => builder.economy().build(),
            Kind::Peer(..) => return usize::MAX,
        };
        config.map_or(usize::MAX, |config| config.full_mesh_max())
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
        match self.kind {
            Kind::Peer(_, profile) => push(&["--profile", profile]),
            kind => {
                push(&["--data", &data.to_string_lossy(), "--opinions"]);
                push(if matches!(kind, Kind::Economy) { &["--economy"] } else { &["--interval", "100ms"] });
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
