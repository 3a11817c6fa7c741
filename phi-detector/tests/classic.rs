//! The two classic estimators compute what their papers say.

use phi_detector::{
    AccrualDetector, Arrival, ConfigError, Exponential, ExponentialConfig, Normal, NormalConfig,
};
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Exp, Normal as Reference};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Feeds heartbeats with these gaps and returns when the last of them arrived.
fn feed(detector: &mut impl AccrualDetector, gaps_ms: &[u64]) -> Duration {
    let mut now = SECOND;
    detector.heartbeat(1, now);
    for (seq, &gap) in (2..).zip(gaps_ms) {
        now += ms(gap);
        assert_eq!(detector.heartbeat(seq, now), Arrival::Fresh);
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against statrs, from the mean and deviation of the last five gaps computed anew.
    #[test]
    fn normal_is_the_normal_tail_of_the_window(
        gaps in prop::collection::vec(900..1100_u64, 5..40), silence in 0..1500_u64,
    ) {
        let config = NormalConfig::new(SECOND).min_std_dev(ms(20)).acceptable_pause(ms(100));
        let mut detector = Normal::<5>::with_window(config).unwrap();
        let last = feed(&mut detector, &gaps);

        let window: Vec<f64> = gaps[gaps.len() - 5..].iter().map(|&gap| gap as f64).collect();
        let mean = window.iter().sum::<f64>() / 5.0;
        let std_dev = (window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5.0).sqrt().max(20.0);
        let expected = -Reference::new(mean + 100.0, std_dev).unwrap().sf(silence as f64).log10();

        let phi = detector.phi(last + ms(silence));
        // The reference has no logarithm of the tail: its error is absolute where the tail is close to one.
        prop_assert!((phi - expected).abs() <= 1e-8 * expected + 1e-10, "{} against {}", phi, expected);
    }

    #[test]
    fn exponential_is_the_exponential_tail_of_the_mean(
        gaps in prop::collection::vec(1..3000_u64, 5..40), silence in 0..100_000_u64,
    ) {
        let mut detector = Exponential::<5>::with_window(ExponentialConfig::new(SECOND)).unwrap();
        let last = feed(&mut detector, &gaps);
        let mean = gaps[gaps.len() - 5..].iter().sum::<u64>() as f64 / 5.0;
        let tail = Exp::new(1.0 / mean).unwrap().sf(silence as f64);
        prop_assume!(tail > 1e-300);
        let phi = detector.phi(last + ms(silence));
        prop_assert!((phi + tail.log10()).abs() <= 1e-12 * phi + 1e-15);
    }
}

/// At first the window is what the configuration says; each sample replaces a part of that, and in the end all.
#[test]
fn the_first_interval_is_forgotten() {
    let mut detector = Normal::<4>::with_window(NormalConfig::new(SECOND)).unwrap();
    assert_eq!((detector.mean(), detector.std_dev()), (SECOND, ms(250)));
    feed(&mut detector, &[3000, 3000]);
    assert_eq!(detector.mean(), SECOND * 2);
    feed_more(&mut detector, 10, SECOND * 7, &[3000, 3000]);
    assert_eq!((detector.mean(), detector.std_dev()), (SECOND * 3, Duration::ZERO));
}

fn feed_more(detector: &mut impl AccrualDetector, first_seq: u64, mut now: Duration, gaps_ms: &[u64]) {
    for (seq, &gap) in (first_seq..).zip(gaps_ms) {
        now += ms(gap);
        detector.heartbeat(seq, now);
    }
}

/// As in the paper: what matters is when heartbeats arrive, not how many were sent in between.
#[test]
fn a_lost_heartbeat_makes_one_long_sample() {
    let (mut with_gap, mut without) = (
        Normal::<4>::with_window(NormalConfig::new(SECOND)).unwrap(),
        Normal::<4>::with_window(NormalConfig::new(SECOND)).unwrap(),
    );
    for (seq, plain, at) in [(1, 1, 1), (2, 2, 2), (5, 3, 5), (6, 4, 6)] {
        with_gap.heartbeat(seq, SECOND * at);
        without.heartbeat(plain, SECOND * at);
    }
    assert_eq!(with_gap.phi(SECOND * 8), without.phi(SECOND * 8));
    assert_eq!(with_gap.mean(), (ms(1250) + SECOND + SECOND * 3 + SECOND) / 4);
}

#[test]
fn time_going_backwards_is_counted_and_stale_heartbeats_are_not() {
    let mut normal = Normal::new(NormalConfig::new(SECOND)).unwrap();
    let mut exponential = Exponential::new(ExponentialConfig::new(SECOND)).unwrap();
    let events =
        [(5, 10, Arrival::Fresh), (6, 9, Arrival::Fresh), (6, 3, Arrival::Stale), (7, 10, Arrival::Fresh)];
    for (seq, at, arrival) in events {
        assert_eq!(normal.heartbeat(seq, SECOND * at), arrival);
        assert_eq!(exponential.heartbeat(seq, SECOND * at), arrival);
    }
    assert_eq!((normal.backwards(), exponential.backwards()), (1, 1));
}

/// A threshold in nats, as where elapsed/mean is compared directly, is 2.3 times less here.
#[test]
fn exponential_counts_in_decades() {
    let mut detector = Exponential::new(ExponentialConfig::new(SECOND)).unwrap();
    detector.heartbeat(0, Duration::ZERO);
    assert!((detector.phi(SECOND * 8) - 8.0 / std::f64::consts::LN_10).abs() < 1e-12);
    assert_eq!(detector.deadline(1.0).as_nanos(), 2_302_585_093);
}

/// Heartbeats drained from a queue in one instant have a mean of zero.
#[test]
fn exponential_survives_a_mean_of_zero() {
    let mut detector = Exponential::<2>::with_window(ExponentialConfig::new(SECOND)).unwrap();
    for seq in 0..4 {
        detector.heartbeat(seq, SECOND);
    }
    assert_eq!(detector.mean(), Duration::ZERO);
    assert_eq!(detector.phi(SECOND), 0.0);
    assert!(detector.phi(Duration::MAX).is_finite());
}

#[test]
fn a_bad_configuration_is_named() {
    let day = SECOND * 86_400;
    let good = NormalConfig::new(SECOND);
    let refused = |config| match Normal::new(config) {
        Err(ConfigError::Duration { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(NormalConfig::new(Duration::ZERO)), "first_interval");
    assert_eq!(refused(NormalConfig::new(Duration::MAX)), "first_interval");
    assert_eq!(refused(good.min_std_dev(Duration::ZERO)), "min_std_dev");
    assert_eq!(refused(good.min_std_dev(day * 366)), "min_std_dev");
    assert_eq!(refused(good.acceptable_pause(day * 366)), "acceptable_pause");
    assert!(Normal::new(NormalConfig::new(Duration::from_micros(1))).is_ok());
    assert!(Normal::new(NormalConfig::new(day * 365).acceptable_pause(day * 365)).is_ok());
    assert!(Exponential::new(ExponentialConfig::new(Duration::from_nanos(999))).is_err());
    assert!(Exponential::new(ExponentialConfig::new(Duration::MAX)).is_err());
}
