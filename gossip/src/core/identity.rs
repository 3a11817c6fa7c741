//! Who a node is: a name that lasts, and three numbers that tell one life of it from the next.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::IdError;
use crate::hash;
use crate::wire::Tag;

/// A node's name: 1 to 64 bytes of UTF-8 without control characters, unique in its cluster, the same over restarts.
///
/// ```
/// use gossip::NodeId;
///
/// let id = NodeId::new("eu-west-7")?;
/// assert_eq!(id.as_str(), "eu-west-7");
/// assert!(NodeId::new("").is_err());
/// # Ok::<(), gossip::IdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The longest name, in bytes.
    pub const LEN_MAX: usize = 64;

    /// Checks a name and takes it.
    ///
    /// # Errors
    ///
    /// [`IdError`] if it is empty, longer than [`NodeId::LEN_MAX`] bytes, or holds a control character.
    pub fn new(name: impl AsRef<str>) -> Result<Self, IdError> {
        let name = name.as_ref();
        if name.is_empty() || name.len() > Self::LEN_MAX {
            return Err(IdError::Length { len: name.len() });
        }
        if name.chars().any(char::is_control) {
            return Err(IdError::Control);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hash of the name.
    pub fn key(&self) -> Key {
        Key(hash::bytes(self.0.as_bytes()))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for NodeId {
    type Err = IdError;

    fn from_str(name: &str) -> Result<Self, IdError> {
        Self::new(name)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = NodeId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a node's name")
            }

            // The string is borrowed from the datagram: nothing is allocated before its length is known to be good.
            fn visit_str<E: de::Error>(self, name: &str) -> Result<NodeId, E> {
                NodeId::new(name).map_err(E::custom)
            }
        }
        from.deserialize_str(Name)
    }
}

/// A counter that only its owner advances, from 1 to [`Self::MAX`].
///
/// The bound leaves room above any honest value, so that one absurd number from the network can be told for what it
/// is and cannot drive a counter to where it can no longer grow.
macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(u64);

        impl $name {
            /// The first value.
            pub const FIRST: Self = Self(1);
            /// The largest value that is accepted from anyone.
            pub const MAX: Self = Self(1 << 48);

            /// Checks a number and takes it.
            ///
            /// # Errors
            ///
            /// [`IdError::Counter`] outside `1..=MAX`.
            pub fn new(value: u64) -> Result<Self, IdError> {
                if (1..=Self::MAX.0).contains(&value) { Ok(Self(value)) } else { Err(IdError::Counter { value }) }
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next higher one; stays at [`Self::MAX`], which no honest counter reaches.
            #[must_use]
            pub fn next(self) -> Self {
                Self((self.0 + 1).min(Self::MAX.0))
            }
        }

        impl TryFrom<u64> for $name {
            type Error = IdError;

            fn try_from(value: u64) -> Result<Self, IdError> {
                Self::new(value)
            }
        }

        impl From<$name> for u64 {
            fn from(counter: $name) -> u64 {
                counter.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// One life of a node between two starts: a number from stable storage, higher after every start.
    Incarnation
}
counter! {
    /// The logical version of something one node owns; it counts that owner's own changes within one incarnation.
    Version
}

/// 128 random bits drawn at every start. They tell two processes apart that claim the same name and incarnation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BootId(pub [u8; 16]);

/// 128 random bits drawn when a node's stable storage was made: one life of its disk. All zero for a node without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct StorageId(pub [u8; 16]);

impl fmt::Debug for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for StorageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The whole identity of one running process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub id: NodeId,
    /// Which disk it runs from.
    pub storage: StorageId,
    /// Which start this is, by the disk's count.
    pub incarnation: Incarnation,
    /// Which process this is.
    pub boot: BootId,
}

impl Identity {
    /// The fingerprint that stands for this identity in every datagram.
    pub fn life(&self) -> Life {
        let half = |b: &[u8; 16], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&b[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Life(hash::words(&[
            self.id.key().0,
            self.incarnation.get(),
            half(&self.storage.0, 0),
            half(&self.storage.0, 8),
            half(&self.boot.0, 0),
            half(&self.boot.0, 8),
        ]))
    }
}

/// The hash of a node's name: how members are ordered, referred to and placed on the rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

/// A fingerprint of (name, storage, incarnation, boot id).
///
/// A heartbeat names its sender by these eight bytes instead of some sixty. The boot id makes it random, so two lives
/// in one cluster share it with probability 2⁻⁶⁴ a pair; who has not met it asks for the whole identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Life(pub u64);

impl Life {
    /// The half of it that says for whom a datagram is meant.
    pub fn tag(self) -> Tag {
        Tag((self.0 >> 32) as u32)
    }
}

/// Random words of fixed width: a varint would only make them longer.
macro_rules! fixed_width {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.to_le_bytes().serialize(to)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <[u8; 8]>::deserialize(from).map(|b| Self(u64::from_le_bytes(b)))
            }
        }
    )*};
}
fixed_width!(Key, Life);
