//! The exact nanosecond at which a level crosses a threshold.
//!
//! A deadline computed in floating point is off by a rounding error or two, and a caller that sleeps until then would
//! find the level a hair below its threshold. So the closed form only supplies a guess, and the integer search here
//! has the last word: it asks the very function the caller will ask.

use crate::arrivals::Arrivals;
use crate::time::from_ns;
use core::time::Duration;

/// The deadline of a detector whose newest heartbeat is in `arrivals` and whose level has reached the threshold after
/// so many nanoseconds of silence when `reached` says so; `guess_ns` is the silence that the closed form gives.
///
/// [`Duration::MAX`] if nothing has arrived, or if the threshold is not reached at the last nanosecond of 64 bits. A
/// guess of NaN is as good as zero: a comparison with a threshold of NaN is never true, so the answer is the same.
pub(crate) fn deadline(arrivals: &Arrivals, guess_ns: f64, reached: impl Fn(u64) -> bool) -> Duration {
    let Some(newest_ns) = arrivals.newest_ns() else {
        return Duration::MAX;
    };
    match first_reached(u64::MAX - newest_ns, guess_ns as u64, reached) {
        Some(silence_ns) => from_ns(newest_ns + silence_ns),
        None => Duration::MAX,
    }
}

/// How much wider each step of the gallop is than the one before.
const WIDEN: u64 = 256;

/// The least `x` in `0..=max` at which `reached(x)` holds, or `None` if it holds nowhere.
///
/// `reached` must not turn from true to false as `x` grows. A bad guess costs time, never the answer: one within a
/// nanosecond takes three calls, the worst takes 74 (the guess itself, 9 to gallop over 64 bits in steps that widen by
/// 8 bits, 64 to bisect).
pub(crate) fn first_reached(max: u64, guess: u64, reached: impl Fn(u64) -> bool) -> Option<u64> {
    let guess = guess.min(max);
    // A guess from an `f64` is no better than its 53 bits; start at that width.
    let mut step = 2 + (guess >> 52);

    // Gallop away from the guess until the crossing lies between: !reached(below), reached(above).
    let (mut below, mut above);
    if reached(guess) {
        above = guess;
        loop {
            if above == 0 {
                return Some(0);
            }
            below = above.saturating_sub(step);
            if !reached(below) {
                break;
            }
            above = below;
            step = step.saturating_mul(WIDEN);
        }
    } else {
        below = guess;
        loop {
            if below == max {
                return None;
            }
            above = below.saturating_add(step).min(max);
            if reached(above) {
                break;
            }
            below = above;
            step = step.saturating_mul(WIDEN);
        }
    }

    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if reached(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    Some(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use proptest::prelude::*;

    const CALLS_MAX: u32 = 74;

    /// Searches for `crossing` from `guess`; returns what was found and the number of calls it took.
    fn search(max: u64, guess: u64, crossing: u64) -> (Option<u64>, u32) {
        let calls = Cell::new(0);
        let found = first_reached(max, guess, |x| {
            assert!(x <= max, "asked outside the range");
            calls.set(calls.get() + 1);
            x >= crossing
        });
        (found, calls.get())
    }

    #[test]
    fn the_corners_are_found_within_the_bound() {
        let corners = [0, 1, 2, 255, 256, 257, 1 << 52, 1 << 63, u64::MAX - 1, u64::MAX];
        for max in corners {
            for guess in corners {
                for crossing in corners {
                    let (found, calls) = search(max, guess, crossing);
                    assert_eq!(found, (crossing <= max).then_some(crossing), "{max} {guess} {crossing}");
                    assert!(calls <= CALLS_MAX, "{calls} calls for {max} {guess} {crossing}");
                }
            }
        }
    }

    #[test]
    fn a_good_guess_is_cheap() {
        for error in [-1_i64, 0, 1] {
            let (found, calls) = search(u64::MAX, 1_000_000_u64.saturating_add_signed(error), 1_000_000);
            assert_eq!(found, Some(1_000_000));
            assert!(calls <= 3, "{calls} calls at an error of {error} ns");
        }
    }

    proptest! {
        #[test]
        fn the_first_is_found_within_the_bound(
            max in any::<u64>(), guess in any::<u64>(), crossing in any::<u64>(), shift in 0..64_u32,
        ) {
            let (max, crossing) = (max, crossing >> shift);
            let (found, calls) = search(max, guess, crossing);
            prop_assert_eq!(found, (crossing <= max).then_some(crossing));
            prop_assert!(calls <= CALLS_MAX, "{} calls", calls);
        }
    }
}
