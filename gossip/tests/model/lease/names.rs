//! Short forms: names, disks, voters and lengths of time.

use std::time::Duration;

use gossip::core::quorum::{Voters, VouchFor};
use gossip::{Incarnation, NodeId, Now, StorageId};

/// One unit of time. Vouchers cannot be shorter than two.
pub const UNIT: Duration = Duration::from_millis(25);

pub fn name(of: &str) -> NodeId {
    NodeId::new(of).unwrap()
}

pub fn life(of: u64) -> Incarnation {
    Incarnation::new(of).unwrap()
}

pub fn disk(of: u8) -> StorageId {
    StorageId([of; 16])
}

pub fn voters(of: &[u8]) -> Voters {
    let mut voters = Voters::default();
    for &n in of {
        assert!(voters.insert(disk(n), name(&format!("v{n}"))));
    }
    voters
}

pub fn length(units: u32) -> VouchFor {
    VouchFor::clamped(units * 2 * UNIT)
}

pub fn later(now: Now, (boot, raw): (u32, u32)) -> Now {
    Now { boot: now.boot + boot * 2 * UNIT, raw: now.raw + raw * 2 * UNIT, wall: None }
}
