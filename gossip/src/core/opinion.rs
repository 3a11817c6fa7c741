//! What an observer thinks of those it observes.
//!
//! Opinions are owned like records: the observer alone writes its set and counts its changes. The set lists only
//! what is not trust, so a healthy cluster publishes nothing, and one set of a few dozen bytes carries all that a node
//! has to say about its neighbours.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::identity::{Incarnation, Key, NodeId, Version};

/// One observer's opinion of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Opinion {
    /// Its heartbeats arrive.
    Trust,
    /// It has been silent for longer than a live node would be, and nobody asked could reach it either.
    Suspect,
    /// Not heard, but that says little: never heard yet, reached by others, or the observer doubts itself.
    Unsure,
}

/// An opinion together with the suspicion level behind it, as [`Node::suspicion`](super::Node::suspicion) lists them.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicion {
    /// Whose opinion it is.
    pub observer: NodeId,
    /// What it thinks.
    pub opinion: Opinion,
    /// The level, in decades of improbability: this node's own as of the query, another's as of when it last changed
    /// its opinion; 0 for another's trust.
    pub phi: f64,
}

/// A suspicion level on the wire: tenths of a decade, cut at 6,553.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Level(u16);

impl Level {
    /// Cuts a level to its range.
    pub fn of(phi: f64) -> Self {
        // `as` saturates, and turns a NaN into zero.
        Self((phi * 10.0) as u16)
    }

    /// The level in decades.
    pub fn phi(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

/// What an observer publishes of a node that it does not trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Whom it is about.
    pub target: Key,
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Suspect or unsure.
    pub opinion: Opinion,
    /// How far it went.
    pub level: Level,
}

impl Doubt {
    /// Whether it accuses, and does not merely doubt.
    pub(super) fn is_suspicion(&self) -> bool {
        self.opinion == Opinion::Suspect
    }
}

/// All that one observer publishes, sorted by target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinions {
    /// Whose they are.
    pub observer: Key,
    /// In which life.
    pub incarnation: Incarnation,
    /// Counts its changes.
    pub version: Version,
    /// What is not trust.
    pub doubts: Doubts,
}

impl Opinions {
    /// Orders the opinions of one observer by age.
    pub fn stamp(&self) -> (Incarnation, Version) {
        (self.incarnation, self.version)
    }

    /// What it says of a node that it does not trust.
    pub fn of(&self, target: Key) -> Option<&Doubt> {
        let at = self.doubts.0.binary_search_by_key(&target, |d| d.target).ok()?;
        self.doubts.0.get(at)
    }
}

/// At most [`Doubts::COUNT_MAX`] doubts, sorted by target, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doubts(Vec<Doubt>);

impl Doubts {
    /// As many as a node may have neighbours.
    pub const COUNT_MAX: usize = 48;

    /// Takes doubts in any order; those beyond the limit are dropped.
    pub fn sorted(mut doubts: Vec<Doubt>) -> Self {
        doubts.sort_unstable_by_key(|d| d.target);
        doubts.dedup_by_key(|d| d.target);
        doubts.truncate(Self::COUNT_MAX);
        Self(doubts)
    }

    /// In the order of their targets.
    pub fn iter(&self) -> std::slice::Iter<'_, Doubt> {
        self.0.iter()
    }
}

impl Serialize for Doubts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.0)
    }
}

impl<'de> Deserialize<'de> for Doubts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Sorted;
        impl<'de> de::Visitor<'de> for Sorted {
            type Value = Doubts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {} sorted doubts", Doubts::COUNT_MAX)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Doubts, A::Error> {
                let count = seq.size_hint().unwrap_or(0);
                if count > Doubts::COUNT_MAX {
                    return Err(de::Error::custom("too many doubts"));
                }
                let mut doubts: Vec<Doubt> = Vec::with_capacity(count);
                while let Some(doubt) = seq.next_element::<Doubt>()? {
                    if doubt.opinion == Opinion::Trust
                        || doubts.last().is_some_and(|d| d.target >= doubt.target)
                    {
                        return Err(de::Error::custom("doubts out of order, or trust among them"));
                    }
                    doubts.push(doubt);
                }
                Ok(Doubts(doubts))
            }
        }
        from.deserialize_seq(Sorted)
    }
}
