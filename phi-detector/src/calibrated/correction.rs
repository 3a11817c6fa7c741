//! What was promised against what happened, fed back.
//!
//! A level of k promises that one heartbeat in 10^k exceeds it. Whether that is so can be counted as the heartbeats
//! come. For each level there is a knot: the uncorrected φ that is to be shown as that level. A heartbeat that exceeds
//! it moves the knot up by a step γ, one that does not moves it down by γ·10^-k, so that the knot rests only where the
//! promise is kept. Between the knots the correction is linear.
//!
//! This is adaptive conformal inference (Gibbs and Candès, *Adaptive Conformal Inference Under Distribution Shift*, NeurIPS
//! 2021), one instance per level. Its guarantee needs no model of the network and no independence: over n heartbeats the
//! knot moves by γ · (exceedances - n·10^-k), or further up where a floor or a neighbour stops it. It starts at least at
//! k - ½, and is only ever raised by a heartbeat that came above it, or above the knot below, from which it keeps its
//! distance: so it ends at most γ above the highest uncorrected level M at which one came. Hence level k is exceeded at most n·10^-k + (M - k + ½)/γ + 1 times. That is a sum that
//! telescopes, not a limit theorem. (The range of a knot is wide enough for M up to k + 6.)

/// How many levels have a knot of their own: 0.5, 1.0 … 6.0.
pub(crate) const KNOTS: usize = 12;

/// Decades from one level to the next.
const SPACING: f64 = 0.5;

/// How far a knot may move from its level: up, where the curve promised too much, and down, where it was too shy. Up there
/// is no need for a bound but that of a damaged save.
const UP_MAX: f32 = 6.0;
const DOWN_MAX: f32 = 0.5;

/// The least distance between neighbouring knots.
const GAP_MIN: f32 = 0.1;

/// The step γ of each level: 0.1 from level 3 on. The lower levels are exceeded so often that smaller steps suffice,
/// and disturb less: each half decade down takes a factor of 10^¼.
const STEPS: [f32; KNOTS] =
    [0.005_623_413, 0.01, 0.017_782_794, 0.031_622_78, 0.056_234_132, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];

/// γ·10^-k of each level: what one heartbeat without an exceedance takes off.
const DECAYS: [f32; KNOTS] = [
    1.778_279_4e-3,
    1e-3,
    5.623_413e-4,
    3.162_277_6e-4,
    1.778_279_4e-4,
    1e-4,
    3.162_277_6e-5,
    1e-5,
    3.162_277_7e-6,
    1e-6,
    3.162_277_6e-7,
    1e-7,
];

/// The knots, each as its distance from its level: small numbers, so that small steps are not lost in rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Correction {
    offsets: [f32; KNOTS],
}

impl Correction {
    pub(crate) const fn none() -> Self {
        Self { offsets: [0.0; KNOTS] }
    }

    /// Knots at these distances from their levels, brought within bounds and into order. Each must be finite.
    #[cfg(any(feature = "serde", test))]
    pub(crate) fn from_offsets(offsets: [f32; KNOTS]) -> Self {
        let mut correction = Self { offsets };
        correction.settle(0.0);
        (1..KNOTS).for_each(|index| correction.put_in_order(index));
        correction
    }

    #[cfg(any(feature = "serde", test))]
    pub(crate) const fn offsets(&self) -> &[f32; KNOTS] {
        &self.offsets
    }

    #[inline]
    fn knot(&self, index: usize) -> f64 {
        level(index) + f64::from(self.offsets[index])
    }

    /// Whether the uncorrected `phi` is at most the level of the knot `index`.
    #[inline]
    pub(crate) fn at_most(&self, index: usize, phi: f64) -> bool {
        phi <= self.knot(index)
    }

    /// The corrected level for the uncorrected `phi`; it never falls as `phi` grows.
    #[inline]
    pub(crate) fn apply(&self, phi: f64) -> f64 {
        let mut below = 0.0;
        for index in 0..KNOTS {
            let knot = self.knot(index);
            if phi <= knot {
                return SPACING * (index as f64 + (phi - below) / (knot - below));
            }
            below = knot;
        }
        level(KNOTS - 1) + (phi - below)
    }

    /// The uncorrected φ that is shown as `corrected`; the inverse of [`apply`](Self::apply) to within rounding.
    pub(crate) fn invert(&self, corrected: f64) -> f64 {
        let mut below = 0.0;
        for index in 0..KNOTS {
            let knot = self.knot(index);
            if corrected <= level(index) {
                return below + (corrected / SPACING - index as f64) * (knot - below);
            }
            below = knot;
        }
        below + (corrected - level(KNOTS - 1))
    }

    /// A heartbeat arrived when the uncorrected level was `phi`: every knot it exceeded moves up by its step.
    #[inline]
    pub(crate) fn exceed(&mut self, phi: f64) {
        let mut index = 0;
        while index < KNOTS && phi > self.knot(index) {
            self.offsets[index] = (self.offsets[index] + STEPS[index]).min(UP_MAX);
            index += 1;
        }
        // Those that moved keep their order, for the higher steps are not the smaller ones. The next may have to give way.
        self.put_in_order(index.max(1));
    }

    /// So many heartbeats have come since the last time: every knot moves down by that many decays.
    pub(crate) fn settle(&mut self, heartbeats: f32) {
        for (index, offset) in self.offsets.iter_mut().enumerate() {
            *offset = (*offset - heartbeats * DECAYS[index]).clamp(down_max(index), UP_MAX);
        }
        // Lower knots decay faster than higher ones, and their floors are at least as far apart as the knots must be:
        // the order holds.
    }

