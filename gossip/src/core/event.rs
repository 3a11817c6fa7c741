//! What happened, for whoever drives the node. Bounded: a driver that does not poll loses the oldest, and is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::identity::StorageId;
use super::identity::{BootId, Incarnation, NodeId};
use super::opinion::Opinion;
use super::quorum::{Denial, Epoch, LeaseName, LeaseState, Standing, View};
use super::verdict::Verdict;

/// Something a user of the node may want to know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// This node begins a life: when it is started, and again when it goes on in a higher incarnation by itself. What came
    /// before is of the former life, what follows is of this one. If there is a view on the disk, it comes next.
    Started {
        /// Which life.
        incarnation: Incarnation,
    },
    /// This node has caught up with somebody, or has no seeds and is the first: it knows the cluster.
    Ready,
    /// A node was met, or met again in a higher incarnation.
    Joined {
        /// Who.
        id: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
        /// Where it receives.
        addr: SocketAddr,
    },
    /// A node changed its metadata or its status (an announced pause, or the end of one).
    Updated {
        /// Who.
        id: NodeId,
    },
    /// A node is now reached at another address.
    AddrChanged {
        /// Who.
        id: NodeId,
        /// Where it receives now.
        addr: SocketAddr,
    },
    /// A node left on purpose.
    Left {
        /// Who.
        id: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// An observer (perhaps this node) changed its opinion of a node.
    Opinion {
        /// Whose opinion.
        observer: NodeId,
        /// Of whom.
        target: NodeId,
        /// Of which life.
        incarnation: Incarnation,
        /// The new opinion.
        opinion: Opinion,
        /// The suspicion level behind it.
        phi: f64,
    },
    /// This node does not observe that one any more, the cluster having grown beyond
    /// [`full_mesh_max`](crate::ConfigBuilder::full_mesh_max) or other neighbours having come between: its own last opinion of it
    /// means nothing from now on.
    Unobserved {
        /// Whom.
        id: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
    },
    /// This process did not run for a while. Nobody is accused of the silence that was its own.
    ProcessPaused {
        /// For how long.
        length: Duration,
    },
    /// Seeds were called and none has answered yet. A good moment to resolve their names again.
    SeedsSilent {
        /// How many rounds of calls so far.
        rounds: u32,
    },
    /// Another node refuses to take this one in.
    Refused {
        /// Who refused: the address that answered. This node's own, if it has found out by itself that it would be.
        by: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// Two processes claim the same name and incarnation.
    NameConflict {
        /// The name.
        id: NodeId,
        /// The incarnation both claim.
        incarnation: Incarnation,
        /// Which process this node goes on believing.
        known: BootId,
        /// The other one.
        other: BootId,
    },
    /// A later start of this very node is alive: this process has stopped taking part.
    Superseded {
        /// The incarnation that took its place.
        incarnation: Incarnation,
    },
    /// Leaving is over; the node is silent from now on.
    LeaveDone {
        /// How many neighbours acknowledged.
        acknowledged: usize,
        /// How many were told.
        told: usize,
    },
    /// A verdict on a member: decided, or read anew here.
    Verdict {
        /// Of whom.
        id: NodeId,
        /// Of which life, and, of decided ends, all before it.
        incarnation: Incarnation,
        /// What it is.
        verdict: Verdict,
    },
    /// A view has been stored: this is decided, and in force here.
    View {
        /// The whole of it.
        view: Arc<View>,
    },
    /// This node's own standing has changed.
    Standing {
        /// What it is now.
        standing: Standing,
        /// The newest view stored here.
        epoch: Epoch,
    },
    /// Something has become of one of this node's leases.
    Lease {
        /// Which.
        lease: LeaseName,
        /// Its fencing token, once granted.
        token: Option<Epoch>,
        /// What.
        state: LeaseState,
    },
    /// Another node means to found this cluster with another list: of other voters, of voters that are to vouch for another
    /// length of time, or of other disks of the same voters. It says which list it has on its disk, or was told.
    ///
    /// Nobody votes until all have the same list, on disk. Tell all founders the same [`voters`](crate::ConfigBuilder::voters)
    /// and [`lease`](crate::ConfigBuilder::lease). A disk that has agreed to a list before is bound to it, whatever the node is
    /// told later, and a list that one of its disks has not agreed to is never complete: if this event comes again, the founding
    /// has to be given up on every founder (`Builder::abandon_founding`).
    FoundersDiffer {
        /// Whose disk says so.
        by: StorageId,
        /// The names on its list, sorted.
        theirs: Vec<NodeId>,
        /// The names on this node's list, sorted. If they are the same as `theirs`, the lists differ in their leases or in their
        /// disks.
        ours: Vec<NodeId>,
        /// How long the voters on its list are to vouch. None if it has said its names only; if these agree, the event comes
        /// again should it say more.
        their_lease: Option<Duration>,
        /// How long the voters on this node's list are to vouch. If names and leases agree, the disks do not: somebody has
        /// another storage id than on one of the lists.
        our_lease: Duration,
    },
    /// A farewell or a change of voters cannot be decided as it was asked for.
    RequestDenied {
        /// Why.
        reason: Denial,
    },
    /// The stable storage has failed: this node neither votes nor vouches until it is started again. Views that come after it, and the
    /// one right before it if that was to be written, are not on disk. Said once;
    /// [`Quorum::storage`](super::quorum::Quorum::storage) says so for as long as it is so.
    StorageFailed,
    /// So many events were lost here because they were not polled in time: read the state anew.
    Lagged {
        /// How many.
        lost: u64,
    },
}

/// Why a node is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// This name has lived in this or a higher incarnation: start again above `highest`.
    Incarnation {
        /// The highest incarnation known of this name.
        highest: Incarnation,
    },
    /// Another live process has this name and incarnation.
    NameConflict,
    /// The refusing node has as many members as it is configured to remember.
    Full,
    /// The disk that this node runs from was in use in incarnation `highest` already: an old state of it has been put back, from a
    /// backup or a snapshot, or it was copied (I3). What it promised since is not on it, so this life neither votes nor vouches, and
    /// is over: begin one above `highest`, with another storage id. Whoever is to vote again has to be made a voter anew.
    Rewound {
        /// The highest incarnation known of this disk.
        highest: Incarnation,
    },
    /// The record of the dead is full, so that who died is only known of some. The refusing node does not know this name, and takes
    /// for dead whoever it does not know up to incarnation `highest`: start again above that.
    BelowFloor {
        /// The highest incarnation that has been dropped from the record.
        highest: Incarnation,
    },
}

