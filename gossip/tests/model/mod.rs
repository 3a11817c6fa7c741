//! Models: real state machines, an environment that does its worst, and what must never be seen.
//!
//! Lives here: small worlds around the library's own [`Quorum`](gossip::core::quorum::Quorum), one file or folder each, which
//! `stateright` explores breadth first. Flows in: a scope (who, how many views, which faults) and perhaps a mutant. Flows out:
//! how many states there are, and the shortest way to one that must not be. Never here: a copy of a rule. A mutant changes
//! what one node is told, shown or allowed to remember, so that the code under it stays as it is.
#![allow(unreachable_pub, reason = "a program of its own, in several files")]
#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "a model that cannot be set up has to stop")]

mod explore;
mod genesis;
mod holder;
mod lease;
mod opinion;
mod register;
mod stubs;
