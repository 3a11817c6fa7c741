//! The frame: what is checked before anything is believed.

use bincode::config;
use bincode::error::DecodeError;
use bincode::serde::{borrow_decode_from_slice, encode_into_slice};
use serde::Deserialize;

use super::DATAGRAM_MAX;
use super::limits::Tag;
use super::message::{Head, Item};
use crate::config::Config;
use crate::core::identity::Life;

/// "φ" in UTF-8.
const MAGIC: [u8; 2] = [0xcf, 0x86];
/// Major version in the upper half: another is not understood. Minor in the lower: a newer one may say new things.
const VERSION: u8 = 0x10;
/// No flag is defined yet. Bit 0 is reserved for a body that is encrypted and authenticated.
const FLAGS: u8 = 0;
const HEADER_LEN: usize = 8;
const TRAILER_LEN: usize = 4;

/// Little endian, varint, and never more than a datagram may claim.
const CODEC: config::Configuration<config::LittleEndian, config::Varint, config::Limit<DATAGRAM_MAX>> =
    config::standard().with_limit::<DATAGRAM_MAX>();

/// A decoded datagram, without its items.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Whose it is.
    pub from: Life,
    /// For whom it is meant: half of the receiver's life as the sender knows it, or zero.
    pub to: Tag,
    /// What it says.
    pub head: Head,
}

/// Why a datagram was refused. It changed nothing but a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reject {
    /// Shorter than a frame or longer than a datagram may be.
    Size,
    /// Not this protocol.
    Magic,
    /// Another major version of it.
    Version,
    /// A newer minor version, and something in it that this one does not know.
    Newer,
    /// A flag that is not defined here.
    Flags,
    /// Another cluster's.
    Cluster,
    /// Damaged under way.
    Checksum,
    /// The body does not decode to its last byte.
    Malformed,
    /// A value is outside its range, or a kind of message or item is not known.
    Range,
    /// An item that has no place after its head.
    Misplaced,
}

impl Reject {
    /// All reasons, in the order in which they are checked.
    pub const ALL: [Self; 10] = [
        Self::Size,
        Self::Magic,
        Self::Version,
        Self::Newer,
        Self::Flags,
        Self::Cluster,
        Self::Checksum,
        Self::Malformed,
        Self::Range,
        Self::Misplaced,
    ];
}

/// Decodes a datagram; its items go to `items`, which is emptied first and has room left over from the last time.
///
/// # Errors
///
/// [`Reject`] if anything at all is wrong with it. `items` is empty then.
pub fn decode(config: &Config, bytes: &[u8], items: &mut Vec<Item>) -> Result<Frame, Reject> {
    items.clear();
    let body = open(config, bytes)?;
    decode_body(body, items).map_err(|reject| {
        items.clear();
        let newer = bytes[2] > VERSION && matches!(reject, Reject::Malformed | Reject::Range);
        if newer { Reject::Newer } else { reject }
    })
}

fn open<'a>(config: &Config, bytes: &'a [u8]) -> Result<&'a [u8], Reject> {
    if bytes.len() < HEADER_LEN + TRAILER_LEN || bytes.len() > DATAGRAM_MAX {
        return Err(Reject::Size);
    }
    let (framed, trailer) = bytes.split_at(bytes.len() - TRAILER_LEN);
    if framed[..2] != MAGIC {
        return Err(Reject::Magic);
    }
    if framed[2] >> 4 != VERSION >> 4 {
        return Err(Reject::Version);
    }
    if framed[3] != FLAGS {
        return Err(Reject::Flags);
    }
    if framed[4..HEADER_LEN] != config.cluster.tag.to_le_bytes() {
        return Err(Reject::Cluster);
    }
    if trailer != checksum(config, framed).to_le_bytes() {
        return Err(Reject::Checksum);
    }
    Ok(&framed[HEADER_LEN..])
}

fn decode_body(body: &[u8], items: &mut Vec<Item>) -> Result<Frame, Reject> {
    let mut rest = body;
    let (from, to, head): (Life, Tag, Head) = take(&mut rest)?;
    while !rest.is_empty() {
        let item: Item = take(&mut rest)?;
        if !head.takes(&item) {
            return Err(Reject::Misplaced);
        }
        items.push(item);
    }
    Ok(Frame { from, to, head })
}

/// Decodes one value from the front of `rest`. Every value has at least one byte, so this ends.
fn take<'a, T: Deserialize<'a>>(rest: &mut &'a [u8]) -> Result<T, Reject> {
    let (value, used) = borrow_decode_from_slice(rest, CODEC).map_err(|error| match error {
        // What our own types say when a value is outside its range.
        DecodeError::OtherString(_) => Reject::Range,
        _ => Reject::Malformed,
    })?;
    *rest = rest.get(used..).ok_or(Reject::Malformed)?;
    Ok(value)
}

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) over the cluster's name, which is not sent, and the frame.
fn checksum(config: &Config, framed: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&config.cluster.hash.to_le_bytes()), framed)
}

/// Gives a datagram that was changed on purpose the checksum that belongs to it, so that a fuzzer or a simulator gets past
/// it. Does nothing to one that is too short to have one.
pub fn reseal(config: &Config, bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(TRAILER_LEN) {
        let (framed, trailer) = bytes.split_at_mut(at);
        trailer.copy_from_slice(&checksum(config, framed).to_le_bytes());
    }
}

/// Writes one datagram: a head, then as many items as fit.
#[derive(Debug)]
pub struct Encoder<'a> {
    config: &'a Config,
    buf: &'a mut [u8; DATAGRAM_MAX],
    len: usize,
    /// Where the trailer must begin at the latest.
    end: usize,
}

impl<'a> Encoder<'a> {
    /// Begins a datagram.
    ///
    /// Every head fits: the longest, a part of a snapshot, makes a datagram of 1,105 bytes.
    pub fn new(
        config: &'a Config,
        buf: &'a mut [u8; DATAGRAM_MAX],
        from: Life,
        to: Tag,
        head: &Head,
    ) -> Self {
        buf[..2].copy_from_slice(&MAGIC);
        buf[2] = VERSION;
        buf[3] = FLAGS;
        buf[4..HEADER_LEN].copy_from_slice(&config.cluster.tag.to_le_bytes());
        let mut encoder = Self { config, buf, len: HEADER_LEN, end: DATAGRAM_MAX - TRAILER_LEN };
        let fits = encoder.put(&(from, to, head));
        debug_assert!(fits, "a head fits in an empty datagram");
        encoder
    }

    /// Makes no datagram longer than `len` bytes, or than its head needs.
    #[must_use]
    pub fn within(mut self, len: usize) -> Self {
        self.end = self.end.min(len.saturating_sub(TRAILER_LEN)).max(self.len);
        self
    }

    /// Adds an item if it fits; false, and nothing changed, if not.
    pub fn push(&mut self, item: &Item) -> bool {
        self.put(item)
    }

    /// How many bytes are left for items.
    pub fn room(&self) -> usize {
        self.end - self.len
    }

    /// Seals the datagram and says how long it is.
    pub fn finish(self) -> usize {
        let sum = checksum(self.config, &self.buf[..self.len]);
        self.buf[self.len..self.len + TRAILER_LEN].copy_from_slice(&sum.to_le_bytes());
        self.len + TRAILER_LEN
    }

    fn put(&mut self, value: &impl serde::Serialize) -> bool {
        let free = &mut self.buf[self.len..self.end];
        match encode_into_slice(value, free, CODEC) {
            Ok(used) => {
                self.len += used;
                true
            }
            // The only way to fail is a full buffer: none of our types refuses to be written.
            Err(_) => false,
        }
    }
}
