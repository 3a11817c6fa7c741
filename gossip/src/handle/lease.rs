//! Holding a lease.

use std::fmt;
use std::time::Duration;

use crate::core::quorum::Moment;
use crate::driver::board::{Good, Grip};
use crate::driver::leases::Owned;
use crate::{Epoch, GenesisId, LeaseName, Now};

/// A lease that a majority of voters has granted to this process. Made by [`Node::acquire`](crate::Node::acquire).
///
/// It ends by itself, at the first moment at which this node's own clocks say that no majority vouches for it any more, and
/// then never comes back: [`acquire`](crate::Node::acquire) it anew, and get a higher token. Between asking and acting a process may be paused for
/// as long as anybody pleases, so **ask at the moment of use, and let the resource check the token as well**: the crate
/// `fencing-gate` does that. It is all that protects where clocks stop while the host sleeps ([platforms](crate#platforms)).
///
/// Dropping it gives it back, in the background. It does not keep the node running.
///
/// ```no_run
/// # async fn example(node: gossip::Node) -> Result<(), Box<dyn std::error::Error>> {
/// let lease = node.acquire("orders/leader").await?;
/// loop {
///     // Asked anew each time: an answer is good for now only.
///     let Ok(permit) = lease.check() else { break };
///     write(permit.genesis().0, permit.lease().as_str(), permit.token().get()).await;
/// }
/// println!("no longer the leader: step down");
/// # Ok(())
/// # }
/// # async fn write(_: u64, _: &str, _: u64) {}
/// ```
#[derive(Debug)]
#[must_use = "dropping it gives the lease back"]
pub struct Lease {
    owned: Owned,
}

/// Leave to act, as of now. It borrows the handle, and is not to be kept: check again for the next thing to do.
#[derive(Debug)]
#[must_use = "it says what to show to the resource"]
pub struct Permit<'a> {
    grip: &'a Grip,
    good: Good,
}

/// The lease is over. It does not come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lease \"{lease}\" with token {token} is over: step down; acquire it again, and get a higher token")]
pub struct Expired {
    /// The lease.
    pub lease: LeaseName,
    /// The token that must not be used any more.
    pub token: Epoch,
}

impl Lease {
    pub(super) fn new(owned: Owned) -> Self {
        Self { owned }
    }

    /// Whether the lease is held at this very moment: reads this node's clocks and compares them with what voters have
    /// promised. Nothing is remembered but the end, and nobody is asked.
    ///
    /// It takes no time from its caller: one that was read before a pause would let an action pass that comes after the end.
    ///
    /// # Errors
    ///
    /// [`Expired`] once it is over, however that came about; from then on always.
    pub fn check(&self) -> Result<Permit<'_>, Expired> {
        self.look(None)
    }

    /// [`check`](Self::check) for a later moment: whether the lease would be held then if nothing more were heard of
    /// any voter. Make `at` from [`Node::now`](crate::Node::now); one that has passed already counts as now.
    ///
    /// It is an answer like any other: if it is no, this handle is dead.
    ///
    /// # Errors
    ///
    /// [`Expired`] once it is over; from then on always.
    pub fn check_at(&self, at: Now) -> Result<Permit<'_>, Expired> {
        self.look(Some(at))
    }

    fn look(&self, at: Option<Now>) -> Result<Permit<'_>, Expired> {
        let grip = self.owned.grip();
        grip.look(at).map(|good| Permit { grip, good }).ok_or_else(|| self.over())
    }

    fn over(&self) -> Expired {
        Expired { lease: self.name().clone(), token: self.token() }
    }

    /// Waits until the lease is over.
    ///
    /// It says so as soon as this process runs, which may be long after the end: use [`check`](Self::check) before acting.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the end stays.
    pub async fn expired(&self) -> Expired {
        self.owned.grip().ended().await;
        self.over()
    }

    /// Its fencing token: higher than any that was granted before.
    pub fn token(&self) -> Epoch {
        self.owned.grip().token()
    }

    /// Its name.
    pub fn name(&self) -> &LeaseName {
        self.owned.grip().lease()
    }

    /// The history in which the token counts.
    pub fn genesis(&self) -> GenesisId {
        self.owned.grip().genesis()
    }

    /// Gives the lease back. The handle is dead before anybody hears of it; when this returns the node has been told to ask for it, and
    /// others can have the lease as soon as it has been decided. A node whose disk hangs asks for nothing until the disk answers.
    ///
    /// It is the same as dropping it, but waits until the node knows. Where the node has stopped the lease is over anyway.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the lease back all the same.
    pub async fn release(self) {
        self.owned.release().await;
    }
}

impl Permit<'_> {
    /// The fencing token to show to the resource.
    pub fn token(&self) -> Epoch {
        self.grip.token()
    }

    /// The history in which it counts, to show as well.
    pub fn genesis(&self) -> GenesisId {
        self.grip.genesis()
    }

    /// The lease that it is for.
    pub fn lease(&self) -> &LeaseName {
        self.grip.lease()
    }

    /// Until when it is good at least, on this node's clocks ([`Node::now`](crate::Node::now)): the first of the two ends it.
    pub fn until(&self) -> Moment {
        self.good.until
    }

    /// How long that was when it was given.
    pub fn good_for(&self) -> Duration {
        self.good.remaining
    }
}

impl fmt::Display for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.good_for().as_millis();
        write!(f, "lease \"{}\" with token {}, good for {ms} ms", self.lease(), self.token())
    }
}
