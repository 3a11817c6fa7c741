//! The stages joined: tables, curve and correction, each brought up to date when it pays.
//!
//! Recomputing the curve costs as much as a few dozen heartbeats, so it is done every sixteenth, and at once when a
//! heartbeat was so late that the curve had called it improbable: that is when there is something to learn.

use super::correction::Correction;
use super::curve::{Curve, SlowShares};
use super::lateness::Position;
use super::life_table::LifeTable;

/// Heartbeats between two updates of the curve from the fast table.
const FAST_EVERY: u32 = 16;

/// Heartbeats between two updates of what the slow table says.
const SLOW_EVERY: u32 = 256;

/// Heartbeats until a few hundred more change little in what the slow table says.
const SLOW_STEADY: u32 = 1_024;

/// The uncorrected φ from which on a heartbeat is a surprise, and the curve is brought up to date at once; and that
/// from which on it is one for the slow table, too.
const SURPRISE: f64 = 1.5;
const GREAT_SURPRISE: f64 = 2.5;

/// The knot of the level 1.0.
const LEVEL_1: usize = 1;

/// How long the two tables remember, in heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memories {
    pub(crate) fast: u32,
    pub(crate) slow: u32,
}

/// What is known of one peer's lateness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimator {
    memories: Memories,
    /// The bin below which nothing is suspected until there is data.
    cold_bin: u8,
    /// Heartbeats counted since the start, as far as it matters, and since the curve was brought up to date.
    heartbeats: u32,
    unsettled: u32,
    fast: LifeTable,
    slow: LifeTable,
    slow_shares: SlowShares,
    curve: Curve,
    correction: Correction,
}

impl Estimator {
    /// An estimator that starts from these tables and this correction: empty and none, or as learnt before.
    pub(crate) fn new(
        memories: Memories,
        cold_bin: usize,
        fast: LifeTable,
        slow: LifeTable,
        correction: Correction,
    ) -> Self {
        let slow_shares = SlowShares::new(&slow, cold_bin);
        let curve = Curve::new(&fast, &slow_shares);
        let cold_bin = cold_bin as u8; // Below BINS.
        Self { memories, cold_bin, heartbeats: 0, unsettled: 0, fast, slow, slow_shares, curve, correction }
    }

    /// φ at `position`.
    #[inline]
    pub(crate) fn phi(&self, position: Position) -> f64 {
        self.correction.apply(self.curve.phi(position))
    }

    /// Where φ reaches `threshold`, to within rounding.
    pub(crate) fn position(&self, threshold: f64) -> Position {
        self.curve.position(self.correction.invert(threshold))
    }

    /// Learns that a heartbeat arrived at `position`; returns what φ was at that moment, if it was above 1.
    #[inline]
    pub(crate) fn learn(&mut self, position: Position) -> Option<f64> {
        let uncorrected = self.curve.phi(position);
        let remarkable = !self.correction.at_most(LEVEL_1, uncorrected);
        let phi = remarkable.then(|| self.correction.apply(uncorrected));
        self.correction.exceed(uncorrected);
        self.fast.add(position.bin);
        self.slow.add(position.bin);
        self.heartbeats += 1;
        if self.heartbeats == SLOW_STEADY + SLOW_EVERY {
            self.heartbeats = SLOW_STEADY;
        }
        self.unsettled += 1;
        if uncorrected > SURPRISE {
            self.settle(uncorrected > GREAT_SURPRISE);
        } else if self.unsettled == FAST_EVERY {
            // Early on the slow table changes quickly, too.
            self.settle(self.heartbeats % SLOW_EVERY < FAST_EVERY || self.heartbeats < SLOW_STEADY);
        }
        phi
    }

    /// Fades the tables by as much as is due and recomputes the curve.
    #[cold]
    fn settle(&mut self, slow_too: bool) {
        let due = self.unsettled as f32;
        self.unsettled = 0;
        self.correction.settle(due);
        self.fast.fade(1.0 - due / self.memories.fast as f32);
        self.slow.fade(1.0 - due / self.memories.slow as f32);
        if slow_too {
            self.slow_shares = SlowShares::new(&self.slow, usize::from(self.cold_bin));
        }
        self.curve = Curve::new(&self.fast, &self.slow_shares);
    }

    /// An estimator with the same memories that has learnt nothing but what is in `slow`.
    pub(crate) fn anew(&self, cold_bin: usize, slow: LifeTable) -> Self {
        Self::new(self.memories, cold_bin, LifeTable::new(), slow, Correction::none())
    }

    pub(crate) fn fast(&self) -> &LifeTable {
        &self.fast
    }

    pub(crate) fn slow(&self) -> &LifeTable {
        &self.slow
    }

    pub(crate) fn correction(&self) -> &Correction {
        &self.correction
    }
}
