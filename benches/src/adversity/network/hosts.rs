//! One network namespace for each node, with its addresses; what joins them is not looked at here.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::PORT;
use super::fed::feed;
use super::mac::Mac;

/// Dropping it removes the namespaces, and with them everything in them.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Starts every name, so that two runs do not meet.
    prefix: String,
    nodes: usize,
    hub: bool,
}

/// Why they cannot be had, if so.
pub(super) fn available() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("network namespaces need root".into());
    }
    for (program, argument, package) in [("ip", "-V", "iproute2"), ("nft", "-v", "nftables")] {
        let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err(format!("`{program}` is missing: install the package {package}"));
        }
    }
    Ok(())
}

impl Hosts {
    /// Empty namespaces, and one more where they can be joined.
    pub(super) fn with_hub(nodes: usize) -> anyhow::Result<Self> {
        Self { prefix: prefix(), nodes, hub: true }.made()
    }

    /// Empty namespaces.
    pub(super) fn without_hub(nodes: usize) -> anyhow::Result<Self> {
        Self { prefix: prefix(), nodes, hub: false }.made()
    }

    /// It exists before they do, so that what was made is removed if the rest fails.
    fn made(self) -> anyhow::Result<Self> {
        let commands: String = self.names().map(|name| format!("netns add {name}\n")).collect();
        feed(&["ip", "-batch", "-"], &commands).context("cannot make network namespaces")?;
        Ok(self)
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let hub = self.hub.then(|| self.hub());
        hub.into_iter().chain((0..self.nodes).map(|node| self.name(node)))
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    pub(super) fn name(&self, node: usize) -> String {
        format!("{}-n{}", self.prefix, node + 1)
    }

    pub(super) fn addr(&self, node: usize) -> SocketAddr {
        let [high, low] = u16::try_from(node + 1).unwrap_or(u16::MAX).to_be_bytes();
        (Ipv4Addr::new(10, 77, high, low), PORT).into()
    }

    pub(super) fn enter(&self, node: usize) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(node)].map(String::from).to_vec()
    }

    /// Gives a node its address on the `eth0` that has been put into its namespace, and makes all others known to it.
    pub(super) fn settle(&self, node: usize) -> anyhow::Result<()> {
        let ip = self.addr(node).ip();
        let mut commands = format!("addr add {ip}/16 dev eth0\nlink set lo up\nlink set eth0 up\n");
        commands += &self.neighbours(node);
        feed(&["ip", "-n", &self.name(node), "-batch", "-"], &commands)
    }

    /// What makes all others known to a node for good. The kernel's table of neighbours has room for some thousand that it has found
    /// out, in all namespaces together, and when that is full datagrams are lost; those that it was told do not count.
    fn neighbours(&self, node: usize) -> String {
        let others = (0..self.nodes).filter(|other| *other != node);
        others
            .map(|other| {
                format!(
                    "neigh add {} lladdr {} nud permanent dev eth0\n",
                    self.addr(other).ip(),
                    Mac::of(other)
                )
            })
            .collect()
    }
}

fn prefix() -> String {
    format!("adversity-{}", std::process::id())
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let commands: String = self.names().map(|name| format!("netns del {name}\n")).collect();
        // Some may never have been made.
        if let Err(error) = feed(&["ip", "-force", "-batch", "-"], &commands) {
            eprintln!("not all network namespaces could be removed: {error:#}");
        }
    }
}
