//! What a decision can be: the step from one view to the next.

use serde::{Deserialize, Serialize};

use super::table::Table;
use super::view::{Epoch, LeaseName, Voters, VouchFor};
use crate::core::identity::{Identity, Incarnation, NodeId};

/// All lives of a name up to an incarnation. Suspension, vouching, certificates and death are about these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The name.
    pub id: NodeId,
    /// The highest incarnation meant.
    pub incarnation: Incarnation,
}

/// Several subjects of one decision: as many as fit a datagram.
pub type Subjects = Table<NodeId, Incarnation, 8>;

/// One decision.
///
/// What must be known before one may be proposed, the proposer sees to ([`Quorum`](super::Quorum)); what makes it
/// applicable to a view, the view does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Delta {
    /// Voters that store this stop vouching for these.
    Suspend(Subjects),
    /// They vouch for it again.
    Restore(Subject),
    /// These are dead, for ever, and their leases are free.
    Evict(Subjects),
    /// A lease is granted; the token is the epoch of the view that this makes.
    Acquire {
        /// Which.
        lease: LeaseName,
        /// To which process.
        owner: Identity,
        /// On which of its requests.
        request: u64,
    },
    /// A lease is given back.
    Release {
        /// Which.
        lease: LeaseName,
        /// By which process.
        owner: Identity,
        /// The token that it got.
        token: Epoch,
    },
    /// It has left, which is as final as death.
    Leave(Subject),
    /// These are to be the voters; from now on leases need a majority of both.
    Seal(Voters),
    /// They are not, after all.
    Unseal,
    /// Now they are.
    Change,
    /// Vouchers are good for so long from now on.
    SetVouch(VouchFor),
}

impl Delta {
    /// Whether it ends this life: this one, or a later one of the name.
    pub(super) fn ends(&self, whom: &Identity) -> bool {
        match self {
            Self::Evict(subjects) => {
                subjects.get(&whom.id).is_some_and(|highest| whom.incarnation <= *highest)
            }
            Self::Leave(subject) => subject.id == whom.id && whom.incarnation <= subject.incarnation,
            _ => false,
        }
    }
}
