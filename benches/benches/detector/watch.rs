//! A monitor with many peers, and heartbeats from all of them in turn.

use crate::sequences::INTERVAL;
use crate::subject::valid;
use phi_detector::{Config, Monitor, PhiDetector};
use std::time::Duration;

/// As many as one process might watch.
pub(crate) const PEERS: u32 = 10_000;

/// The level at which a peer is suspected.
const THRESHOLD: f64 = 5.0;

/// Visits all peers in an order that no cache or prefetcher likes: coprime to their number.
const STRIDE: u32 = 7_919;

pub(crate) struct Watch {
    pub(crate) monitor: Monitor<u32, PhiDetector>,
    peer: u32,
    /// Heartbeats so far, and the number that the current peer is at.
    beats: u64,
    pub(crate) now: Duration,
}

impl Watch {
    /// All peers have been heard a hundred times.
    pub(crate) fn warmed() -> Self {
        let mut monitor = valid(Monitor::new(THRESHOLD));
        let detector = valid(PhiDetector::new(Config::new(INTERVAL)));
        for peer in 0..PEERS {
            monitor.watch(peer, detector.clone());
        }
        let mut watch = Self { monitor, peer: 0, beats: 0, now: Duration::ZERO };
        for _ in 0..100 * PEERS {
            watch.heartbeat_and_drain();
        }
        watch
    }

    /// The next peer's heartbeat, each peer's a hundred milliseconds after its last, give or take five.
    #[inline]
    pub(crate) fn heartbeat(&mut self) {
        self.peer = (self.peer + STRIDE) % PEERS;
        self.beats += 1;
        let round = self.beats / u64::from(PEERS) + 1;
        // Late by a multiple of 10 µs that looks random; the monitor's time never goes back.
        let jitter = INTERVAL / PEERS * (u32::wrapping_mul(self.beats as u32, 2_654_435_761) >> 23);
        let now = INTERVAL / PEERS * (self.beats as u32) + jitter;
        self.now = self.now.max(now);
        self.monitor.heartbeat(&self.peer, round, now);
    }

    /// What a program's loop does: a heartbeat, then what is due, then how long to sleep.
    #[inline]
    pub(crate) fn heartbeat_and_drain(&mut self) {
        self.heartbeat();
        while self.monitor.poll(self.now).is_some() {}
        std::hint::black_box(self.monitor.next_deadline());
    }
}
