//! Every detector keeps the contract of the trait, and the contract notices one that does not.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

mod contract;

use phi_detector::{
    AccrualDetector, Arrival, Config, Exponential, ExponentialConfig, Learnt, Normal, NormalConfig,
    PhiDetector,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const ONE_NS: Duration = Duration::from_nanos(1);

#[test]
fn normal_keeps_the_contract() {
    contract::check(|| Normal::new(NormalConfig::new(SECOND)).unwrap()).unwrap();
}

/// A small window forgets all but the extremes, and the narrowest deviation makes the largest z.
#[test]
fn normal_keeps_the_contract_at_its_limits() {
    let narrow = NormalConfig::new(SECOND).min_std_dev(ONE_NS);
    contract::check(|| Normal::<2>::with_window(narrow).unwrap()).unwrap();
    let wide = NormalConfig::new(365 * 86_400 * SECOND).acceptable_pause(365 * 86_400 * SECOND);
    contract::check(|| Normal::<3>::with_window(wide).unwrap()).unwrap();
}

#[test]
fn exponential_keeps_the_contract() {
    contract::check(|| Exponential::new(ExponentialConfig::new(SECOND)).unwrap()).unwrap();
    contract::check(|| {
        Exponential::<2>::with_window(ExponentialConfig::new(Duration::from_micros(1))).unwrap()
    })
    .unwrap();
}

#[test]
fn calibrated_keeps_the_contract_from_a_cold_start() {
    contract::check(|| PhiDetector::new(Config::new(SECOND)).unwrap()).unwrap();
    contract::check(|| PhiDetector::new(Config::learning()).unwrap()).unwrap();
    contract::check(|| PhiDetector::new(Config::new(Duration::from_micros(1))).unwrap()).unwrap();
    let year = 365 * 86_400 * SECOND;
    contract::check(|| PhiDetector::new(Config::new(year).first_interval(year)).unwrap()).unwrap();
}

#[test]
fn calibrated_keeps_the_contract_whatever_it_has_learnt() {
    for (what, jitter_ns) in histories() {
        let learnt = learnt_from(&jitter_ns);
        let restored = || PhiDetector::restore(Config::new(SECOND), &learnt).unwrap();
        contract::check(restored).unwrap_or_else(|error| panic!("{what}: {error}"));
        let newcomer = || PhiDetector::with_prior(Config::new(SECOND), &learnt).unwrap();
        contract::check(newcomer).unwrap_or_else(|error| panic!("{what}, as a prior: {error}"));
    }
}

/// Gaps beyond one second, for links of very different character.
fn histories() -> [(&'static str, Vec<u64>); 5] {
    let spread = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    [
        ("always on time", vec![0; 3_000]),
        ("in bursts", (0..3_000).map(|i| if i % 20 == 0 { 19_000_000_000 } else { 0 }).collect()),
        ("over eleven octaves", (0..3_000).map(|i| spread(i) >> (i % 11)).collect()),
        ("a century of silence", (0..3_000).map(|i| if i % 999 == 998 { u64::MAX / 6 } else { i }).collect()),
        ("only ever late", (0..3_000).map(|i| 40_000_000_000 + spread(i) % 7).collect()),
    ]
}

fn learnt_from(lateness_ns: &[u64]) -> Learnt {
    let mut detector = PhiDetector::new(Config::new(SECOND)).unwrap();
    let mut now = Duration::ZERO;
    for (seq, &late_ns) in lateness_ns.iter().enumerate() {
        now += SECOND + Duration::from_nanos(late_ns);
        detector.heartbeat(seq as u64, now);
    }
    detector.learnt()
}

/// A good detector with one thing wrong.
#[derive(Clone)]
struct Flawed {
    inner: Normal<8>,
    flaw: Flaw,
    newest: Option<(u64, Duration)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LearnsFromTheStale,
    CallsTheStaleFresh,
    TakesTimeAsItComes,
    SuspectsTheUnknown,
    EndsInInfinity,
    EndsInNan,
    StartsBelowZero,
    WobblesInTheLastBits,
    LooksBackInTime,
    DeadlineOneNsLate,
    DeadlineOneNsEarly,
    DeadlineForNan,
    DeadlineNeverFar,
    DeadlineGivesUp,
    DeadlineForTheUnknown,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        Self { inner: Normal::with_window(NormalConfig::new(SECOND)).unwrap(), flaw, newest: None }
    }

    fn last(&self) -> Duration {
        self.newest.map_or(Duration::ZERO, |(_, at)| at)
    }
}

impl AccrualDetector for Flawed {
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        let (newest, last) = self.newest.unwrap_or((0, Duration::ZERO));
        if self.newest.is_some() && seq <= newest {
            if self.flaw == Flaw::LearnsFromTheStale {
                self.inner.heartbeat(newest.saturating_add(1), now);
            }
            let fresh = self.flaw == Flaw::CallsTheStaleFresh;
            return if fresh { Arrival::Fresh } else { Arrival::Stale };
        }
        self.newest = Some((seq, now.max(last)));
        let now = if self.flaw == Flaw::TakesTimeAsItComes && now < last { last + (last - now) } else { now };
        self.inner.heartbeat(seq, now)
    }

    fn phi(&self, now: Duration) -> f64 {
        let phi = self.inner.phi(now);
        match self.flaw {
            Flaw::SuspectsTheUnknown if self.newest.is_none() => 0.1,
            Flaw::EndsInInfinity if phi > 1e20 => f64::INFINITY,
            Flaw::EndsInNan if phi > 1e20 => f64::NAN,
            Flaw::StartsBelowZero if phi < 1e-9 && self.newest.is_some() => -1e-300,
            Flaw::WobblesInTheLastBits if now.as_nanos().is_multiple_of(2) => {
                phi * (1.0 - 4.0 * f64::EPSILON)
            }
            Flaw::LooksBackInTime if now < self.last() => phi / 2.0,
            _ => phi,
        }
    }

    fn deadline(&self, threshold: f64) -> Duration {
        let deadline = self.inner.deadline(threshold);
        match self.flaw {
            Flaw::DeadlineOneNsLate if deadline > self.last() => deadline.saturating_add(ONE_NS),
            Flaw::DeadlineOneNsEarly if deadline > self.last() && deadline < Duration::MAX => {
                deadline - ONE_NS
            }
            Flaw::DeadlineForNan if threshold.is_nan() => self.last(),
            Flaw::DeadlineNeverFar if self.newest.is_some() && deadline == Duration::MAX => self.last(),
            Flaw::DeadlineGivesUp if deadline > self.last() + SECOND * 3600 => Duration::MAX,
            Flaw::DeadlineForTheUnknown if self.newest.is_none() => SECOND,
            _ => deadline,
        }
    }
}

