//! `-log10 Q(z)`: the suspicion level of a normal tail.
//!
//! `Q(z) = P(Z > z)` for a standard normal `Z`. It underflows near z = 38, so the logarithm is never taken of `Q`
//! itself there. Three ranges, each with the form that is well conditioned in it:
//!
//! - **z < 0**: `-ln_1p(-Q(-z))`. `Q(z)` is close to one, and its logarithm would cancel; the complement does not.
//! - **0 ≤ z < 5**: `-ln Q(z)`.
//! - **z ≥ 5**: `z²/2 + ln(z·√2π) - ln R(z)`, where `R(z) = Q(z)·z/pdf(z)` is Laplace's continued fraction
//!   `1/(1 + t/(1 + 2t/(1 + 3t/…)))` with `t = 1/z²` (Abramowitz and Stegun, 26.2.14, divided through by z).
//!
//! Below 5, `Q(z) = erfc(z/√2)/2` with `libm::erfc` (Sun's `s_erf.c`).
//!
//! **Error.** At most 1e-12 relative for z from -37.5 up, however large; 1.7e-13 is the largest seen on
//! `tests/golden/normal_phi.csv`, at z = -37.25, where an error of z weighs 1400 times as much in φ. Below -37.5 φ is
//! a subnormal `f64`, from about -38.5 on less than the smallest of them: there the error may also be that smallest.
//!
//! **Monotone by construction.** No library promises that the last bits of `erfc` and `ln` are monotone, and a level
//! that dips by one bit breaks every search for a deadline. So [`snap`] first rounds z to a grid on which neighbouring
//! values of φ differ by several times the error of computing them.

use core::f64::consts::{FRAC_1_SQRT_2, LOG10_E};

/// From here on the continued fraction converges faster than `erfc` is worth calling.
const TAIL_FROM: f64 = 5.0;

/// Convergents taken of the continued fraction. At z = 5 the truncation error of `R` is 4e-16, and it falls with z.
const CONVERGENTS: u32 = 22;

/// √(2π)
const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// `-log10 Q(z)`; never negative, never NaN for a finite `z`, and does not fall as `z` grows.
pub(crate) fn normal_phi(z: f64) -> f64 {
    LOG10_E * neg_ln_tail(snap(z))
}

/// `-ln Q(z)`, to the last two or three bits, but without the promise of being monotone in them.
pub(super) fn neg_ln_tail(z: f64) -> f64 {
    if z < 0.0 {
        -libm::log1p(-near_tail(-z))
    } else if z < TAIL_FROM {
        -libm::log(near_tail(z))
    } else {
        0.5 * z * z + libm::log(SQRT_TAU * z / far_ratio(z))
    }
}

/// The derivative of `-ln Q(z)`, pdf(z)/Q(z), for `z >= 0`.
pub(super) fn hazard(z: f64) -> f64 {
    if z < TAIL_FROM { libm::exp(-0.5 * z * z) / (SQRT_TAU * near_tail(z)) } else { z / far_ratio(z) }
}

/// `Q(z)` by way of `erfc`, for `z` below about 37.
fn near_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// `Q(z)·z/pdf(z)`, for `z >= 5`: in (0.96, 1].
///
/// The fraction is evaluated forwards. In `t = 1/z²` every term is positive and numerator and denominator stay below
/// 2, so nothing cancels, nothing overflows, and there is one division instead of 22.
fn far_ratio(z: f64) -> f64 {
    let t = 1.0 / (z * z);
    let (mut a_old, mut a) = (0.0, 1.0);
    let (mut b_old, mut b) = (1.0, 1.0);
    let mut kt = 0.0;
    for _ in 1..CONVERGENTS {
        kt += t;
        (a_old, a) = (a, a + kt * a_old);
        (b_old, b) = (b, b + kt * b_old);
    }
    a / b
}

/// Rounds `z` to the grid on which φ is monotone in spite of rounding errors.
///
/// The relative step of φ between neighbours is at least 2e-15 below 5 (2⁻⁴⁷ in z, times the logarithmic derivative
/// of φ, which is at least 0.34) and 1e-14 from there (47 bits of z kept, φ ≈ z²); computing φ costs less than 1e-15.
/// Below -8 neighbouring arguments of `erfc` are far enough apart by themselves. Each of the three is monotone, and so
/// is the whole, as -8 and 5 are on the grid.
pub(super) fn snap(z: f64) -> f64 {
    if z >= TAIL_FROM {
        f64::from_bits(z.to_bits() & !0x3f)
    } else if z >= -8.0 {
        // z + 48 is in [40, 53), where one unit in the last place is 2⁻⁴⁷.
        (z + 48.0) - 48.0
    } else {
        z
    }
}
