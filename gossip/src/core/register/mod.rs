//! Deciding view n + 1 from view n: a compare-and-swap on the epoch, and nothing more.
//!
//! Lives here: the one trait that the rest of the protocol sees of consensus, and the embedded engine behind it,
//! single-decree Paxos among the voters of view n ([`Paxos`]). Flows in: a delta somebody would like to see follow. Flows
//! out: the delta that does, which may be another's. Never here: leases, suspicion, vouchers, or what a delta means: an
//! engine that agrees on opaque values (a transaction of etcd on one key, say) serves as well, by the same argument.

mod acceptor;
mod paxos;

use std::fmt::Debug;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use acceptor::Ballots;
pub use paxos::Paxos;

use super::identity::{Incarnation, StorageId};
use super::quorum::{Delta, Journal, Output, Outputs, Recipient, View};
use super::rng::Rng;

/// What an engine works with while it is called.
#[derive(Debug)]
pub struct Desk<'a> {
    /// The time, on the clock of timers.
    pub now: Duration,
    /// The view that this voter has stored: the one to follow.
    pub view: &'a View,
    /// Its fingerprint.
    pub hash: u64,
    /// This voter.
    pub own: StorageId,
    /// This life of it.
    pub incarnation: Incarnation,
    /// What becomes durable before anything that depends on it leaves.
    pub journal: &'a mut Journal,
    /// What leaves.
    pub outputs: &'a mut Outputs,
    /// Chance, for back-off.
    pub rng: &'a mut Rng,
}

impl Desk<'_> {
    /// Sends a message to a voter once all that was changed so far is durable.
    fn send(&mut self, to: StorageId, message: RegisterMessage) {
        let message = super::quorum::Message::Register { base: self.view.epoch, hash: self.hash, message };
        self.outputs.push(Output::Send { to: Recipient::Voter(to), message }, self.journal.version());
    }

    fn send_all(&mut self, message: &RegisterMessage, wanted: impl Fn(&StorageId) -> bool) {
        for &voter in self.view.electorate.voters.keys().filter(|&voter| wanted(voter)) {
            self.send(voter, message.clone());
        }
    }
}

/// An engine that decides, for each view, the one delta that follows it.
///
/// Whatever an engine does, it must never let two deltas follow one view. It is used by voters only, and told of each view
/// that has been stored; what it knew of earlier ones is void then.
pub trait Register: Debug {
    /// Another view has been stored: there is nothing under way any more.
    fn rebase(&mut self, now: Duration);

    /// Tries to make `delta` follow the stored view. Returns what does, if that is known at once.
    fn propose(&mut self, desk: &mut Desk<'_>, delta: Delta) -> Option<Delta>;

    /// Takes a message of another voter's engine (or of its own) about the stored view.
    fn handle_message(
        &mut self,
        desk: &mut Desk<'_>,
        from: StorageId,
        message: &RegisterMessage,
    ) -> Option<Delta>;

    /// Lets time pass.
    fn handle_timeout(&mut self, desk: &mut Desk<'_>) -> Option<Delta>;

    /// When it wants to be woken.
    fn poll_timeout(&self) -> Option<Duration>;

    /// Whether it is trying to decide something, or waits before it tries again.
    fn is_busy(&self, now: Duration) -> bool;
}

/// A try to decide: ordered, and never used twice, since it names the life that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ballot {
    /// Higher than any its proposer has seen.
    pub round: Round,
    /// Whose it is.
    pub proposer: StorageId,
    /// In which life.
    pub incarnation: Incarnation,
}

/// The round of a ballot: at most 2³², so that one absurd number cannot use them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Round(u64);

impl Round {
    const MAX: u64 = 1 << 32;

    /// The next one; none at the end of the range.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        (self.0 < Self::MAX).then(|| Self(self.0 + 1))
    }

    /// How far one is believed to be above another at once.
    const LEAP_MAX: u64 = 1 << 16;

    /// Whether it is so far above another that an error may have made it.
    pub fn is_absurd_after(self, known: Self) -> bool {
        self.0 > known.0 + Self::LEAP_MAX
    }

    /// This round, or a higher one that has been heard of, as far as that is believed at once: whoever was down while others
    /// fought for days catches up in a few steps, and a single absurd number uses up next to nothing.
    #[must_use]
    pub fn towards(self, heard: Self) -> Self {
        self.max(Self(heard.0.min(self.0 + Self::LEAP_MAX)))
    }
}

impl TryFrom<u64> for Round {
    type Error = &'static str;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        if value <= Self::MAX { Ok(Self(value)) } else { Err("round above 2^32") }
    }
}

impl From<Round> for u64 {
    fn from(round: Round) -> u64 {
        round.0
    }
}

/// What voters say to each other to decide one view.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RegisterMessage {
    /// Phase 1: "promise to take part in no lower ballot, and say what you accepted."
    Prepare {
        /// The ballot.
        ballot: Ballot,
    },
    /// The answer.
    Promise {
        /// Of which ballot.
        ballot: Ballot,
        /// What was accepted before, in the highest ballot that was.
        accepted: Option<(Ballot, Delta)>,
    },
    /// Phase 2: "accept this."
    Accept {
        /// The ballot.
        ballot: Ballot,
        /// Its value.
        delta: Delta,
    },
    /// The answer.
    Accepted {
        /// Of which ballot.
        ballot: Ballot,
    },
    /// The other answer to either: a higher ballot has been promised.
    Beaten {
        /// The ballot that was refused.
        ballot: Ballot,
        /// The one that was promised.
        promised: Ballot,
    },
}
