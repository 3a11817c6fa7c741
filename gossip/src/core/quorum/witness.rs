//! What the quorum's state machine is told of the world by the node around it.

use std::time::Duration;

use crate::core::identity::{Identity, Key, NodeId, StorageId};
use crate::core::opinion::Opinion;

use super::delta::Subject;

/// What a node observes of a subject itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Its opinion, from heartbeats alone; not a suspicion while they come.
    pub opinion: Opinion,
    /// When it was heard last, plus what does not count of its silence since.
    pub heard: Duration,
    /// A higher life of the same name is heard directly: the subject is over.
    pub outlived: bool,
    /// It is heard, but has not heard this node for long.
    pub deaf: bool,
    /// It has said for long that no majority vouches for it.
    pub isolated: bool,
}

impl Sighting {
    /// Whether silence is all that is against it.
    pub(super) fn is_of_silence(&self) -> bool {
        !self.outlived && self.opinion != Opinion::Trust
    }
}

/// The node's own observations, as of the moment of the call.
pub trait Witness {
    /// What it observes of a subject; none if it is not one of its observers.
    fn sight(&self, subject: &Subject) -> Option<Sighting>;

    /// Those whom it suspects, or who are widely accused: who should be asked about.
    fn suspects(&self) -> Vec<Subject>;

    /// Whether it hears a voter, which is a disk and the name of a node that runs from it, and trusts it.
    fn trusts(&self, voter: &StorageId, name: &NodeId) -> bool;

    /// Since when a voter's heartbeats have come, whether it is trusted yet or not; none if they do not, or it has not been heard
    /// again since it was doubted.
    fn heard_since(&self, voter: &StorageId, name: &NodeId) -> Option<Duration>;

    /// The process of this name that it hears directly.
    fn identity(&self, name: &NodeId) -> Option<Identity>;

    /// Who else observes a subject, in a cluster too large for everybody to.
    fn observers(&self, subject: &Subject) -> Vec<Key>;
}
