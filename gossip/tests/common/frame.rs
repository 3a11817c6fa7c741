//! Putting a datagram together from what it says, with a good checksum, as a node of another make would.

use gossip::wire::{Encoder, Frame, Item};
use gossip::{Config, DATAGRAM_MAX};

/// The bytes of a frame and those of its items that fit.
pub(crate) fn encoded(config: &Config, frame: &Frame, items: &[Item]) -> Vec<u8> {
    let mut buf = [0; DATAGRAM_MAX];
    let mut encoder = Encoder::new(config, &mut buf, frame.from, frame.to, &frame.head);
    for item in items {
        encoder.push(item);
    }
    let len = encoder.finish();
    buf[..len].to_vec()
}