#[test]
fn the_contract_notices_every_flaw() {
    contract::check(|| Flawed::new(Flaw::None)).unwrap();
    for (flaw, complaint) in [
        (Flaw::LearnsFromTheStale, "a stale heartbeat changed something"),
        (Flaw::CallsTheStaleFresh, "is not above the newest"),
        (Flaw::TakesTimeAsItComes, "time going backwards was not clamped"),
        (Flaw::SuspectsTheUnknown, "before the first heartbeat"),
        (Flaw::EndsInInfinity, "is inf"),
        (Flaw::EndsInNan, "is NaN"),
        (Flaw::StartsBelowZero, "is -1e-300"),
        (Flaw::WobblesInTheLastBits, "phi falls"),
        (Flaw::LooksBackInTime, "not clamped"),
        (Flaw::DeadlineOneNsLate, "1 ns before the deadline"),
        (Flaw::DeadlineOneNsEarly, "at the deadline"),
        (Flaw::DeadlineForNan, "deadline(NaN)"),
        (Flaw::DeadlineNeverFar, "is reached earlier"),
        (Flaw::DeadlineGivesUp, "is called out of reach"),
        (Flaw::DeadlineForTheUnknown, "before the first heartbeat"),
    ] {
        let found = contract::check(|| Flawed::new(flaw)).expect_err("a flawed detector passed");
        assert!(found.contains(complaint), "{flaw:?} was noticed for another reason: {found}");
    }
}
