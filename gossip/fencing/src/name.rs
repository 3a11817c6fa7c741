//! The name of a lease, without memory to put it in.

use core::fmt;

/// The name of a lease: 1 to 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseName {
    len: u8,
    /// Zero beyond `len`.
    bytes: [u8; LeaseName::LEN_MAX],
}

/// A name that no lease can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameError {
    /// Its length in bytes.
    pub len: usize,
}

impl LeaseName {
    /// The most bytes that a name can have.
    pub const LEN_MAX: usize = 64;

    /// A name of 1 to 64 bytes.
    ///
    /// # Errors
    ///
    /// [`NameError`] with the length, if it is none of these.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let len = name.len();
        let mut bytes = [0; Self::LEN_MAX];
        match bytes.get_mut(..len) {
            Some(room) if len > 0 => room.copy_from_slice(name.as_bytes()),
            _ => return Err(NameError { len }),
        }
        // It was seen to be at most 64.
        Ok(Self { len: len as u8, bytes })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // Copied whole from a `str`, so it is one.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Debug for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of a lease must have 1 to 64 bytes, this one has {}", self.len)
    }
}

impl core::error::Error for NameError {}
