//! What the calibrated detector does with the heartbeats it gets: the promises that are its own, beyond the contract.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

use phi_detector::{Arrival, Config, ConfigError, PhiDetector};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Numbers that look random and are the same in every run: splitmix64.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Pareto: at least `least`, heavier the smaller the index.
    fn pareto(&mut self, least: f64, index: f64) -> f64 {
        least * (1.0 - self.uniform()).powf(-1.0 / index)
    }
}

fn detector() -> PhiDetector {
    PhiDetector::new(Config::new(SECOND)).unwrap()
}

/// A detector that has heard `n` heartbeats, exactly one second apart, and the time of the last.
fn regular(n: u32) -> (PhiDetector, Duration) {
    let mut detector = detector();
    for seq in 0..n {
        detector.heartbeat(u64::from(seq), SECOND * seq);
    }
    (detector, SECOND * (n - 1))
}

/// Plays `n` gaps; says how often a heartbeat came when the level was above each of 0.5, 1.0 … 4.0, and the ratio of
/// that to what the level promises.
fn overconfidence(n: u32, mut gap: impl FnMut(u32) -> f64) -> Vec<(f64, f64)> {
    let levels: Vec<f64> = (1..=8).map(|half| f64::from(half) / 2.0).collect();
    let mut exceeded = vec![0_u32; levels.len()];
    let (mut detector, mut now) = (detector(), Duration::ZERO);
    for seq in 0..n {
        now += Duration::from_secs_f64(gap(seq));
        let phi = detector.phi(now);
        for (count, &level) in exceeded.iter_mut().zip(&levels) {
            *count += u32::from(phi > level);
        }
        detector.heartbeat(u64::from(seq), now);
    }
    let enough = |level: f64| f64::from(n) * 10_f64.powf(-level) >= 20.0;
    levels
        .iter()
        .zip(exceeded)
        .filter(|&(&level, _)| enough(level))
        .map(|(&level, count)| (level, f64::from(count) / (f64::from(n) * 10_f64.powf(-level))))
        .collect()
}

fn assert_never_overconfident(what: &str, n: u32, gap: impl FnMut(u32) -> f64) {
    for (level, ratio) in overconfidence(n, gap) {
        assert!(ratio <= 2.0, "{what}: level {level} was exceeded {ratio:.2} times as often as promised");
    }
}

#[test]
fn the_promise_is_kept_on_links_of_every_character() {
    let n = 60_000;
    let mut noise = Noise(1);
    assert_never_overconfident("uniform jitter", n, |_| 0.9 + 0.2 * noise.uniform());
    assert_never_overconfident("exponential gaps", n, |_| -(1.0 - noise.uniform()).ln());
    assert_never_overconfident("Pareto pauses", n, |_| 1.0 + noise.pareto(0.001, 0.9));
    assert_never_overconfident("1 % lost", n, |_| if noise.uniform() < 0.01 { 2.0 } else { 1.0 });
    assert_never_overconfident("late by one exact amount", n, |_| 1.9);
}

#[test]
fn the_promise_is_kept_when_the_link_changes() {
    let n = 60_000;
    let mut noise = Noise(2);
    assert_never_overconfident("a regime of days", n, |i| {
        1.0 + noise.pareto(if i / 20_000 % 2 == 0 { 0.001 } else { 0.1 }, 1.2)
    });
    assert_never_overconfident("ever slower", n, |i| 1.0 + noise.uniform() * f64::from(i) / 10_000.0);
    let mut storm = 0;
    assert_never_overconfident("storms", n, |_| {
        storm = if storm > 0 { storm - 1 } else { u32::from(noise.uniform() < 0.001) * 50 };
        1.0 + noise.pareto(if storm > 0 { 0.5 } else { 0.001 }, 1.5)
    });
}

/// Against a sender that waits for the level to be passed no promise can be kept; but every time makes the detector more
/// patient, until the sender would have to wait for a day.
#[test]
fn spite_costs_ever_more_patience() {
    let (mut detector, mut now, mut exceeded) = (detector(), Duration::ZERO, 0);
    let n = 60_000;
    for seq in 0..n {
        let deadline = detector.deadline(3.0);
        let spiteful = seq > 1_000 && seq % 30 == 0 && deadline < now + SECOND * 86_400;
        now = if spiteful { deadline } else { now + SECOND };
        exceeded += u32::from(detector.phi(now) >= 3.0);
        detector.heartbeat(seq, now);
    }
    // 60 are promised. Of 1,967 occasions for spite far fewer could be taken; and yet the measure finds them.
    assert!(exceeded > 90 && exceeded < 180, "{exceeded}");
}

