//! What a node says of itself. Only the owner writes its record; everybody else carries it unchanged.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::identity::{Identity, Incarnation, Version};
use crate::error::MetadataError;

/// A node's record: its identity, where to reach it, what it is doing, and what it wants known.
///
/// Of two records of one name the one with the higher (incarnation, version) is the newer. Both count the owner's own
/// starts and changes; no clock is involved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who it is.
    pub identity: Identity,
    /// Counts the owner's changes in this incarnation.
    pub version: Version,
    /// Where it receives datagrams.
    pub addr: SocketAddr,
    /// What it is doing.
    pub status: Status,
    /// Key/value pairs that the owner wants everybody to know.
    pub metadata: Metadata,
}

impl Record {
    /// Orders the records of one name by age.
    pub fn stamp(&self) -> (Incarnation, Version) {
        (self.identity.incarnation, self.version)
    }
}

/// What a node says it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Status {
    /// Working.
    Running,
    /// About to stop for a while, on purpose: its silence is no news until that time has passed.
    Pausing {
        /// For how long at most, counted by each observer from when it first learns of it.
        max: Pause,
    },
    /// Gone on purpose, for good. The last thing an incarnation ever says.
    Left,
}

/// The announced length of a pause: 1 ms to 1 h, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Pause(u32);

impl Pause {
    const MILLIS_MAX: u32 = 3_600_000;

    /// Rounds up to milliseconds and cuts at the ends of the range.
    pub fn clamped(length: Duration) -> Self {
        let ms = length.as_micros().div_ceil(1000).clamp(1, u128::from(Self::MILLIS_MAX));
        // The clamp keeps it far below u32::MAX.
        Self(ms as u32)
    }

    /// As a duration.
    pub fn get(self) -> Duration {
        Duration::from_millis(u64::from(self.0))
    }
}

impl TryFrom<u32> for Pause {
    type Error = &'static str;

    fn try_from(ms: u32) -> Result<Self, Self::Error> {
        if (1..=Self::MILLIS_MAX).contains(&ms) { Ok(Self(ms)) } else { Err("pause outside 1 ms to 1 h") }
    }
}

impl From<Pause> for u32 {
    fn from(pause: Pause) -> u32 {
        pause.0
    }
}

/// Key/value pairs, sorted by key, small enough that a record always fits in one datagram.
///
/// ```
/// use gossip::Metadata;
///
/// let mut metadata = Metadata::default();
/// metadata.set("role", "db")?;
/// assert_eq!(metadata.value("role"), Some("db"));
/// assert!(metadata.set("", "x").is_err());
/// # Ok::<(), gossip::MetadataError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    entries: Vec<(Box<str>, Box<str>)>,
}

impl Metadata {
    /// The most pairs.
    pub const COUNT_MAX: usize = 16;
    /// The longest key, in bytes.
    pub const KEY_LEN_MAX: usize = 32;
    /// The longest value, in bytes.
    pub const VALUE_LEN_MAX: usize = 256;
    /// The most bytes of all keys and values together.
    pub const TOTAL_LEN_MAX: usize = 512;

    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.position(key).ok().map(|at| &*self.entries[at].1)
    }

    /// All pairs, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Sets `key` to `value`; true if that changed anything.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] if it would break a limit; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &str) -> Result<bool, MetadataError> {
        check_pair(key, value)?;
        let at = self.position(key);
        let freed = at.map_or(0, |at| key.len() + self.entries[at].1.len());
        let total = self.total() - freed + key.len() + value.len();
        if total > Self::TOTAL_LEN_MAX {
            return Err(MetadataError::Total { len: total });
        }
        match at {
            Ok(at) if &*self.entries[at].1 == value => return Ok(false),
            Ok(at) => self.entries[at].1 = value.into(),
            Err(_) if self.entries.len() == Self::COUNT_MAX => return Err(MetadataError::Count),
            Err(at) => self.entries.insert(at, (key.into(), value.into())),
        }
        Ok(true)
    }

    /// Removes `key`; true if it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.position(key).map(|at| self.entries.remove(at)).is_ok()
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(k, _)| (**k).cmp(key))
    }

    fn total(&self) -> usize {
        self.entries.iter().map(|(k, v)| k.len() + v.len()).sum()
    }
}

fn check_pair(key: &str, value: &str) -> Result<(), MetadataError> {
    if key.is_empty() || key.len() > Metadata::KEY_LEN_MAX {
        return Err(MetadataError::Key { len: key.len() });
    }
    if value.len() > Metadata::VALUE_LEN_MAX {
        return Err(MetadataError::Value { len: value.len() });
    }
    Ok(())
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.entries)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> de::Visitor<'de> for Pairs {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("sorted key/value pairs within their limits")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut pairs: A) -> Result<Metadata, A::Error> {
                if pairs.size_hint().is_some_and(|n| n > Metadata::COUNT_MAX) {
                    return Err(de::Error::custom(MetadataError::Count));
                }
                let mut metadata = Metadata::default();
                // Borrowed from the datagram: copied only after they have passed the limits.
                while let Some((key, value)) = pairs.next_element::<(&str, &str)>()? {
                    if metadata.entries.last().is_some_and(|(last, _)| **last >= *key) {
                        return Err(de::Error::custom(MetadataError::Order));
                    }
                    metadata.set(key, value).map_err(de::Error::custom)?;
                }
                Ok(metadata)
            }
        }
        from.deserialize_seq(Pairs)
    }
}
