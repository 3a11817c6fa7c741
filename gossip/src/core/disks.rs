//! Whether a disk has gone back in time: rule I3 of `docs/protocol.md`, as far as it can be seen.
//!
//! A disk counts the starts from it before each begins. So a process whose disk says less than others have seen of that very disk
//! runs from an old state of it, put back from a backup or a snapshot, or from a copy; and whatever the disk promised since is
//! forgotten there.

use super::Node;
use super::identity::{Identity, Incarnation, StorageId};
use super::record::Record;

/// The last life known from each of a few disks: those of voters, whose lives are over and whose records are gone.
#[derive(Debug, Default)]
pub(super) struct Disks(Vec<Identity>);

impl Disks {
    /// As many as there can be voters before and after a change.
    const MAX: usize = 2 * super::quorum::VOTERS_MAX;

    /// Remembers the disk of a life that is over, and forgets the one noted longest ago if there are too many.
    pub(super) fn note(&mut self, identity: &Identity) {
        let earlier = self.0.iter().position(|known| known.storage == identity.storage);
        let known = earlier.map(|index| self.0.remove(index));
        let newest = known.filter(|known| known.incarnation > identity.incarnation);
        self.0.push(newest.unwrap_or_else(|| identity.clone()));
        if self.0.len() > Self::MAX {
            self.0.remove(0);
        }
    }

    /// The highest incarnation in which the disk of `claimed` is remembered to have been used, if that shows that it has gone
    /// back since.
    pub(super) fn rewound(&self, claimed: &Identity) -> Option<Incarnation> {
        self.0.iter().find_map(|known| rewound(known, claimed))
    }
}

/// The incarnation of `known`, if a node that runs as `claimed` now must have been given an older state of the same disk.
pub(super) fn rewound(known: &Identity, claimed: &Identity) -> Option<Incarnation> {
    let same = known.storage == claimed.storage && known.storage != StorageId::default();
    let higher = known.incarnation > claimed.incarnation;
    let twice = known.incarnation == claimed.incarnation && known.boot != claimed.boot;
    (same && (higher || twice)).then_some(known.incarnation)
}

impl Node {
    /// The highest incarnation in which the disk was in use that this node runs from, if that has gone back since.
    pub(super) fn rewound(&self, claimed: &Identity) -> Option<Incarnation> {
        let known = self.members.record(claimed.id.key());
        let live = known.and_then(|known| rewound(&known.identity, claimed));
        live.or_else(|| self.disks.rewound(claimed))
    }

    /// Remembers from which disk a life ran that is over, if it is a voter's.
    pub(super) fn note_disk(&mut self, over: &Record) {
        if self.quorum.view().is_some_and(|view| view.electorate.vouches(&over.identity.storage)) {
            self.disks.note(&over.identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::identity::{BootId, NodeId};

    fn life(disk: u8, incarnation: u64, boot: u8) -> Identity {
        Identity {
            id: NodeId::new("n1").expect("a name"),
            storage: StorageId([disk; 16]),
            incarnation: Incarnation::new(incarnation).expect("in range"),
            boot: BootId([boot; 16]),
        }
    }

    #[test]
    fn a_disk_that_counts_on_has_not_gone_back() {
        let seen = |known: &Identity, claimed: &Identity| rewound(known, claimed).map(Incarnation::get);
        assert_eq!(seen(&life(1, 5, 1), &life(1, 4, 2)), Some(5), "an earlier state");
        assert_eq!(seen(&life(1, 5, 1), &life(1, 5, 2)), Some(5), "the same state, used twice");
        assert_eq!(seen(&life(1, 5, 1), &life(1, 5, 1)), None, "the same process");
        assert_eq!(seen(&life(1, 5, 1), &life(1, 6, 2)), None, "the next start");
        assert_eq!(seen(&life(1, 5, 1), &life(2, 4, 2)), None, "another disk");
        assert_eq!(seen(&life(0, 5, 1), &life(0, 4, 2)), None, "no disk at all");
    }

    #[test]
    fn the_newest_life_of_each_of_a_few_disks_is_remembered() {
        let mut disks = Disks::default();
        disks.note(&life(1, 7, 1));
        disks.note(&life(1, 3, 2));
        assert_eq!(disks.rewound(&life(1, 6, 3)).map(Incarnation::get), Some(7));
        for disk in 2..=Disks::MAX as u8 {
            disks.note(&life(disk, 1, 1));
        }
        assert!(disks.rewound(&life(1, 6, 3)).is_some() && disks.0.len() == Disks::MAX);
        disks.note(&life(99, 1, 1));
        assert!(disks.rewound(&life(1, 6, 3)).is_none() && disks.0.len() == Disks::MAX);
    }
}
