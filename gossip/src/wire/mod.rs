//! Bytes to messages and back.
//!
//! Lives here: the frame around every datagram, the messages in it, and every limit on them. Flows in: bytes from
//! anyone. Flows out: values that cannot hold nonsense, or a reason for refusal. Never here: what a message means; and
//! `bincode` is named nowhere else.
//!
//! A datagram is
//!
//! ```text
//!  0      2         3       4             8                n−4       n ≤ 1,200
//!  ├──────┼─────────┼───────┼─────────────┼─── … ──────────┼─────────┤
//!  │ magic│ version │ flags │ cluster tag │ body           │ CRC-32C │
//! ```
//!
//! The body is a sender, a receiver's tag, one [`Head`], and then [`Item`]s up to its end. No list has a length on the
//! wire that could be believed too early: what does not decode to the last byte is refused as a whole. The checksum also
//! covers the cluster's name, which is not sent.
//!
//! The module is public for tools: dissectors, fuzzers, simulators. Its types change with the wire version.

mod frame;
mod limits;
mod message;
mod pack;

pub use frame::{Encoder, Frame, Reject, decode, reseal};
pub use limits::{Age, Bytes, Count, HeartbeatInterval, Micros, Padding, Tag};
pub use message::{Ack, Bucket, Contact, Head, Heartbeat, Item, Stamp, Sums, Survey, Voucher};
pub use pack::{UnpackError, pack, unpack};

pub use crate::core::identity::{Key, Life};
pub use crate::core::opinion::{Doubt, Doubts, Level, Opinions};
pub use crate::core::quorum::{Envelope, Message, Standing};
pub use crate::core::register::{Ballot, RegisterMessage, Round};

/// The largest datagram, in bytes: it passes every path that IPv6 allows, with room for tunnels.
pub const DATAGRAM_MAX: usize = 1200;
