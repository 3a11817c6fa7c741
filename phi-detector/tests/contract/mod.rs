//! What every accrual detector promises, as properties that any of them can be put to.
//!
//! [`check`] drives a detector through random histories (regular, lost, repeated, overtaken and simultaneous
//! heartbeats, stalls up to centuries, time going backwards) and looks at it from many instants after each step. It
//! returns what went wrong, so that `accrual.rs` can also show that it notices detectors that break their promises.

use phi_detector::{AccrualDetector, Arrival};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::time::Duration;

/// Puts the detectors that `make` makes to the contract; the error says which promise was broken, and how.
pub(crate) fn check<D: AccrualDetector + Clone>(make: impl Fn() -> D) -> Result<(), String> {
    // The histories are short and shrink well; there is nothing to gain from a file of old failures.
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    runner.run(&history(), |history| keeps_the_contract(make(), &history)).map_err(|error| error.to_string())
}

/// What happens to a detector, and from where and how it is looked at.
#[derive(Debug, Clone)]
struct History {
    first_seq: u64,
    origin_ns: u64,
    heartbeats: Vec<Heartbeat>,
    /// Distances from the newest heartbeat to the instants at which to look.
    probes_ns: Vec<u64>,
    thresholds: Vec<f64>,
}

/// One heartbeat, relative to the newest one before it.
#[derive(Debug, Clone, Copy)]
struct Heartbeat {
    seq_step: i64,
    time_step_ns: i64,
}

const SECOND_NS: i64 = 1_000_000_000;

fn history() -> impl Strategy<Value = History> {
    let seq_step = prop_oneof![12 => Just(1), 3 => 2..10_i64, 3 => -3..=0_i64, 1 => any::<i64>()];
    let time_step_ns = prop_oneof![
        12 => SECOND_NS / 2..SECOND_NS * 3 / 2,
        2 => 0..3_i64,
        2 => -2 * SECOND_NS..0,
        1 => (any::<i64>(), 0..63_u32).prop_map(|(ns, shift)| ns >> shift),
    ];
    let heartbeat =
        (seq_step, time_step_ns).prop_map(|(seq_step, time_step_ns)| Heartbeat { seq_step, time_step_ns });
    let first_seq = prop_oneof![Just(0), Just(1), any::<u64>()];
    let origin_ns = prop_oneof![Just(0), Just(1_700_000_000 * SECOND_NS as u64), any::<u64>()];
    let probe_ns = prop_oneof![
        3 => 0..20 * SECOND_NS as u64,
        2 => (any::<u64>(), 0..64_u32).prop_map(|(ns, shift)| ns >> shift),
    ];
    let threshold = prop_oneof![4 => 0.0..20.0_f64, 2 => 0.0..1e4_f64, 1 => 0.0..1e30_f64, 1 => any::<f64>()];
    (
        first_seq,
        origin_ns,
        prop::collection::vec(heartbeat, 0..24),
        prop::collection::vec(probe_ns, 4),
        prop::collection::vec(threshold, 3),
    )
        .prop_map(|(first_seq, origin_ns, heartbeats, probes_ns, thresholds)| History {
            first_seq,
            origin_ns,
            heartbeats,
            probes_ns,
            thresholds,
        })
}

