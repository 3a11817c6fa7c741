//! Short forms: voters, owners, addresses, and the one moment there is.

use std::net::SocketAddr;
use std::time::Duration;

use gossip::{BootId, Identity, Incarnation, NodeId, StorageId};

use crate::machines::stubs::{NOTHING, Sees};

pub const VOTERS: u8 = 3;

pub fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

pub fn addr(of: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], u16::from(of) + 1))
}

/// Hears everybody and has nothing to say of them.
pub const CALM: Sees<'static> = Sees { heard: &|of| Some(owner(of.clone())), ..NOTHING };

pub fn owner(id: NodeId) -> Identity {
    Identity { id, storage: StorageId::default(), incarnation: Incarnation::FIRST, boot: BootId([9; 16]) }
}

pub const NOW: Duration = Duration::from_secs(3600);
