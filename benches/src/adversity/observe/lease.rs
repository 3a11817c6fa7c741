//! Who holds a lease.

use super::{LeaseState, Line, Log, Presence};

/// The node that was granted the lease last, if it still runs and has not said that it lost it.
pub(crate) fn holder(log: &Log) -> Option<usize> {
    let mut holder = None;
    for (_, by, line) in log.said() {
        match line {
            Line::Lease { state: LeaseState::Granted, .. } => holder = Some(by),
            Line::Lease { .. } if holder == Some(by) => holder = None,
            _ => {}
        }
    }
    holder.filter(|&by| Presence::of(log).runs(by, log.end()))
}
