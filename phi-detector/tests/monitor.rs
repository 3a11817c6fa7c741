//! The monitor tells what a list of detectors would, asked one by one.

#![cfg(feature = "alloc")]
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what it calls")]

use phi_detector::{
    AccrualDetector, Arrival, ConfigError, Exponential, ExponentialConfig, Heard, Monitor, Normal,
    NormalConfig, Status, Suspicion,
};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The specification: no heap, nothing remembered, every detector asked every time.
struct Naive<D> {
    threshold: f64,
    peers: BTreeMap<u8, (D, Option<Duration>)>,
}

impl<D: AccrualDetector> Naive<D> {
    fn heartbeat(&mut self, peer: u8, seq: u64, now: Duration) -> Option<Heard> {
        let (detector, suspected_since) = self.peers.get_mut(&peer)?;
        if detector.heartbeat(seq, now) == Arrival::Stale {
            return Some(Heard::Stale);
        }
        Some(match suspected_since.take() {
            Some(suspected_since) => Heard::TrustedAgain { suspected_since },
            None => Heard::Fresh,
        })
    }

    /// The earliest deadline of a trusted peer; the lowest key first if there are several.
    fn first(&self) -> Option<(Duration, u8)> {
        let trusted = self.peers.iter().filter(|(_, (_, suspected_since))| suspected_since.is_none());
        let deadlines = trusted.map(|(&peer, (detector, _))| (detector.deadline(self.threshold), peer));
        deadlines.filter(|&(deadline, _)| deadline < Duration::MAX).min()
    }

