//! Following a node without holding it up.

use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;

use super::Node;
use crate::driver::Status;
use crate::driver::error::Stopped;
use crate::{Event, Member};

/// What happens at a node, one event after another. Made by [`Node::events`].
#[derive(Debug)]
pub struct Events {
    /// None if the node had stopped before.
    receiver: Option<broadcast::Receiver<Event>>,
}

impl Events {
    pub(super) fn new(receiver: Option<broadcast::Receiver<Event>>) -> Self {
        Self { receiver }
    }

    /// The next event; none once the node has stopped and all has been read.
    ///
    /// [`Event::Lagged`] stands in the place of events that were lost because this was called too rarely.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no event is lost.
    pub async fn next(&mut self) -> Option<Event> {
        match self.receiver.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(lost)) => Some(Event::Lagged { lost }),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The members of a cluster, followed. Made by [`Node::watch`].
#[derive(Debug)]
pub struct Watch {
    node: Node,
    status: watch::Receiver<Status>,
    seen: Option<u64>,
}

impl Watch {
    pub(super) fn new(node: Node, status: watch::Receiver<Status>) -> Self {
        Self { node, status, seen: None }
    }

    /// The members: at once the first time, afterwards when something has changed since the last call.
    ///
    /// # Errors
    ///
    /// [`Stopped`] once the node no longer runs.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a change that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Result<Vec<Member>, Stopped> {
        let seen = self.seen;
        let changed = |s: &Status| s.stopped.is_some() || Some(s.revision) != seen;
        let revision = match self.status.wait_for(changed).await {
            Ok(status) => status.revision,
            Err(_) => return Err(self.node.why_stopped()),
        };
        // Read after the revision: what changes in between is returned now and once more, not lost.
        let members = self.node.members().await?;
        self.seen = Some(revision);
        Ok(members)
    }
}
