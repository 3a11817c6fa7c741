//! What a node must remember over restarts: which disk it runs from, how often it has started, and what it has promised.
//!
//! One small file, replaced as a whole (temporary file, fsync, rename, fsync of the directory), so that after a crash it
//! holds either the old state or the new one. Anything else that is found in it is an error that a person has to look
//! at: a node that quietly started afresh would break promises that it no longer knows of.
//!
//! The file, integers little-endian:
//!
//! ```text
//! "gossip\r\n"  8 bytes   a transfer that changes line ends is found at once
//! version       u16
//! length        u32       of the body
//! body          cluster (u8 length, bytes), name (u8 length, bytes), storage id (16 bytes), incarnation (u64),
//!                         length of what follows (u32), founders, view, promises (as in `wire::pack`)
//! checksum      u32       CRC-32C of everything before it
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::core::quorum::Durable;
use crate::driver::error::StorageError;
use crate::wire;
use crate::{Incarnation, NodeId, StorageId};

const MAGIC: &[u8; 8] = b"gossip\r\n";
const VERSION: u16 = 2;
const HEAD_LEN: usize = 8 + 2 + 4;
const CHECKSUM_LEN: usize = 4;
/// Far above any real state; a larger file is not read.
const FILE_LEN_MAX: u64 = 256 * 1024;

const STATE: &str = "state";
const TEMPORARY: &str = "state.tmp";
const LOCK: &str = "lock";

/// The stable storage of one node, locked for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Storage {
    dir: PathBuf,
    state: State,
    /// Held, never read. A file of its own, because the state file is replaced by every write. The system lets go of
    /// it however the process ends.
    _lock: File,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    cluster: String,
    id: NodeId,
    storage: StorageId,
    /// The last one used; 0 before the first start.
    incarnation: u64,
    durable: Durable,
}

impl Storage {
    /// Opens the storage in `dir`, or makes it there with the id `fresh`.
    pub(crate) fn open(
        dir: &Path,
        cluster: &str,
        id: &NodeId,
        fresh: StorageId,
    ) -> Result<Self, StorageError> {
        create(dir)?;
        let lock = lock(dir)?;
        let path = dir.join(STATE);
        let state = match read(&path)? {
            Some(bytes) => parse(&bytes, &path)?,
            None => State {
                cluster: cluster.to_owned(),
                id: id.clone(),
                storage: fresh,
                incarnation: 0,
                durable: Durable::default(),
            },
        };
        for (what, found, wanted) in
            [("cluster", &*state.cluster, cluster), ("node", state.id.as_str(), id.as_str())]
        {
            if found != wanted {
                let (found, wanted) = (found.to_owned(), wanted.to_owned());
                return Err(StorageError::Foreign { path, what, found, wanted });
            }
        }
        Ok(Self { dir: dir.to_owned(), state, _lock: lock })
    }

    pub(crate) fn id(&self) -> StorageId {
        self.state.storage
    }

    /// Gives up a founding that can never be complete, because a disk on its list is lost: this disk gets another id, and may
    /// agree to another list. Where a history has begun there is nothing to give up.
    pub(crate) fn abandon_founding(&mut self, fresh: StorageId) -> Result<(), StorageError> {
        if self.state.durable.view.is_some() {
            return Err(StorageError::Founded { path: self.dir.join(STATE) });
        }
        self.replace(State { storage: fresh, durable: Durable::default(), ..self.state.clone() })
    }

    /// Starts a new life as another disk, because others have seen more of this one than it remembers: it promised what it does
    /// not know of, and must not vote as itself again. Views are facts, and stay.
    pub(crate) fn renounce(&mut self, seen: u64) -> Result<Incarnation, StorageError> {
        let mut fresh = StorageId::default();
        getrandom::fill(&mut fresh.0)
            .map_err(|e| StorageError::io("draw another id for", &self.dir.join(STATE), e.into()))?;
        let durable = Durable { view: self.state.durable.view.clone(), ..Durable::default() };
        self.begin(seen, State { storage: fresh, durable, ..self.state.clone() })
    }

    /// What was kept last.
    pub(crate) fn durable(&self) -> &Durable {
        &self.state.durable
    }

    /// Keeps what must not be forgotten. It is on the disk when this returns.
    pub(crate) fn keep(&mut self, durable: Durable) -> Result<(), StorageError> {
        self.replace(State { durable, ..self.state.clone() })
    }

    fn replace(&mut self, state: State) -> Result<(), StorageError> {
        write(&self.dir, &serialize(&state))?;
        self.state = state;
        Ok(())
    }

    /// Starts a new life above every earlier one, and above `seen`. It is on the disk when this returns.
    pub(crate) fn next_incarnation(&mut self, seen: u64) -> Result<Incarnation, StorageError> {
        self.begin(seen, self.state.clone())
    }

