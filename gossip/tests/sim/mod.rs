//! Many nodes on virtual time, on a network and on hosts that misbehave as told.
//!
//! Lives here: hosts with clocks and storage, a network, faults, and checkers that know what really happened. Flows in: a
//! scenario. Flows out: a verdict, and a log that reads like a story. Never here: anything that is not derived from
//! the scenario, so that a seed replays exactly; and nothing but `gossip`'s public interface, so that what is simulated
//! is what users get.
//!
//! It is a module and not a feature of the library: a feature would put test code into what is published. Other
//! packages of the workspace include it by path.
#![allow(dead_code, unreachable_pub, reason = "each program that includes it uses a part of it")]
#![allow(clippy::expect_used, reason = "a simulation that cannot be set up has to stop")]

mod addrs;
mod agenda;
pub mod bounds;
pub mod check;
pub mod checks;
pub mod decided;
pub mod fault;
#[path = "../common/frame.rs"]
pub mod frame;
pub mod host;
mod inbox;
pub mod mutant;
pub mod mutant_quorum;
pub mod network;
pub mod observed;
pub mod record;
pub mod rng;
pub mod run;
pub mod scale;
mod tamper;
pub mod told;
pub mod world;
pub mod writes;

/// Nanoseconds of true time, which no host can see.
pub type Nanos = u64;

/// One millisecond.
pub const MS: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000 * MS;
