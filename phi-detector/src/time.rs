//! The crate's only conversion between `Duration` and the integer nanoseconds it computes with.
//!
//! Inside the crate an instant is a `u64` count of nanoseconds since the caller's origin: 584 years, one register,
//! and no rounding. A `Duration` can hold more; what does not fit is taken as the largest instant, never wrapped.

use core::time::Duration;

const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds in `time`, or `u64::MAX` if there are more of them than that.
pub(crate) const fn to_ns(time: Duration) -> u64 {
    time.as_secs().saturating_mul(NS_PER_S).saturating_add(time.subsec_nanos() as u64)
}

/// The `Duration` of `ns` nanoseconds; exact.
pub(crate) const fn from_ns(ns: u64) -> Duration {
    Duration::from_nanos(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_u64_survives_the_round_trip() {
        for ns in [0, 1, NS_PER_S - 1, NS_PER_S, NS_PER_S + 1, 1 << 53, u64::MAX - 1, u64::MAX] {
            assert_eq!(to_ns(from_ns(ns)), ns);
        }
    }

    #[test]
    fn what_does_not_fit_is_the_largest_instant() {
        let largest = from_ns(u64::MAX);
        assert_eq!(to_ns(largest + Duration::from_nanos(1)), u64::MAX);
        assert_eq!(to_ns(Duration::from_secs(u64::MAX / NS_PER_S + 1)), u64::MAX);
        assert_eq!(to_ns(Duration::MAX), u64::MAX);
    }
}
