//! How long the disk takes, on which all decisions wait: a machine that is shared may have one that stalls.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a small file is written, and waited for.
const EVERY: Duration = Duration::from_millis(100);
/// What is worth a word.
const SLOW: Duration = Duration::from_millis(50);
/// Nobody reads more.
const MOST: usize = 10_000;

/// Dropping it ends the watch.
#[derive(Debug)]
pub(super) struct DiskWatch {
    over: Arc<AtomicBool>,
    slow: Arc<Mutex<Vec<Write>>>,
}

/// A write that began at some second of a scenario, and took so many until it was on the disk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Write {
    pub(crate) at: f64,
    pub(crate) seconds: f64,
}

impl DiskWatch {
    /// Watches the disk on which this directory is, on a clock that began then.
    pub(super) fn begin(directory: &Path, begun: Instant) -> Self {
        let watch = Self { over: Arc::default(), slow: Arc::default() };
        let (over, slow, file) = (watch.over.clone(), watch.slow.clone(), directory.join("watch"));
        std::thread::spawn(move || keep_watch(&file, begun, &over, &slow));
        watch
    }

    /// The writes so far that took long.
    pub(super) fn slow(&self) -> Vec<Write> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn keep_watch(file: &PathBuf, begun: Instant, over: &AtomicBool, slow: &Mutex<Vec<Write>>) {
    while !over.load(Ordering::Relaxed) {
        let at = Instant::now();
        // The directory is gone when the scenario is over.
        if write(file).is_err() {
            return;
        }
        let took = at.elapsed();
        let mut slow = slow.lock().unwrap_or_else(PoisonError::into_inner);
        if took >= SLOW && slow.len() < MOST {
            slow.push(Write { at: (at - begun).as_secs_f64(), seconds: took.as_secs_f64() });
        }
        drop(slow);
        std::thread::sleep(EVERY);
    }
}

/// As a node writes its file: all of it, and waits until it is on the disk.
fn write(file: &PathBuf) -> std::io::Result<()> {
    let mut file = File::create(file)?;
    file.write_all(&[0; 4096])?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_writes_and_ends_with_its_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let watch = DiskWatch::begin(directory.path(), Instant::now());
        let began = Instant::now();
        while !directory.path().join("watch").exists() {
            assert!(began.elapsed() < Duration::from_secs(10), "it has not begun");
            std::thread::yield_now();
        }
        assert!(watch.slow().iter().all(|write| write.seconds >= SLOW.as_secs_f64()));
    }
}
