//! Whether a disk has gone back in time: rule I3 of `docs/protocol.md`, as far as it can be seen.
//!
//! A disk counts the starts from it before each begins. So a process whose disk says less than others have seen of that very disk
//! runs from an old state of it, put back from a backup or a snapshot, or from a copy; and whatever the disk promised since is
//! forgotten there. That stays so however high the process rises afterwards: it is known by its boot id.

use super::Node;
use super::identity::{BootId, Identity, Incarnation, Life, StorageId};
use super::record::Record;

/// What is remembered of a few disks: of those of voters, whose lives are over and whose records are gone, and of those that
/// were seen to have gone back.
#[derive(Debug, Clone, Default)]
pub(super) struct Disks(Vec<Disk>);

#[derive(Debug, Clone)]
struct Disk {
    /// The last life known from it.
    last: Identity,
    /// The process that runs from an old state of it, and the life in which it came last.
    rewound: Option<(BootId, Life)>,
}

impl Disks {
    /// As many as there can be voters before and after a change.
    const MAX: usize = 2 * super::quorum::VOTERS_MAX;

    /// Remembers the disk of a life that is over, and forgets the one noted longest ago if there are too many.
    pub(super) fn note(&mut self, over: &Identity) {
        self.keep(Disk { last: over.clone(), rewound: None });
    }

    fn keep(&mut self, mut disk: Disk) {
        if let Some(index) = self.0.iter().position(|known| known.last.storage == disk.last.storage) {
            let known = self.0.remove(index);
            disk.rewound = disk.rewound.or(known.rewound);
            if known.last.incarnation > disk.last.incarnation {
                disk.last = known.last;
            }
        }
        self.0.push(disk);
        if self.0.len() > Self::MAX {
            self.0.remove(0);
        }
    }

    /// The highest incarnation known of the disk of `claimed`, if it has gone back since.
    pub(super) fn rewound(&self, claimed: &Identity) -> Option<Incarnation> {
        let disk = self.0.iter().find(|known| known.last.storage == claimed.storage)?;
        let again = disk.rewound.is_some_and(|(boot, _)| boot == claimed.boot);
        rewound(&disk.last, claimed).or(again.then(|| disk.last.incarnation.max(claimed.incarnation)))
    }

    /// Whether this life was refused because its disk has gone back.
    pub(super) fn refuses(&self, life: Life) -> bool {
        self.0.iter().any(|disk| disk.rewound.is_some_and(|(_, refused)| refused == life))
    }
}

/// The incarnation of `known`, if a node that runs as `claimed` now must have been given an older state of the same disk.
pub(super) fn rewound(known: &Identity, claimed: &Identity) -> Option<Incarnation> {
    let same = known.storage == claimed.storage && known.storage != StorageId::default();
    // One process may have several lives, and what it said in an earlier one may have been on its way for long.
    let other = known.boot != claimed.boot;
    (same && other && known.incarnation >= claimed.incarnation).then_some(known.incarnation)
}

impl Node {
    /// The highest incarnation in which the disk was in use that a node runs from, if that has gone back since. What shows it is
    /// remembered.
    pub(super) fn rewound(&mut self, claimed: &Identity) -> Option<Incarnation> {
        let member = self.members.record(claimed.id.key()).map(|known| &known.identity);
        let owner = self.quorum.view().and_then(|view| view.outranks(claimed));
        let known =
            member.into_iter().chain(owner).filter(|known| rewound(known, claimed).is_some()).cloned();
        for last in Vec::from_iter(known) {
            self.disks.note(&last);
        }
        let highest = self.disks.rewound(claimed)?;
        let rewound = Some((claimed.boot, claimed.life()));
        self.disks.keep(Disk { last: claimed.clone(), rewound });
        Some(highest)
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
        assert_eq!(seen(&life(1, 5, 1), &life(1, 4, 1)), None, "the same process, in an earlier life");
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

    /// It may have risen above what is known, told so by somebody who did not know why it was too low.
    #[test]
    fn a_process_that_runs_from_an_old_state_does_whatever_it_calls_itself() {
        let mut disks = Disks::default();
        disks.note(&life(1, 7, 1));
        let refused = life(1, 4, 2);
        disks.keep(Disk { last: refused.clone(), rewound: Some((refused.boot, refused.life())) });
        assert_eq!(disks.rewound(&life(1, 9, 2)).map(Incarnation::get), Some(9));
        assert!(disks.refuses(refused.life()) && !disks.refuses(life(1, 7, 1).life()));
        assert_eq!(disks.rewound(&life(1, 8, 3)), None, "the disk that goes on counting is another one");
    }
}
