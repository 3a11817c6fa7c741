//! When the next heartbeat should arrive, if the sender keeps its schedule.

use super::window::Window;
use crate::detector::{Heartbeat, Link};

/// Chen's estimate: the schedule η·s moved by the mean delay of the last n heartbeats.
///
/// Chen, Toueg and Aguilera, IEEE Transactions on Computers 51(5), 2002, section 6.3, equation for EA. Lost heartbeats
/// need no care: each sample is relative to its own sequence number.
#[derive(Debug)]
pub(super) struct Expectation {
    offsets: Window,
    interval_ns: i64,
    next_ns: f64,
}

impl Expectation {
    pub(super) fn new(link: &Link, window: usize) -> Self {
        Self { offsets: Window::new(window), interval_ns: link.interval_ns as i64, next_ns: 0.0 }
    }

    pub(super) fn push(&mut self, heartbeat: &Heartbeat) {
        let scheduled = self.interval_ns * heartbeat.seq.cast_signed();
        self.offsets.push(heartbeat.received_ns.cast_signed() - scheduled);
        self.next_ns = self.offsets.mean() + (scheduled + self.interval_ns) as f64;
    }

    /// When the heartbeat after the last one is expected.
    pub(super) fn next_ns(&self) -> f64 {
        self.next_ns
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::beat;
    use super::*;

    #[test]
    fn follows_the_schedule_at_the_mean_delay_of_the_window() {
        let mut expectation = Expectation::new(&Link { interval_ns: 100.0 }, 2);
        expectation.push(&beat(0, 100, 30));
        assert_eq!(expectation.next_ns(), 130.0);
        expectation.push(&beat(1, 100, 110));
        assert_eq!(expectation.next_ns(), 220.0, "mean delay of 30 and 10");
        // Heartbeat 2 is lost; the window holds the delays 10 and 40.
        expectation.push(&beat(3, 100, 340));
        assert_eq!(expectation.next_ns(), 425.0);
    }
}
