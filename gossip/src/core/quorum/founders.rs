//! The founders: the list that a history begins with.

use serde::{Deserialize, Serialize};

use super::view::{GenesisId, View, Voters, VouchFor};
use crate::core::identity::{NodeId, StorageId};
use crate::hash;

/// Every voter of the first view, by disk and name, and how long they vouch.
///
/// It is a list of disks and not of names: a majority of names could found a second history after one disk was wiped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Founders {
    /// The voters.
    pub voters: Voters,
    /// How long they vouch.
    pub vouch_for: VouchFor,
}

impl Founders {
    /// The list's fingerprint, by which the history goes.
    pub fn id(&self) -> GenesisId {
        GenesisId(hash::bytes(&crate::wire::pack(self)))
    }

    /// The view that they begin with.
    pub fn view(&self) -> View {
        View::genesis(self.id(), self.voters.clone(), self.vouch_for)
    }

    /// The names, in the order of the disks.
    pub fn names(&self) -> Vec<NodeId> {
        self.voters.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Whether this disk is one of theirs.
    pub fn has(&self, storage: &StorageId) -> bool {
        self.voters.contains(storage)
    }
}
