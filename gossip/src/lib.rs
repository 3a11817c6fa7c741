//! UDP membership gossip with calibrated suspicion.
//!
//! Every node knows every member, exchanges heartbeats with some of them, and knows what every observer thinks of those
//! it observes. An opinion is only an opinion: this crate tells suspicion, which one observer computes, from what others
//! may conclude from many.
//!
//! # How it works
//!
//! - **Heartbeats** go directly to a node's neighbours: everybody in a small cluster, about ten neighbours on five hash
//!   rings in a large one, so that the cost of a node does not depend on the number of members. Each acknowledges the
//!   newest one heard from its receiver, and carries what is new. Nothing else feeds the failure detector.
//! - **Records** say who a node is, where, and what it wants known. Each is written by its owner alone, who counts its
//!   changes; of two the higher count is the newer, and no clock is involved.
//! - **News** rides on heartbeats a bounded number of times. What it misses is found by comparing digests, which takes
//!   four bytes while there is no difference, and datagrams of at most 1,200 bytes however large the cluster is.
//! - **Suspicion** is a level φ = −log₁₀ P(a live node is this silent). When it rises, others are asked whether they reach
//!   the node; only if they do not, an *opinion* changes at the threshold, and is published with a version.
//! - **Silence that was one's own** is nobody's fault: a process that was not scheduled takes that time out of
//!   everybody's silence before it judges, and one that hears nobody at all is unsure of them rather than suspicious.
//! - **Nobody is forgotten** who did not leave: members out of reach are called again, so that halves of a cluster find
//!   each other after a partition of any length.
//!
//! # Running it
//!
//! [`Node`] is a state machine without sockets, tasks or clocks; its documentation has the contract and an example. A
//! driver around it has this loop:
//!
//! 1. wait for a datagram, a command, or the time of [`Node::poll_timeout`];
//! 2. hand in all datagrams that have arrived ([`Node::handle_datagram`]), with a clock read after they were received;
//! 3. hand in the command, if there was one;
//! 4. if the time has come, [`Node::handle_timeout`];
//! 5. send what [`Node::poll_transmit`] writes, until there is nothing left;
//! 6. pass on what [`Node::poll_event`] returns, until there is nothing left.
//!
//! # Limits
//!
//! Nodes are taken to be honest. A damaged datagram, or one of another cluster, is counted and changes nothing; one that
//! was forged on purpose is believed. Names, metadata, members, news, events and datagrams in waiting are all bounded, by
//! constants or by [`Config`].

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