fn ns(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

const ONE_NS: Duration = Duration::from_nanos(1);
const LAST_NS: Duration = Duration::from_nanos(u64::MAX);

fn keeps_the_contract<D: AccrualDetector + Clone>(
    mut detector: D,
    history: &History,
) -> Result<(), TestCaseError> {
    knows_nothing_yet(&detector, history)?;

    let (mut seq, mut newest_ns) = (history.first_seq, history.origin_ns);
    prop_assert_eq!(detector.heartbeat(seq, ns(newest_ns)), Arrival::Fresh, "the first heartbeat is fresh");
    looks_right(&detector, newest_ns, history)?;

    for step in &history.heartbeats {
        let (next_seq, at_ns) =
            (seq.saturating_add_signed(step.seq_step), newest_ns.saturating_add_signed(step.time_step_ns));
        if next_seq <= seq {
            ignores_the_stale(&mut detector, next_seq, ns(at_ns), newest_ns, history)?;
            continue;
        }
        if at_ns < newest_ns {
            clamps_time(&detector, next_seq, ns(at_ns), newest_ns, history)?;
        }
        let arrival = detector.heartbeat(next_seq, ns(at_ns));
        prop_assert_eq!(arrival, Arrival::Fresh, "{} is above {}", next_seq, seq);
        (seq, newest_ns) = (next_seq, newest_ns.max(at_ns));
        looks_right(&detector, newest_ns, history)?;
    }
    Ok(())
}

/// Before the first heartbeat there is no suspicion and nothing to wait for.
fn knows_nothing_yet<D: AccrualDetector>(detector: &D, history: &History) -> Result<(), TestCaseError> {
    for now in instants(history.origin_ns, history) {
        prop_assert_eq!(detector.phi(now), 0.0, "phi before the first heartbeat, at {:?}", now);
    }
    for threshold in thresholds(detector, history.origin_ns, history) {
        let deadline = detector.deadline(threshold);
        prop_assert_eq!(deadline, Duration::MAX, "deadline({}) before the first heartbeat", threshold);
    }
    Ok(())
}

fn looks_right<D: AccrualDetector>(
    detector: &D,
    newest_ns: u64,
    history: &History,
) -> Result<(), TestCaseError> {
    level_is_a_level(detector, newest_ns, history)?;
    deadlines_agree(detector, newest_ns, history)
}

/// Finite, not negative, and not falling, from before the newest heartbeat to the end of time.
fn level_is_a_level<D: AccrualDetector>(
    detector: &D,
    newest_ns: u64,
    history: &History,
) -> Result<(), TestCaseError> {
    let at_newest = detector.phi(ns(newest_ns));
    let mut before = 0.0;
    for now in instants(newest_ns, history) {
        let phi = detector.phi(now);
        prop_assert!(phi.is_finite() && phi >= 0.0, "phi({:?}) is {:?}", now, phi);
        prop_assert!(phi >= before, "phi falls from {:?} to {:?} at {:?}", before, phi, now);
        prop_assert!(
            now > ns(newest_ns) || phi == at_newest,
            "phi({:?}), before the newest, is not clamped",
            now
        );
        before = phi;
    }
    Ok(())
}

/// At the deadline the level is there, and one nanosecond before it is not.
fn deadlines_agree<D: AccrualDetector>(
    detector: &D,
    newest_ns: u64,
    history: &History,
) -> Result<(), TestCaseError> {
    let mut before = Duration::ZERO;
    for threshold in thresholds(detector, newest_ns, history) {
        let deadline = detector.deadline(threshold);
        if threshold.is_nan() {
            prop_assert_eq!(deadline, Duration::MAX, "deadline(NaN)");
            continue;
        }
        prop_assert!(deadline >= before, "a higher threshold, {:?}, is reached earlier", threshold);
        before = deadline;
        if deadline == Duration::MAX {
            let level = detector.phi(LAST_NS);
            prop_assert!(
                level < threshold,
                "{:?} is called out of reach, but phi gets to {:?}",
                threshold,
                level
            );
            continue;
        }
        prop_assert!(deadline <= LAST_NS, "a deadline beyond the clock: {:?}", deadline);
        prop_assert!(deadline >= ns(newest_ns), "a deadline before the newest heartbeat: {:?}", deadline);
        let level = detector.phi(deadline);
        prop_assert!(level >= threshold, "phi is {:?} at the deadline of {:?}", level, threshold);
        if deadline > ns(newest_ns) {
            let level = detector.phi(deadline - ONE_NS);
            prop_assert!(level < threshold, "phi is {:?} 1 ns before the deadline of {:?}", level, threshold);
        }
    }
    Ok(())
}

/// A stale heartbeat changes nothing that can be seen, now or after the next fresh one.
fn ignores_the_stale<D: AccrualDetector + Clone>(
    detector: &mut D,
    seq: u64,
    now: Duration,
    newest_ns: u64,
    history: &History,
) -> Result<(), TestCaseError> {
    let before = detector.clone();
    prop_assert_eq!(detector.heartbeat(seq, now), Arrival::Stale, "{} is not above the newest", seq);
    same_in_every_respect(&before, detector, newest_ns, history, "a stale heartbeat changed something")
}

/// A heartbeat from the past counts as simultaneous with the newest.
fn clamps_time<D: AccrualDetector + Clone>(
    detector: &D,
    seq: u64,
    at: Duration,
    newest_ns: u64,
    history: &History,
) -> Result<(), TestCaseError> {
    let (mut early, mut clamped) = (detector.clone(), detector.clone());
    early.heartbeat(seq, at);
    clamped.heartbeat(seq, ns(newest_ns));
    same_in_every_respect(&early, &clamped, newest_ns, history, "time going backwards was not clamped")
}

fn same_in_every_respect<D: AccrualDetector + Clone>(
    a: &D,
    b: &D,
    newest_ns: u64,
    history: &History,
    what: &str,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(look(a, newest_ns, history), look(b, newest_ns, history), "{}", what);
    let (mut a, mut b) = (a.clone(), b.clone());
    let later = ns(newest_ns.saturating_add(3 * SECOND_NS as u64));
    prop_assert_eq!(
        a.heartbeat(u64::MAX, later),
        b.heartbeat(u64::MAX, later),
        "{}, for the next heartbeat",
        what
    );
    prop_assert_eq!(look(&a, newest_ns, history), look(&b, newest_ns, history), "{}, seen later", what);
    Ok(())
}

/// Everything there is to see of a detector, to the last bit.
fn look<D: AccrualDetector>(detector: &D, newest_ns: u64, history: &History) -> (Vec<u64>, Vec<Duration>) {
    (
        instants(newest_ns, history).into_iter().map(|now| detector.phi(now).to_bits()).collect(),
        history.thresholds.iter().map(|&threshold| detector.deadline(threshold)).collect(),
    )
}

/// The instants from which to look, in order: neighbouring nanoseconds, and the far ends.
fn instants(newest_ns: u64, history: &History) -> Vec<Duration> {
    let mut instants = vec![Duration::ZERO, ns(newest_ns / 2), LAST_NS, LAST_NS + ONE_NS, Duration::MAX];
    for &probe_ns in history.probes_ns.iter().chain(&[0]) {
        let probe_ns = newest_ns.saturating_add(probe_ns);
        instants.extend((0..4).map(|k| ns(probe_ns.saturating_add(k))));
    }
    instants.sort_unstable();
    instants
}

/// The thresholds to ask for, in order: the useful range, the levels of some instants exactly, and nonsense.
fn thresholds<D: AccrualDetector>(detector: &D, newest_ns: u64, history: &History) -> Vec<f64> {
    let mut thresholds = vec![0.0, -0.0, 1e-300, 0.3, 1.0, 8.0, 1e4, f64::MAX, f64::INFINITY];
    thresholds.extend([f64::NAN, f64::NEG_INFINITY, -1.0]);
    thresholds.extend(&history.thresholds);
    thresholds
        .extend(history.probes_ns.iter().map(|&probe| detector.phi(ns(newest_ns.saturating_add(probe)))));
    thresholds.sort_unstable_by(f64::total_cmp);
    thresholds
}