    fn begin(&mut self, seen: u64, state: State) -> Result<Incarnation, StorageError> {
        let next = state.incarnation.max(seen).saturating_add(1);
        let incarnation = Incarnation::new(next)
            .map_err(|_| StorageError::Exhausted { path: self.dir.join(STATE), incarnation: next })?;
        let incarnation = state.durable.begins_at(incarnation);
        self.replace(State { incarnation: incarnation.get(), ..state })?;
        Ok(incarnation)
    }
}

/// Makes the directory if it is not there, and sees to it that a power failure does not take it away again: it is an entry in
/// another one, which has to be synced too.
fn create(dir: &Path) -> Result<(), StorageError> {
    #[cfg(unix)]
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(dir).map_err(|e| StorageError::io("create the directory", dir, e))?;
    #[cfg(unix)]
    for parent in missing.into_iter().filter_map(Path::parent) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let synced = File::open(parent).and_then(|parent| parent.sync_all());
        synced.map_err(|e| StorageError::io("sync the directory", parent, e))?;
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, StorageError> {
    let path = dir.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| StorageError::io("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path }),
        Err(TryLockError::Error(e)) => Err(StorageError::io("lock", &path, e)),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > FILE_LEN_MAX => {
            return Err(StorageError::Length { path: path.to_owned(), found: meta.len() });
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    fs::read(path).map(Some).map_err(|e| StorageError::io("read", path, e))
}

fn write(dir: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let (temporary, path) = (dir.join(TEMPORARY), dir.join(STATE));
    let fail = |action, at: &Path| {
        let at = at.to_owned();
        move |e| StorageError::io(action, &at, e)
    };
    let mut file = File::create(&temporary).map_err(fail("create", &temporary))?;
    file.write_all(bytes).map_err(fail("write", &temporary))?;
    file.sync_all().map_err(fail("sync", &temporary))?;
    fs::rename(&temporary, &path).map_err(fail("replace", &path))?;
    // Only Unix lets a directory be opened and synced; elsewhere the rename is all there is.
    #[cfg(unix)]
    File::open(dir).and_then(|d| d.sync_all()).map_err(fail("sync the directory", dir))?;
    Ok(())
}

fn serialize(state: &State) -> Vec<u8> {
    let mut body = Vec::with_capacity(160);
    for name in [&*state.cluster, state.id.as_str()] {
        // Both were checked to have at most 64 bytes.
        body.push(name.len() as u8);
        body.extend_from_slice(name.as_bytes());
    }
    body.extend_from_slice(&state.storage.0);
    body.extend_from_slice(&state.incarnation.to_le_bytes());
    let durable = wire::pack(&state.durable);
    body.extend_from_slice(&(durable.len() as u32).to_le_bytes());
    body.extend_from_slice(&durable);

    let mut file = Vec::with_capacity(HEAD_LEN + body.len() + CHECKSUM_LEN);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&(body.len() as u32).to_le_bytes());
    file.extend_from_slice(&body);
    file.extend_from_slice(&crc32c::crc32c(&file).to_le_bytes());
    file
}

/// Looks at the parts in the order that tells most: is it ours at all, of a version we know, all there, undamaged?
fn parse(file: &[u8], path: &Path) -> Result<State, StorageError> {
    let at = || path.to_owned();
    let length = |found: usize| StorageError::Length { path: path.to_owned(), found: found as u64 };
    let mut head = Cursor(file);
    match head.array::<8>() {
        None => return Err(length(file.len())),
        Some(magic) if magic != *MAGIC => return Err(StorageError::Magic { path: at() }),
        Some(_) => {}
    }
    let version = head.array().map(u16::from_le_bytes).ok_or_else(|| length(file.len()))?;
    if version != VERSION {
        return Err(StorageError::Version { path: at(), found: version, known: VERSION });
    }
    let body_len = head.array().map(u32::from_le_bytes).ok_or_else(|| length(file.len()))?;
    if file.len() as u64 != (HEAD_LEN + CHECKSUM_LEN) as u64 + u64::from(body_len) {
        return Err(length(file.len()));
    }
    let (checked, checksum) = file.split_at(file.len() - CHECKSUM_LEN);
    if crc32c::crc32c(checked).to_le_bytes() != *checksum {
        return Err(StorageError::Checksum { path: at() });
    }
    // What follows cannot fail on a file that this program wrote: the checksum has been seen to be good.
    parse_body(&checked[HEAD_LEN..]).ok_or(StorageError::Checksum { path: at() })
}

fn parse_body(body: &[u8]) -> Option<State> {
    let mut body = Cursor(body);
    let state = State {
        cluster: body.name()?.to_owned(),
        id: NodeId::new(body.name()?).ok()?,
        storage: StorageId(body.array()?),
        incarnation: u64::from_le_bytes(body.array()?),
        durable: body.durable()?,
    };
    body.0.is_empty().then_some(state)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn durable(&mut self) -> Option<Durable> {
        let len = u32::from_le_bytes(self.array()?);
        wire::unpack(self.take(usize::try_from(len).ok()?)?).ok()
    }

    fn name(&mut self) -> Option<&'a str> {
        let [len] = self.array()?;
        std::str::from_utf8(self.take(usize::from(len))?).ok()
    }
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
