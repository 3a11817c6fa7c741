//! A process's part in the cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use gossip::Node;

/// Who a process is among the others. All of them are voters.
#[derive(Debug, Clone, Args)]
pub(crate) struct Member {
    /// Name of this process
    #[arg(long)]
    pub(crate) name: String,
    /// Address to listen on
    #[arg(long, value_name = "IP:PORT")]
    bind: SocketAddr,
    /// Addresses of all
    #[arg(long, value_name = "IP:PORT", value_delimiter = ',')]
    peers: Vec<SocketAddr>,
    /// Names of all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    voters: Vec<String>,
    /// Directory for what must not be forgotten
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

impl Member {
    /// One after another for each name.
    pub(crate) fn all(names: &[&str], addrs: &[SocketAddr], dir: &Path) -> Vec<Self> {
        let voters: Vec<String> = names.iter().map(ToString::to_string).collect();
        let member = |(name, addr): (&&str, &SocketAddr)| Self {
            name: name.to_string(),
            bind: *addr,
            peers: addrs.to_vec(),
            voters: voters.clone(),
            data: dir.join(name),
        };
        names.iter().zip(addrs).map(member).collect()
    }

    /// As a command line.
    pub(crate) fn args(&self) -> Vec<String> {
        let peers: Vec<String> = self.peers.iter().map(SocketAddr::to_string).collect();
        let pairs = [
            ("--name", self.name.clone()),
            ("--bind", self.bind.to_string()),
            ("--peers", peers.join(",")),
            ("--voters", self.voters.join(",")),
            ("--data", self.data.display().to_string()),
        ];
        pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }

    /// Starts the node: heartbeats ten times a second, vouchers for a second.
    pub(crate) async fn start(&self, cluster: &str) -> anyhow::Result<Node> {
        let seeds = self.peers.iter().map(SocketAddr::to_string);
        let builder = Node::builder(cluster, &self.name).bind(self.bind).seeds(seeds);
        let builder = builder.voters(&self.voters).lease(Duration::from_secs(1)).data_dir(&self.data);
        builder.start().await.with_context(|| format!("{} cannot start its node", self.name))
    }
}

/// Lets the system end this process with its parent, even while it is paused and cannot notice anything itself.
pub(crate) fn die_with_parent() -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
        let parent = getppid();
        set_parent_process_death_signal(Some(Signal::KILL)).context("cannot follow the parent process")?;
        // It may have died before.
        anyhow::ensure!(
            getppid() == parent && parent != Some(Pid::INIT),
            "the parent process is gone already"
        );
    }
    Ok(())
}
