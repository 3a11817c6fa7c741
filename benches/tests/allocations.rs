//! Once it is made, a detector of ours allocates nothing, and neither does a monitor.

use allocation_counter::measure;
use phi_detector::{
    AccrualDetector, Config, Exponential, ExponentialConfig, Monitor, Normal, NormalConfig, PhiDetector,
};
use std::hint::black_box;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_millis(100);

/// Arrivals with jitter, losses and now and then a long silence.
fn arrivals(count: u64) -> impl Iterator<Item = (u64, Duration)> {
    (0..count).filter(|seq| seq % 97 != 13).map(|seq| {
        let jitter = Duration::from_micros(seq * 7_919 % 20_000);
        (seq, INTERVAL * (seq as u32 + 50 * (seq / 5_000) as u32) + jitter)
    })
}

/// Counts what `detector` allocates over a life with everything in it.
fn allocations(mut detector: impl AccrualDetector) -> u64 {
    measure(|| {
        for (seq, now) in arrivals(20_000) {
            detector.heartbeat(seq, now);
            black_box((detector.phi(now + 3 * INTERVAL), detector.deadline(5.0), detector.deadline(1e6)));
        }
    })
    .count_total
}

/// The counter counts; without this the zeros below would prove nothing.
#[test]
fn the_control_allocates() {
    assert_eq!(measure(|| drop(black_box(Box::new(1_u8)))).count_total, 1);
}

#[test]
fn no_detector_allocates() {
    assert_eq!(allocations(PhiDetector::new(Config::new(INTERVAL)).unwrap()), 0);
    assert_eq!(allocations(PhiDetector::new(Config::learning()).unwrap()), 0);
    assert_eq!(allocations(Normal::new(NormalConfig::new(INTERVAL)).unwrap()), 0);
    assert_eq!(allocations(Exponential::new(ExponentialConfig::new(INTERVAL)).unwrap()), 0);
}

#[test]
fn neither_does_making_saving_or_restoring_one() {
    let made = measure(|| {
        let config = Config::new(INTERVAL);
        let mut detector = PhiDetector::new(config).unwrap();
        for (seq, now) in arrivals(2_000) {
            detector.heartbeat(seq, now);
        }
        detector.stalled(INTERVAL);
        let mut learnt = detector.learnt();
        learnt.pool(&black_box(learnt));
        black_box((
            PhiDetector::restore(config, &learnt).unwrap(),
            PhiDetector::with_prior(config, &learnt).unwrap(),
        ));
        black_box(detector.calibration());
    });
    assert_eq!(made.count_total, 0);
}

#[test]
fn a_detector_keeps_to_its_size() {
    assert!(size_of::<PhiDetector>() <= 640, "{} bytes", size_of::<PhiDetector>());
}

#[test]
fn a_monitor_allocates_only_for_peers_that_come() {
    let mut monitor = Monitor::new(5.0).unwrap();
    for peer in 0..100_u32 {
        monitor.watch(peer, PhiDetector::new(Config::new(INTERVAL)).unwrap());
    }
    let mut suspected = 0;
    let running = measure(|| {
        for (seq, now) in arrivals(6_000) {
            for peer in 0..100 {
                monitor.heartbeat(&peer, seq, now);
            }
            // During the long silence everybody is suspected, and trusted again after it.
            while let Some(suspicion) = monitor.poll(now + 40 * INTERVAL * u32::from(seq % 1_000 == 0)) {
                suspected += suspicion.peer.min(1);
            }
            black_box(monitor.next_deadline());
        }
    });
    assert_eq!(running.count_total, 0);
    assert!(suspected > 100, "peers were suspected and came back: {suspected}");
}
