//! Runs one core on tokio.
//!
//! Lives here: all that touches the host: the socket, the clocks, the task, name lookups, the state file. Flows in: what the
//! handle asks for, datagrams, time. Flows out: datagrams, events, the revision that subscribers watch. Never here: a decision
//! about the cluster; those are the core's.

mod alarm;
mod attention;
mod batch;
pub(crate) mod board;
mod clock;
pub(crate) mod error;
#[cfg(feature = "faults")]
pub(crate) mod faults;
mod keeper;
pub(crate) mod leases;
mod link;
#[cfg(unix)]
mod readable;
pub(crate) mod seeds;
pub(crate) mod socket;
#[cfg(unix)]
mod stamp;
pub(crate) mod storage;
mod task;
pub(crate) mod udp;

pub use task::OnEviction;
pub(crate) use task::{Command, Handles, Launch, Status, start};
