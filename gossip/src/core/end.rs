//! How a node ends: for good, or in one life that another has to follow.
//!
//! Kept as state and not only told in events: those are bounded, and whoever drives the node must not miss its end.

use super::Node;
use super::event::Refusal;
use super::identity::Incarnation;
use super::leave::Phase;
use super::quorum::{Epoch, Gone, Standing};

/// How a node has stopped for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// A later start of the same node is alive.
    Superseded {
        /// The incarnation that took its place.
        incarnation: Incarnation,
    },
    /// It left, as it was told to.
    Left {
        /// How many neighbours acknowledged the farewell.
        acknowledged: usize,
        /// How many were told.
        told: usize,
    },
}

/// That this life is over, though the node has not stopped: whoever drives it begins another one, or gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// The highest incarnation that others know of this node, as far as they have said so. Another life must be above it.
    pub highest: Incarnation,
    /// Why it is over.
    pub why: Why,
}

/// Why a life is over that did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It was taken in, and is on record as over all the same.
    Evicted {
        /// The view that put it on record. None if that is not in the view stored here: others have only said so.
        epoch: Option<Epoch>,
    },
    /// It began too low: others know this name in the same incarnation, or in a higher one.
    TooLow,
    /// It is below the floor of the record of the dead, and not known ([`Refusal::BelowFloor`]).
    BelowFloor,
    /// Its disk is older than what others have seen of it ([`Refusal::Rewound`]): the next life has to run from another.
    Rewound,
}

/// What others have said of this life, and what it has found out by itself: the part that matters if events are lost.
#[derive(Debug, Clone, Default)]
pub(super) struct Objections {
    /// The highest incarnation that came with one, and with which.
    pub(super) highest: Option<Over>,
    rewound: bool,
}

impl Node {
    /// How this node has stopped for good; none while it takes part, or is still leaving.
    pub fn end(&self) -> Option<End> {
        match self.phase {
            Phase::Stopped(end) => Some(end),
            _ => None,
        }
    }

    /// Whether this life has caught up with somebody, or has no seeds and is the first: it knows the cluster.
    pub fn is_ready(&self) -> bool {
        self.seeds.ready
    }

    /// Whether and why this life is over, so that another one has to begin. None for one that leaves, or has stopped: it is
    /// told so by the way.
    pub fn over(&self) -> Option<Over> {
        if self.is_leaving() {
            return None;
        }
        let refused = self.objections.highest;
        if self.quorum.standing() == Standing::Evicted {
            // The one on record may be a much later life, of which this disk knew nothing.
            let known = [self.gone().map(|gone| gone.incarnation), refused.map(|over| over.highest)];
            let highest = known.into_iter().flatten().fold(self.identity.incarnation, Incarnation::max);
            return Some(Over { highest, why: Why::Evicted { epoch: self.gone_in() } });
        }
        refused.map(|over| match over.why {
            // The view that says so may have come since.
            Why::Evicted { .. } => Over { why: Why::Evicted { epoch: self.gone_in() }, ..over },
            _ => over,
        })
    }

    /// Whether others have seen more of this node's disk than it remembers, whatever else has become of this life: the disk
    /// must not be taken for what it was, not even by a later process.
    pub fn is_rewound(&self) -> bool {
        self.objections.rewound
    }

    /// The view that has this life on record as over, if the one that is stored says so.
    fn gone_in(&self) -> Option<Epoch> {
        self.gone().filter(|gone| self.identity.incarnation <= gone.incarnation).map(|gone| gone.epoch)
    }

    /// The last end on record of this name.
    fn gone(&self) -> Option<Gone> {
        self.quorum.view()?.gone.get(&self.identity.id).copied()
    }

    /// Counts itself out, and its disk if that is what is wrong, once it has been said that this life is over.
    pub(super) fn step_down(&mut self, reason: Refusal) {
        if reason.highest().is_none_or(|highest| highest < self.identity.incarnation) {
            return;
        }
        if matches!(reason, Refusal::Rewound { .. }) {
            self.quorum.distrust_disk();
        }
        // One that leaves may be told that it has left already.
        if !self.is_leaving() {
            self.quorum.hear_of_own_end();
        }
    }

    /// Somebody does not take this life in. It matters if it is about this incarnation or a higher one.
    pub(super) fn note_refusal(&mut self, reason: Refusal) {
        let own = self.identity.incarnation;
        let Some(highest) = reason.highest().filter(|&highest| highest >= own) else { return };
        let why = match reason {
            Refusal::Rewound { .. } => Why::Rewound,
            Refusal::BelowFloor { .. } => Why::BelowFloor,
            // One that was taken in did not begin too low: so it has ended since.
            _ if self.is_ready() && highest == own => Why::Evicted { epoch: None },
            _ => Why::TooLow,
        };
        self.object(highest, why);
    }

    pub(super) fn object(&mut self, highest: Incarnation, why: Why) {
        let objections = &mut self.objections;
        objections.rewound |= why == Why::Rewound;
        if objections.highest.is_none_or(|known| known.highest < highest) {
            objections.highest = Some(Over { highest, why });
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "helpers of tests are tests")]
#[path = "end_tests.rs"]
mod tests;
