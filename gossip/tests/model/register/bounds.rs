//! Who is asked and what may happen: the bounds within which the model is explored.

use super::mutants::Mutant;

#[derive(Debug, Clone)]
pub struct Scope {
    /// Which voters are asked for something; each for a lease of its own.
    pub asked: Vec<u8>,
    /// The highest view.
    pub epochs: u64,
    /// The highest round of a ballot.
    pub rounds: u64,
    /// How often voters crash, all together.
    pub crashes: u8,
    /// Whether the third voter may lose its disk.
    pub wipes: bool,
    /// Whether voters that accepted a value finish it, and proposers repeat themselves and give up.
    pub timers: bool,
    /// Whether a write takes time.
    pub slow_disks: bool,
    pub mutant: Option<Mutant>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            asked: vec![0, 1],
            epochs: 1,
            rounds: 2,
            crashes: 0,
            wipes: false,
            timers: false,
            slow_disks: false,
            mutant: None,
        }
    }
}
