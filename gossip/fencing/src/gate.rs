//! The gate itself: a number that never goes back, and whose number it is.

use core::fmt;

use crate::{LeaseName, NameError, Token};

/// Lets in whoever holds a lease, and nobody who held it before. See the [crate](crate) for how to use it.
///
/// It lives in memory: after a restart of the resource it has seen nothing, and a holder from before the restart that nobody has
/// followed yet gets in as it should, but so does one that *was* followed. Where that matters use `PersistentGate`, or
/// keep [`highest`](Self::highest) beside the data, in the same transaction, and [`resume`](Self::resume) from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FencingGate {
    genesis: u64,
    lease: LeaseName,
    highest: Option<Token>,
}

/// Why somebody was not let in. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The token was counted in another history.
    Genesis {
        /// The gate's history.
        gate: u64,
        /// The token's.
        given: u64,
    },
    /// The token is one of another lease.
    Lease {
        /// The lease that this gate stands for.
        gate: LeaseName,
    },
    /// Somebody with a later grant has been here: whoever comes with this token is not the holder any more.
    Stale {
        /// The highest token that was admitted.
        highest: Token,
        /// The one that was refused.
        given: Token,
    },
}

impl FencingGate {
    /// A gate that nobody has passed yet, for this lease in the history of this genesis id.
    ///
    /// # Errors
    ///
    /// [`NameError`] if no lease can have that name.
    pub fn new(genesis: u64, lease: &str) -> Result<Self, NameError> {
        Self::resume(genesis, lease, None)
    }

    /// A gate that goes on where an earlier one was, having admitted at most `highest`.
    ///
    /// # Errors
    ///
    /// [`NameError`] if no lease can have that name.
    pub fn resume(genesis: u64, lease: &str, highest: Option<Token>) -> Result<Self, NameError> {
        Ok(Self { genesis, lease: LeaseName::new(lease)?, highest })
    }

    /// Lets in whoever comes with this token, and from now on nobody with a lower one. For reads too (rule T3).
    ///
    /// # Errors
    ///
    /// [`Refused`] says why not: do not act for whoever came.
    pub fn admit(&mut self, genesis: u64, lease: &str, token: Token) -> Result<(), Refused> {
        self.check(genesis, lease, token)?;
        self.highest = self.highest.max(Some(token));
        Ok(())
    }

    /// Whether [`admit`](Self::admit) would let this token in; changes nothing, and so keeps nobody out either.
    ///
    /// # Errors
    ///
    /// [`Refused`] says why not.
    pub fn check(&self, genesis: u64, lease: &str, token: Token) -> Result<(), Refused> {
        if genesis != self.genesis {
            return Err(Refused::Genesis { gate: self.genesis, given: genesis });
        }
        if lease != self.lease.as_str() {
            return Err(Refused::Lease { gate: self.lease });
        }
        match self.highest {
            Some(highest) if token < highest => Err(Refused::Stale { highest, given: token }),
            _ => Ok(()),
        }
    }

    /// The highest token that was admitted, if any was.
    pub fn highest(&self) -> Option<Token> {
        self.highest
    }

    /// The history that this gate's tokens are counted in.
    pub fn genesis(&self) -> u64 {
        self.genesis
    }

    /// The lease that this gate stands for.
    pub fn lease(&self) -> &str {
        self.lease.as_str()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis { gate, given } => write!(
                f,
                "the token was counted in history {given:016x}, this gate is for {gate:016x}: one of the two belongs to another \
                 cluster, or to one that was founded anew"
            ),
            Self::Lease { gate } => write!(f, "the token is of another lease, this gate is for \"{gate}\""),
            Self::Stale { highest, given } => write!(
                f,
                "token {given} is outdated, a holder with token {highest} has been here: step down, and acquire the lease anew"
            ),
        }
    }
}

impl core::error::Error for Refused {}
