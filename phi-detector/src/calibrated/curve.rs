//! From counts to a survival curve: how probable it is that a live peer's next heartbeat is later than so much.
//!
//! The curve is a product of conditional survivals, one per bin: of the heartbeats at least as late as the bin's lower
//! edge, the share that is at least as late as its upper edge. Each share is an estimate shrunk towards a prior guess,
//! `(survived + strength · prior) / (at risk + strength)`: where there is data it is the data, where there is none it is
//! the prior. There are three levels, each the prior of the one above:
//!
//! 1. the *shape*: each bin's share is like that of the bin below it, within bounds. Equal shares in bins of equal ratio
//!    are a Pareto tail, so beyond the data the curve goes on as one, its index fitted by the shrinkage;
//! 2. the *slow table*, which knows what this link is capable of;
//! 3. the *fast table*, which knows what it has been like lately.

use super::lateness::{BINS, FIRST_OCTAVE_BIN, LAST_BIN, Position};
use super::life_table::LifeTable;
use crate::math;
use core::f64::consts::LOG10_2;

/// Heartbeats' worth of trust in the shape, against the slow table.
const SHAPE_STRENGTH: f32 = 5.0;

/// Heartbeats' worth of trust in the slow table, against the fast one.
const SLOW_STRENGTH: f32 = 15.0;

/// Share that survives half an octave under a Pareto tail of index 1, the first guess for the shape, and the heaviest
/// that the data may make it; and under one of index 1.5, the lightest. 2 to the power of -index/2.
///
/// Over eight octaves of lateness, on 26 measured links, the index was mostly between 1 and 2, with clumps.
const SHAPE_FIRST: f32 = core::f32::consts::FRAC_1_SQRT_2;
const SHAPE_HEAVIEST: f32 = SHAPE_FIRST;
const SHAPE_LIGHTEST: f32 = 0.594_603_56;

/// Share that survives half an octave before there is data, from the bin on at which the peer is given up: index 3.
const COLD_SHARE: f32 = SHAPE_FIRST * SHAPE_FIRST * SHAPE_FIRST;

/// Heartbeats after which the shape counts as much as the cold start's guess.
const COLD_HEARTBEATS: f32 = 50.0;

/// No share is estimated below this: six decades within one bin are enough.
const SHARE_MIN: f32 = 1e-6;

/// Within half an octave, and within one, φ climbs by at most this much, in decades: as fast as a Pareto tail of index 1.
/// What is missing it jumps at the upper edge. Were it to climb in proportion, heartbeats that all arrive at one instant
/// late in a bin would look improbable each time.
const CLIMB_HALF_MAX: f64 = LOG10_2 / 2.0;
const CLIMB_OCTAVE_MAX: f64 = LOG10_2;

/// By how much φ climbs within `bin`, from its lower edge to just before the upper one, when it is to grow by `growth`.
#[inline]
fn climb(bin: usize, growth: f64) -> f64 {
    growth.min(if bin < FIRST_OCTAVE_BIN { CLIMB_HALF_MAX } else { CLIMB_OCTAVE_MAX })
}

/// What the slow table says: of those at risk in each bin, the share that survives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlowShares {
    shares: [f32; BINS],
}

impl SlowShares {
    /// From the slow table and its shape. Until some heartbeats have been seen no suspicion comes from the shape alone
    /// before the bin `cold_bin`.
    pub(super) fn new(table: &LifeTable, cold_bin: usize) -> Self {
        let at_risk = table.at_risk();
        let shape_weight = at_risk[0] / (at_risk[0] + COLD_HEARTBEATS);
        let (mut shape, mut heaviest, mut lightest) = (SHAPE_FIRST, SHAPE_HEAVIEST, SHAPE_LIGHTEST);
        let mut cold_share = COLD_SHARE;
        let mut shares = [1.0; BINS];
        for bin in 0..LAST_BIN {
            if bin == FIRST_OCTAVE_BIN {
                // Twice as wide from here on: what survives is the square.
                shape *= shape;
                heaviest *= heaviest;
                lightest *= lightest;
                cold_share *= cold_share;
            }
            let cold = if bin < cold_bin { 1.0 } else { cold_share };
            let prior = shape_weight * shape + (1.0 - shape_weight) * cold;
            let share = (at_risk[bin + 1] + SHAPE_STRENGTH * prior) / (at_risk[bin] + SHAPE_STRENGTH);
            shares[bin] = share;
            shape = share.clamp(lightest, heaviest);
        }
        shares[LAST_BIN] = shape_weight * shape + (1.0 - shape_weight) * cold_share;
        Self { shares }
    }
}

/// φ at the lower edge of every bin, in decades, before [`correction`](super::correction).
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    edges: [f32; BINS],
    /// Decades per octave in the bin without an end.
    tail: f32,
}

impl Curve {
    pub(super) fn new(fast: &LifeTable, slow: &SlowShares) -> Self {
        let at_risk = fast.at_risk();
        let mut decades = [0.0; BINS];
        for bin in 0..LAST_BIN {
            let share =
                (at_risk[bin + 1] + SLOW_STRENGTH * slow.shares[bin]) / (at_risk[bin] + SLOW_STRENGTH);
            decades[bin] = -math::log10_f32(share.clamp(SHARE_MIN, 1.0));
        }
        let mut edges = [0.0; BINS];
        for bin in 0..LAST_BIN {
            edges[bin + 1] = edges[bin] + decades[bin];
        }
        Self { edges, tail: -math::log10_f32(slow.shares[LAST_BIN].clamp(SHARE_MIN, 1.0)) }
    }

