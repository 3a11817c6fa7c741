//! The z at which a normal tail reaches a level: the inverse of [`normal_phi`](super::normal_phi).
//!
//! Newton's method on `g(z) = -ln Q(z) = L`, for `z ≥ 0`. The normal distribution has a log-concave tail, so `g` is
//! convex; and `Q(z) ≤ exp(-z²/2)/2`, so `√(2(L - ln 2))` is never to the left of the root. From there Newton's steps
//! descend to the root without ever passing it, and need no bracket: five of them reach the last bits for every `L`
//! up to 1e300. The lower half follows by symmetry: `Q(-z) = 1 - Q(z)`.
//!
//! **Error.** |φ(z) - Φ| is at most 1e-12·Φ for Φ from 1e-300 to 1e40. That much makes the integer search for a
//! deadline short; it does not have to be better.

use super::normal_phi::{hazard, neg_ln_tail};
use core::f64::consts::{LN_2, LN_10};

/// Newton steps allowed; the largest number seen to change anything is 5.
const STEPS_MAX: u32 = 8;

/// The z with `-log10 Q(z) = phi`: negative infinity for `phi <= 0`, positive infinity beyond 1e300.
pub(crate) fn normal_quantile(phi: f64) -> f64 {
    let level = phi * LN_10;
    if level <= 0.0 {
        f64::NEG_INFINITY
    } else if level < LN_2 {
        // Q(z) > 1/2: solve for the other side, whose probability is 1 - exp(-level).
        -upper_quantile(-libm::log(-libm::expm1(-level)))
    } else if phi <= 1e300 {
        upper_quantile(level)
    } else {
        f64::INFINITY
    }
}

/// The `z >= 0` with `-ln Q(z) = level`, for a finite `level >= ln 2`.
fn upper_quantile(level: f64) -> f64 {
    let mut z = libm::sqrt(2.0 * (level - LN_2).max(0.0));
    for _ in 0..STEPS_MAX {
        let next = (z - (neg_ln_tail(z) - level) / hazard(z)).max(0.0);
        // The descent is over when rounding stops it.
        if next >= z {
            break;
        }
        z = next;
    }
    z
}
