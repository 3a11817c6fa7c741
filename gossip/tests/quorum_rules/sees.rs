//! What the node under test observes of others.

use std::collections::BTreeMap;
use std::time::Duration;

use gossip::core::quorum::{Sighting, Subject, Witness};
use gossip::wire::Key;
use gossip::{Identity, NodeId, Opinion, StorageId};

/// What a node observes: one subject, or nobody.
#[derive(Default)]
pub struct Sees {
    pub whom: Option<(Subject, Opinion)>,
    /// When that one was heard last.
    pub heard_at: Duration,
    /// Whether that one has long called itself isolated.
    pub isolated: bool,
    pub heard: Vec<Identity>,
    /// Who observes everybody else.
    pub observers: Vec<Key>,
    /// Whom others doubt.
    pub doubted: Vec<Subject>,
    /// Voters that it has not heard again, and those that have come back.
    pub silent_voters: Vec<NodeId>,
    pub returned: BTreeMap<NodeId, Duration>,
}

impl Witness for Sees {
    fn sight(&self, subject: &Subject) -> Option<Sighting> {
        let (whom, opinion) = self.whom.as_ref()?;
        (whom.id == subject.id).then_some(Sighting {
            opinion: *opinion,
            heard: self.heard_at,
            outlived: subject.incarnation < whom.incarnation,
            deaf: false,
            isolated: self.isolated,
        })
    }

    fn suspects(&self) -> Vec<Subject> {
        self.whom
            .iter()
            .filter(|(_, opinion)| *opinion == Opinion::Suspect)
            .map(|(whom, _)| whom.clone())
            .chain(self.doubted.iter().cloned())
            .collect()
    }

    fn trusts(&self, _: &StorageId, _: &NodeId) -> bool {
        true
    }

    fn heard_since(&self, _: &StorageId, name: &NodeId) -> Option<Duration> {
        let since = self.returned.get(name).copied().unwrap_or_default();
        (!self.silent_voters.contains(name)).then_some(since)
    }

    fn identity(&self, name: &NodeId) -> Option<Identity> {
        self.heard.iter().find(|identity| identity.id == *name).cloned()
    }

    fn observers(&self, _: &Subject) -> Vec<Key> {
        self.observers.clone()
    }
}
