//! A gate that remembers over restarts.
//!
//! Lives here: the order of things, which is all there is to it: a higher token is on the disk before anybody is let in with
//! it. What the file looks like is in `format`, how it is replaced in `disk`.

mod disk;
mod error;
mod format;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use self::error::GateError;

use self::disk::{Disk, Files, locate, locate_new};
use crate::{FencingGate, Token};

/// A [`FencingGate`] that goes on, after a crash at any moment, where it was.
///
/// Its file is locked for as long as this value lives, and must be on a local file system. Two more lie beside it: `.lock`
/// and, during a write, `.tmp`. A path through symbolic links stands for what it leads to; hard links to the file are not
/// followed, and must not be made.
///
/// A higher token costs a write that waits for the disk. That happens once per grant of the lease; all further passes of
/// the same holder cost nothing.
///
/// ```
/// use fencing_gate::{GateError, PersistentGate, Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("orders.gate");
/// let mut gate = PersistentGate::create(&path, 0x5eed, "orders/leader")?; // once in the life of the resource
/// gate.admit(0x5eed, "orders/leader", Token::new(7))?;
/// drop(gate);
///
/// let mut gate = PersistentGate::open(&path, 0x5eed, "orders/leader")?; // ever after
/// let late = gate.admit(0x5eed, "orders/leader", Token::new(6));
/// assert!(matches!(late, Err(GateError::Refused(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PersistentGate {
    kept: Kept<Files>,
}

impl PersistentGate {
    /// Makes the file of a resource that nobody has used yet.
    ///
    /// # Errors
    ///
    /// [`GateError::Exists`] if there is one already, [`GateError::Link`] if there is a symbolic link, or what the system
    /// refused. Nothing is left behind that counts.
    pub fn create(path: impl AsRef<Path>, genesis: u64, lease: &str) -> Result<Self, GateError> {
        let gate = FencingGate::new(genesis, lease)?;
        Ok(Self { kept: Kept::create(Files::lock(&locate_new(path.as_ref())?)?, gate)? })
    }

    /// Goes on from the file.
    ///
    /// It never makes one: a file that is missing where there should be one is the same as a gate that stands open.
    ///
    /// # Errors
    ///
    /// [`GateError`] if the file is missing, torn, corrupt, in use, another resource's, or cannot be read and written. It
    /// was not changed.
    pub fn open(path: impl AsRef<Path>, genesis: u64, lease: &str) -> Result<Self, GateError> {
        let wanted = FencingGate::new(genesis, lease)?;
        Ok(Self { kept: Kept::open(Files::lock(&locate(path.as_ref())?)?, &wanted)? })
    }

    /// Lets in whoever comes with this token, and from now on, over restarts, nobody with a lower one. For reads too
    /// (rule T3). The token is on the disk before this returns.
    ///
    /// # Errors
    ///
    /// [`GateError::Refused`] if the token is not good. Anything else says that the disk has failed: nobody is let in any more
    /// before the gate has been opened again, as nobody knows what is on the disk.
    pub fn admit(&mut self, genesis: u64, lease: &str, token: Token) -> Result<(), GateError> {
        self.kept.admit(genesis, lease, token)
    }

    /// Whether [`admit`](Self::admit) would let this token in; changes nothing, and so keeps nobody out either.
    ///
    /// # Errors
    ///
    /// [`GateError::Refused`] says why not; [`GateError::Broken`] that an earlier write has failed, as [`admit`](Self::admit)
    /// would.
    pub fn check(&self, genesis: u64, lease: &str, token: Token) -> Result<(), GateError> {
        self.kept.check_whole()?;
        Ok(self.kept.gate.check(genesis, lease, token)?)
    }

    /// The highest token that was admitted, if any was.
    pub fn highest(&self) -> Option<Token> {
        self.kept.gate.highest()
    }
}

/// The gate together with its disk, whatever that is.
#[derive(Debug)]
struct Kept<D> {
    disk: D,
    gate: FencingGate,
    broken: bool,
}

impl<D: Disk> Kept<D> {
    fn create(mut disk: D, gate: FencingGate) -> Result<Self, GateError> {
        if disk.read()?.is_some() {
            return Err(GateError::Exists { path: disk.path().to_owned() });
        }
        disk::replace(&mut disk, &format::serialize(&gate))?;
        Ok(Self { disk, gate, broken: false })
    }

    fn open(mut disk: D, wanted: &FencingGate) -> Result<Self, GateError> {
        let path = disk.path().to_owned();
        let Some(bytes) = disk.read()? else { return Err(GateError::Missing { path }) };
        let gate = format::parse(&bytes, &path)?;
        if (gate.genesis(), gate.lease()) != (wanted.genesis(), wanted.lease()) {
            let of =
                |gate: &FencingGate| format!("lease \"{}\" of history {:016x}", gate.lease(), gate.genesis());
            return Err(GateError::Foreign { path, found: of(&gate), wanted: of(wanted) });
        }
        // What was read may be what a process wrote that died before the disk had it. A token is let in without a write if
        // the file has it already, so the file must really have it.
        disk::replace(&mut disk, &bytes)?;
        Ok(Self { disk, gate, broken: false })
    }

    /// Nobody knows what is on the disk once a write has failed.
    fn check_whole(&self) -> Result<(), GateError> {
        match self.broken {
            true => Err(GateError::Broken { path: self.disk.path().to_owned() }),
            false => Ok(()),
        }
    }

    fn admit(&mut self, genesis: u64, lease: &str, token: Token) -> Result<(), GateError> {
        self.check_whole()?;
        let mut next = self.gate.clone();
        next.admit(genesis, lease, token)?;
        if next != self.gate {
            // Taken back only when all has gone well: half a write may be on the disk, or all of it.
            self.broken = true;
            disk::replace(&mut self.disk, &format::serialize(&next))?;
            self.broken = false;
            self.gate = next;
        }
        Ok(())
    }
}
