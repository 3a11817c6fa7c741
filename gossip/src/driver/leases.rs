//! The task's side of leases: who waits for a grant, and which handles there are.
//!
//! It compares what the core says with what the handles say, in both directions, once a round and before anything is sent:
//! a handle whose lease is over is dead before the request that gives it back leaves (T1); a lease whose handle is dead is given
//! back.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Command;
use super::board::{Board, Grip};
use crate::core::Node as Core;
use crate::core::quorum::Wanted;
use crate::{CommandError, Denial, Epoch, LeaseName};

/// The owner's end of a grant. Dropping it gives the lease back.
#[derive(Debug)]
pub(crate) struct Owned {
    grip: Arc<Grip>,
    /// Weak: a handle on a lease is none on the node.
    commands: mpsc::WeakSender<Command>,
}

impl Owned {
    pub(crate) fn grip(&self) -> &Grip {
        &self.grip
    }

    /// Dead at once; returns when the task has seen it.
    pub(crate) async fn release(self) {
        self.grip.kill();
        let (answer, answered) = oneshot::channel();
        if let Some(commands) = self.commands.upgrade()
            && commands.send(Command::Settle(Some(answer))).await.is_ok()
        {
            // An error says that the task has ended, and with it all leases.
            _ = answered.await;
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.grip.kill();
        // The task sees it in its next round anyway. If it has no room for this, that is now.
        if let Some(commands) = self.commands.upgrade() {
            _ = commands.try_send(Command::Settle(None));
        }
    }
}

/// Why there is no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ungranted {
    /// There is a handle on it, or somebody waits for one.
    Busy,
    /// This node wants too many.
    TooMany,
    /// A voter has refused it.
    Denied(Denial),
    /// It was given back by name before it was granted.
    Released,
    /// The node has left.
    Command(CommandError),
}

pub(crate) type Answer = oneshot::Sender<Result<Owned, Ungranted>>;

/// All of them. Dropping this kills the handles.
#[derive(Debug)]
pub(super) struct Leases {
    board: Arc<Board>,
    commands: mpsc::WeakSender<Command>,
    waiting: BTreeMap<LeaseName, Answer>,
    grips: BTreeMap<LeaseName, Arc<Grip>>,
}

impl Leases {
    pub(super) fn new(board: Arc<Board>, commands: mpsc::WeakSender<Command>) -> Self {
        Self { board, commands, waiting: BTreeMap::new(), grips: BTreeMap::new() }
    }

    /// Somebody wants a lease.
    pub(super) fn acquire(&mut self, core: &mut Core, lease: LeaseName, answer: Answer) {
        // A handle that was dropped a moment ago is none.
        self.settle(core);
        let refusal = if self.waiting.contains_key(&lease) || self.grips.contains_key(&lease) {
            Ungranted::Busy
        } else {
            match core.acquire(self.board.now(), &lease) {
                Ok(new) if new || wanted(core, &lease).is_some() => {
                    self.waiting.insert(lease, answer);
                    return;
                }
                Ok(_) => Ungranted::TooMany,
                Err(error) => Ungranted::Command(error),
            }
        };
        // Whoever asked may have stopped waiting.
        _ = answer.send(Err(refusal));
    }

    /// Somebody gives a lease back by its name. The handle is dead before the core hears of it.
    pub(super) fn release(&mut self, core: &mut Core, lease: &LeaseName) -> Result<bool, CommandError> {
        if let Some(grip) = self.grips.remove(lease) {
            grip.kill();
        }
        if let Some(answer) = self.waiting.remove(lease) {
            _ = answer.send(Err(Ungranted::Released));
        }
        core.release(self.board.now(), lease)
    }

    /// A voter has refused a lease. If the core wants it all the same, that was about an earlier request.
    pub(super) fn on_denied(&mut self, core: &Core, lease: &LeaseName, denial: Denial) {
        if wanted(core, lease).is_none()
            && let Some(answer) = self.waiting.remove(lease)
        {
            _ = answer.send(Err(Ungranted::Denied(denial)));
        }
    }

    /// Brings handles and core to the same state, and publishes the bound.
    pub(super) fn settle(&mut self, core: &mut Core) {
        // Telling the core may have it decide something at once. Each round ends something that no other round brings back.
        while self.bury(core) || self.give_up(core) || self.hand_over(core) || self.reclaim(core) {}
        self.board.publish_storage(core.quorum().storage());
        self.board.publish(core.quorum().standing(), core.quorum().lease_until());
    }

    /// Ends handles whose lease is over, and leases whose handle is dead; whether the core was told anything.
    fn bury(&mut self, core: &mut Core) -> bool {
        let mut told = false;
        self.grips.retain(|lease, grip| {
            let held = core.quorum().holds(lease) == Some(grip.token());
            if held && !grip.is_dead() {
                return true;
            }
            grip.kill();
            // An error says that the node has left, and with it all leases.
            told |= held && core.release(self.board.now(), lease).is_ok();
            false
        });
        told
    }

    /// Stops asking for what nobody waits for any more; whether the core was told anything.
    fn give_up(&mut self, core: &mut Core) -> bool {
        let mut told = false;
        self.waiting.retain(|lease, answer| {
            if answer.is_closed() {
                told |= core.release(self.board.now(), lease).is_ok();
                return false;
            }
            true
        });
        told
    }

