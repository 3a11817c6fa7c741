//! What must be on the disk, and what has to wait until it is.
//!
//! Changes are made at once in memory, where they only ever make this node more careful; whatever could make others rely
//! on them is held back until the disk has them.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::founders::Founders;
use super::message::{Message, Recipient};
use super::view::{Epoch, View, VouchFor};
use crate::core::event::Event;
use crate::core::identity::{Incarnation, Key};
use crate::core::register::{Ballots, RegisterMessage};

/// All that a node must not forget over a restart, besides who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Durable {
    /// The founders this voter has agreed to, at most one list in the life of a disk.
    pub founders: Option<Founders>,
    /// The newest view stored; there is none before all founders have agreed.
    pub view: Option<Arc<View>>,
    /// Promised and accepted about the view after that.
    pub ballots: Ballots,
    /// The longest that this disk ever vouched for anybody.
    pub vouch_for_max: Option<VouchFor>,
}

impl Durable {
    /// In which incarnation a life from this disk begins, if the next would be this one: above the floor that the disk knows.
    ///
    /// One below would be refused by each member that does not know its name, such as all that have just started.
    pub fn begins_at(&self, next: Incarnation) -> Incarnation {
        let floor = self.view.as_ref().and_then(|view| view.floor);
        floor.map_or(next, |floor| next.max(floor.next()))
    }
}

/// Whether there is a stable storage to back what a node promises. Without one, or once it has failed, a node neither votes nor
/// vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StorageState {
    /// There is none.
    #[default]
    None,
    /// All that was to be written so far has been, or is being written.
    Good,
    /// A write has failed, or the disk has gone back in time ([`Refusal::Rewound`](crate::Refusal::Rewound)). It stays so for the
    /// rest of this life.
    Failed,
}

/// The durable state: as it is on the disk, and as it will be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Journal {
    wanted: Durable,
    written: Durable,
    /// Counts changes of `wanted`; which of them is being written, and which has been.
    version: u64,
    in_flight: Option<(u64, Durable)>,
    written_version: u64,
    /// Whether there is a disk at all. Without one everything is "written" at once.
    disk: bool,
    /// Once a write has failed nothing is promised any more.
    broken: bool,
}

impl Journal {
    /// Starts from what was found on the disk, or without a disk.
    pub fn new(found: Durable, disk: bool) -> Self {
        Self {
            wanted: found.clone(),
            written: found,
            version: 0,
            in_flight: None,
            written_version: 0,
            disk,
            broken: false,
        }
    }

    /// The state as it is on the disk.
    pub fn stored(&self) -> &Durable {
        &self.written
    }

    /// The newest state, which the disk may not have yet.
    pub fn newest(&self) -> &Durable {
        &self.wanted
    }

    /// Whether everything is on the disk.
    pub fn is_settled(&self) -> bool {
        self.written_version == self.version
    }

    /// Whether the disk has failed.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// What there is to write to.
    pub fn storage(&self) -> StorageState {
        match (self.broken, self.disk) {
            (true, _) => StorageState::Failed,
            (false, true) => StorageState::Good,
            (false, false) => StorageState::None,
        }
    }

    /// What an output must wait for if it depends on anything changed so far.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How far the disk has come.
    pub fn written_version(&self) -> u64 {
        self.written_version
    }

    /// The newest ballots.
    pub fn ballots(&self) -> &Ballots {
        &self.wanted.ballots
    }

    /// Changes the state; equal is no change.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut Durable) -> R) -> R {
        let before = self.wanted.clone();
        let result = change(&mut self.wanted);
        if self.wanted != before {
            self.version += 1;
            if !self.disk {
                self.written = self.wanted.clone();
                self.written_version = self.version;
            }
        }
        result
    }

    /// Changes what is promised and accepted.
    pub fn change_ballots(&mut self, act: impl FnOnce(&mut Ballots) -> RegisterMessage) -> RegisterMessage {
        self.change(|durable| act(&mut durable.ballots))
    }

    /// The next state to write, if there is one and no other is being written.
    pub fn poll_write(&mut self) -> Option<&Durable> {
        if self.in_flight.is_some() || self.broken || self.is_settled() {
            return None;
        }
        Some(&self.in_flight.insert((self.version, self.wanted.clone())).1)
    }

    /// The state that is being written.
    pub fn writing(&self) -> Option<&Durable> {
        self.in_flight.as_ref().map(|(_, durable)| durable)
    }

    /// The write that was begun last has ended: well, or not. After one that has failed this node only watches: views are
    /// followed in memory, and nothing that a disk would have to back may leave any more.
    pub fn on_written(&mut self, good: bool) {
        let Some((version, durable)) = self.in_flight.take() else { return };
        if good {
            (self.written_version, self.written) = (version, durable);
        } else {
            self.give_up();
        }
    }

    /// From now on there is no disk, and nothing is promised any more.
    pub fn give_up(&mut self) {
        (self.broken, self.disk, self.in_flight) = (true, false, None);
        (self.written_version, self.written) = (self.version, self.wanted.clone());
    }
}

