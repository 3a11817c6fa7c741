//! The rules that can be broken, one at a time.

use super::properties::{S1, S9};

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// What was promised is not on the disk.
    ForgetsPromise,
    /// A proposer does not look at what was accepted before.
    DropsForced,
    /// A voter whose disk was lost votes as the one it was.
    Amnesiac,
    /// A proposer asks one voter to accept one value, and another one another, in one ballot.
    TwoValues,
    /// A ballot does not say in which life it was made, and a proposer forgets the ones it made.
    SameLife,
    /// A voter says what it has promised and accepted before that is on its disk.
    Unwritten,
    /// A proposer takes its own acceptance for that of a majority.
    Alone,
}

impl Mutant {
    /// What shows that it is one.
    pub fn breaks(self) -> &'static str {
        if matches!(self, Self::Unwritten | Self::Alone) { S9 } else { S1 }
    }
}
