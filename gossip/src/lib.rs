//! UDP membership with suspicion levels that mean what they say.
//!
//! Every node sends heartbeats to its observers, and every observer turns the silence of a node into a suspicion level φ: a
//! live node would be this silent with probability 10^−φ. Opinions are shared, so that every node can see who suspects
//! whom, and how much.
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
//! [`Node`] is a handle on a task that owns the socket. What it decides is decided in [`core`], a state machine without
//! input, output, clock or randomness, which can be driven by any runtime and by a simulator.
//!
//! # Features
//!
//! - `tokio` (default): [`Node`] and what it needs. Without it there is only [`core`].
//! - `faults`: loss, delay and cuts injected between a node and its socket; for tests.

mod config;
pub mod core;
#[cfg(feature = "tokio")]
mod driver;
mod error;
#[cfg(feature = "tokio")]
mod handle;
mod hash;
pub mod wire;

pub use config::{Config, ConfigBuilder};
pub use error::{CommandError, ConfigError, IdError, MetadataError, SetError};

#[cfg(feature = "tokio")]
pub use driver::error::{StartError, StopReason, Stopped, StorageError};
#[cfg(feature = "faults")]
pub use driver::faults;
#[cfg(feature = "tokio")]
pub use handle::{Builder, Events, Farewell, HeldOpinion, Node, NodeError, Watch};

pub use crate::core::clock::Now;
pub use crate::core::counters::Counters;
pub use crate::core::event::{Event, Refusal};
pub use crate::core::identity::{BootId, Identity, Incarnation, NodeId, StorageId, Version};
pub use crate::core::opinion::{Opinion, Suspicion};
pub use crate::core::record::{Metadata, Pause, Record, Status};
pub use crate::core::{Link, Member};
pub use crate::wire::DATAGRAM_MAX;
