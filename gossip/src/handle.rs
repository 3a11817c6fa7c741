//! The async handle on a running node. It asks the task and waits for the answer; it decides nothing.

mod builder;
mod lease;
mod quorum;
mod subscribe;

pub use builder::Builder;
pub use lease::{Expired, Lease, Permit};
pub use subscribe::{Events, Watch};

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::core::Node as Core;
use crate::driver::board::Board;
use crate::driver::error::{StopReason, Stopped};
use crate::driver::{Command, Status};
use crate::error::{CommandError, IdError, MetadataError, SetError};
use crate::{Counters, Denial, Event, Identity, LeaseName, Member, NodeId, Now, Opinion, Suspicion};

/// A running node: a handle on the task that owns its socket. Clones are handles on the same node.
///
/// See the [crate's example](crate) for its use.
///
/// When the last handle (and the last [`Watch`], which holds one) is dropped, the node stops as if it had crashed: the
/// others will suspect it. Call [`leave`](Self::leave) first if it goes for good.
///
/// # Cancel safety
///
/// All async methods are cancel safe in the sense that dropping their future never harms the node. Those that change
/// something say what becomes of the change.
#[derive(Debug, Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: NodeId,
    addr: SocketAddr,
    commands: mpsc::Sender<Command>,
    /// Whether the node is to stop.
    ending: watch::Sender<bool>,
    /// Weak, so that subscribers see the end when the task drops its own.
    events: broadcast::WeakSender<Event>,
    /// The subscription that began before the task did.
    first_events: Mutex<Option<broadcast::Receiver<Event>>>,
    status: watch::Receiver<Status>,
    board: Arc<Board>,
}

/// Why a node did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The metadata does not fit; nothing was changed.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The node is leaving.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// No lease can have that name.
    #[error("lease: {0}")]
    Name(#[from] IdError),
    /// There is a handle on this lease already, or somebody waits for one.
    #[error(
        "this node holds lease \"{lease}\" already, or asks for it: share that handle, or release it first"
    )]
    Held {
        /// The lease.
        lease: LeaseName,
    },
    /// This node holds, or asks for, as many leases as it may.
    #[error(
        "this node holds or asks for {max} leases already: release some, or let one lease stand for several things"
    )]
    Leases {
        /// How many it may.
        max: usize,
    },
    /// The voters have refused it.
    #[error("lease \"{lease}\" was denied: {}", quorum::words(*reason))]
    Denied {
        /// The lease.
        lease: LeaseName,
        /// Why.
        reason: Denial,
    },
    /// Somebody else gave it back by its name, with [`Node::release`], before it was granted.
    #[error("lease \"{lease}\" was released before it was granted: acquire it again if it is still wanted")]
    Released {
        /// The lease.
        lease: LeaseName,
    },
    /// The node no longer runs.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<SetError> for NodeError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Metadata(error) => Self::Metadata(error),
            SetError::Command(error) => Self::Command(error),
        }
    }
}

/// How a farewell was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// How many nodes acknowledged it.
    pub acknowledged: usize,
    /// How many were told.
    pub told: usize,
}

/// An opinion together with who holds it and of whom: one cell of the matrix of observers and targets.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOpinion {
    /// Who holds it.
    pub observer: NodeId,
    /// Of whom.
    pub target: NodeId,
    /// What it is.
    pub opinion: Opinion,
    /// The suspicion level behind it, as in [`Suspicion::phi`].
    pub phi: f64,
}

/// Questions.
impl Node {
    /// Begins to describe a node of the cluster `cluster` with the name `name`.
    ///
    /// Both are 1 to 64 bytes. The name must be unique in the cluster, and the same after a restart.
    pub fn builder(cluster: impl Into<String>, name: impl Into<String>) -> Builder {
        Builder::new(cluster.into(), name.into())
    }

    /// This node's name.
    pub fn id(&self) -> &NodeId {
        &self.shared.id
    }

