//! UDP membership gossip with calibrated suspicion.
//!
//! Every node knows every member, exchanges heartbeats with some of them, and knows what every observer thinks of those
//! it observes. An opinion is only an opinion: that a node is dead, and who holds which lease, a majority of *voters* decides, in
//! numbered [views](View) that are the same everywhere.
//!
//! ```
//! use gossip::{Event, Node, NodeId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The first node of a cluster has no seeds. Port 0 lets the system choose.
//! let one = Node::builder("demo", "one").bind("127.0.0.1:0".parse()?).start().await?;
//!
//! // Every other one calls somebody it knows.
//! let two = Node::builder("demo", "two")
//!     .bind("127.0.0.1:0".parse()?)
//!     .seed(one.addr().to_string())
//!     .metadata("role", "worker")
//!     .start()
//!     .await?;
//!
//! // What happens, as it happens.
//! let mut events = one.events();
//! while let Some(event) = events.next().await {
//!     if let Event::Joined { id, addr, .. } = event {
//!         println!("{id} joined at {addr}");
//!         break;
//!     }
//! }
//!
//! // What is known: members with their metadata, and what every observer thinks of them.
//! let two_id = NodeId::new("two")?;
//! for member in one.members().await? {
//!     println!("{} {:?}", member.record.identity.id, member.record.metadata);
//! }
//! for said in one.suspicion(&two_id).await? {
//!     println!("{} says {:?}, φ = {:.2}", said.observer, said.opinion, said.phi);
//! }
//!
//! two.leave().await?; // a farewell, not a failure
//! one.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! - **Heartbeats** go directly to a node's neighbours: everybody in a small cluster, about ten neighbours on five hash
//!   rings in a large one, so that the cost of a node does not depend on the number of members. Each acknowledges the
//!   newest one heard from its receiver, and carries what is new. Nothing else feeds the failure detector.
//! - **Records** say who a node is, where, and what it wants known. Each is written by its owner alone, who counts its
//!   changes; of two the higher count is the newer, and no clock is involved.
//! - **News** rides on heartbeats a bounded number of times; a suspicion does not wait for them where they are far apart. What it
//!   misses is found by comparing digests, which takes four bytes while there is no difference, and datagrams of at most 1,200
//!   bytes however large the cluster is.
//! - **Suspicion** is a level φ = −log₁₀ P(a live node is this silent). When it rises, others are asked whether they reach
//!   the node; only if they do not, an *opinion* changes at the threshold, and is published with a version.
//! - **Silence that was one's own** is nobody's fault: a process that was not scheduled takes that time out of
//!   everybody's silence before it judges, and one that hears nobody at all is unsure of them rather than suspicious.
//! - **Verdicts** are decided by the voters ([`ConfigBuilder::voters`]): a view suspends a node, so that voters stop vouching for
//!   it; once a majority certifies that all it vouched has run out, a view declares that life of it dead, for ever. See
//!   [`Verdict`], [`Event::Verdict`], and `docs/protocol.md` in the repository.
//! - **Leases** are granted in views ([`Node::acquire`]); the number of the view is the fencing token. A lease is good while a
//!   majority vouches for the node, by the node's own clock; [`Lease::check`] looks at that clock at the moment of use.
//! - **Nobody is forgotten** who did not leave, and is not dead by decision: members out of reach are called again, so that halves of a cluster find
//!   each other after a partition of any length.
//!
//! # Running it
//!
//! [`Node`] is a handle on a task that owns the socket and the state file; tokio runs it. All that it decides is decided in
//! [`core::Node`], a state machine without sockets, tasks or clocks, which other runtimes and simulators can drive:
//!
//! 1. wait for a datagram, a command, or the time of [`core::Node::poll_timeout`];
//! 2. hand in all datagrams that have arrived ([`core::Node::handle_datagram`]), with a clock read after they were received;
//! 3. hand in the command, if there was one;
//! 4. if the time has come, [`core::Node::handle_timeout`];
//! 5. send what [`core::Node::poll_transmit`] writes, until there is nothing left;
//! 6. pass on what [`core::Node::poll_event`] returns, until there is nothing left;
//! 7. look whether it has come to an end: [`core::Node::end`], for good, or [`core::Node::over`], and another life has to begin.
//!    Events say so too, but may be lost.
//!
//! # Features
//!
//! - `tokio` (default): [`Node`] and what it needs. Without it there is only [`core`].
//! - `faults`: loss, delay and cuts injected between a node and its socket; for tests.
//! - `faulty-links`: only the links that `faults` injects, without I/O, for whoever relays datagrams and breaks some.
//!
//! # Platforms
//!
//! On Linux leases run out by two clocks, of which one goes on while the host is suspended and the other is slewed by nobody.
//! Elsewhere [`std::time::Instant`] stands in for both. Where that stops while the host sleeps, as on macOS, a node that wakes
//! takes its leases for as good as before it slept: **stepping down by one's own clock does not hold across a suspension
//! there**, and only the resource's check of the token (the crate `fencing-gate`) protects.
//!
//! # Limits
//!
//! Nodes are taken to be honest. A damaged datagram, or one of another cluster, is counted and changes nothing; one that
//! was forged on purpose is believed. Names, metadata, members, news, events and datagrams in waiting are all bounded, by
//! constants or by [`Config`].

mod config;
pub mod core;
#[cfg(feature = "tokio")]
mod driver;
mod error;
#[cfg(feature = "faulty-links")]
pub mod faults;
#[cfg(feature = "tokio")]
mod handle;
mod hash;
pub mod wire;

pub use config::{Config, ConfigBuilder};
pub use error::{CommandError, ConfigError, IdError, MetadataError, SetError};

#[cfg(feature = "tokio")]
pub use driver::OnEviction;
#[cfg(feature = "tokio")]
pub use driver::error::{StartError, StopReason, Stopped, StorageError};
#[cfg(feature = "tokio")]
pub use handle::{Builder, Events, Expired, Farewell, HeldOpinion, Lease, Node, NodeError, Permit, Watch};

pub use crate::core::clock::Now;
pub use crate::core::counters::Counters;
pub use crate::core::event::{Event, Refusal};
pub use crate::core::identity::{BootId, Identity, Incarnation, NodeId, StorageId, Version};
pub use crate::core::opinion::{Opinion, Suspicion};
pub use crate::core::quorum::{
    Denial, Epoch, GenesisId, LeaseName, LeaseState, Moment, Standing, StorageState, View,
};
pub use crate::core::record::{Metadata, Pause, Record, Status};
pub use crate::core::verdict::Verdict;
pub use crate::core::{Link, Member};
pub use crate::wire::DATAGRAM_MAX;
