//! Golden bytes: what a message looks like on the wire, as it always has.

use std::fmt::Write as _;
use std::path::PathBuf;

use gossip::wire::{Encoder, Head, Item, Life, Tag};
use gossip::{Config, DATAGRAM_MAX};

/// A datagram, all of whose items fit.
pub(crate) fn encode(config: &Config, head: &Head, items: &[Item]) -> Vec<u8> {
    let mut buf = [0; DATAGRAM_MAX];
    let mut encoder = Encoder::new(config, &mut buf, Life(0x1111_2222_3333_4444), Tag(0x5555_6666), head);
    for item in items {
        assert!(encoder.push(item));
    }
    let len = encoder.finish();
    buf[..len].to_vec()
}

/// Compares with the file of this name, or writes it if `BLESS` is set.
pub(crate) fn check(name: &str, bytes: &[u8]) {
    let mut hex = String::new();
    for line in bytes.chunks(32) {
        line.iter().for_each(|byte| write!(hex, "{byte:02x}").expect("to a string"));
        hex.push('\n');
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &hex).expect("golden files can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(hex, golden, "{name}");
}
