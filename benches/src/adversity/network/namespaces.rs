//! A network namespace for each node, joined by a bridge in another; faults are rules of nftables at the receiver.
//!
//! At the receiver, because a sender whose datagram is dropped by its own packet filter is told so, which no network does.

use std::net::SocketAddr;

use anyhow::Context;

use super::fed::{Fed, feed};
use super::hosts::Hosts;
use super::mac::Mac;
use super::{Impairment, Links};

#[derive(Debug)]
pub(crate) struct Namespaces {
    hosts: Hosts,
}

impl Namespaces {
    pub(super) fn new(nodes: usize) -> anyhow::Result<Self> {
        let hosts = Hosts::with_hub(nodes)?;
        let mut commands = String::from("link add bridge type bridge\nlink set bridge up\n");
        for node in 0..nodes {
            let (name, mac) = (hosts.name(node), Mac::of(node));
            commands += &format!("link add port{node} type veth peer name eth0 address {mac} netns {name}\n");
            commands += &format!("link set port{node} master bridge up\n");
        }
        feed(&["ip", "-n", &hosts.hub(), "-batch", "-"], &commands)
            .context("cannot join network namespaces")?;
        (0..nodes).try_for_each(|node| hosts.settle(node))?;
        Ok(Self { hosts })
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Writes anew the rules for what a node receives.
    pub(super) fn apply(&self, links: &Links, node: usize) -> anyhow::Result<()> {
        self.begin(links, node)?.end()
    }

    /// The same for all nodes, at about the same time.
    pub(super) fn apply_all(&self, links: &Links) -> anyhow::Result<()> {
        let nodes = 0..self.hosts.nodes();
        let begun = nodes.map(|node| self.begin(links, node)).collect::<anyhow::Result<Vec<_>>>()?;
        begun.into_iter().try_for_each(Fed::end)
    }

    fn begin(&self, links: &Links, node: usize) -> anyhow::Result<Fed> {
        let faults = links.sent_to(node);
        let rules = rules(faults.map(|(from, impairment)| (self.hosts.addr(from), impairment)))?;
        let name = self.hosts.name(node);
        Fed::begin(&["ip", "netns", "exec", &name, "nft", "-f", "-"], &rules)
            .context("cannot set packet filter rules")
    }
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