impl Refusal {
    /// Above which incarnation to begin another life, if that is what it asks for.
    pub fn highest(&self) -> Option<Incarnation> {
        match self {
            Self::Incarnation { highest } | Self::Rewound { highest } | Self::BelowFloor { highest } => {
                Some(*highest)
            }
            Self::NameConflict | Self::Full => None,
        }
    }
}

/// Events on their way out.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    max: usize,
    lost: u64,
}

impl Events {
    /// Room for so many is kept when there are none.
    const KEPT: usize = 64;

    pub(crate) fn new(max: usize) -> Self {
        Self { queue: VecDeque::new(), max, lost: 0 }
    }

    /// At most so many are kept.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Counts as lost those that so many will follow that they would be dropped at once.
    pub(crate) fn lose(&mut self, count: usize) {
        self.lost += count as u64;
    }

    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() >= self.max {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(event);
    }

    /// The loss is reported first: it lies before everything that is left.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.lost) {
            0 => {
                let event = self.queue.pop_front();
                if self.queue.is_empty() && self.queue.capacity() > Self::KEPT {
                    // What a crowd of events took is not needed every day.
                    self.queue = VecDeque::new();
                }
                event
            }
            lost => Some(Event::Lagged { lost }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_a_crowd_of_events_is_given_back() {
        let mut events = Events::new(1_000);
        (0..2_000).for_each(|_| events.push(Event::Ready));
        assert!(matches!(events.pop(), Some(Event::Lagged { lost: 1_000 })));
        assert_eq!(std::iter::from_fn(|| events.pop()).count(), 1_000);
        assert_eq!(events.queue.capacity(), 0);
        // For a few it is kept.
        events.push(Event::Ready);
        events.pop();
        assert!(events.queue.capacity() > 0);
    }
}
