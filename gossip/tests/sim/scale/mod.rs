//! Cost and speed against the size of a cluster, on a calm network and on virtual time.
//!
//! Flows in: how many nodes, a seed, and somebody who wants to know how far it is. Flows out: what was measured, which can
//! be asked whether it keeps what is promised. `tests/scale.rs` asserts it for sizes that take seconds; the program `scale`
//! of `benches` measures larger ones, and draws them.

pub mod acquainted;
pub mod bootstrap;
pub mod parted;
pub mod size;
pub mod watch;
