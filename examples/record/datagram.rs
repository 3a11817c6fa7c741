//! What travels: 36 bytes, big-endian, checked in full before anything in them is believed.
//!
//! ```text
//! 0   magic "hbtr"    4   version 1    5   kind    6   zero (2)
//! 8   session (8)    16   seq (8)     24   sent_ns (8)    32   CRC-32 of bytes 0..32
//! ```

/// Bytes in a datagram.
pub(crate) const LENGTH: usize = 36;

const MAGIC: [u8; 4] = *b"hbtr";
const VERSION: u8 = 1;
const CHECKED: usize = LENGTH - 4;
/// Up to here whole nanoseconds are exact in an `f64`, and the accuracy program takes them: 104 days.
const SENT_MAX_NS: u64 = 1 << 53;

/// What a datagram is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heartbeat.
    Heartbeat,
    /// The sender has finished; number and time are those of its last heartbeat.
    End,
}

/// A datagram's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) kind: Kind,
    /// Drawn at random when the sender starts, so that a restarted one is not taken for the one before.
    pub(crate) session: u64,
    /// Counts up from 0.
    pub(crate) seq: u64,
    /// Nanoseconds from the sender's first heartbeat to this one, on its monotonic clock.
    pub(crate) sent_ns: u64,
}

/// Why bytes are no datagram of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Some other program's.
    Foreign,
    /// Of another version of this program.
    Version(u8),
    /// Ours by its first bytes, but damaged or made up.
    Damaged,
}

impl Datagram {
    pub(crate) fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = match self.kind {
            Kind::Heartbeat => 0,
            Kind::End => 1,
        };
        for (place, field) in [(8, self.session), (16, self.seq), (24, self.sent_ns)] {
            bytes[place..place + 8].copy_from_slice(&field.to_be_bytes());
        }
        let sum = crc32c::crc32c(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Unreadable::Foreign);
        }
        match bytes.get(MAGIC.len()) {
            Some(&VERSION) => {}
            Some(&other) => return Err(Unreadable::Version(other)),
            None => return Err(Unreadable::Damaged),
        }
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| Unreadable::Damaged)?;
        let kind = match bytes[5..8] {
            [0, 0, 0] => Kind::Heartbeat,
            [1, 0, 0] => Kind::End,
            _ => return Err(Unreadable::Damaged),
        };
        let field = |place: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&bytes[place..place + 8]);
            u64::from_be_bytes(field)
        };
        let datagram = Self { kind, session: field(8), seq: field(16), sent_ns: field(24) };
        if bytes[CHECKED..] != crc32c::crc32c(&bytes[..CHECKED]).to_be_bytes()
            || datagram.sent_ns > SENT_MAX_NS
        {
            return Err(Unreadable::Damaged);
        }
        Ok(datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARTBEAT: Datagram =
        Datagram { kind: Kind::Heartbeat, session: 0x0123_4567_89AB_CDEF, seq: 258, sent_ns: 25_800_000_001 };

    #[test]
    fn what_is_sent_is_what_is_read() {
        for kind in [Kind::Heartbeat, Kind::End] {
            let datagram = Datagram { kind, ..HEARTBEAT };
            assert_eq!(Datagram::decode(&datagram.encode()), Ok(datagram));
        }
    }

    #[test]
    fn the_layout_stays_as_it_is() {
        let bytes = HEARTBEAT.encode();
        assert_eq!(bytes[..8], *b"hbtr\x01\0\0\0");
        assert_eq!(bytes[8..16], [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]);
        assert_eq!(bytes[16..24], [0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn no_changed_bit_is_believed() {
        let good = HEARTBEAT.encode();
        for bit in 0..LENGTH * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Datagram::decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_lengths_programs_and_versions_are_told_apart() {
        let good = HEARTBEAT.encode();
        for length in 0..LENGTH {
            let expected = if length < 4 { Unreadable::Foreign } else { Unreadable::Damaged };
            assert_eq!(Datagram::decode(&good[..length]), Err(expected), "{length} bytes");
        }
        assert_eq!(Datagram::decode(&[good.as_slice(), &[0]].concat()), Err(Unreadable::Damaged));
        assert_eq!(Datagram::decode(b"GET / HTTP/1.1\r\n"), Err(Unreadable::Foreign));
        let mut next = good;
        next[4] = 2;
        assert_eq!(Datagram::decode(&next), Err(Unreadable::Version(2)));
        let late = Datagram { sent_ns: SENT_MAX_NS + 1, ..HEARTBEAT };
        assert_eq!(Datagram::decode(&late.encode()), Err(Unreadable::Damaged));
    }
}
