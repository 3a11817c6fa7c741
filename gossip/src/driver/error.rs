//! What can go wrong between a node and its host. Each message names the thing and says what to do; what the system said
//! is the error's `source`.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ConfigError, IdError, MetadataError};
use crate::{Epoch, Incarnation, NodeId};

/// Why a node did not start. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The node's name cannot be used.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The initial metadata does not fit.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A seed is neither an address nor a name with a port.
    #[error(
        "seed \"{seed}\" is not HOST:PORT: write for instance 10.0.0.7:7001, [fd00::7]:7001 or db-1.internal:7001"
    )]
    Seed {
        /// What was given.
        seed: String,
    },
    /// A seed is an address of the other family: this node's socket cannot send there.
    #[error(
        "seed {seed} cannot be called from {bound}, and a node speaks one family: give the seed's {family} address, or bind an \
         address of the seed's family"
    )]
    SeedFamily {
        /// What was given.
        seed: SocketAddr,
        /// Where the node listens.
        bound: SocketAddr,
        /// The family that it speaks: `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// The address to advertise is unusable.
    #[error("cannot advertise {addr}: others need an IP and a port they can send to")]
    Advertise {
        /// What was given.
        addr: SocketAddr,
    },
    /// Strangers could reach the node, and nothing would tell them from members.
    #[error(
        "refusing to listen on {addr} without a key: any host that reaches it could join or forge news. \
         Bind a loopback address, or set `insecure` on a network you trust"
    )]
    Insecure {
        /// The address.
        addr: SocketAddr,
    },
    /// The socket's buffers cannot have that size.
    #[error(
        "socket buffers of {bytes} bytes are outside {min}..={max}: 4 MiB suit most nodes, and what is too small loses what \
         arrives while the process does not run"
    )]
    SocketBuffer {
        /// What was given.
        bytes: usize,
        /// The smallest that is accepted.
        min: usize,
        /// The largest that is accepted.
        max: usize,
    },
    /// The socket could not be made.
    #[error("cannot {action} UDP socket on {addr}")]
    Socket {
        /// What was tried.
        action: &'static str,
        /// The address to listen on.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A node that is to vote has nowhere to keep its promises.
    #[error(
        "node \"{name}\" is listed as a voter but has no data directory, and a voter that forgets what it promised breaks the \
         others' leases: give it one with `data_dir`, or leave it out of `voters` on all nodes"
    )]
    Voter {
        /// The node.
        name: NodeId,
    },
    /// The stable storage cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    Random(#[source] io::Error),
    /// The tokio runtime is being shut down.
    #[error("the tokio runtime is being shut down")]
    Runtime,
}

/// What is wrong with a node's data directory. The state in it was not changed, with one exception: where the directory could
/// not be synced ([`StorageError::Io`] with `sync the directory`), the new state is in its place already, and a crash may
/// leave the old one or the new one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The system refused an operation.
    #[error(
        "cannot {action} {}: a node has to be able to read and write its data directory, and needs half a megabyte there",
        path.display()
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process runs from the same directory.
    #[error("{} is locked: another process uses this data directory. Stop it, or give this node its own", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Something else lies where the state should be.
    #[error("{} is not a gossip state file: check the data directory's path", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another release.
    #[error("{} has format version {found}, this release reads {known}: use the release that wrote it, or a later one", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The version that can be read.
        known: u16,
    },
    /// The file was cut off, or something was appended.
    #[error(
        "{} has {found} bytes, which is not its full length: it is torn. If this node's state is lost for good, remove \
         the file: the node then starts with a new storage id", path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
    },
    /// The contents do not match their checksum.
    #[error(
        "{} is corrupt: its checksum does not match. If this node's state is lost for good, remove the file: the node \
         then starts with a new storage id", path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The file belongs to someone else.
    #[error(
        "{} belongs to {what} \"{found}\", not \"{wanted}\": every node needs a data directory of its own",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs: `node` or `cluster`.
        what: &'static str,
        /// The name in the file.
        found: String,
        /// The name of this node or cluster.
        wanted: String,
    },
    /// A founding was to be given up that is complete.
    #[error(
        "{} belongs to a history that has begun: its founding cannot be given up. Start the node without that wish; to replace \
         voters, change them", path.display()
    )]
    Founded {
        /// The file.
        path: PathBuf,
    },
    /// No higher incarnation is possible; only a corrupted number can be this high.
    #[error("{}: incarnation {incarnation} is out of range, which no honest count reaches", path.display())]
    Exhausted {
        /// The file.
        path: PathBuf,
        /// The number.
        incarnation: u64,
    },
}

impl StorageError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// The node no longer runs.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the node has stopped: {0}")]
pub struct Stopped(pub StopReason);

/// Why a node no longer runs.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// It left the cluster, as asked.
    #[error("it left the cluster; {acknowledged} of the {told} nodes it told have acknowledged")]
    Left {
        /// How many neighbours acknowledged.
        acknowledged: usize,
        /// How many were told.
        told: usize,
    },
    /// It was shut down without leaving, or its last handle was dropped.
    #[error("it was shut down")]
    Shutdown,
    /// A later start of the same node is alive.
    #[error("a later start of this node, incarnation {incarnation}, has taken its place")]
    Superseded {
        /// The incarnation that took its place.
        incarnation: Incarnation,
    },
    /// It was declared dead, and told to stop then.
    #[error("it is on record as dead{}: start it again", epoch.map(|e| format!(" since view {e}")).unwrap_or_default())]
    Evicted {
        /// The view that says so, if it was seen; others may only have said that there is one.
        epoch: Option<Epoch>,
    },
    /// The socket does not work any more.
    #[error("its socket failed: {0}")]
    Socket(Arc<io::Error>),
    /// A new incarnation was needed and could not be stored.
    #[error("its storage failed: {0}")]
    Storage(Arc<StorageError>),
    /// The task ended without a word: its runtime was shut down, or it panicked.
    #[error("its task is gone: the runtime was shut down, or it panicked")]
    Lost,
}
