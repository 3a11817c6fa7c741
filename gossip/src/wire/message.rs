//! What nodes say to each other.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::limits::{Age, Count, HeartbeatInterval, Micros, Padding, Tag};
use crate::core::event::Refusal;
use crate::core::identity::{Incarnation, Key, Life, Version};
use crate::core::opinion::Opinions;
use crate::core::quorum::{Envelope, Epoch, Standing, VOTERS_MAX, VouchFor};
use crate::core::record::Record;

/// What a datagram is about. The order of variants is the wire format: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Head {
    /// To a neighbour, once an interval. Items: news.
    Heartbeat(Heartbeat),
    /// "This is me." The first item is the sender's record; padded when it asks a stranger for an answer.
    Hello {
        /// Whether it asks to be welcomed.
        reply: bool,
    },
    /// The answer to a hello. The first item is the sender's record; others' may follow.
    Welcome {
        /// Where the hello came from, as seen here.
        observed: SocketAddr,
    },
    /// The other answer to a hello, and the answer to whoever lives on after its end.
    Refused(Refusal),
    /// "You send me heartbeats, and I do not know you."
    Who,
    /// To a relay: "can you reach this member?"
    Probe {
        /// Comes back with the answer.
        nonce: Tag,
        /// Whom.
        target: Key,
    },
    /// From the relay to the target.
    Ping {
        /// The prober's.
        nonce: Tag,
        /// The prober.
        origin: Key,
    },
    /// From the target back to the relay.
    Pong {
        /// The prober's.
        nonce: Tag,
        /// The prober.
        origin: Key,
    },
    /// From the relay back to the prober: "I can".
    Alive {
        /// The prober's.
        nonce: Tag,
        /// Who answered.
        life: Life,
    },
    /// Digests of all members by the top of their keys, or of one such bucket by the next bits.
    Summary {
        /// Which bucket; none for the whole table.
        bucket: Option<Bucket>,
        /// 64 digests.
        sums: Sums,
    },
    /// All versions known in a range of keys. Items: [`Item::Stamp`], sorted by key.
    Versions {
        /// The first key of the range.
        first: Key,
        /// The last key of the range.
        last: Key,
    },
    /// "Send me these." Items: [`Item::Want`].
    Want,
    /// What was wanted, or found missing. Items: records and opinions.
    Delta,
    /// "I leave." The only item is the sender's last record.
    Leave,
    /// "I know that you left."
    LeaveAck {
        /// The version of the last record.
        version: Version,
    },
    /// About views: what a majority decides.
    Quorum(Box<Envelope>),
}

/// A direct sign of life, addressed to one neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Counts the sender's intervals in this life.
    pub seq: Count,
    /// When it was sent, on the sender's `boot` clock.
    pub sent: Micros,
    /// When the next one is due after this.
    pub interval: HeartbeatInterval,
    /// The newest heartbeat that the sender has from the receiver.
    pub ack: Option<Ack>,
    /// By how many of its own heartbeats the newest acknowledgement that the sender has from the receiver lies back; cut at
    /// 65,535, which also says "none yet".
    pub ack_lag: u16,
    /// Whether the sender counts itself in.
    pub standing: Standing,
    /// The newest view the sender has stored, if any.
    pub epoch: Option<Epoch>,
    /// Sent only because the receiver sends; does not ask for more.
    pub returning: bool,
    /// A voter's promise to the receiver.
    pub voucher: Option<Voucher>,
    /// What need not be said every time.
    pub survey: Option<Survey>,
}

/// An acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Of this heartbeat.
    pub seq: Count,
    /// For how long it had been held when this was sent, in microseconds, cut at the range's end.
    pub held: u32,
}

/// "Until so long after receipt, on my clock, I vouch for you."
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// The fingerprint of all who are concerned: the history, the voter's life and the receiver's.
    pub bond: Key,
    /// The electorate that the voter has stored.
    pub electorate: Epoch,
    /// For how long from the receipt of the heartbeat that is acknowledged beside it.
    pub length: VouchFor,
}

/// Slow facts, sent with every fourth heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Digest of all the sender knows of the members.
    pub digest: Tag,
    /// The sender's wall clock, in microseconds since the Unix epoch. It may show anything.
    pub wall: Option<u64>,
    /// How lately the voters are known to have been alive; from nodes on the rings, once they have a view.
    pub contact: Option<Contact>,
}

/// How long ago, at most, each voter of an electorate was alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The electorate that is meant, by the epoch since which it is what it is.
    pub electorate: Epoch,
    /// In the order of the voters' disks; none beyond the last.
    pub ages: [Age; VOTERS_MAX],
}

/// One of the 64 parts that all keys are divided into by their top six bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Bucket(u8);

impl Bucket {
    /// The bucket of this number, taken modulo 64.
    pub fn of(index: usize) -> Self {
        Self((index % 64) as u8)
    }

    /// Its number, below 64.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl TryFrom<u8> for Bucket {
    type Error = &'static str;

    fn try_from(index: u8) -> Result<Self, Self::Error> {
        if index < 64 { Ok(Self(index)) } else { Err("bucket above 63") }
    }
}

impl From<Bucket> for u8 {
    fn from(bucket: Bucket) -> u8 {
        bucket.0
    }
}

/// 64 digests of four bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    // Two halves, because serde knows arrays up to 32. Boxed, because every head would be as large as the largest.
    halves: Box<[[Tag; 32]; 2]>,
}

impl Sums {
    /// From one digest per bucket.
    pub fn from_fn(mut digest: impl FnMut(usize) -> u32) -> Self {
        let mut halves = Box::new([[Tag(0); 32]; 2]);
        for (h, half) in halves.iter_mut().enumerate() {
            for (i, tag) in half.iter_mut().enumerate() {
                *tag = Tag(digest(32 * h + i));
            }
        }
        Self { halves }
    }

    /// The digests in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.halves.as_flattened().iter().map(|tag| tag.0)
    }
}

/// What follows a head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Item {
    /// A node's record.
    Record(Arc<Record>),
    /// An observer's opinions.
    Opinions(Arc<Opinions>),
    /// Which versions of a member the sender has.
    Stamp(Stamp),
    /// A member that the sender wants to know all about.
    Want(Key),
    /// Nothing.
    Padding(Padding),
}

/// The versions that a node has of one member's record and opinions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Which member.
    pub key: Key,
    /// Of its record.
    pub record: (Incarnation, Version),
    /// Of its opinions, once it had any.
    pub opinions: Option<(Incarnation, Version)>,
}

impl Head {
    /// Whether an item may follow this head.
    pub(super) fn takes(&self, item: &Item) -> bool {
        match self {
            Self::Heartbeat(_) | Self::Delta => matches!(item, Item::Record(_) | Item::Opinions(_)),
            Self::Hello { .. } => matches!(item, Item::Record(_) | Item::Padding(_)),
            Self::Welcome { .. } | Self::Leave => matches!(item, Item::Record(_)),
            Self::Versions { .. } => matches!(item, Item::Stamp(_)),
            Self::Want => matches!(item, Item::Want(_)),
            Self::Refused(_)
            | Self::Who
            | Self::Probe { .. }
            | Self::Ping { .. }
            | Self::Pong { .. }
            | Self::Alive { .. }
            | Self::Summary { .. }
            | Self::LeaveAck { .. }
            | Self::Quorum(_) => false,
        }
    }
}
