//! What stands in for the register and for what a host observes.

use std::time::Duration;

use gossip::core::quorum::{Delta, Sighting, Subject, Witness};
use gossip::core::register::{Desk, Register, RegisterMessage};
use gossip::wire::Key;
use gossip::{Identity, NodeId, Opinion, StorageId};

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

/// Suspects everybody, always: whoever does not want to certify loses the certificate instead.
pub struct Suspicious;

impl Witness for Suspicious {
    fn sight(&self, _: &Subject) -> Option<Sighting> {
        Some(Sighting { opinion: Opinion::Suspect, outlived: false, deaf: false, isolated: false })
    }

    fn suspects(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn trusts(&self, _: &NodeId) -> bool {
        false
    }

    fn identity(&self, _: &NodeId) -> Option<Identity> {
        None
    }

    fn observers(&self, _: &Subject) -> Vec<Key> {
        Vec::new()
    }
}
