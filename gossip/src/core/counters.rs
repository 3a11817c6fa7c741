//! What a node counts, for metrics and for tests.

use crate::wire::Reject;

/// Counts since the node was made. They only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams handed in.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Datagrams handed out.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Heartbeats that were fresher than all before from the same life.
    pub heartbeats: u64,
    /// Heartbeats that were not: duplicates, and those overtaken under way.
    pub heartbeats_stale: u64,
    /// Datagrams from a life that is not known here; its owner is asked who it is.
    pub strangers: u64,
    /// Messages that decode but make no sense from their sender.
    pub senseless: u64,
    /// Records that were not taken because of the limit on members.
    pub members_refused: u64,
    /// Records or introductions that claim another process's name and incarnation, or collide with another name.
    pub conflicts: u64,
    /// Comparisons of digests that this node began.
    pub syncs: u64,
    /// Rounds of asking others about a silent neighbour.
    pub probes: u64,
    /// Pauses of this process that were accounted for.
    pub pauses: u64,
    /// News dropped for want of room, left to comparing digests.
    pub news_dropped: u64,
    /// Datagrams dropped because they were not polled in time.
    pub sends_dropped: u64,
    rejected: [u64; Reject::ALL.len()],
}

impl Counters {
    /// How many datagrams were refused for this reason.
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected[reason as usize]
    }

    /// How many datagrams were refused for any reason.
    pub fn rejected_all(&self) -> u64 {
        self.rejected.iter().sum()
    }

    pub(crate) fn reject(&mut self, reason: Reject) {
        self.rejected[reason as usize] += 1;
    }
}
