//! The mathematics against mpmath (60 digits) and statrs, and the proof that these comparisons can fail.

use super::normal_phi::{neg_ln_tail, snap};
use super::{normal_phi, normal_quantile};
use core::f64::consts::{LN_10, LOG10_E};
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};
use std::prelude::v1::*;

const GOLDEN: &str = include_str!("../../tests/golden/normal_phi.csv");

/// What is promised of φ, relative to the reference.
const ERROR_MAX: f64 = 1e-12;

fn golden() -> Vec<(f64, f64)> {
    let points: Vec<_> = GOLDEN
        .lines()
        .skip(1)
        .map(|line| {
            let (z, phi) = line.split_once(',').unwrap();
            (z.parse().unwrap(), phi.parse().unwrap())
        })
        .collect();
    assert!(points.len() >= 200 && points[0].0 == -40.0 && points[points.len() - 1].0 == 1000.0);
    points
}

/// The largest relative error of `candidate` on the golden points, and where. What lies below the normal `f64` may
/// also be off by one unit of the last place.
fn worst(candidate: impl Fn(f64) -> f64) -> (f64, f64) {
    let unit = f64::from_bits(1);
    let mut worst = (0.0, 0.0);
    for (z, expected) in golden() {
        let got = candidate(z);
        let difference = (got - expected).abs();
        let error = if difference <= unit { 0.0 } else { difference / expected };
        if !error.is_finite() {
            return (f64::INFINITY, z);
        }
        if error > worst.0 {
            worst = (error, z);
        }
    }
    worst
}

#[test]
fn phi_agrees_with_sixty_digits() {
    let (error, z) = worst(normal_phi);
    let (raw, raw_z) = worst(|z| neg_ln_tail(z) * LOG10_E);
    std::println!(
        "largest relative error of φ: {error:.2e} at z = {z}; before snapping {raw:.2e} at z = {raw_z}"
    );
    assert!(error <= ERROR_MAX);
}

/// Each shortcut that is in use somewhere misses the bound, so the comparison above is able to fail.
#[test]
fn the_golden_values_refuse_the_usual_shortcuts() {
    let logistic = |z: f64| {
        let e = libm::exp(-z * (1.5976 + 0.070566 * z * z));
        -libm::log10(if z > 0.0 { e / (1.0 + e) } else { 1.0 - 1.0 / (1.0 + e) })
    };
    let no_tail = |z: f64| -libm::log10(0.5 * libm::erfc(z * core::f64::consts::FRAC_1_SQRT_2));
    let no_ln_1p = |z: f64| if z < 5.0 { no_tail(z) } else { normal_phi(z) };
    let first_order = |z: f64| {
        let ln = 0.5 * z * z + libm::log(z * libm::sqrt(core::f64::consts::TAU));
        if z < 5.0 { normal_phi(z) } else { ln * LOG10_E }
    };
    let off_by_little = |z: f64| normal_phi(z) * (1.0 + 2.0 * ERROR_MAX);

    assert!(worst(logistic).0 > 1e-3);
    assert!(worst(no_tail).0 > ERROR_MAX);
    assert!(worst(no_ln_1p).0 > ERROR_MAX);
    assert!(worst(first_order).0 > ERROR_MAX);
    assert!(worst(off_by_little).0 > ERROR_MAX);
}

/// `statrs` is independent of `libm` but its `erfc` is good to some 1e-10 only.
#[test]
fn phi_agrees_with_statrs() {
    let standard = Normal::new(0.0, 1.0).unwrap();
    for k in -3700..=3700 {
        let z = f64::from(k) / 100.0;
        let theirs =
            if z < 0.0 { -libm::log1p(-standard.sf(-z)) } else { -libm::log(standard.sf(z)) } / LN_10;
        let ours = normal_phi(z);
        assert!((ours / theirs - 1.0).abs() < 1e-9, "z = {z}: {ours} against {theirs}");
    }
}

#[test]
fn phi_is_finite_and_ends_where_it_should() {
    assert_eq!(normal_phi(-1e300), 0.0);
    assert_eq!(normal_phi(-40.0), 0.0);
    assert_eq!(normal_phi(0.0), core::f64::consts::LOG10_2);
    assert_eq!(normal_phi(-0.0), core::f64::consts::LOG10_2);
    // The largest z any detector can reach: 2^64 nanoseconds over a deviation of one.
    assert!(normal_phi(2e19).is_finite());
}

/// The next `f64` above `z` whose snapped value differs.
fn next_on_grid(z: f64) -> f64 {
    let start = snap(z);
    let mut step = f64::EPSILON * start.abs().max(2e-16);
    while snap(start + step) <= start {
        step *= 2.0;
    }
    snap(start + step)
}

/// φ does not fall between any neighbours that are tried, 60,000 stretches of 8; where z is rounded to a grid, each
/// step is wide enough to show that it is the grid and not luck.
#[test]
fn phi_rises_along_the_grid() {
    let mut smallest = f64::INFINITY;
    for k in 0..60_000 {
        // From -37 to 37, with the switch points and zero met exactly (k = 29,000 is -8, 37,000 is 0, 42,000 is 5).
        let mut z = f64::from(k - 37_000) / 1000.0 - 1e-14;
        if z > 5.0 {
            z = 5.0 + libm::pow(z - 5.0, 3.0);
        }
        for _ in 0..8 {
            let next = next_on_grid(z);
            let (low, high) = (normal_phi(z), normal_phi(next));
            assert!(low <= high, "φ({z:?}) = {low:?} is above φ({next:?}) = {high:?}");
            if z >= -8.0 {
                smallest = smallest.min((high - low) / high);
            }
            z = next;
        }
    }
    std::println!("smallest relative step of φ: {smallest:.2e}");
    assert!(smallest > 4.0 * f64::EPSILON, "the steps are no wider than the rounding errors: {smallest:e}");
}

#[test]
fn quantile_inverts_phi() {
    let mut worst = 0.0_f64;
    for k in -3000..=400 {
        for f in [1.0, 2.0, 3.01, 5.0, 9.9] {
            let phi = f * libm::exp10(f64::from(k) / 10.0);
            let z = normal_quantile(phi);
            let error = (neg_ln_tail(z) * LOG10_E / phi - 1.0).abs();
            assert!(error <= 1e-12, "Φ = {phi:e}: z = {z}, off by {error:e}");
            worst = worst.max(error);
        }
    }
    std::println!("largest relative error of φ(quantile(Φ)): {worst:.2e}");
}

#[test]
fn quantile_ends_where_it_should() {
    assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    assert_eq!(normal_quantile(-1.0), f64::NEG_INFINITY);
    assert_eq!(normal_quantile(f64::INFINITY), f64::INFINITY);
    assert!(normal_quantile(f64::MIN_POSITIVE).is_finite());
    assert!(normal_quantile(1e300).is_finite());
    assert!(normal_quantile(core::f64::consts::LOG10_2).abs() < 1e-15);
}

proptest! {
    #[test]
    fn phi_never_falls(a in -50.0..1e3_f64, b in -50.0..1e3_f64) {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(normal_phi(low) <= normal_phi(high));
    }

    /// Any two finite numbers, and the neighbours of one.
    #[test]
    fn phi_never_falls_anywhere(a in -2e19..2e19_f64, b in -2e19..2e19_f64) {
        let (low, high) = if a < b { (a, b) } else { (b, a) };
        prop_assert!(normal_phi(low) <= normal_phi(high));
        prop_assert!(normal_phi(a) <= normal_phi(a.next_up()));
        prop_assert!(normal_phi(high) >= 0.0 && normal_phi(high).is_finite());
    }
}
