//! Numbers that are checked as they are decoded, and the widths they travel in.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds on some node's clock, below 2⁴⁸ (nine years), in six bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(u64);

impl Micros {
    const MASK: u64 = (1 << 48) - 1;

    /// Cuts to microseconds; wraps after nine years.
    pub fn of(time: Duration) -> Self {
        Self((time.as_micros() as u64) & Self::MASK)
    }

    /// As a duration since that clock's origin.
    pub fn get(self) -> Duration {
        Duration::from_micros(self.0)
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let [a, b, c, d, e, f, ..] = self.0.to_le_bytes();
        [a, b, c, d, e, f].serialize(to)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let [a, b, c, d, e, f] = <[u8; 6]>::deserialize(from)?;
        Ok(Self(u64::from_le_bytes([a, b, c, d, e, f, 0, 0])))
    }
}

/// Half of a hash, in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tag(pub u32);

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.to_le_bytes().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <[u8; 4]>::deserialize(from).map(|b| Self(u32::from_le_bytes(b)))
    }
}

/// A heartbeat's sequence number: 1 to 2⁴⁸.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Count(u64);

impl Count {
    /// The number, cut at the ends of its range.
    pub fn clamped(value: u64) -> Self {
        Self(value.clamp(1, 1 << 48))
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Count {
    type Error = &'static str;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        if (1..=1 << 48).contains(&value) { Ok(Self(value)) } else { Err("sequence outside 1 to 2^48") }
    }
}

impl From<Count> for u64 {
    fn from(count: Count) -> u64 {
        count.0
    }
}

/// A heartbeat interval: 10 ms to 60 s, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct HeartbeatInterval(u16);

impl HeartbeatInterval {
    /// In whole milliseconds, cut at the ends of its range.
    pub fn clamped(interval: Duration) -> Self {
        // The clamp keeps it below u16::MAX.
        Self(interval.as_millis().clamp(10, 60_000) as u16)
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        Duration::from_millis(u64::from(self.0))
    }
}

impl TryFrom<u16> for HeartbeatInterval {
    type Error = &'static str;

    fn try_from(ms: u16) -> Result<Self, Self::Error> {
        if (10..=60_000).contains(&ms) { Ok(Self(ms)) } else { Err("interval outside 10 ms to 60 s") }
    }
}

impl From<HeartbeatInterval> for u16 {
    fn from(interval: HeartbeatInterval) -> u16 {
        interval.0
    }
}

/// An age in quarters of the sender's heartbeat interval, rounded up: up to 63½ intervals, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Age(u8);

impl Age {
    const UNKNOWN: u8 = u8::MAX;
    const PARTS: u32 = 4;

    /// The least age of those that can be told which is not below this one; unknown if there is none.
    pub fn at_least(age: Option<Duration>, interval: Duration) -> Self {
        let parts =
            age.map(|age| (u128::from(Self::PARTS) * age.as_nanos()).div_ceil(interval.as_nanos().max(1)));
        let parts = parts.and_then(|parts| u8::try_from(parts).ok());
        Self(parts.unwrap_or(Self::UNKNOWN))
    }

    /// The age, if it is known, from a sender with this interval.
    pub fn get(self, interval: Duration) -> Option<Duration> {
        (self.0 != Self::UNKNOWN).then(|| interval * u32::from(self.0) / Self::PARTS)
    }
}

/// Bytes without meaning, so that a stranger's call is no shorter than its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding(u16);

impl Padding {
    const ZEROS: [u8; super::DATAGRAM_MAX] = [0; super::DATAGRAM_MAX];

    /// This many bytes, at most a datagram's worth.
    pub fn of(len: usize) -> Self {
        Self(len.min(super::DATAGRAM_MAX) as u16)
    }
}

impl Serialize for Padding {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&Self::ZEROS[..usize::from(self.0)])
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Zeros;
        impl de::Visitor<'_> for Zeros {
            type Value = Padding;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("padding")
            }

            // Borrowed from the datagram, so never longer than it.
            fn visit_bytes<E: de::Error>(self, zeros: &[u8]) -> Result<Padding, E> {
                if zeros.iter().all(|&b| b == 0) {
                    Ok(Padding::of(zeros.len()))
                } else {
                    Err(E::custom("padding must be zero"))
                }
            }
        }
        from.deserialize_bytes(Zeros)
    }
}

/// A part of something larger: at most [`Bytes::LEN_MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bytes(Box<[u8]>);

impl Bytes {
    /// What fits a datagram beside its head.
    pub const LEN_MAX: usize = 1024;

    /// The first bytes of these, as many as fit.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(Self::LEN_MAX)].into())
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Part;
        impl de::Visitor<'_> for Part {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {} bytes", Bytes::LEN_MAX)
            }

            // Borrowed from the datagram: copied only once the length is known to be good.
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                if bytes.len() <= Bytes::LEN_MAX {
                    Ok(Bytes::of(bytes))
                } else {
                    Err(E::custom("part too long"))
                }
            }
        }
        from.deserialize_bytes(Part)
    }
}