#[test]
fn one_missing_heartbeat_says_more_on_a_good_link() {
    let (good, last) = regular(10_000);
    let mut noise = Noise(4);
    let (mut bad, mut now) = (detector(), Duration::ZERO);
    for seq in 0..10_000 {
        now += SECOND.mul_f64(if noise.uniform() < 0.1 { 2.0 } else { 1.0 });
        bad.heartbeat(seq, now);
    }
    // On the bad link one in ten is that late, on the good one none ever was.
    let silence = SECOND.mul_f64(1.9);
    let (on_good, on_bad) = (good.phi(last + silence), bad.phi(now + silence));
    assert!(on_good > 3.0 && (0.9..1.5).contains(&on_bad), "{on_good} {on_bad}");
}

#[test]
fn a_newcomer_is_given_time_and_is_given_up_in_the_end() {
    let mut detector = detector();
    detector.heartbeat(0, SECOND);
    assert_eq!(detector.phi(SECOND * 4), 0.0, "three intervals beyond the first");
    let silence = detector.deadline(5.0) - SECOND;
    assert!(silence > SECOND * 10 && silence < SECOND * 1_000, "{silence:?}");

    let patient = Config::new(SECOND).first_interval(SECOND * 60);
    let mut patient = PhiDetector::new(patient).unwrap();
    patient.heartbeat(0, SECOND);
    assert_eq!(patient.phi(SECOND * 150), 0.0);
}

#[test]
fn few_heartbeats_make_no_absurd_promises() {
    for n in [2, 5, 20, 100] {
        let (detector, last) = regular(n);
        let phi = detector.phi(last + SECOND * 2);
        // After n heartbeats, none of them late, the next is late with probability 1/(n+2) (Laplace). That it is 64 times
        // as late as the first bin is wide is rarer, but 64 times rarer (1.8 decades) is the least that may be said.
        assert!(phi <= f64::from(n + 2).log10() + 1.8, "{phi} after {n}");
        assert!(detector.deadline(5.0) < last + SECOND * 1_000, "{n}");
    }
}

#[test]
fn a_prior_shortens_the_cold_start_but_does_not_replace_experience() {
    let (known, _) = regular(10_000);
    let prior = known.learnt();
    let mut newcomer = PhiDetector::with_prior(Config::new(SECOND), &prior).unwrap();
    newcomer.heartbeat(0, Duration::ZERO);
    assert!(newcomer.phi(SECOND * 3) > 1.0);
    // The newcomer turns out to be on a bad link.
    for seq in 1..300_u32 {
        newcomer.heartbeat(u64::from(seq), SECOND * seq * 3);
    }
    assert!(newcomer.phi(SECOND * (299 * 3 + 3)) < 1.0);
}

#[test]
fn pooling_adds_what_is_known() {
    let (good, _) = regular(1_000);
    let (mut bad, mut now) = (detector(), Duration::ZERO);
    for seq in 0..1_000 {
        now += SECOND * 4;
        bad.heartbeat(seq, now);
    }
    let mut pool = good.learnt();
    pool.pool(&bad.learnt());
    let late = |prior| {
        let mut newcomer = PhiDetector::with_prior(Config::new(SECOND), prior).unwrap();
        newcomer.heartbeat(0, SECOND);
        newcomer.phi(SECOND * 4)
    };
    let (on_good, on_pool, on_bad) = (late(&good.learnt()), late(&pool), late(&bad.learnt()));
    assert!(on_good > on_pool && on_pool > on_bad, "{on_good} {on_pool} {on_bad}");
}

#[test]
fn a_stall_of_the_observer_is_nobodys_fault() {
    let (mut detector, last) = regular(2_000);
    let before = detector.learnt();
    let pause = SECOND * 30;
    detector.stalled(pause);
    let now = last + pause + SECOND;
    assert_eq!(detector.phi(now), 0.0);
    assert_eq!(detector.deadline(3.0), regular(2_000).0.deadline(3.0) + pause);
    assert_eq!(detector.heartbeat(2_000, now), Arrival::Fresh);
    assert_eq!(detector.learnt(), before, "it teaches nothing");
    assert!(detector.phi(now + SECOND * 10) > 3.0, "the peer's own silence counts again");
}