    /// The address that the socket is bound to, with the port that the system chose if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// Who this node is in its present life.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn identity(&self) -> Result<Identity, Stopped> {
        self.ask(|core, _| core.identity().clone()).await
    }

    /// All members that are known here, this node included, in an order that is the same on all nodes.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn members(&self) -> Result<Vec<Member>, Stopped> {
        self.ask(|core, _| core.members().collect()).await
    }

    /// One member, if it is known here.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn member(&self, id: &NodeId) -> Result<Option<Member>, Stopped> {
        let id = id.clone();
        self.ask(move |core, _| core.member(&id)).await
    }

    /// What every observer thinks of the node `target`, this node's own level as of now; empty if it is not a member.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn suspicion(&self, target: &NodeId) -> Result<Vec<Suspicion>, Stopped> {
        let target = target.clone();
        self.ask(move |core, now| core.suspicion(&target, now.boot)).await
    }

    /// What the node `observer` thinks of each node that it observes. It walks all members, and for each its observers.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn opinions(&self, observer: &NodeId) -> Result<Vec<HeldOpinion>, Stopped> {
        let observer = observer.clone();
        self.ask(move |core, now| matrix(core, now).filter(|held| held.observer == observer).collect()).await
    }

    /// What everybody thinks of everybody, sorted by target: the whole matrix, for small clusters and dashboards.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn matrix(&self) -> Result<Vec<HeldOpinion>, Stopped> {
        self.ask(|core, now| matrix(core, now).collect()).await
    }

    /// What has been counted since the node started.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn counters(&self) -> Result<Counters, Stopped> {
        self.ask(|core, _| core.counters()).await
    }

    /// Waits until the node has caught up with somebody, or knows that it is the first.
    ///
    /// That counts for its first life: in a later one ([`reborn`](Self::reborn)) this returns at once, whether or not it has
    /// caught up again. [`Event::Ready`] comes in each life.
    ///
    /// Without an answer from any seed this takes for ever: give it a timeout.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node no longer runs.
    pub async fn ready(&self) -> Result<(), Stopped> {
        let mut status = self.shared.status.clone();
        match status.wait_for(|s| s.ready || s.stopped.is_some()).await {
            Ok(status) if status.ready => Ok(()),
            _ => Err(self.why_stopped()),
        }
    }

    /// Waits until the node no longer runs; its socket is closed and its storage unlocked by then.
    pub async fn stopped(&self) -> StopReason {
        let mut status = self.shared.status.clone();
        _ = status.wait_for(|s| s.stopped.is_some()).await;
        self.why_stopped().0
    }
}

/// Subscriptions.
impl Node {
    /// Everything that happens from now on; the first call on a node also gives what has happened since it started.
    ///
    /// It is a queue of bounded length per subscriber, and never holds up the node. Who reads too slowly loses the
    /// oldest events and is told with [`Event::Lagged`]: [`members`](Self::members) then gives the state to go on from.
    ///
    /// Verdicts may be among what was lost, and a member whose end was decided is none any more. Not to miss one: note whom
    /// [`members`](Self::members) has, ask for the [`view`](Self::view), whose `gone` and `suspended` are all that is decided,
    /// and for the [`verdict`](Self::verdict) on each node that was known before and is not a member now. Do that after
    /// `Lagged` was read and before the next event: what is decided later comes as an event.
    pub fn events(&self) -> Events {
        let first = self.shared.first_events.lock().unwrap_or_else(PoisonError::into_inner).take();
        Events::new(first.or_else(|| self.shared.events.upgrade().map(|events| events.subscribe())))
    }

    /// The members as they are, and again whenever they or any opinion has changed. Who reads too slowly misses only
    /// what was between.
    ///
    /// What voters have decided counts as a change. That a member's [`verdict`](crate::Member::verdict) goes from alive to
    /// undecided or back does not, as it is only this node's reading: [`Event::Verdict`] tells it.
    pub fn watch(&self) -> Watch {
        Watch::new(self.clone(), self.shared.status.clone())
    }
}

