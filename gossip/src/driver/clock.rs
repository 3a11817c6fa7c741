//! The host's clocks, read together.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};

use crate::Now;

/// Reads the clocks, counted from when this was made: smaller numbers to send, and the host's uptime stays private.
///
/// Copies count from the same moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    origin: Reading,
}

impl Clocks {
    pub(crate) fn start() -> Self {
        Self { origin: Reading::take() }
    }

    /// What the host's own `boot` clock shows at `boot`.
    #[cfg(target_os = "linux")]
    pub(super) fn host_boot(&self, boot: Duration) -> Duration {
        self.origin.boot.saturating_add(boot)
    }

    /// The `boot` clock alone.
    pub(super) fn boot(&self) -> Duration {
        Reading::boot().saturating_sub(self.origin.boot)
    }

    /// For a datagram: call after it was received. For a send: before it.
    pub(crate) fn now(&self) -> Now {
        let Reading { boot, raw } = Reading::take();
        Now {
            boot: boot.saturating_sub(self.origin.boot),
            raw: raw.saturating_sub(self.origin.raw),
            wall: SystemTime::now().duration_since(UNIX_EPOCH).ok(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    boot: Duration,
    raw: Duration,
}

#[cfg(target_os = "linux")]
impl Reading {
    fn take() -> Self {
        Self { boot: Self::boot(), raw: Self::read(ClockId::MonotonicRaw) }
    }

    fn boot() -> Duration {
        Self::read(ClockId::Boottime)
    }

    fn read(clock: ClockId) -> Duration {
        Duration::try_from(clock_gettime(clock)).unwrap_or_default()
    }
}

/// Elsewhere the standard library's monotonic clock stands in for both. Whether it goes on while the host is suspended
/// depends on the system; on macOS it does not, and a lease does not run out meanwhile.
#[cfg(not(target_os = "linux"))]
impl Reading {
    fn take() -> Self {
        let boot = Self::boot();
        Self { boot, raw: boot }
    }

    fn boot() -> Duration {
        use std::sync::OnceLock;
        use std::time::Instant;
        static FIRST: OnceLock<Instant> = OnceLock::new();
        FIRST.get_or_init(Instant::now).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_run_and_neither_goes_back() {
        let clocks = Clocks::start();
        let mut last = clocks.now();
        let first = last;
        while last.boot < first.boot + Duration::from_millis(5) {
            let now = clocks.now();
            assert!(now.boot >= last.boot && now.raw >= last.raw);
            last = now;
        }
        assert!(last.raw > first.raw);
        assert!(last.boot < Duration::from_secs(60), "counted from the start, not from the boot of the host");
    }
}
