//! How much is under way, for those who look after limits.

use super::{Quorum, Register};

/// What a node keeps in memory of what it has been told about views. All of it is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Outputs that wait for the disk.
    pub outputs: usize,
    /// Views among them.
    pub adopted: usize,
    /// Nodes under suspicion, as a voter.
    pub cases: usize,
    /// Questions to observers that are open, as a voter.
    pub inquiries: usize,
    /// What others asked this voter to have decided.
    pub requests: usize,
    /// Decisions kept for others.
    pub steps: usize,
    /// Bytes of snapshots that come in or go out.
    pub snapshots: usize,
}

impl<R: Register> Quorum<R> {
    /// How much is under way.
    pub fn load(&self) -> Load {
        Load {
            outputs: self.outputs.len(),
            adopted: self.outputs.adopted(),
            cases: self.cases.open.len(),
            inquiries: self.inquiries.len(),
            requests: self.requests.len(),
            steps: self.catchup.steps(),
            snapshots: self.catchup.snapshots(),
        }
    }
}
