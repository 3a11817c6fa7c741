//! The golden values of the normal tail, met by the public detector at whole nanoseconds.
//!
//! With a deviation of 2³⁰ ns, every z that is a multiple of 2⁻³⁰ is reached by some whole number of nanoseconds of
//! silence; so the same numbers that check the mathematics also check the path through the detector, rounding and all.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

use phi_detector::{AccrualDetector, Normal, NormalConfig};
use std::time::Duration;

const GOLDEN: &str = include_str!("golden/normal_phi.csv");

/// z is in these units: the deviation of the detector below, in nanoseconds.
const STD_DEV_NS: u64 = 1 << 30;
/// So many deviations lie between the last heartbeat and the centre, so that z starts at -40.
const CENTER: u64 = 40;

/// A detector whose window holds 3/4 and 5/4 of 4 deviations: mean 4 deviations, deviation 1.
fn detector() -> Normal {
    let deviations = |n| Duration::from_nanos(n * STD_DEV_NS);
    let config = NormalConfig::new(deviations(4))
        .min_std_dev(Duration::from_nanos(1))
        .acceptable_pause(deviations(CENTER - 4));
    let mut detector = Normal::new(config).unwrap();
    detector.heartbeat(0, Duration::ZERO);
    detector
}

#[test]
fn the_detector_meets_the_golden_values() {
    let detector = detector();
    let (mut met, mut worst, mut bits) = (0, 0.0_f64, 0_u64);
    for line in GOLDEN.lines().skip(1) {
        let (z, phi) = line.split_once(',').unwrap();
        let (z, expected): (f64, f64) = (z.parse().unwrap(), phi.parse().unwrap());
        let silence_ns = (z + CENTER as f64) * STD_DEV_NS as f64;
        if silence_ns.fract() != 0.0 || (z + CENTER as f64) - CENTER as f64 != z {
            continue;
        }
        let got = detector.phi(Duration::from_nanos(silence_ns as u64));
        // Below the normal f64, one unit of the last place is all there is.
        let difference = (got - expected).abs();
        if difference > f64::from_bits(1) {
            worst = worst.max(difference / expected);
            assert!(difference <= 1e-12 * expected, "z = {z}: {got:e}, not {expected:e}");
        }
        bits = bits.rotate_left(5) ^ got.to_bits();
        met += 1;
    }
    // The same line as on a bare processor, .ci/no-std/bare-metal, where every bit must be the same.
    println!("{met} golden values, largest relative error {worst:.2e}, bits {bits:016x}");
    assert!(met >= 400, "only {met} golden values could be met");
}

#[test]
fn the_deadline_of_a_golden_value_is_its_nanosecond() {
    let detector = detector();
    for z in [-5_i64, -1, 0, 1, 4, 5, 6, 37, 39, 100, 1000] {
        let at = Duration::from_nanos(CENTER.saturating_add_signed(z) * STD_DEV_NS);
        let deadline = detector.deadline(detector.phi(at));
        // z is rounded to 47 bits, so that at large z a few nanoseconds share one level.
        assert!(
            deadline <= at && at - deadline <= Duration::from_nanos(32),
            "z = {z}: {deadline:?}, not {at:?}"
        );
    }
}
