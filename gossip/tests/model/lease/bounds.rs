//! Who is there and what may happen: the bounds within which a model is explored.

use super::mutants::Mutant;
use crate::machines::explore::full;

/// Who is there, and what may happen.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Storage ids are 1, 2, …; the first view's voters are these.
    pub voters: Vec<u8>,
    /// Disks of hosts that may vote: all that are in any electorate.
    pub disks: Vec<u8>,
    /// Whose leases are watched: names, and incarnations. A name `vN` is the voter with that disk itself.
    pub holders: Vec<(&'static str, u64)>,
    /// Who may be suspended, as what.
    pub suspects: Vec<(&'static str, u64)>,
    /// The electorates that may be sealed.
    pub seals: Vec<Vec<u8>>,
    pub unseals: bool,
    pub restores: bool,
    /// How often a voter may start again, all together.
    pub restarts: u32,
    /// Whether a write takes time.
    pub slow_disks: bool,
    /// Whether the holder has been granted a lease, and there is a resource, and somebody else who wants it.
    pub resource: bool,
    /// The lengths of vouchers that may be set, in units; the first is where it begins.
    pub vouch_for: Vec<u32>,
    pub rho: f64,
    /// How fast clocks run, in units a tick: (boot, raw) of voters, then of holders that are not.
    pub rates: [(u32, u32); 2],
    /// The highest view.
    pub epochs: u64,
    /// What is decided, in this order; if empty, anything in any order.
    pub order: &'static [&'static str],
    /// Whether heartbeats may be late too, and not only their acknowledgements.
    pub late: bool,
    pub mutant: Option<Mutant>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            voters: vec![1, 2, 3],
            disks: vec![1, 2, 3],
            holders: vec![("x", 1)],
            suspects: vec![("x", 1)],
            seals: vec![],
            unseals: false,
            restores: false,
            restarts: 0,
            slow_disks: false,
            resource: false,
            vouch_for: vec![2],
            rho: 0.0,
            rates: [(1, 1), (1, 1)],
            epochs: 2,
            order: &[],
            late: full(),
            mutant: None,
        }
    }
}

/// Restarts without number.
pub const ANY: u32 = u32::MAX;

pub fn one() -> Scope {
    Scope { voters: vec![1], disks: vec![1], ..Scope::default() }
}

pub fn two() -> Scope {
    Scope { voters: vec![1, 2], disks: vec![1, 2], ..Scope::default() }
}

/// After the first grant.
pub const GRANTED: &[&str] = &["grant", "suspend", "evict"];
pub const THERE: &[&str] = &["seal", "change", "suspend", "evict"];
pub const THERE_SUSPENDED: &[&str] = &["suspend", "seal", "change", "evict"];
pub const THERE_MEANWHILE: &[&str] = &["seal", "suspend", "change", "evict"];
pub const THERE_AGAIN: &[&str] = &["seal", "unseal", "seal", "change", "suspend", "evict"];
pub const THERE_AND_BACK: &[&str] = &["seal", "change", "seal", "change", "suspend", "evict"];

/// Nothing is shared: the old voter's word is worth nothing after.
pub fn apart(order: &'static [&'static str]) -> Scope {
    replaced(&[1], &[2], order)
}

pub fn replaced(before: &[u8], after: &[u8], order: &'static [&'static str]) -> Scope {
    let mut disks = [before, after].concat();
    disks.sort_unstable();
    disks.dedup();
    let (voters, seals) = (before.to_vec(), vec![after.to_vec(), before.to_vec()]);
    let epochs = order.len() as u64;
    Scope { voters, disks, seals, epochs, order, unseals: true, vouch_for: vec![1], ..Scope::default() }
}