    /// φ at `position`, uncorrected; it never falls as the position moves up.
    #[inline]
    pub(super) fn phi(&self, position: Position) -> f64 {
        let Position { bin, part } = position;
        let lower = f64::from(self.edges[bin]);
        if bin == LAST_BIN {
            return lower + part * f64::from(self.tail);
        }
        lower + part * climb(bin, f64::from(self.edges[bin + 1]) - lower)
    }

    /// The first position at which φ, uncorrected, is at least `phi`, to within rounding.
    pub(super) fn position(&self, phi: f64) -> Position {
        for bin in 0..LAST_BIN {
            let (lower, upper) = (f64::from(self.edges[bin]), f64::from(self.edges[bin + 1]));
            if phi <= lower {
                return Position { bin, part: 0.0 };
            }
            let climb = climb(bin, upper - lower);
            if phi <= lower + climb {
                return Position { bin, part: (phi - lower) / climb };
            }
        }
        let beyond = (phi - f64::from(self.edges[LAST_BIN])).max(0.0);
        Position { bin: LAST_BIN, part: beyond / f64::from(self.tail).max(f64::MIN_POSITIVE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(counts: &[(usize, f32)]) -> LifeTable {
        let mut all = [0.0; BINS];
        for &(bin, count) in counts {
            all[bin] = count;
        }
        LifeTable::from_counts(all)
    }

    fn phi_at(curve: &Curve, bin: usize) -> f64 {
        curve.phi(Position { bin, part: 0.0 })
    }

    #[test]
    fn with_plenty_of_data_the_curve_is_the_data() {
        // One in ten is a bin late, one in a hundred three bins.
        let counts = table(&[(0, 90_000.0), (1, 9_000.0), (3, 1_000.0)]);
        let curve = Curve::new(&counts, &SlowShares::new(&counts, 0));
        assert!((phi_at(&curve, 1) - 1.0).abs() < 1e-3, "{}", phi_at(&curve, 1));
        assert!((phi_at(&curve, 2) - 2.0).abs() < 1e-2, "{}", phi_at(&curve, 2));
        assert!((phi_at(&curve, 3) - 2.0).abs() < 2e-2, "{}", phi_at(&curve, 3));
        assert!(phi_at(&curve, 4) > 4.0);
    }

    #[test]
    fn the_fast_table_decides_where_it_has_data_and_the_slow_one_where_it_has_none() {
        let slow = table(&[(0, 99_000.0), (10, 1_000.0)]);
        let shares = SlowShares::new(&slow, 0);
        let calm = Curve::new(&table(&[(0, 400.0)]), &shares);
        let stormy = Curve::new(&table(&[(0, 300.0), (5, 100.0)]), &shares);
        assert!(phi_at(&calm, 5) > 2.0, "better than the slow table: {}", phi_at(&calm, 5));
        assert!((phi_at(&stormy, 5) - 0.6).abs() < 0.02, "a quarter is late: {}", phi_at(&stormy, 5));
        // Of what gets beyond the tenth bin, only the slow table knows how it goes on.
        let beyond = |curve: &Curve| phi_at(curve, 14) - phi_at(curve, 11);
        assert!((beyond(&calm) - beyond(&stormy)).abs() < 1e-5);
    }

    #[test]
    fn without_data_nothing_is_suspected_before_the_cold_bin() {
        let empty = LifeTable::new();
        let curve = Curve::new(&empty, &SlowShares::new(&empty, 12));
        assert_eq!(phi_at(&curve, 12), 0.0);
        assert!(phi_at(&curve, 14) > 0.5, "{}", phi_at(&curve, 14));
        assert!(phi_at(&curve, LAST_BIN) > 4.0, "{}", phi_at(&curve, LAST_BIN));
    }

    #[test]
    fn beyond_the_data_the_tail_is_pareto_within_its_bounds() {
        for (counts, what) in [
            (table(&[(0, 1e5), (15, 1e4)]), "all at one lateness"),
            (table(&[(0, 1e5), (LAST_BIN, 1e4)]), "all in the last bin"),
        ] {
            let curve = Curve::new(&counts, &SlowShares::new(&counts, 0));
            let per_octave = curve.phi(Position { bin: LAST_BIN, part: 1.0 }) - phi_at(&curve, LAST_BIN);
            let index = per_octave / LOG10_2;
            assert!((0.99..1.51).contains(&index), "{what}: {index}");
        }
    }

    #[test]
    fn the_position_of_a_level_leads_back_to_it() {
        let counts = table(&[(0, 9_000.0), (2, 700.0), (9, 30.0), (17, 3.0)]);
        let curve = Curve::new(&counts, &SlowShares::new(&counts, 0));
        for tenths in 0..120 {
            let level = f64::from(tenths) / 10.0;
            let position = curve.position(level);
            assert!(curve.phi(position) >= level - 1e-9, "{level}");
            // A little before it, the level has not been reached.
            if position.part > 1e-6 {
                let before = Position { part: position.part - 1e-6, ..position };
                assert!(curve.phi(before) < level, "{level}");
            }
        }
    }
}