#[test]
fn stalls_add_up() {
    let (mut detector, last) = regular(2_000);
    detector.stalled(SECOND * 10);
    detector.stalled(SECOND * 20);
    assert_eq!(detector.phi(last + SECOND * 31), 0.0);
    assert!(regular(2_000).0.phi(last + SECOND * 31) > 3.0, "without the calls it is the peer's");
}

#[test]
fn on_waking_the_stall_is_told_before_what_was_waiting_is_handed_in() {
    let (mut detector, last) = regular(2_000);
    let now = last + SECOND * 30;
    detector.stalled(SECOND * 30);
    for seq in 2_000..2_030 {
        detector.heartbeat(seq, now);
    }
    assert_eq!(detector.calibration().exceeded(1), Some(0), "nothing was late");
    assert!(detector.deadline(3.0) < now + SECOND * 3, "and nothing to come is excused");
}

/// The level is brought up to date at once by a surprise, and at the latest by the sixteenth heartbeat.
#[test]
fn a_surprise_is_learnt_from_at_once() {
    let (mut detector, last) = regular(5_000);
    let before = detector.phi(last + SECOND * 3);
    detector.heartbeat(5_000, last + SECOND * 50);
    let after = detector.phi(last + SECOND * 53);
    assert!(after < before - 0.2, "{before} {after}");
}

#[test]
fn what_was_long_ago_fades() {
    // A bad time, and then a good one: 1 in 10 was 10 s late.
    let (mut detector, mut now) = (detector(), Duration::ZERO);
    let mut levels = Vec::new();
    for seq in 0..400_000_u32 {
        now += if seq < 2_000 && seq % 10 == 0 { SECOND * 10 } else { SECOND };
        detector.heartbeat(u64::from(seq), now);
        if [1_999, 5_000, 50_000, 399_999].contains(&seq) {
            levels.push(detector.phi(now + SECOND * 3));
        }
    }
    assert!(levels.is_sorted() && levels[0] < 1.6 && levels[3] > levels[2] + 0.3, "{levels:?}");
}

#[test]
fn gaps_of_one_length_are_not_improbable_each_time() {
    for length in [1.2, 1.49, 1.99, 2.8, 17.0] {
        let (mut detector, mut now) = (detector(), Duration::ZERO);
        for seq in 0..20_000 {
            now += SECOND.mul_f64(length);
            detector.heartbeat(seq, now);
        }
        let phi = detector.phi(now + SECOND.mul_f64(length));
        assert!(phi <= 0.6, "{length}: {phi} when it is due");
        assert!(detector.phi(now + SECOND.mul_f64(length * 3.0)) > 3.0, "{length}");
    }
}

#[test]
fn a_prior_weighs_the_same_however_much_it_knows() {
    let after = |n| {
        let prior = regular(n).0.learnt();
        let mut newcomer = PhiDetector::with_prior(Config::new(SECOND), &prior).unwrap();
        for seq in 0..400_u32 {
            newcomer.heartbeat(u64::from(seq), SECOND * seq * 4);
        }
        newcomer.phi(SECOND * (399 * 4 + 4))
    };
    assert!((after(10_000) - after(300)).abs() < 0.2, "{} {}", after(10_000), after(300));
}

#[test]
fn a_prior_serves_a_detector_that_learns_the_interval_too() {
    let prior = regular(3_000).0.learnt();
    let level = |mut newcomer: PhiDetector| {
        for seq in 0..30 {
            newcomer.heartbeat(seq, SECOND * seq as u32);
        }
        newcomer.phi(SECOND * 31)
    };
    let with = level(PhiDetector::with_prior(Config::learning(), &prior).unwrap());
    let without = level(PhiDetector::new(Config::learning()).unwrap());
    assert!(with > without + 0.3, "{with} {without}");
}

#[test]
fn what_is_restored_is_what_was_learnt() {
    let (mut detector, mut now, mut noise) = (detector(), Duration::ZERO, Noise(6));
    for seq in 0..5_000 {
        now += SECOND.mul_f64(1.0 + noise.pareto(0.01, 1.1));
        detector.heartbeat(seq, now);
    }
    let learnt = detector.learnt();
    assert_eq!(PhiDetector::restore(Config::new(SECOND), &learnt).unwrap().learnt(), learnt);
}

