//! From the clock of `std` to the crate's notion of time.

use core::time::Duration;
use std::time::Instant;

/// Turns [`Instant`]s into the `Duration` since a fixed origin that the detectors take, and back.
///
/// The detectors never read a clock. In a program that runs on the real one, a single `InstantClock` says where time
/// begins; give a copy of it to everything that shares a detector.
///
/// ```
/// use phi_detector::{Config, InstantClock, PhiDetector};
/// use std::time::{Duration, Instant};
///
/// let clock = InstantClock::new();
/// let mut detector = PhiDetector::new(Config::new(Duration::from_millis(100)))?;
///
/// // When a heartbeat arrives:
/// detector.heartbeat(1, clock.now());
///
/// // How long may we sleep until there is reason for suspicion?
/// let wake_at: Option<Instant> = clock.instant(detector.deadline(8.0));
/// assert!(wake_at.is_some_and(|at| at > Instant::now()));
/// # Ok::<(), phi_detector::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstantClock {
    origin: Instant,
}

impl InstantClock {
    /// A clock whose time begins now.
    pub fn new() -> Self {
        Self::since(Instant::now())
    }

    /// A clock whose time begins at `origin`.
    ///
    /// ```
    /// # use phi_detector::InstantClock;
    /// # use std::time::{Duration, Instant};
    /// let origin = Instant::now();
    /// let clock = InstantClock::since(origin);
    /// assert_eq!(clock.at(origin + Duration::from_secs(5)), Duration::from_secs(5));
    /// ```
    pub const fn since(origin: Instant) -> Self {
        Self { origin }
    }

    /// The time that it is now.
    pub fn now(&self) -> Duration {
        self.at(Instant::now())
    }

    /// The time at `instant`; zero for one before the origin.
    ///
    /// It is the one to call when the instant was taken earlier, as when a heartbeat was read from its socket.
    pub fn at(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.origin)
    }

    /// The instant at which it will be `time`, or `None` if there is no such `Instant`, as for the [`Duration::MAX`]
    /// of a deadline that never comes.
    ///
    /// ```
    /// # use phi_detector::InstantClock;
    /// # use std::time::{Duration, Instant};
    /// let clock = InstantClock::new();
    /// let wake_at = clock.instant(clock.now() + Duration::from_secs(5));
    /// assert!(wake_at.is_some_and(|at| at > Instant::now()));
    /// assert_eq!(clock.instant(Duration::MAX), None);
    /// ```
    pub fn instant(&self, time: Duration) -> Option<Instant> {
        self.origin.checked_add(time)
    }
}

impl Default for InstantClock {
    /// The same as [`InstantClock::new`].
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_instants_correspond() {
        let origin = Instant::now();
        let clock = InstantClock::since(origin);
        let second = Duration::from_secs(1);
        assert_eq!(clock.at(origin), Duration::ZERO);
        assert_eq!(clock.at(origin + second), second);
        assert_eq!(clock.instant(second), Some(origin + second));
        assert_eq!(clock.instant(clock.at(origin + second)), Some(origin + second));
    }

    #[test]
    fn what_cannot_be_is_the_nearest_or_nothing() {
        let now = Instant::now();
        let clock = InstantClock::since(now + Duration::from_secs(60));
        assert_eq!(clock.at(now), Duration::ZERO);
        assert_eq!(clock.instant(Duration::MAX), None);
    }

    #[test]
    fn the_clock_runs() {
        let clock = InstantClock::default();
        let before = clock.now();
        assert!(clock.now() >= before);
    }
}