/// Commands.
impl Node {
    /// Sets one of this node's metadata, for all members to see; true if that changed anything.
    ///
    /// Dropping the future leaves open whether it was set.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if it breaks a limit, or the node is leaving or gone; nothing is changed then.
    pub async fn set_metadata(
        &self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<bool, NodeError> {
        let (key, value) = (key.into(), value.into());
        Ok(self.ask(move |core, now| core.set_metadata(now, &key, &value)).await??)
    }

    /// Removes one of this node's metadata; true if it was there.
    ///
    /// Dropping the future leaves open whether it was removed.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the node is leaving or gone.
    pub async fn remove_metadata(&self, key: impl Into<String>) -> Result<bool, NodeError> {
        let key = key.into();
        Ok(self.ask(move |core, now| core.remove_metadata(now, &key)).await??)
    }

    /// Tells the observers that this node will be silent for up to `max`, on purpose. It ends with
    /// [`resume`](Self::resume), when the node finds that it has been paused, or by itself.
    ///
    /// Dropping the future leaves open whether they are told.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the node is leaving or gone.
    pub async fn announce_pause(&self, max: Duration) -> Result<(), NodeError> {
        Ok(self.ask(move |core, now| core.announce_pause(now, max)).await??)
    }

    /// Ends an announced pause.
    ///
    /// Dropping the future leaves open whether it has ended.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the node is leaving or gone.
    pub async fn resume(&self) -> Result<(), NodeError> {
        Ok(self.ask(|core, now| core.resume(now)).await??)
    }

    /// Leaves the cluster for good, and stops. The others hear a farewell instead of a silence, and suspect nobody.
    ///
    /// First leases are given back and, where there are voters, it is decided that it left; then all are told. It returns when
    /// a majority of those told has acknowledged, or when that takes too long: the count says which. Either of the two
    /// may take [`leave_timeout`](crate::ConfigBuilder::leave_timeout), so all of it twice as long. Then it waits for a write
    /// to the data directory that is under way, however long the disk takes: give it a timeout if that is not wanted.
    ///
    /// Calling it again waits for the same farewell. Dropping the future does not stop the leaving.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the node stops, or had stopped, for another reason.
    pub async fn leave(&self) -> Result<Farewell, Stopped> {
        // Refused only if it is leaving already or has stopped: both are waited for.
        _ = self.ask(|core, now| core.leave(now)).await;
        match self.stopped().await {
            StopReason::Left { acknowledged, told } => Ok(Farewell { acknowledged, told }),
            other => Err(Stopped(other)),
        }
    }

    /// Stops at once, without a word: to the others it is a crash. Returns when the socket is closed and the data directory
    /// unlocked. For that it waits for a write that is under way, or that the end calls for, however long the disk takes; the socket is
    /// closed before.
    ///
    /// Dropping the future leaves open whether the node stops.
    pub async fn shutdown(&self) -> StopReason {
        self.shared.ending.send_replace(true);
        // It can only fail if the task is gone.
        _ = self.shared.commands.send(Command::Shutdown).await;
        self.stopped().await
    }
}

impl Node {
    /// Runs a question on the core, between two rounds of the task.
    async fn ask<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Core, Now) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (answer, answered) = oneshot::channel();
        let call = Command::Call(Box::new(move |core, now| {
            // Whoever asked may have stopped waiting.
            _ = answer.send(question(core, now));
        }));
        if self.shared.commands.send(call).await.is_ok()
            && let Ok(answer) = answered.await
        {
            return Ok(answer);
        }
        // The task has dropped its end; its last words are on the way.
        Err(Stopped(self.stopped().await))
    }

    fn why_stopped(&self) -> Stopped {
        Stopped(self.shared.status.borrow().stopped.clone().unwrap_or(StopReason::Lost))
    }
}

fn matrix(core: &Core, now: Now) -> impl Iterator<Item = HeldOpinion> {
    core.members().flat_map(move |member| {
        let target = member.record.identity.id.clone();
        core.suspicion(&target, now.boot).into_iter().map(move |said| HeldOpinion {
            observer: said.observer,
            target: target.clone(),
            opinion: said.opinion,
            phi: said.phi,
        })
    })
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "helpers of tests are tests")]
mod tests;
