//! What stands in for the parts of a node that a model leaves out: what it observes, and the register.

use std::time::Duration;

use gossip::core::quorum::{Delta, Sighting, Subject, Witness};
use gossip::core::register::{Desk, Register, RegisterMessage};
use gossip::wire::Key;
use gossip::{Identity, NodeId, Opinion, StorageId};

/// A host that observes what it is told to, of everybody alike.
pub struct Sees<'a> {
    /// What it thinks of whoever it is asked about; none if it observes nobody.
    pub opinion: Option<Opinion>,
    /// Whom it doubts enough to ask about.
    pub suspect: Option<Subject>,
    /// Which process of a name it has heard.
    pub heard: &'a dyn Fn(&NodeId) -> Option<Identity>,
}

/// Observes nobody, and has heard nobody.
pub const NOTHING: Sees<'static> = Sees { opinion: None, suspect: None, heard: &|_| None };

impl Witness for Sees<'_> {
    fn sight(&self, _: &Subject) -> Option<Sighting> {
        let (opinion, heard) = (self.opinion?, Duration::ZERO);
        Some(Sighting { opinion, heard, outlived: false, deaf: false, isolated: false })
    }

    fn suspects(&self) -> Vec<Subject> {
        self.suspect.iter().cloned().collect()
    }

    fn trusts(&self, _: &StorageId, _: &NodeId) -> bool {
        false
    }

    fn heard_since(&self, _: &StorageId, _: &NodeId) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn identity(&self, of: &NodeId) -> Option<Identity> {
        (self.heard)(of)
    }

    fn observers(&self, _: &Subject) -> Vec<Key> {
        Vec::new()
    }
}

/// A register that only remembers what it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wish(pub Option<Delta>);

impl Register for Wish {
    fn rebase(&mut self, _: Duration) {
        self.0 = None;
    }

    fn propose(&mut self, _: &mut Desk<'_>, delta: Delta) -> Option<Delta> {
        // That an attempt is given up needs no reason here.
        if delta != Delta::Unseal {
            self.0 = Some(delta);
        }
        None
    }

    fn handle_message(&mut self, _: &mut Desk<'_>, _: StorageId, _: &RegisterMessage) -> Option<Delta> {
        None
    }

    fn handle_timeout(&mut self, _: &mut Desk<'_>) -> Option<Delta> {
        None
    }

    fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    fn is_busy(&self, _: Duration) -> bool {
        false
    }
}
