//! One network namespace for each node, joined by a bridge in another; faults are rules of nftables at the receiver.
//!
//! At the receiver, because a sender whose datagram is dropped by its own packet filter is told so, which no network does.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};

use super::{Impairment, Links, PORT};

/// Dropping it removes the namespaces, and with them everything in them.
#[derive(Debug)]
pub(crate) struct Namespaces {
    /// Starts every name, so that two runs do not meet.
    prefix: String,
    nodes: usize,
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

impl Namespaces {
    pub(super) fn new(nodes: usize) -> anyhow::Result<Self> {
        // Made first, so that what was made is removed if the rest fails.
        let namespaces = Self { prefix: format!("adversity-{}", std::process::id()), nodes };
        let hub = namespaces.hub();
        let mut commands = format!("netns add {hub}\n");
        for node in 0..nodes {
            commands += &format!("netns add {}\n", namespaces.name(node));
        }
        feed(&["ip", "-batch", "-"], &commands).context("cannot make network namespaces")?;
        let mut commands = String::from("link add bridge type bridge\nlink set bridge up\n");
        for node in 0..nodes {
            let (name, mac) = (namespaces.name(node), mac(node));
            commands += &format!("link add port{node} type veth peer name eth0 address {mac} netns {name}\n");
            commands += &format!("link set port{node} master bridge up\n");
        }
        feed(&["ip", "-n", &hub, "-batch", "-"], &commands).context("cannot join network namespaces")?;
        for node in 0..nodes {
            let ip = namespaces.addr(node).ip();
            let mut commands = format!("addr add {ip}/16 dev eth0\nlink set lo up\nlink set eth0 up\n");
            commands += &namespaces.neighbours(node);
            feed(&["ip", "-n", &namespaces.name(node), "-batch", "-"], &commands)?;
        }
        Ok(namespaces)
    }

    /// What makes all others known to a node for good. The kernel's table of neighbours has room for some thousand that it has found
    /// out, in all namespaces together, and when that is full datagrams are lost; those that it was told do not count.
    fn neighbours(&self, node: usize) -> String {
        let others = (0..self.nodes).filter(|other| *other != node);
        others
            .map(|other| {
                format!("neigh add {} lladdr {} nud permanent dev eth0\n", self.addr(other).ip(), mac(other))
            })
            .collect()
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn name(&self, node: usize) -> String {
        format!("{}-n{}", self.prefix, node + 1)
    }

    pub(super) fn addr(&self, node: usize) -> SocketAddr {
        let [high, low] = u16::try_from(node + 1).unwrap_or(u16::MAX).to_be_bytes();
        (Ipv4Addr::new(10, 77, high, low), PORT).into()
    }

    pub(super) fn enter(&self, node: usize) -> Vec<String> {
        ["ip", "netns", "exec", &self.name(node)].map(String::from).to_vec()
    }

    /// Writes anew the rules for what a node receives.
    pub(super) fn apply(&self, links: &Links, node: usize) -> anyhow::Result<()> {
        self.begin(links, node)?.end()
    }

    /// The same for all nodes, at about the same time.
    pub(super) fn apply_all(&self, links: &Links) -> anyhow::Result<()> {
        let begun =
            (0..self.nodes).map(|node| self.begin(links, node)).collect::<anyhow::Result<Vec<_>>>()?;
        begun.into_iter().try_for_each(Fed::end)
    }

    fn begin(&self, links: &Links, node: usize) -> anyhow::Result<Fed> {
        let rules = rules(links.sent_to(node).map(|(from, impairment)| (self.addr(from), impairment)))?;
        let name = self.name(node);
        Fed::begin(&["ip", "netns", "exec", &name, "nft", "-f", "-"], &rules)
            .context("cannot set packet filter rules")
    }
}

/// The address of a node's end of its link; of those that anybody may give out.
fn mac(node: usize) -> String {
    let [high, low] = u16::try_from(node + 1).unwrap_or(u16::MAX).to_be_bytes();
    format!("02:77:00:00:{high:02x}:{low:02x}")
}

fn rules(faults: impl Iterator<Item = (SocketAddr, Impairment)>) -> anyhow::Result<String> {
    let mut rules = String::new();
    for (from, impairment) in faults {
        let verdict = match impairment {
            Impairment::Cut => "drop".to_owned(),
            Impairment::Loss(p) => format!("numgen random mod 10000 < {} drop", (p * 1e4).round()),
            other => anyhow::bail!("the packet filter cannot do {other:?}: run without --netns"),
        };
        rules += &format!("    ip saddr {} {verdict}\n", from.ip());
    }
    // Declared before it is deleted, because deleting what is not there is an error.
    Ok(format!(
        "table inet adversity\ndelete table inet adversity\ntable inet adversity {{\n  chain received {{\n    \
         type filter hook input priority 0;\n{rules}  }}\n}}\n"
    ))
}

/// Runs a command with this input.
fn feed(command: &[&str], input: &str) -> anyhow::Result<()> {
    Fed::begin(command, input)?.end()
}

/// A command that runs, and has been given its input.
struct Fed {
    command: String,
    child: Child,
}

impl Fed {
    fn begin(command: &[&str], input: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command[0]))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(Self { command: command.join(" "), child })
    }

    fn end(self) -> anyhow::Result<()> {
        let output = self.child.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", self.command, complaint.trim());
        Ok(())
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        let names = (0..self.nodes).map(|node| self.name(node)).chain([self.hub()]);
        let commands: String = names.map(|name| format!("netns del {name}\n")).collect();
        // Some may never have been made.
        if let Err(error) = feed(&["ip", "-force", "-batch", "-"], &commands) {
            eprintln!("not all network namespaces could be removed: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_become_rules_and_those_that_cannot_are_refused_with_advice() {
        let from = "10.77.0.2:7001".parse().unwrap();
        let text = rules([(from, Impairment::Loss(0.3))].into_iter()).unwrap();
        assert!(text.contains("ip saddr 10.77.0.2 numgen random mod 10000 < 3000 drop"), "{text}");
        let delay = Impairment::Delay(std::time::Duration::from_millis(1));
        let error = rules([(from, delay)].into_iter()).unwrap_err().to_string();
        assert!(error.contains("run without --netns"), "{error}");
    }
}