    fn poll(&mut self, now: Duration) -> Option<Suspicion<u8>> {
        let (since, peer) = self.first().filter(|&(deadline, _)| deadline <= now)?;
        self.peers.get_mut(&peer).unwrap().1 = Some(since);
        Some(Suspicion { peer, since })
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Watch(u8),
    Unwatch(u8),
    Heartbeat { peer: u8, seq_step: i64, passed_ms: u64 },
    Poll { passed_ms: u64 },
    NextDeadline,
    SkipToDeadline,
    EndOfTime,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let peer = 0..6_u8;
    let passed_ms = prop_oneof![6 => 0..400_u64, 1 => 0..30_000_u64];
    let operation = prop_oneof![
        2 => peer.clone().prop_map(Operation::Watch),
        1 => peer.clone().prop_map(Operation::Unwatch),
        20 => (peer, prop_oneof![8 => Just(1), 1 => -2..4_i64], passed_ms.clone())
            .prop_map(|(peer, seq_step, passed_ms)| Operation::Heartbeat { peer, seq_step, passed_ms }),
        4 => passed_ms.prop_map(|passed_ms| Operation::Poll { passed_ms }),
        2 => Just(Operation::NextDeadline),
        2 => Just(Operation::SkipToDeadline),
        1 => Just(Operation::EndOfTime),
    ];
    prop::collection::vec(operation, 0..120)
}

/// Does the same to a monitor and to the specification, and compares everything they say.
fn agree<D: AccrualDetector + Clone>(
    make: impl Fn() -> D,
    threshold: f64,
    operations: Vec<Operation>,
) -> Result<(), TestCaseError> {
    let mut monitor = Monitor::new(threshold).unwrap();
    let mut naive = Naive { threshold, peers: BTreeMap::new() };
    let (mut now, mut seqs) = (Duration::ZERO, [100_u64; 6]);
    // All start with the same three peers, so that most heartbeats meet one.
    for operation in [0, 1, 2].map(Operation::Watch).into_iter().chain(operations) {
        match operation {
            Operation::Watch(peer) => {
                let replaced = monitor.watch(peer, make()).is_some();
                prop_assert_eq!(replaced, naive.peers.insert(peer, (make(), None)).is_some());
            }
            Operation::Unwatch(peer) => {
                prop_assert_eq!(monitor.unwatch(&peer).is_some(), naive.peers.remove(&peer).is_some());
            }
            Operation::Heartbeat { peer, seq_step, passed_ms } => {
                now += Duration::from_millis(passed_ms);
                let newest = &mut seqs[usize::from(peer)];
                let seq = newest.saturating_add_signed(seq_step);
                *newest = seq.max(*newest);
                prop_assert_eq!(monitor.heartbeat(&peer, seq, now), naive.heartbeat(peer, seq, now));
            }
            Operation::Poll { passed_ms } => {
                now += Duration::from_millis(passed_ms);
                prop_assert_eq!(monitor.poll(now), naive.poll(now));
            }
            Operation::NextDeadline => {
                prop_assert_eq!(monitor.next_deadline(), naive.first().map(|(at, _)| at));
            }
            Operation::SkipToDeadline => {
                now = naive.first().map_or(now, |(at, _)| at.max(now));
                let just_before = now.saturating_sub(Duration::from_nanos(1));
                prop_assert_eq!(monitor.poll(just_before), naive.poll(just_before));
                while let Some(suspicion) = naive.poll(now) {
                    prop_assert_eq!(monitor.poll(now), Some(suspicion));
                }
                prop_assert_eq!(monitor.poll(now), None);
            }
            // Polled from a copy: after it there would be no time left for anything else.
            Operation::EndOfTime => {
                let mut monitor = monitor.clone();
                let polled: Vec<_> = std::iter::from_fn(|| monitor.poll(Duration::MAX)).collect();
                prop_assert!(polled.is_sorted_by_key(|suspicion| (suspicion.since, suspicion.peer)));
                prop_assert_eq!(monitor.next_deadline(), None);
            }
        }
        let told: Vec<_> = monitor.iter().map(|(&peer, status, _)| (peer, status)).collect();
        let expected = naive.peers.iter().map(|(&peer, &(_, since))| {
            (peer, since.map_or(Status::Trusted, |since| Status::Suspected { since }))
        });
        prop_assert_eq!(told, expected.collect::<Vec<_>>());
        prop_assert_eq!(monitor.len(), naive.peers.len());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A window of two: what one long gap teaches is soon forgotten, and the deadline jumps back.
    #[test]
    fn monitor_agrees_with_the_naive_one(operations in operations(), threshold in 0.1..12.0_f64) {
        let normal = NormalConfig::new(SECOND);
        agree(|| Normal::<2>::with_window(normal).unwrap(), threshold, operations.clone())?;
        agree(|| Exponential::<3>::with_window(ExponentialConfig::new(SECOND)).unwrap(), threshold, operations)?;
    }
}

/// A detector that suspects after a fixed time, and counts how often its deadline was asked for.
#[derive(Debug, Clone)]
struct Timeout {
    after: Duration,
    newest: Option<(u64, Duration)>,
    deadlines: Rc<Cell<u64>>,
}

impl Timeout {
    fn new(after: Duration) -> Self {
        Self { after, newest: None, deadlines: Rc::default() }
    }
}

impl AccrualDetector for Timeout {
    fn heartbeat(&mut self, seq: u64, now: Duration) -> Arrival {
        self.newest = Some((seq, now));
        Arrival::Fresh
    }

    fn phi(&self, now: Duration) -> f64 {
        self.newest.map_or(0.0, |(_, at)| if now >= at + self.after { 10.0 } else { 0.0 })
    }

    fn deadline(&self, threshold: f64) -> Duration {
        self.deadlines.set(self.deadlines.get() + 1);
        self.newest.filter(|_| threshold <= 10.0).map_or(Duration::MAX, |(_, at)| at + self.after)
    }
}

#[test]
fn a_suspicion_is_told_once_and_ends_once() {
    let mut monitor = Monitor::new(1.0).unwrap();
    monitor.watch(String::from("a"), Timeout::new(SECOND));
    assert_eq!(monitor.heartbeat("a", 1, SECOND), Some(Heard::Fresh));
    assert_eq!(monitor.poll(SECOND * 2 - Duration::from_nanos(1)), None);
    assert_eq!(monitor.poll(SECOND * 5), Some(Suspicion { peer: String::from("a"), since: SECOND * 2 }));
    assert_eq!(monitor.status("a"), Some(Status::Suspected { since: SECOND * 2 }));
    assert_eq!((monitor.poll(Duration::MAX), monitor.next_deadline()), (None, None));
    let again = Heard::TrustedAgain { suspected_since: SECOND * 2 };
    assert_eq!(monitor.heartbeat("a", 2, SECOND * 6), Some(again));
    assert_eq!(monitor.heartbeat("a", 3, SECOND * 6), Some(Heard::Fresh));
    assert_eq!((monitor.status("a"), monitor.next_deadline()), (Some(Status::Trusted), Some(SECOND * 7)));
}

#[test]
fn of_the_same_instant_the_lowest_key_comes_first() {
    let mut monitor = Monitor::new(1.0).unwrap();
    for peer in [4, 1, 8, 0, 7, 3, 6, 2, 5] {
        monitor.watch(peer, Timeout::new(SECOND));
        monitor.heartbeat(&peer, 1, SECOND);
    }
    let told: Vec<_> =
        std::iter::from_fn(|| monitor.poll(SECOND * 2)).map(|suspicion| suspicion.peer).collect();
    assert_eq!(told, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn who_is_not_watched_is_not_known() {
    let mut monitor = Monitor::new(1.0).unwrap();
    assert!(monitor.watch(1, Timeout::new(SECOND)).is_none() && !monitor.is_empty());
    assert!(monitor.unwatch(&1).is_some() && monitor.is_empty());
    assert_eq!(monitor.heartbeat(&1, 1, SECOND), None);
    assert!(monitor.unwatch(&1).is_none() && monitor.detector(&1).is_none() && monitor.status(&1).is_none());
    assert_eq!((monitor.adjust(&1, |_| ()), monitor.poll(Duration::MAX)), (None, None));
}

#[test]
fn who_was_never_heard_is_never_suspected() {
    let mut monitor = Monitor::new(1.0).unwrap();
    monitor.watch(1, Timeout::new(SECOND));
    assert_eq!((monitor.next_deadline(), monitor.poll(Duration::MAX)), (None, None));
}

/// A deadline may also move earlier: by a change from outside, or because a detector lost its patience.
#[test]
fn an_earlier_deadline_is_kept() {
    let mut monitor = Monitor::new(1.0).unwrap();
    monitor.watch(1, Timeout::new(SECOND * 100));
    monitor.heartbeat(&1, 1, SECOND);
    assert_eq!(monitor.next_deadline(), Some(SECOND * 101));
    monitor.adjust(&1, |detector| detector.after = SECOND);
    assert_eq!(monitor.next_deadline(), Some(SECOND * 2));
    monitor.adjust_all(|_, detector| detector.after = SECOND * 3);
    assert_eq!((monitor.poll(SECOND * 3), monitor.next_deadline()), (None, Some(SECOND * 4)));
    assert_eq!(monitor.poll(SECOND * 4).unwrap().since, SECOND * 4);
}

#[test]
fn a_threshold_is_a_number_above_zero() {
    for threshold in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e7] {
        let refused = Monitor::<u8, Timeout>::new(threshold).unwrap_err();
        assert!(matches!(refused, ConfigError::Number { field: "threshold", .. }), "{refused}");
    }
    assert_eq!(Monitor::<u8, Timeout>::new(8.0).unwrap().threshold(), 8.0);
}

/// 10,000 peers at 1 Hz for 100 seconds, with a timeout of 3 s: a heartbeat asks for no deadline, and the loop around
/// it for less than one per heartbeat.
#[test]
fn a_heartbeat_computes_no_deadline() {
    const PEERS: u64 = 10_000;
    let mut monitor = Monitor::new(1.0).unwrap();
    let asked = Rc::new(Cell::new(0));
    for peer in 0..PEERS {
        let detector = Timeout { deadlines: asked.clone(), ..Timeout::new(SECOND * 3) };
        monitor.watch(peer, detector);
        monitor.heartbeat(&peer, 0, SECOND * peer as u32 / PEERS as u32);
    }
    asked.set(0);
    let mut by_heartbeats = 0;
    for seq in 1..=100 {
        for peer in 0..PEERS {
            let now = SECOND * seq as u32 + SECOND * peer as u32 / PEERS as u32;
            assert_eq!(monitor.poll(now), None);
            let before = asked.get();
            assert_eq!(monitor.heartbeat(&peer, seq, now), Some(Heard::Fresh));
            by_heartbeats += asked.get() - before;
        }
    }
    assert_eq!(by_heartbeats, 0);
    // Each deadline is looked at when it comes up, every third heartbeat of its peer, or less.
    assert!(asked.get() <= PEERS * 100 / 2, "{} deadlines for {} heartbeats", asked.get(), PEERS * 100);

    // And when all fall silent at once, all are told, in order.
    let told: Vec<_> =
        std::iter::from_fn(|| monitor.poll(SECOND * 1000)).map(|suspicion| suspicion.peer).collect();
    assert!(told.into_iter().eq(0..PEERS));
}
