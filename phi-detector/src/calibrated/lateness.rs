//! The logarithmic scale on which lateness is counted.
//!
//! Lateness is the silence beyond one heartbeat interval. Delays on real links range over five decades and their tails
//! are close to straight lines in log-log coordinates, so bins of equal *ratio* need few of them: 64ths of an interval
//! at the bottom, where most heartbeats are, two bins an octave up to 8 intervals, then one bin an octave up to 512.
//! What is later than that falls into the last bin, which has no end.

use crate::time::to_ns;
use core::f64::consts::SQRT_2;
use core::time::Duration;

/// How many bins there are.
pub(crate) const BINS: usize = 26;

/// The first bin that is a whole octave wide; those from 1 to here are half an octave.
pub(crate) const FIRST_OCTAVE_BIN: usize = 19;

/// The bin without an end.
pub(crate) const LAST_BIN: usize = BINS - 1;

/// The first bin is one part in so many of an interval wide.
const FIRST_BIN_PARTS: f64 = 64.0;

/// log2 of the lower edge of the first octave bin, in widths of the first bin: 8 intervals.
const FIRST_OCTAVE_LOG2: u64 = 9;

const F64_FRACTION_BITS: u32 = 52;
const F64_EXPONENT_BIAS: u64 = 1023;

/// Where a lateness lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Position {
    /// `0..BINS`.
    pub(crate) bin: usize,
    /// How far into the bin, `0.0..=1.0`, linear in time. In the last bin, how many octaves beyond its lower edge,
    /// linear within each octave.
    pub(crate) part: f64,
}

/// A heartbeat interval, and the scale of lateness that belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    interval_ns: u64,
    first_bins_per_ns: f64,
}

impl Scale {
    /// The scale for heartbeats `interval` apart; an interval below a nanosecond counts as one.
    pub(crate) fn new(interval: Duration) -> Self {
        let interval_ns = to_ns(interval).max(1);
        Self { interval_ns, first_bins_per_ns: FIRST_BIN_PARTS / interval_ns as f64 }
    }

    pub(crate) fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// Where a silence of `silence_ns` lies. Never further down for a longer silence: each step below is an exact or a
    /// correctly rounded operation, and those keep order.
    #[inline]
    pub(crate) fn position(&self, silence_ns: u64) -> Position {
        let lateness_ns = silence_ns.saturating_sub(self.interval_ns);
        let ratio = lateness_ns as f64 * self.first_bins_per_ns;
        if ratio < 1.0 {
            return Position { bin: 0, part: ratio };
        }
        // For a ratio of at least one the exponent is the octave and the fraction the place in it.
        let octave = (ratio.to_bits() >> F64_FRACTION_BITS) - F64_EXPONENT_BIAS;
        let mantissa = f64::from_bits(
            (ratio.to_bits() & ((1 << F64_FRACTION_BITS) - 1)) | (F64_EXPONENT_BIAS << F64_FRACTION_BITS),
        );
        if octave < FIRST_OCTAVE_LOG2 {
            // Which half of the octave it is depends on chance; selecting costs less than guessing.
            let upper = usize::from(mantissa >= SQRT_2);
            let part =
                (mantissa - [1.0, SQRT_2][upper]) * [1.0 / (SQRT_2 - 1.0), 1.0 / (2.0 - SQRT_2)][upper];
            return Position { bin: 1 + 2 * octave as usize + upper, part: part.min(1.0) };
        }
        let bin = FIRST_OCTAVE_BIN + (octave - FIRST_OCTAVE_LOG2) as usize;
        if bin < LAST_BIN {
            Position { bin, part: mantissa - 1.0 }
        } else {
            Position { bin: LAST_BIN, part: (bin - LAST_BIN) as f64 + (mantissa - 1.0) }
        }
    }

    /// The silence in nanoseconds at `position`, to within rounding; the inverse of [`position`](Self::position).
    pub(crate) fn silence_ns(&self, position: Position) -> f64 {
        let Position { bin, part } = position;
        let ratio = if bin == 0 {
            part
        } else if bin < FIRST_OCTAVE_BIN {
            let (octave, upper) = ((bin - 1) / 2, (bin - 1) % 2 == 1);
            let mantissa = if upper { SQRT_2 + part * (2.0 - SQRT_2) } else { 1.0 + part * (SQRT_2 - 1.0) };
            mantissa * exp2(octave as u64)
        } else {
            let octaves = (part as u64).min(64);
            let (octaves, part) = if bin == LAST_BIN { (octaves, part - octaves as f64) } else { (0, part) };
            (1.0 + part) * exp2(FIRST_OCTAVE_LOG2 + (bin - FIRST_OCTAVE_BIN) as u64 + octaves)
        };
        self.interval_ns as f64 + ratio / self.first_bins_per_ns
    }

    /// The first bin in which everything is later than `lateness`, or the last if there is none.
    pub(crate) fn bin_beyond(&self, lateness: Duration) -> usize {
        (self.position(self.interval_ns.saturating_add(to_ns(lateness))).bin + 1).min(LAST_BIN)
    }
}

/// 2 to the power of `exponent`, which is below 1024.
fn exp2(exponent: u64) -> f64 {
    f64::from_bits((exponent + F64_EXPONENT_BIAS) << F64_FRACTION_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn scale() -> Scale {
        Scale::new(Duration::from_millis(64))
    }

    #[test]
    fn the_edges_are_where_they_should_be() {
        // An interval of 64 ms makes the first bin one millisecond wide.
        let at = |late_ms: u64| scale().position((64 + late_ms) * MS);
        for (late_ms, bin) in [(0, 0), (1, 1), (2, 3), (4, 5), (256, 17), (512, 19), (1024, 20), (16384, 24)]
        {
            assert_eq!(at(late_ms), Position { bin, part: 0.0 }, "{late_ms} ms late");
        }
        assert_eq!(at(32768), Position { bin: LAST_BIN, part: 0.0 });
        assert_eq!(at(3 * 32768), Position { bin: LAST_BIN, part: 1.5 });
        assert_eq!(scale().position(0), Position { bin: 0, part: 0.0 });
        assert_eq!(at(3).bin, 4, "three is above two times the square root of two");
        assert_eq!(scale().bin_beyond(Duration::from_millis(255)), 17);
        assert_eq!(scale().bin_beyond(Duration::from_secs(1_000)), LAST_BIN);
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nothing_falls_outside(
            ns in any::<u64>(), shift in 0..64_u32, step in 0..1_000_u64, interval in 1..u64::MAX,
        ) {
            let scale = Scale::new(Duration::from_nanos(interval >> (shift / 2)));
            let ns = ns >> shift;
            let (a, b) = (scale.position(ns), scale.position(ns.saturating_add(step)));
            prop_assert!(a.bin < BINS && b.bin < BINS);
            prop_assert!(a.part >= 0.0 && (a.bin == LAST_BIN || a.part <= 1.0));
            prop_assert!((a.bin, a.part) <= (b.bin, b.part), "{a:?} {b:?}");
        }

        #[test]
        fn the_inverse_leads_back(ns in any::<u64>(), shift in 1..40_u32) {
            let scale = scale();
            let silence_ns = scale.interval_ns() + (ns >> shift);
            let back_ns = scale.silence_ns(scale.position(silence_ns));
            prop_assert!((back_ns / silence_ns as f64 - 1.0).abs() < 1e-12, "{silence_ns} {back_ns}");
        }
    }
}
