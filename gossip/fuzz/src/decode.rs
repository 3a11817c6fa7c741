//! What must hold of any one datagram.

use allocation_counter::measure;
use gossip::DATAGRAM_MAX;
use gossip::wire::{Encoder, Frame, Item, decode, reseal};

use super::cast::config;

/// Bytes allocated at a time for each byte of a datagram, and for an empty one. The most is taken by short items, each
/// of which is an enum of some dozen bytes in a vector that doubles.
const ALLOCATED_MAX: (u64, u64) = (64, 4096);

/// As it came it is nearly always refused; with its checksum put right, what is behind the checksum is looked at.
pub fn check(bytes: &[u8]) {
    decoded(bytes);
    let mut sealed = bytes.to_vec();
    reseal(&config(), &mut sealed);
    if let Some((frame, items)) = decoded(&sealed) {
        can_be_said_again(&frame, &items);
    }
}

/// Decodes into little memory, or leaves nothing behind.
fn decoded(bytes: &[u8]) -> Option<(Frame, Vec<Item>)> {
    let config = config();
    let mut items = Vec::new();
    let mut frame = None;
    let allocated = measure(|| frame = decode(&config, bytes, &mut items).ok()).bytes_max;
    let (each, fixed) = ALLOCATED_MAX;
    assert!(allocated <= fixed + each * bytes.len() as u64, "{allocated} B for {} B", bytes.len());
    assert!(items.len() < bytes.len().max(1), "{} items in {} bytes", items.len(), bytes.len());
    if frame.is_none() {
        assert!(items.is_empty(), "a refused datagram leaves nothing behind");
    }
    Some((frame?, items))
}

/// What was understood fits into a datagram, and is understood in the same way.
fn can_be_said_again(frame: &Frame, items: &[Item]) {
    let config = config();
    let mut buf = [0; DATAGRAM_MAX];
    let mut encoder = Encoder::new(&config, &mut buf, frame.from, frame.to, &frame.head);
    assert!(items.iter().all(|item| encoder.push(item)));
    let len = encoder.finish();
    let mut again = Vec::new();
    let reread = decode(&config, &buf[..len], &mut again);
    assert_eq!((reread.as_ref(), &*again), (Ok(frame), items));
}
