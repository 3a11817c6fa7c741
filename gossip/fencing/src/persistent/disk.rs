//! Replacing a small file as a whole: after a crash it holds the old bytes or the new ones.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::GateError;
use super::format::FILE_LEN_MAX;

/// What can be done to a file system, step by step. Tests stop between any two.
pub(super) trait Disk {
    /// The file, to be named in errors.
    fn path(&self) -> &Path;
    /// The file's bytes; none if there is no file. No more than `FILE_LEN_MAX` and one.
    fn read(&mut self) -> Result<Option<Vec<u8>>, GateError>;
    /// Makes the temporary file with these bytes, in place of any that was left behind.
    fn write_temporary(&mut self, bytes: &[u8]) -> Result<(), GateError>;
    /// Waits until its bytes are on the disk.
    fn sync_temporary(&mut self) -> Result<(), GateError>;
    /// Puts it in the place of the file.
    fn rename(&mut self) -> Result<(), GateError>;
    /// Waits until the disk knows that.
    fn sync_directory(&mut self) -> Result<(), GateError>;
}

/// Replaces the file. The order is the point: no name for bytes that the disk does not have, no success before it has
/// the name.
pub(super) fn replace(disk: &mut impl Disk, bytes: &[u8]) -> Result<(), GateError> {
    disk.write_temporary(bytes)?;
    disk.sync_temporary()?;
    disk.rename()?;
    disk.sync_directory()
}

/// Real files, locked for as long as this value lives.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    directory: PathBuf,
    temporary: PathBuf,
    writing: Option<File>,
    /// Held, never read. A file of its own, because the other is replaced by every write.
    _lock: File,
}

/// The one path of a file that is there, however it was named: by another, it would have another lock, and the first write
/// would put a second file in the place of a link.
pub(super) fn locate(path: &Path) -> Result<PathBuf, GateError> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => GateError::Missing { path: path.to_owned() },
        _ => GateError::io("find", path)(error),
    })
}

/// The same of one that is to be made. What is there already may be anything but a link.
pub(super) fn locate_new(path: &Path) -> Result<PathBuf, GateError> {
    let nameless = || GateError::io("create", path)(io::ErrorKind::InvalidInput.into());
    let name = path.file_name().ok_or_else(nameless)?;
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(GateError::Link { path: path.to_owned() });
    }
    let parent = parent(path);
    let parent = fs::canonicalize(&parent).map_err(GateError::io("find the directory", &parent))?;
    Ok(parent.join(name))
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl Files {
    /// Of a path that [`locate`] or [`locate_new`] gave.
    pub(super) fn lock(path: &Path) -> Result<Self, GateError> {
        let directory = parent(path);
        let lock_path = beside(path, ".lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(GateError::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(GateError::Locked { path: lock_path }),
            Err(TryLockError::Error(e)) => return Err(GateError::io("lock", &lock_path)(e)),
        }
        let temporary = beside(path, ".tmp");
        Ok(Self { path: path.to_owned(), directory, temporary, writing: None, _lock: lock })
    }
}

/// The path with something appended to its last part.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

impl Disk for Files {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> Result<Option<Vec<u8>>, GateError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(GateError::io("open", &self.path)(e)),
        };
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, FILE_LEN_MAX as u64 + 1), &mut bytes)
            .map_err(GateError::io("read", &self.path))?;
        Ok(Some(bytes))
    }

    fn write_temporary(&mut self, bytes: &[u8]) -> Result<(), GateError> {
        let mut file = File::create(&self.temporary).map_err(GateError::io("create", &self.temporary))?;
        file.write_all(bytes).map_err(GateError::io("write", &self.temporary))?;
        self.writing = Some(file);
        Ok(())
    }

    fn sync_temporary(&mut self) -> Result<(), GateError> {
        match self.writing.take() {
            Some(file) => file.sync_all().map_err(GateError::io("sync", &self.temporary)),
            None => Ok(()),
        }
    }

    fn rename(&mut self) -> Result<(), GateError> {
        fs::rename(&self.temporary, &self.path).map_err(GateError::io("replace", &self.path))
    }

    fn sync_directory(&mut self) -> Result<(), GateError> {
        // Only Unix lets a directory be opened and synced; elsewhere the rename is all there is.
        #[cfg(unix)]
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(GateError::io("sync the directory", &self.directory))?;
        Ok(())
    }
}
