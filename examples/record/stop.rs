//! One flag that ends everything in good order, whoever raises it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Raised once, by Ctrl-C for one; whoever sleeps on it wakes.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn raise(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_raised(&self) -> bool {
        *self.lock()
    }

    /// Sleeps until `instant`, or until the flag is raised; says whether it is.
    pub(crate) fn sleep_until(&self, instant: Instant) -> bool {
        let mut raised = self.lock();
        while !*raised {
            let left = instant.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            raised = self.changed.wait_timeout(raised, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *raised
    }

    /// A flag cannot be left half changed.
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_sleep_ends_on_time_or_when_the_flag_is_raised() {
        let stop = Stop::default();
        let start = Instant::now();
        assert!(!stop.sleep_until(start + Duration::from_millis(5)));
        assert!(start.elapsed() >= Duration::from_millis(5));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| stop.sleep_until(start + Duration::from_secs(3_600)));
            stop.raise();
            assert!(sleeper.join().unwrap());
        });
        assert!(stop.is_raised());
    }
}
