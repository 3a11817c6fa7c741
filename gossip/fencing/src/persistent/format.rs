//! The file, integers little-endian:
//!
//! ```text
//! "fencing\n"   8 bytes
//! version       u16
//! genesis       u64
//! admitted      u8        whether any token was
//! highest       u64       the highest that was; 0 if none
//! lease         u8 length, bytes
//! checksum      u32       CRC-32C of everything before it
//! ```

use std::path::Path;

use super::error::GateError;
use crate::{FencingGate, LeaseName, Token};

const MAGIC: &[u8; 8] = b"fencing\n";
const VERSION: u16 = 1;
/// Up to and with the length of the name.
const HEAD_LEN: usize = 8 + 2 + 8 + 1 + 8 + 1;
const CHECKSUM_LEN: usize = 4;
pub(super) const FILE_LEN_MAX: usize = HEAD_LEN + LeaseName::LEN_MAX + CHECKSUM_LEN;

pub(super) fn serialize(gate: &FencingGate) -> Vec<u8> {
    let mut file = Vec::with_capacity(FILE_LEN_MAX);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&gate.genesis().to_le_bytes());
    file.push(u8::from(gate.highest().is_some()));
    file.extend_from_slice(&gate.highest().map_or(0, Token::get).to_le_bytes());
    // A name has at most 64 bytes.
    file.push(gate.lease().len() as u8);
    file.extend_from_slice(gate.lease().as_bytes());
    file.extend_from_slice(&crc32c(&file).to_le_bytes());
    file
}

/// Looks at the parts in the order that tells most: is it ours at all, of a version we know, all there, undamaged?
pub(super) fn parse(file: &[u8], path: &Path) -> Result<FencingGate, GateError> {
    let at = || path.to_owned();
    let length = || GateError::Length { path: path.to_owned(), found: file.len() };
    let corrupt = || GateError::Checksum { path: path.to_owned() };
    let magic = file.get(..MAGIC.len()).ok_or_else(length)?;
    if magic != MAGIC {
        return Err(GateError::Magic { path: at() });
    }
    let version = array(file, 8).map(u16::from_le_bytes).ok_or_else(length)?;
    if version != VERSION {
        return Err(GateError::Version { path: at(), found: version, known: VERSION });
    }
    let name_len = file.get(HEAD_LEN - 1).copied().map(usize::from).ok_or_else(length)?;
    if file.len() != HEAD_LEN + name_len + CHECKSUM_LEN {
        return Err(length());
    }
    let (checked, checksum) = file.split_at(file.len() - CHECKSUM_LEN);
    if crc32c(checked).to_le_bytes() != *checksum {
        return Err(corrupt());
    }
    // What follows cannot fail on a file that this program wrote: the checksum has been seen to be good.
    let genesis = array(file, 10).map(u64::from_le_bytes).ok_or_else(corrupt)?;
    let highest = array(file, 19).map(u64::from_le_bytes).map(Token::new).ok_or_else(corrupt)?;
    let highest = match file[18] {
        0 => None,
        1 => Some(highest),
        _ => return Err(corrupt()),
    };
    let lease = std::str::from_utf8(&checked[HEAD_LEN..]).map_err(|_| corrupt())?;
    FencingGate::resume(genesis, lease, highest).map_err(|_| corrupt())
}

fn array<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at + N)?.try_into().ok()
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), bit by bit: a hundred bytes per grant need no table.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED: u32 = 0x82f6_3b78;
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (REVERSED & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_rfc() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn the_format_never_changes_within_a_version() {
        let gate = FencingGate::resume(0x0102_0304_0506_0708, "db", Some(Token::new(9))).expect("a name");
        let mut expected = b"fencing\n\x01\x00\x08\x07\x06\x05\x04\x03\x02\x01".to_vec();
        expected.extend_from_slice(b"\x01\x09\x00\x00\x00\x00\x00\x00\x00\x02db");
        let bytes = serialize(&gate);
        assert_eq!(bytes[..bytes.len() - CHECKSUM_LEN], expected);
        assert_eq!(parse(&bytes, Path::new("f")).expect("reads"), gate);
    }
}
