//! The estimator behind [`PhiDetector`](crate::PhiDetector): what is learnt of one peer's heartbeats.
//!
//! Lateness in nanoseconds flows in, a level in decades flows out. The stages, each in a file of its own:
//!
//! 1. [`lateness`] places a lateness on a logarithmic scale of 26 bins, relative to the heartbeat interval;
//! 2. [`life_table`] counts, in one bin each, how late heartbeats have been, and forgets slowly;
//! 3. [`curve`] turns a slow and a fast life table into one survival curve, φ at every bin edge;
//! 4. [`correction`] compares what was promised with what happened, and bends the curve until they agree;
//! 5. [`estimator`] joins them, and decides when each is brought up to date.
//!
//! No clocks, no sequence numbers and no instants here: those are the detector's.

pub(crate) mod correction;
mod curve;
pub(crate) mod estimator;
pub(crate) mod lateness;
pub(crate) mod life_table;