    /// Gives grants to those who wait for them; whether the core was told anything.
    fn hand_over(&mut self, core: &mut Core) -> bool {
        let mut told = false;
        let names: Vec<LeaseName> = self.waiting.keys().cloned().collect();
        for lease in names {
            match (core.quorum().holds(&lease), wanted(core, &lease)) {
                (Some(token), _) => self.hand_over_one(core, lease, token),
                // It came too late to be used. It is given back, and asked for anew.
                (None, Some(Wanted::Return { again: false, .. })) => {
                    told |= core.acquire(self.board.now(), &lease).is_ok_and(|new| new);
                }
                _ => {}
            }
        }
        told
    }

    fn hand_over_one(&mut self, core: &Core, lease: LeaseName, token: Epoch) {
        let (Some(answer), Some(view)) = (self.waiting.remove(&lease), core.quorum().view()) else { return };
        // What it is good for must be known before anybody can look.
        self.board.publish(core.quorum().standing(), core.quorum().lease_until());
        let grip = Arc::new(Grip::new(self.board.clone(), lease.clone(), token, view.genesis));
        self.grips.insert(lease, grip.clone());
        // Nobody there any more? Then it is dropped, and given back in the next round.
        _ = answer.send(Ok(Owned { grip, commands: self.commands.clone() }));
    }

    /// Gives back one lease that the core holds or asks for, and nobody here has or waits for; whether there was one.
    fn reclaim(&mut self, core: &mut Core) -> bool {
        let stray = core.quorum().leases().find(|(lease, wanted)| {
            let returned = matches!(wanted, Wanted::Return { again: false, .. });
            !returned && !self.grips.contains_key(*lease) && !self.waiting.contains_key(*lease)
        });
        let Some(lease) = stray.map(|(lease, _)| lease.clone()) else { return false };
        tracing::debug!(%lease, "gossip.stray_lease");
        // False, or an error, says that there is nothing to give back any more.
        core.release(self.board.now(), &lease).is_ok_and(|released| released)
    }

    /// The core begins another life: nothing of the former one counts, and what is waited for is asked for anew.
    pub(super) fn begin_again(&mut self, core: &mut Core) {
        self.kill_all();
        self.waiting.retain(|lease, _| core.acquire(self.board.now(), lease).is_ok());
        self.settle(core);
    }

    /// Asks again for what the core does not want any more although somebody waits: events that said so may have been lost.
    pub(super) fn insist(&mut self, core: &mut Core) {
        for lease in self.waiting.keys() {
            if wanted(core, lease).is_none() {
                _ = core.acquire(self.board.now(), lease);
            }
        }
    }

    /// Ends all handles.
    pub(super) fn kill_all(&mut self) {
        std::mem::take(&mut self.grips).values().for_each(|grip| grip.kill());
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        // However the task ends: nobody would notice any more if the lease were lost.
        self.kill_all();
        self.board.close();
    }
}

fn wanted(core: &Core, lease: &LeaseName) -> Option<Wanted> {
    core.quorum().leases().find(|(name, _)| *name == lease).map(|(_, wanted)| wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Setup;
    use crate::core::quorum::Durable;
    use crate::{BootId, Config, Identity, Incarnation, Metadata, NodeId, StorageId};

    fn name() -> LeaseName {
        LeaseName::new("db").expect("a name")
    }

    fn leases() -> (Leases, Core) {
        let board = Arc::new(Board::new());
        let setup = Setup {
            config: Config::builder("leases").build().expect("valid"),
            identity: Identity {
                id: NodeId::new("n1").expect("a name"),
                storage: StorageId::default(),
                incarnation: Incarnation::FIRST,
                boot: BootId([1; 16]),
            },
            addr: "10.0.0.1:7000".parse().expect("an address"),
            seeds: Vec::new(),
            metadata: Metadata::default(),
            durable: Durable::default(),
            rng_seed: 1,
        };
        let core = Core::new(board.now(), setup);
        (Leases::new(board, mpsc::channel(1).0.downgrade()), core)
    }

    #[test]
    fn a_denial_of_an_earlier_request_takes_nobody_s_place() {
        let (mut leases, mut core) = leases();
        let (answer, given_up) = oneshot::channel();
        leases.acquire(&mut core, name(), answer);
        drop(given_up);
        let (answer, mut answered) = oneshot::channel();
        leases.acquire(&mut core, name(), answer);
        leases.on_denied(&core, &name(), Denial::Full);
        leases.settle(&mut core);
        assert!(matches!(answered.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        assert!(matches!(wanted(&core, &name()), Some(Wanted::Grant { .. })));

        // One of this request: the core has given up by then.
        assert!(core.release(leases.board.now(), &name()).expect("runs"));
        leases.on_denied(&core, &name(), Denial::Full);
        assert!(matches!(answered.try_recv(), Ok(Err(Ungranted::Denied(Denial::Full)))));
    }

    #[test]
    fn what_nobody_has_or_waits_for_is_given_back() {
        let (mut leases, mut core) = leases();
        assert!(core.acquire(leases.board.now(), &name()).expect("runs"));
        leases.settle(&mut core);
        assert_eq!(wanted(&core, &name()), None);
    }
}
