//! Values that are no datagrams: views in snapshots and on the disk, and what is hashed.

use bincode::config;
use bincode::serde::{borrow_decode_from_slice, encode_to_vec};
use serde::{Deserialize, Serialize};

/// No value that is packed is longer: a view at all its limits has less than a third of it.
const LEN_MAX: usize = 1 << 18;

const CODEC: config::Configuration<config::LittleEndian, config::Varint, config::Limit<LEN_MAX>> =
    config::standard().with_limit::<LEN_MAX>();

/// Bytes that were not written by [`pack`], or not for this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes do not decode to their end")]
pub struct UnpackError;

/// A value as bytes. Equal values are equal bytes.
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    // None of our types refuses to be written, and memory grows as needed.
    encode_to_vec(value, CODEC).unwrap_or_default()
}

/// The value of bytes, checked as a datagram's is.
///
/// # Errors
///
/// [`UnpackError`] if they hold anything else, less, or more.
pub fn unpack<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, UnpackError> {
    match borrow_decode_from_slice(bytes, CODEC) {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        _ => Err(UnpackError),
    }
}
