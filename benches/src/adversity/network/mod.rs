//! The network between the processes, and what is wrong with it.
//!
//! In flow the faults that a scenario wants, by sender and receiver ([`Links`]). Out flows how they come about: commands for
//! the nodes' own link emulators, which need no privileges ([`emulator`]), or rules of the kernel's packet filter in network
//! namespaces ([`namespaces`]), which need root and work for programs that know nothing of faults.

mod emulator;
mod links;
mod namespaces;

pub(crate) use links::{Impairment, Links};

use std::net::SocketAddr;

use emulator::Emulated;
use namespaces::Namespaces;

/// The port of every node; addresses differ instead.
const PORT: u16 = 7001;

/// Where the processes live.
#[derive(Debug)]
pub(crate) enum Network {
    /// All on loopback; each breaks its own links when told to.
    Emulated(Emulated),
    /// Each in a namespace of its own.
    Namespaces(Namespaces),
}

/// Which kind of network is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Emulator,
    Namespaces,
}

impl Backend {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Emulator => "loopback, faults in the nodes' own driver",
            Self::Namespaces => "network namespaces, faults in the kernel's packet filter",
        }
    }

    /// Whether it can do this to a link.
    pub(crate) fn can(self, impairment: Impairment) -> bool {
        self == Self::Emulator || matches!(impairment, Impairment::Cut | Impairment::Loss(_))
    }

    /// Whether namespaces can be had here; why not, if not.
    pub(crate) fn namespaces_available() -> Result<(), String> {
        namespaces::available()
    }
}

impl Network {
    pub(crate) fn new(backend: Backend, nodes: usize) -> anyhow::Result<Self> {
        Ok(match backend {
            Backend::Emulator => Self::Emulated(Emulated::new(nodes)),
            Backend::Namespaces => Self::Namespaces(Namespaces::new(nodes)?),
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Emulated(_) => Backend::Emulator,
            Self::Namespaces(_) => Backend::Namespaces,
        }
    }

    pub(crate) fn addr(&self, node: usize) -> SocketAddr {
        match self {
            Self::Emulated(emulated) => emulated.addr(node),
            Self::Namespaces(namespaces) => namespaces.addr(node),
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
        match self {
            Self::Emulated(_) => Vec::new(),
            Self::Namespaces(namespaces) => namespaces.enter(node),
        }
    }

    /// Whether the kernel counts a node's traffic by itself.
    pub(crate) fn counts_apart(&self) -> bool {
        matches!(self, Self::Namespaces(_))
    }

    /// Makes the links of all nodes as they should be; what each must be told for it.
    pub(crate) fn apply_all(&self, links: &Links, nodes: usize) -> anyhow::Result<Vec<Vec<String>>> {
        match self {
            Self::Emulated(emulated) => Ok((0..nodes).map(|node| emulated.commands(links, node)).collect()),
            Self::Namespaces(namespaces) => namespaces.apply_all(links).map(|()| Vec::new()),
        }
    }

    /// Makes the links of a node as they should be; what the node itself must be told for it.
    pub(crate) fn apply(&self, links: &Links, node: usize) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Emulated(emulated) => Ok(emulated.commands(links, node)),
            Self::Namespaces(namespaces) => namespaces.apply(links, node).map(|()| Vec::new()),
        }
    }
}
