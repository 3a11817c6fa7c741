//! Readings of clocks. The core never takes one; it is given them.

use std::time::Duration;

/// One look at the host's clocks, taken at the same moment.
///
/// For a datagram it is taken after the receive returned (once for a batch, after the batch); for a timeout, right
/// before the call. Durations on `boot` and `raw` are measured from any origin that stays the same while the node
/// lives. A `boot` that went back is taken as the highest seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock that goes on while the host is suspended (`CLOCK_BOOTTIME`). All timers run on it.
    pub boot: Duration,
    /// The monotonic clock that nobody slews (`CLOCK_MONOTONIC_RAW`). What runs out, runs out by whichever of the two is
    /// first.
    pub raw: Duration,
    /// The wall clock, since the Unix epoch, where there is one. It is data to be compared, never a basis for order or
    /// expiry.
    pub wall: Option<Duration>,
}

/// Where there is only one clock.
impl From<Duration> for Now {
    fn from(monotonic: Duration) -> Self {
        Self { boot: monotonic, raw: monotonic, wall: None }
    }
}
