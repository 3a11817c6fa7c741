//! Who is at which address: asked for every datagram, so the hash is a cheap one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;

/// The host at each address.
pub type Addrs = HashMap<SocketAddr, usize, BuildHasherDefault<Multiply>>;

/// Each word is mixed in by one multiplication. Addresses are the simulation's own: nobody chooses them so that they collide.
#[derive(Debug, Default, Clone, Copy)]
pub struct Multiply(u64);

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        // 2⁶⁴ divided by the golden ratio.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // The upper bits are the better ones, and tables begin with the lower.
        self.0.rotate_left(32)
    }
}