/// Something on its way out of the quorum's state machine.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A message to send.
    Send {
        /// To whom.
        to: Recipient,
        /// What.
        message: Message,
    },
    /// A view has been stored: this is in force now.
    Adopted {
        /// The view.
        view: Arc<View>,
        /// The view before, if there was one.
        before: Option<Arc<View>>,
        /// Whether this node's own ballot decided it, so that it is the one to tell others.
        decided_here: bool,
    },
    /// A member to call directly, there being nobody to ask about it.
    Call {
        /// Whom.
        member: Key,
        /// Comes back with the answer.
        question: u32,
    },
    /// This life is over, or has begun too low: another has to begin above this incarnation.
    BelowFloor {
        /// The floor of the view that has just been stored.
        floor: Incarnation,
    },
    /// Something the user may want to know.
    Event(Event),
}

/// Outputs in order, each held back until what it depends on is durable.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outputs {
    queue: VecDeque<(u64, Output)>,
    dropped: u64,
}

impl Outputs {
    const MAX: usize = 4096;
    /// Views that wait, each as a whole: what was decided beyond them is told as one step from the last.
    const ADOPTED_MAX: usize = 64;

    /// Queues an output that may leave once the disk has come to `version`.
    pub fn push(&mut self, output: Output, version: u64) {
        // While a disk hangs, messages are lost as a network might lose them; what has been decided is not.
        if self.queue.len() >= Self::MAX
            && let Some(at) = self.queue.iter().position(|(_, output)| matches!(output, Output::Send { .. }))
        {
            self.queue.remove(at);
            self.dropped += 1;
        }
        if let Some(output) = self.merged(output, version) {
            self.queue.push_back((version, output));
        }
    }

    /// Makes one step of the newest view that waits and of one to follow it, if there are too many; or gives it back.
    fn merged(&mut self, output: Output, version: u64) -> Option<Output> {
        let Output::Adopted { view, before, decided_here } = output else { return Some(output) };
        if self.adopted() >= Self::ADOPTED_MAX {
            for (known_version, known) in self.queue.iter_mut().rev() {
                if let Output::Adopted { view: known, decided_here: known_here, .. } = known {
                    (*known, *known_version) = (view, version);
                    *known_here |= decided_here;
                    return None;
                }
            }
        }
        Some(Output::Adopted { view, before, decided_here })
    }

    /// The next output for which the disk has come far enough. What waits holds up nothing that need not: that a lease has
    /// run out is said while the disk hangs.
    pub fn pop(&mut self, written: u64) -> Option<Output> {
        let at = self.queue.iter().position(|(version, _)| *version <= written)?;
        self.queue.remove(at).map(|(_, output)| output)
    }

    /// Drops messages that were to leave only once the disk had come further than this.
    pub fn forget_unwritten(&mut self, written: u64) {
        self.queue.retain(|(version, output)| *version <= written || !matches!(output, Output::Send { .. }));
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How many of them are views.
    pub fn adopted(&self) -> usize {
        self.queue.iter().filter(|(_, output)| matches!(output, Output::Adopted { .. })).count()
    }

    /// How many were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The newest view that has been stored.
impl Journal {
    /// The view, if there is one yet.
    pub fn view(&self) -> Option<&Arc<View>> {
        self.written.view.as_ref()
    }

    /// The number of the newest view known, stored or not.
    pub fn newest_epoch(&self) -> Option<Epoch> {
        self.wanted.view.as_ref().map(|view| view.epoch)
    }
}

impl Journal {
    /// Hashes what is on the disk, on its way there, and wanted there.
    pub(super) fn gist<H: Hasher>(&self, into: &mut H) {
        // Views are hashed by whoever knows their fingerprints already.
        let hash = |durable: &Durable, into: &mut H| {
            (&durable.founders, &durable.ballots, durable.vouch_for_max).hash(into);
        };
        hash(&self.wanted, into);
        hash(&self.written, into);
        self.broken.hash(into);
        if let Some((_, durable)) = &self.in_flight {
            hash(durable, into);
            durable.view.as_ref().map(|view| view.epoch).hash(into);
        }
    }
}

impl Outputs {
    /// Hashes what waits for the disk, as a set: messages may be doubled and overtake each other anyway. Questions belong to
    /// a schedule, and events tell the user only.
    pub(super) fn gist(&self, written: u64, into: &mut impl Hasher) {
        let mut waiting = std::collections::BTreeSet::new();
        for (version, output) in &self.queue {
            let mut hasher = std::hash::DefaultHasher::new();
            version.saturating_sub(written).hash(&mut hasher);
            match output {
                Output::Send { message: Message::Ask { .. } | Message::Inquire { .. }, .. } => continue,
                Output::Send { to, message } => (to, message).hash(&mut hasher),
                Output::Adopted { view, .. } => view.epoch.hash(&mut hasher),
                Output::Call { .. } | Output::BelowFloor { .. } | Output::Event(_) => continue,
            }
            waiting.insert(hasher.finish());
        }
        waiting.hash(into);
    }
}