#[test]
fn what_was_learnt_before_the_interval_was_known_is_nothing() {
    let mut young = PhiDetector::new(Config::learning()).unwrap();
    young.heartbeat(0, SECOND);
    young.heartbeat(1, SECOND * 2);
    let learnt = young.learnt();
    assert_eq!(learnt.interval(), None);
    let mut restored = PhiDetector::restore(Config::learning(), &learnt).unwrap();
    for seq in 0..40 {
        restored.heartbeat(seq, SECOND * seq as u32);
    }
    assert_eq!(restored.interval(), Some(SECOND));
}

#[test]
fn a_burst_at_the_start_does_not_make_a_hair_trigger() {
    let ms = Duration::from_millis;
    let mut detector = PhiDetector::new(Config::learning().first_interval(SECOND * 10)).unwrap();
    detector.heartbeat(0, SECOND);
    detector.heartbeat(1, SECOND);
    assert_eq!(detector.phi(SECOND * 30), 0.0, "the first interval still counts");

    let mut detector = PhiDetector::new(Config::learning()).unwrap();
    for seq in 0..17 {
        detector.heartbeat(seq, SECOND + Duration::from_micros(50) * seq as u32);
    }
    for seq in 17..60 {
        detector.heartbeat(seq, SECOND * (seq as u32 - 15));
    }
    let interval = detector.interval().unwrap();
    assert!(interval > ms(333) && interval < ms(3_000), "{interval:?}");
    assert!(detector.phi(SECOND * 46) < 2.0, "{}", detector.phi(SECOND * 46));
}

#[test]
fn a_duplicate_and_a_straggler_change_nothing() {
    let (mut detector, last) = regular(100);
    let (phi, learnt) = (detector.phi(last + SECOND * 2), detector.learnt());
    for seq in [99, 98, 0] {
        assert_eq!(detector.heartbeat(seq, last + SECOND), Arrival::Stale);
    }
    assert_eq!((detector.phi(last + SECOND * 2), detector.learnt()), (phi, learnt));
}

#[test]
fn time_that_goes_backwards_is_counted() {
    let (mut detector, last) = regular(100);
    assert_eq!(detector.backwards(), 0);
    detector.heartbeat(100, last - SECOND);
    assert_eq!(detector.backwards(), 1);
    assert_eq!(detector.phi(last), 0.0);
}

#[test]
fn the_self_check_counts_what_happened() {
    let (mut detector, last) = regular(5_000);
    assert_eq!(detector.calibration().exceeded(1), Some(0));
    detector.heartbeat(5_000, last + SECOND * 500);
    let calibration = detector.calibration();
    assert_eq!((calibration.heartbeats(), calibration.exceeded(3)), (5_000, Some(1)));
}

#[test]
fn the_interval_is_learnt_from_send_times_if_there_are_any() {
    let ms = Duration::from_millis;
    let (mut by_arrival, mut by_send) =
        (PhiDetector::new(Config::learning()).unwrap(), PhiDetector::new(Config::learning()).unwrap());
    let mut noise = Noise(5);
    for seq in 0..17 {
        let sent = ms(100) * seq;
        let now = SECOND * 1_000 + sent + ms(80).mul_f64(noise.uniform());
        by_arrival.heartbeat(u64::from(seq), now);
        by_send.heartbeat_sent(u64::from(seq), sent, now);
    }
    assert_eq!(by_send.interval(), Some(ms(100)));
    let by_arrival = by_arrival.interval().unwrap();
    assert!(by_arrival > ms(85) && by_arrival < ms(115) && by_arrival != ms(100), "{by_arrival:?}");
}

#[test]
fn an_unknown_interval_does_not_keep_a_peer_alive_for_ever() {
    let mut detector = PhiDetector::new(Config::learning()).unwrap();
    detector.heartbeat(0, SECOND);
    assert_eq!(detector.deadline(1.0), Duration::MAX, "nothing is known of it");
    detector.heartbeat(1, SECOND * 2);
    assert!(detector.deadline(5.0) < SECOND * 1_000);
    let hinted = Config::learning().first_interval(SECOND);
    let mut hinted = PhiDetector::new(hinted).unwrap();
    hinted.heartbeat(0, SECOND);
    assert!(hinted.deadline(5.0) < SECOND * 1_000);
}

