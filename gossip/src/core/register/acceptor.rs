//! The acceptor's half of single-decree Paxos (Lamport, *Paxos Made Simple*, 2001, §2.2): two rules on three numbers.

use serde::{Deserialize, Serialize};

use super::{Ballot, RegisterMessage};
use crate::core::quorum::Delta;

/// What a voter has promised and accepted about the view after the one it has stored.
///
/// It is one record, made durable as a whole before an answer leaves, and dropped only in the write that stores the
/// next view.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Ballots {
    /// No lower ballot is answered.
    pub promised: Option<Ballot>,
    /// The value accepted in the highest ballot that one was accepted in.
    pub accepted: Option<(Ballot, Delta)>,
}

impl Ballots {
    /// Phase 1. A promise that was given already is given again: the answer may have been lost.
    pub fn prepare(&mut self, ballot: Ballot) -> RegisterMessage {
        if let Some(promised) = self.promised.filter(|&promised| promised > ballot) {
            return RegisterMessage::Beaten { ballot, promised };
        }
        self.promised = Some(ballot);
        RegisterMessage::Promise { ballot, accepted: self.accepted.clone() }
    }

    /// Phase 2.
    pub fn accept(&mut self, ballot: Ballot, delta: &Delta) -> RegisterMessage {
        if let Some(promised) = self.promised.filter(|&promised| promised > ballot) {
            return RegisterMessage::Beaten { ballot, promised };
        }
        if self.accepted.as_ref().is_some_and(|(of, other)| *of == ballot && other != delta) {
            // One value per ballot (P1): whoever asks for another has broken that.
            return RegisterMessage::Beaten { ballot, promised: ballot };
        }
        self.promised = Some(ballot);
        self.accepted = Some((ballot, delta.clone()));
        RegisterMessage::Accepted { ballot }
    }
}
