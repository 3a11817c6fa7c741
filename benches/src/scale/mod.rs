//! What a cluster costs and how fast news is in it, against its size, on virtual time.
//!
//! In flow numbers of nodes; the simulator of `gossip`'s tests measures each (`sim/scale` there); the `report` writes CSV,
//! Markdown and pictures. Nothing here measures, and nothing depends on the machine: a seed gives the same figures anywhere.

mod program;
mod progress;
mod report;
#[path = "../../../gossip/tests/sim/mod.rs"]
mod sim;

pub use program::{Arguments, run};