#[test]
fn a_learnt_interval_follows_a_lasting_change() {
    let mut detector = PhiDetector::new(Config::learning()).unwrap();
    for seq in 0..500 {
        detector.heartbeat(seq, SECOND * seq as u32);
    }
    for seq in 500..1_000 {
        detector.heartbeat(seq, SECOND * (500 + (seq as u32 - 500) * 10));
    }
    assert_eq!(detector.interval(), Some(SECOND * 10));
}

#[test]
fn what_was_learnt_on_another_interval_is_refused() {
    let learnt = regular(100).0.learnt();
    for (interval, accepted) in [(400, false), (500, true), (1_000, true), (2_000, true), (2_001, false)] {
        let config = Config::new(Duration::from_millis(interval));
        let restored = PhiDetector::restore(config, &learnt);
        assert_eq!(restored.is_ok(), accepted, "{interval} ms: {restored:?}");
    }
    let unknown = PhiDetector::restore(Config::learning(), &learnt).unwrap();
    assert_eq!(unknown.interval(), Some(SECOND));
}

#[test]
fn each_field_is_checked_and_named() {
    let config = Config::new(SECOND);
    let year = SECOND * 86_400 * 365;
    let ns = Duration::from_nanos;
    for (config, field) in [
        (Config::new(ns(999)), "interval"),
        (Config::new(year + ns(1)), "interval"),
        (config.first_interval(ns(999)), "first_interval"),
        (config.first_interval(year + ns(1)), "first_interval"),
        (config.first_interval(SECOND * 171), "first_interval"),
        (config.slow_memory(9_999), "slow_memory"),
        (config.slow_memory(1_000_001), "slow_memory"),
        (config.fast_memory(99), "fast_memory"),
        (config.fast_memory(10_001), "fast_memory"),
        (config.slow_memory(10_000).fast_memory(1_001), "fast_memory"),
    ] {
        let (ConfigError::Duration { field: named, .. } | ConfigError::Number { field: named, .. }) =
            PhiDetector::new(config).unwrap_err()
        else {
            panic!("{config:?}");
        };
        assert_eq!(named, field);
    }
    for config in [
        Config::new(ns(1_000)),
        Config::new(year).first_interval(year),
        config.slow_memory(10_000).fast_memory(1_000),
        config.slow_memory(1_000_000).fast_memory(10_000),
        config.fast_memory(100),
    ] {
        PhiDetector::new(config).unwrap();
    }
}

#[cfg(feature = "serde")]
mod saved {
    #[test]
    fn an_enormous_past_does_not_outweigh_the_present() {
        let mut saved = saved();
        (0..26).for_each(|bin| saved["slow"][bin] = json!(1e9));
        let learnt: Learnt = serde_json::from_value(saved).unwrap();
        let mut detector = PhiDetector::restore(Config::new(SECOND), &learnt).unwrap();
        for seq in 0..400_000 {
            detector.heartbeat(seq, SECOND * seq as u32);
        }
        assert!(detector.phi(SECOND * 400_005) > 3.0);
    }

    use super::*;
    use phi_detector::Learnt;
    use serde_json::{Value, json};

    fn saved() -> Value {
        serde_json::to_value(regular(3_000).0.learnt()).unwrap()
    }

    #[test]
    fn what_is_saved_is_what_is_restored() {
        let learnt = regular(3_000).0.learnt();
        let text = serde_json::to_string(&learnt).unwrap();
        assert_eq!(serde_json::from_str::<Learnt>(&text).unwrap(), learnt);
    }

    #[test]
    fn damage_is_refused_with_advice() {
        for (field, index, value, complaint) in [
            ("version", None, json!(2), "version 2"),
            ("interval_ns", None, json!(999), "below 1 µs"),
            ("interval_ns", None, json!(u64::MAX), "above a year"),
            ("slow", Some(0), json!(-1.0), "no count"),
            ("fast", Some(25), json!(1e30), "no count"),
            ("offsets", Some(3), json!(11.0), "out of range"),
            ("exceeded", None, json!([1, 2]), "length"),
            ("surplus", None, json!(1), "unknown field"),
        ] {
            let mut saved = saved();
            match index {
                Some(index) => saved[field][index] = value,
                None => saved[field] = value,
            }
            let error = serde_json::from_value::<Learnt>(saved).unwrap_err().to_string();
            assert!(error.contains(complaint), "{field}: {error}");
        }
    }
}
