//! What only a majority can state or grant: views, verdicts, leases.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Lease, Node, NodeError};
use crate::core::quorum::LEASES_MAX;
use crate::driver::Command;
use crate::driver::error::Stopped;
use crate::driver::leases::Ungranted;
use crate::error::IdError;
use crate::{Denial, Incarnation, LeaseName, NodeId, Now, Standing, StorageState, Verdict, View};

/// Questions.
impl Node {
    /// Where this node stands at this moment, by its own clocks; nobody is asked.
    ///
    /// For whoever wants to show it, or to stop taking on work. What a lease is needed for is decided by
    /// [`Lease::check`] alone.
    pub fn standing(&self) -> Standing {
        self.shared.board.standing()
    }

    /// Whether this node has a disk behind what it promises, and whether that has failed: then it neither votes nor vouches
    /// until it is started again. [`Event::StorageFailed`](crate::Event::StorageFailed) says it once, this for as long as it is
    /// so.
    pub fn storage(&self) -> StorageState {
        self.shared.board.storage()
    }

    /// A reading of the clocks that this node's leases are measured by, for [`Lease::check_at`].
    pub fn now(&self) -> Now {
        self.shared.board.now()
    }

    /// The newest view that is stored here: voters, who is suspended, dead or has left, and who holds which lease. None
    /// before the founders have agreed, or before this node has heard of it.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn view(&self) -> Result<Option<Arc<View>>, Stopped> {
        self.ask(|core, _| core.quorum().view().cloned()).await
    }

    /// What is to be thought of a member, or of one that was.
    ///
    /// *Dead*, *left* and *suspended* have been decided; *alive* and *undecided* are this node's own readings.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn verdict(&self, id: &NodeId) -> Result<Verdict, Stopped> {
        let id = id.clone();
        self.ask(move |core, _| core.verdict(&id)).await
    }

    /// Waits until this node lives a life above `before`, which it begins by itself when others know a higher incarnation
    /// of it than it knew, or when it has been declared dead ([`OnEviction::Return`](crate::OnEviction::Return)).
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn reborn(&self, before: Incarnation) -> Result<Incarnation, Stopped> {
        let mut status = self.shared.status.clone();
        let waited = status.wait_for(|s| s.stopped.is_some() || s.incarnation > Some(before)).await;
        match waited.map(|s| s.incarnation.filter(|_| s.stopped.is_none())) {
            Ok(Some(incarnation)) => Ok(incarnation),
            _ => Err(self.why_stopped()),
        }
    }
}

/// Commands.
impl Node {
    /// Asks for a lease, and waits until a majority has granted it. That takes as long as somebody else holds it, or as no
    /// majority is in reach: give it a timeout.
    ///
    /// Any node can hold leases, voter or not. The name has 1 to 64 bytes. Within one process there is one handle on a lease at a
    /// time. After an eviction a node that returns asks on in its new life.
    ///
    /// ```
    /// use gossip::Node;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let disk = tempfile::tempdir()?;
    /// // A cluster of one, which is its own majority.
    /// let node = Node::builder("demo", "n1").voters(["n1"]).data_dir(disk.path()).start().await?;
    /// let lease = node.acquire("orders/leader").await?;
    /// let permit = lease.check()?;
    /// println!("{permit}");
    ///
    /// let token = lease.token();
    /// lease.release().await;
    /// assert!(node.acquire("orders/leader").await?.token() > token);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the name cannot be used, the lease is held or asked for by this node already, it was denied, or the node is
    /// leaving or gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up: the node stops asking, and gives the lease back if it was granted meanwhile.
    pub async fn acquire(&self, name: impl AsRef<str>) -> Result<Lease, NodeError> {
        let lease = LeaseName::new(name)?;
        let (answer, answered) = oneshot::channel();
        if self.shared.commands.send(Command::Acquire(lease.clone(), answer)).await.is_ok()
            && let Ok(granted) = answered.await
        {
            return granted.map(Lease::new).map_err(|ungranted| refusal(lease, ungranted));
        }
        Err(Stopped(self.stopped().await).into())
    }

    /// Gives a lease back by its name, or stops asking for it; true if there was anything to give. Its handle is dead before
    /// anybody hears of it, and an [`acquire`](Self::acquire) that waits for it ends with [`NodeError::Released`].
    ///
    /// Dropping the future leaves open whether it is given back.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the name cannot be used, or the node is leaving or gone: then the lease is over anyway.
    pub async fn release(&self, name: impl AsRef<str>) -> Result<bool, NodeError> {
        let lease = LeaseName::new(name)?;
        let (answer, answered) = oneshot::channel();
        if self.shared.commands.send(Command::Release(lease, answer)).await.is_ok()
            && let Ok(released) = answered.await
        {
            return Ok(released?);
        }
        Err(Stopped(self.stopped().await).into())
    }

    /// Asks for these nodes to be the voters: 1 to 9 names, each of a node that has a data directory and is in reach.
    ///
    /// It returns when the node has taken note; whether it comes about, events tell: [`Event::View`](crate::Event::View) with the
    /// new voters, or [`Event::RequestDenied`](crate::Event::RequestDenied). Asking for others takes its place. Dropping the
    /// future leaves open whether it is asked for.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if a name or the list cannot be used, or the node is leaving or gone.
    pub async fn change_voters(
        &self,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), NodeError> {
        let names = names.into_iter().map(NodeId::new).collect::<Result<Vec<_>, IdError>>()?;
        Ok(self.ask(move |core, now| core.change_voters(now, &names)).await??)
    }
}

fn refusal(lease: LeaseName, ungranted: Ungranted) -> NodeError {
    match ungranted {
        Ungranted::Busy => NodeError::Held { lease },
        Ungranted::TooMany => NodeError::Leases { max: LEASES_MAX },
        Ungranted::Denied(reason) => NodeError::Denied { lease, reason },
        Ungranted::Released => NodeError::Released { lease },
        Ungranted::Command(error) => error.into(),
    }
}

/// Why a request was denied, and what to do about it.
pub(super) fn words(reason: Denial) -> &'static str {
    match reason {
        Denial::Full => {
            "the cluster has as many leases as it may; release some, or let one stand for several things"
        }
        Denial::EarlierLife => {
            "an earlier life of this node still owns a lease; wait until it has been evicted"
        }
        Denial::Voters => "the list of voters is empty, too long, or names one twice",
        Denial::Unchanged => "those are the voters already, from the same disks; there is nothing to do",
    }
}
