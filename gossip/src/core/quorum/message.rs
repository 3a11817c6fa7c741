//! What nodes say to each other about views. The register's own messages are in [`super::super::register`].

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::delta::{Delta, Subject};
use super::founders::Founders;
use super::view::{Epoch, GenesisId, LeaseName, VouchFor};
use crate::core::identity::{Identity, NodeId, StorageId};
use crate::core::opinion::Opinion;
use crate::core::register::RegisterMessage;
use crate::wire::{Bytes, Tag};

/// A message about views, and who speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Envelope {
    /// In which history; zero from a node that knows of none.
    pub genesis: GenesisId,
    /// Which disk speaks; all zero for a node without one.
    pub from: StorageId,
    /// What it says.
    pub message: Message,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Between founders: "this list is on my disk."
    Founding {
        /// The list.
        founders: Founders,
        /// Whether the speaker has heard that from all of them.
        complete: bool,
    },
    /// Between founders who were told different lists: "these names are mine."
    Misfounded {
        /// The names.
        names: Names,
    },
    /// Between voters, to decide the view after `base`.
    Register {
        /// The view that the speaker has stored.
        base: Epoch,
        /// Its fingerprint.
        hash: u64,
        /// What is said.
        message: RegisterMessage,
    },
    /// From voter to voter: "what do you think of this one, and can you certify anything?"
    Ask {
        /// Comes back with the answer.
        question: u32,
        /// Of whom.
        subject: Subject,
    },
    /// The answer, true as it is sent.
    Answer {
        /// To which question.
        question: u32,
        /// Of whom.
        subject: Subject,
        /// What the voter thinks.
        opinion: Opinion,
    },
    /// "My stored view has it suspended since then, I still suspect it, and all I vouched for it has run out."
    Certificate {
        /// Of whom.
        subject: Subject,
        /// The view that suspended it.
        since: Epoch,
    },
    /// From voter to observer: "do you hear this one?"
    Inquire {
        /// Comes back with the answer.
        question: u32,
        /// Whom.
        subject: Subject,
    },
    /// The answer.
    Testimony {
        /// To which question.
        question: u32,
        /// What the observer thinks.
        opinion: Opinion,
        /// Of one that is suspected: for how many milliseconds it has been silent; the greatest number if that is not what is against it.
        silent_ms: u32,
    },
    /// "I have stored that view", and whether the seal in it has been stored for long enough.
    Sealed {
        /// The newest view stored.
        epoch: Epoch,
        /// The seal whose waiting time is over.
        certified: Option<Epoch>,
    },
    /// From an operator's node to those who are to be voters: "who are you?"
    Enlist,
    /// The answer: a disk, and the name of the node that owns it.
    Enlisted {
        /// The name.
        name: NodeId,
    },
    /// "Send me what follows this view", or a part of a snapshot.
    Fetch {
        /// The newest view known.
        after: Option<Epoch>,
        /// The snapshot that is being read, and from which byte on.
        snapshot: Option<(Epoch, u32)>,
    },
    /// One decision.
    Decided {
        /// The view that it made.
        epoch: Epoch,
        /// The fingerprint of the view before.
        before: u64,
        /// The step between them.
        delta: Delta,
    },
    /// A part of a whole view, for those too far behind.
    Snapshot {
        /// Which view.
        epoch: Epoch,
        /// The fingerprint of the whole.
        hash: u64,
        /// How many bytes the whole has.
        len: u32,
        /// Where this part begins.
        at: u32,
        /// The part.
        part: Bytes,
    },
    /// To a voter: "please have this decided."
    Request {
        /// Who asks.
        owner: Identity,
        /// Which of its requests.
        number: u64,
        /// What for.
        wish: Wish,
    },
    /// The answer to a request that can never be granted as it is.
    Denied {
        /// Which of the receiver's requests.
        number: u64,
        /// Why.
        reason: Denial,
    },
}

/// What can be asked of voters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Wish {
    /// A lease.
    Acquire {
        /// Which.
        lease: LeaseName,
    },
    /// To give one back.
    Release {
        /// Which.
        lease: LeaseName,
        /// The token that came with it.
        token: Epoch,
    },
    /// To have left.
    Leave,
    /// Other voters.
    Change {
        /// Their names.
        voters: Names,
        /// Instead of those that have been the voters since then.
        since: Epoch,
    },
    /// Vouchers of another length.
    SetVouch {
        /// How long.
        length: VouchFor,
    },
    /// That a seal be taken back.
    Unseal {
        /// The view that it came with.
        since: Epoch,
    },
}

impl Wish {
    /// The same of the voters, or the seal, that there have been since then: where those have changed, it is void.
    #[must_use]
    pub(super) fn dated(self, since: Epoch) -> Self {
        match self {
            Self::Change { voters, .. } => Self::Change { voters, since },
            Self::Unseal { .. } => Self::Unseal { since },
            other => other,
        }
    }

    /// Whether what it is about has changed: a late copy of a request is not obeyed again.
    pub(super) fn is_void(&self, present: Epoch) -> bool {
        match self {
            Self::Change { since, .. } | Self::Unseal { since } => *since != present,
            _ => false,
        }
    }
}

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Denial {
    /// There are as many leases as there may be.
    Full,
    /// An earlier life of the one that leaves still owns a lease.
    EarlierLife,
    /// The list of voters is empty, too long, or names one twice.
    Voters,
    /// Those are the voters, from the same disks.
    Unchanged,
}

/// At most as many names as there may be voters, sorted.
pub type Names = super::table::Table<NodeId, (), { super::view::VOTERS_MAX }>;

/// To whom a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// The voter with this disk, wherever it is.
    Voter(StorageId),
    /// The node that this came from.
    Sender(SocketAddr, Tag),
    /// The member of this name.
    Member(crate::core::identity::Key),
}