    /// Pushes the knot `first`, and those above it, up to where they are far enough from the one below; stops at the first
    /// that already is.
    #[inline]
    fn put_in_order(&mut self, first: usize) {
        for index in first..KNOTS {
            let least = self.offsets[index - 1] + GAP_MIN - SPACING as f32;
            if self.offsets[index] >= least {
                break;
            }
            self.offsets[index] = least;
        }
    }
}

/// The level of the knot `index`.
const fn level(index: usize) -> f64 {
    SPACING * (index as f64 + 1.0)
}

/// The lowest offset of the knot `index`: the first may not come close to zero.
fn down_max(index: usize) -> f32 {
    if index == 0 { -DOWN_MAX / 2.0 } else { -DOWN_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_experience_nothing_is_corrected() {
        for phi in [0.0, 0.3, 0.5, 1.75, 6.0, 9.0, 1e6] {
            assert!((Correction::none().apply(phi) - phi).abs() < 1e-12, "{phi}");
        }
    }

    #[test]
    fn steps_and_decays_belong_together() {
        for index in 0..KNOTS {
            let decay = f64::from(STEPS[index]) * libm::pow(10.0, -level(index));
            assert!((f64::from(DECAYS[index]) / decay - 1.0).abs() < 1e-6, "level {}", level(index));
        }
    }

    /// Plays the uncorrected levels to a correction; returns the share that exceeded each of its own levels.
    fn exceeded(levels: impl Iterator<Item = f64>) -> (Correction, [f64; KNOTS]) {
        let (mut correction, mut counts, mut n) = (Correction::none(), [0.0; KNOTS], 0.0);
        for phi in levels {
            let shown = correction.apply(phi);
            for (index, count) in counts.iter_mut().enumerate() {
                *count += f64::from(u8::from(shown > level(index)));
            }
            correction.exceed(phi);
            correction.settle(1.0);
            n += 1.0;
        }
        (correction, counts.map(|count| count / n))
    }

    /// Levels as a perfectly calibrated curve would give, times `scale`, from a fixed sequence without clumps.
    fn exponential(n: u32, scale: f64) -> impl Iterator<Item = f64> {
        (0..n).map(move |i| {
            let uniform = (f64::from(i) * 0.618_033_988_749_895 + 0.5) % 1.0;
            -libm::log10(1.0 - uniform) * scale
        })
    }

    #[test]
    fn a_curve_that_is_too_sure_is_brought_back_to_its_promise() {
        let n = 200_000;
        for scale in [0.9, 1.0, 1.3, 1.6] {
            let (_, shares) = exceeded(exponential(n, scale));
            // Levels that are exceeded at least a few dozen times.
            for (index, share) in shares.iter().enumerate().take(6) {
                let ratio = share / libm::pow(10.0, -level(index));
                assert!((0.9..1.1).contains(&ratio), "scale {scale}, level {}: {ratio}", level(index));
            }
        }
    }

    #[test]
    fn the_correction_is_bounded() {
        let (correction, _) = exceeded((0..10_000).map(|_| 20.0));
        assert!(correction.offsets().iter().all(|&offset| offset <= UP_MAX), "{correction:?}");
        let (calm, _) = exceeded((0..10_000_000).map(|_| 0.0));
        assert!(
            calm.offsets().iter().take(8).all(|&offset| offset == -DOWN_MAX || offset == down_max(0)),
            "{calm:?}"
        );
    }

    proptest! {
        /// The guarantee itself, for whatever sequence, settled in batches as the estimator does.
        #[test]
        fn no_sequence_exceeds_a_level_more_often_than_the_bound(
            levels in prop::collection::vec(prop_oneof![9 => 0.0..1.0_f64, 1 => 0.0..6.0_f64], 1..3_000),
            batch in 1..17_usize,
        ) {
            let (mut correction, mut counts, mut highest) = (Correction::none(), [0.0; KNOTS], 0.0_f64);
            for (n, &phi) in levels.iter().enumerate() {
                for (index, count) in counts.iter_mut().enumerate() {
                    *count += f64::from(u8::from(correction.apply(phi) > level(index) + 1e-9));
                }
                highest = highest.max(phi);
                correction.exceed(phi);
                if n % batch == batch - 1 {
                    correction.settle(batch as f32);
                }
            }
            for (index, &count) in counts.iter().enumerate() {
                let rise = (highest.max(level(index)) - level(index) + f64::from(DOWN_MAX)) / f64::from(STEPS[index]);
                let bound = levels.len() as f64 * libm::pow(10.0, -level(index)) + rise + 1.0;
                prop_assert!(count <= bound, "level {}: {count} > {bound}", level(index));
            }
        }

        #[test]
        fn knots_keep_their_order_whatever_happens(
            levels in prop::collection::vec(prop_oneof![Just(0.8), 0.0..3.0_f64, 0.0..9.0_f64], 1..400),
        ) {
            let mut correction = Correction::none();
            for &phi in &levels {
                correction.exceed(phi);
                correction.settle(3.0);
                for index in 1..KNOTS {
                    let gap = correction.knot(index) - correction.knot(index - 1);
                    prop_assert!(gap > f64::from(GAP_MIN) - 1e-5, "{gap} below {}", level(index));
                }
            }
        }

        #[test]
        fn order_is_kept_and_the_inverse_leads_back(
            offsets in prop::array::uniform12(-3.0..3.0_f32), phi in 0.0..9.0_f64, step in 0.0..1e-3_f64,
        ) {
            let correction = Correction::from_offsets(offsets);
            prop_assert!(correction.apply(phi) <= correction.apply(phi + step));
            prop_assert!(correction.apply(phi) >= 0.0);
            prop_assert!((correction.invert(correction.apply(phi)) - phi).abs() < 1e-9);
        }
    }
}
