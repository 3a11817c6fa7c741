//! What can be wrong with a gate that remembers. Each message names the file and says what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{NameError, Refused};

/// Why a gate could not be made, opened or passed.
#[derive(Debug)]
#[non_exhaustive]
pub enum GateError {
    /// Whoever came was not let in. The gate is as it was.
    Refused(Refused),
    /// No lease can have that name.
    Name(NameError),
    /// The system refused an operation.
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no file to go on from.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is a file already.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A gate was to be made where there is a symbolic link.
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Another process stands at this gate.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Something else lies where the gate's file should be.
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another release.
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The version that can be read.
        known: u16,
    },
    /// The file was cut off, or something was appended.
    Length {
        /// The file.
        path: PathBuf,
        /// Its length in bytes, or one more than a gate's file can have.
        found: usize,
    },
    /// The contents do not match their checksum.
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The file is the gate of another lease or another history.
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// An earlier write has failed, and nobody knows how much of it is on the disk.
    Broken {
        /// The file.
        path: PathBuf,
    },
}

impl GateError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// What to do about a file that says nothing any more.
const LOST: &str = "If it is lost for good, make sure that no former holder of the lease is left, remove it, and create it anew";

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Name(error) => error.fmt(f),
            Self::Io { action, path, .. } => write!(f, "cannot {action} {}", path.display()),
            Self::Missing { path } => {
                let path = path.display();
                write!(
                    f,
                    "{path} is missing: check the path; create the gate only for a resource that nobody has used"
                )
            }
            Self::Exists { path } => {
                write!(f, "{} exists already: open it, it knows who has been here", path.display())
            }
            Self::Link { path } => {
                let path = path.display();
                write!(
                    f,
                    "{path} is a symbolic link: remove it, or create the gate at the path that it leads to"
                )
            }
            Self::Locked { path } => {
                write!(f, "{} is locked: another process stands at this gate. Stop it first", path.display())
            }
            Self::Magic { path } => {
                write!(f, "{} is not the file of a fencing gate: check the path", path.display())
            }
            Self::Version { path, found, known } => write!(
                f,
                "{} has format version {found}, this release reads {known}: use the release that wrote it, or a later one",
                path.display()
            ),
            Self::Length { path, found } => {
                write!(
                    f,
                    "{} has {found} bytes, which is not its full length: it is torn. {LOST}",
                    path.display()
                )
            }
            Self::Checksum { path } => {
                write!(f, "{} is corrupt: its checksum does not match. {LOST}", path.display())
            }
            Self::Foreign { path, found, wanted } => write!(
                f,
                "{} is the gate of {found}, not of {wanted}: every resource needs a gate of its own, and a cluster that was \
                 founded anew a new one",
                path.display()
            ),
            Self::Broken { path } => write!(
                f,
                "an earlier write of {} has failed: nobody is let in before the gate has been opened again",
                path.display()
            ),
        }
    }
}

impl Error for GateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Refused> for GateError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NameError> for GateError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}
