//! UDP membership gossip.

mod config;
mod core;
mod error;
mod hash;
pub mod wire;

pub use config::{Config, ConfigBuilder};
pub use error::{CommandError, ConfigError, IdError, MetadataError, SetError};

pub use crate::core::clock::Now;
pub use crate::core::counters::Counters;
pub use crate::core::event::{Event, Refusal};
pub use crate::core::identity::{BootId, Identity, Incarnation, NodeId, StorageId, Version};
pub use crate::core::opinion::{Opinion, Suspicion};
pub use crate::core::outbox::Transmit;
pub use crate::core::record::{Metadata, Pause, Record, Status};
pub use crate::core::{Link, Member, Node, Setup};
pub use crate::wire::DATAGRAM_MAX;
