//! The network between the processes, and what is wrong with it.
//!
//! In flow the faults that a scenario wants, by sender and receiver ([`Links`]). Out flows how they come about: commands for
//! the nodes' own link emulators, which need no privileges ([`emulator`]), or rules of the kernel's packet filter in network
//! namespaces ([`namespaces`]), which need root and work for programs that know nothing of faults. What the packet filter cannot
//! do, a relay between the namespaces can ([`relay`]).

mod emulator;
mod fed;
mod hosts;
mod links;
mod mac;
mod namespaces;
mod relay;

pub(crate) use links::{Impairment, Links};

use std::net::SocketAddr;

use emulator::Emulated;
use hosts::Hosts;
use namespaces::Namespaces;
use relay::Relayed;

/// The port of every node; addresses differ instead.
const PORT: u16 = 7001;

/// Where the processes live.
#[derive(Debug)]
pub(crate) enum Network {
    /// All on loopback; each breaks its own links when told to.
    Emulated(Emulated),
    /// Each in a namespace of its own; the packet filter breaks links.
    Namespaces(Namespaces),
    /// Each in a namespace of its own; a relay breaks links.
    Relayed(Relayed),
}

/// Which kind of network is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Emulator,
    Namespaces,
    Relay,
}

impl Backend {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Emulator => "loopback, faults in the nodes' own driver",
            Self::Namespaces => "network namespaces, faults in the kernel's packet filter",
            Self::Relay => "network namespaces, faults in a relay between them",
        }
    }

    /// Whether it can do this to a link.
    pub(crate) fn can(self, impairment: Impairment) -> bool {
        self != Self::Namespaces || matches!(impairment, Impairment::Cut | Impairment::Loss(_))
    }

    /// Whether namespaces can be had here; why not, if not.
    pub(crate) fn namespaces_available() -> Result<(), String> {
        hosts::available()
    }

    /// Whether a relay between namespaces can be had here; why not, if not.
    pub(crate) fn relay_available() -> Result<(), String> {
        relay::available()
    }
}

impl Network {
    /// The seed is for what is left to chance here; neither nodes nor the kernel ask for one.
    pub(crate) fn new(backend: Backend, nodes: usize, seed: u64) -> anyhow::Result<Self> {
        Ok(match backend {
            Backend::Emulator => Self::Emulated(Emulated::new(nodes)),
            Backend::Namespaces => Self::Namespaces(Namespaces::new(nodes)?),
            Backend::Relay => Self::Relayed(Relayed::new(nodes, seed)?),
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Emulated(_) => Backend::Emulator,
            Self::Namespaces(_) => Backend::Namespaces,
            Self::Relayed(_) => Backend::Relay,
        }
    }

    /// The namespaces, where there are any.
    fn hosts(&self) -> Option<&Hosts> {
        match self {
            Self::Emulated(_) => None,
            Self::Namespaces(namespaces) => Some(namespaces.hosts()),
            Self::Relayed(relayed) => Some(relayed.hosts()),
        }
    }

    pub(crate) fn addr(&self, node: usize) -> SocketAddr {
        match self {
            Self::Emulated(emulated) => emulated.addr(node),
            Self::Namespaces(namespaces) => namespaces.hosts().addr(node),
            Self::Relayed(relayed) => relayed.hosts().addr(node),
        }
    }

    /// An address of the same host that no node uses.
    pub(crate) fn addr_beside(&self, node: usize) -> SocketAddr {
        let mut addr = self.addr(node);
        addr.set_port(PORT + 1);
        addr
    }

    /// What to put before a command so that it runs where this node lives.
    pub(crate) fn enter(&self, node: usize) -> Vec<String> {
        self.hosts().map_or(Vec::new(), |hosts| hosts.enter(node))
    }

    /// Whether the kernel counts a node's traffic by itself.
    pub(crate) fn counts_apart(&self) -> bool {
        self.hosts().is_some()
    }

    /// Makes the links of all nodes as they should be; what each must be told for it.
    pub(crate) fn apply_all(&self, links: &Links, nodes: usize) -> anyhow::Result<Vec<Vec<String>>> {
        match self {
            Self::Emulated(emulated) => Ok((0..nodes).map(|node| emulated.commands(links, node)).collect()),
            Self::Namespaces(namespaces) => namespaces.apply_all(links).map(|()| Vec::new()),
            Self::Relayed(relayed) => relayed.apply_all(links).map(|()| Vec::new()),
        }
    }

    /// Makes the links of a node as they should be; what the node itself must be told for it.
    pub(crate) fn apply(&self, links: &Links, node: usize) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Emulated(emulated) => Ok(emulated.commands(links, node)),
            Self::Namespaces(namespaces) => namespaces.apply(links, node).map(|()| Vec::new()),
            // It has them from the last change of all; whether a node runs is nothing to it.
            Self::Relayed(_) => Ok(Vec::new()),
        }
    }
}
