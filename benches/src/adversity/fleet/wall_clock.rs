//! Wall clocks of their own for single processes, to be stepped while they run.
//!
//! libfaketime is loaded into the process and adds to what the C library says of the wall clock; how much stands in a file, which
//! it reads anew each time. Monotonic clocks are left alone, the one that goes on during a suspend among them.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

const LIBRARY: &str = "faketime/libfaketime.so.1";
/// Systems keep libraries here, or one deeper in a directory for each architecture.
const PLACES: [&str; 5] = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64", "/lib"];

/// Where libfaketime is installed.
pub(crate) fn find_faketime() -> Option<PathBuf> {
    PLACES.iter().find_map(|place| library_below(Path::new(place)))
}

fn library_below(place: &Path) -> Option<PathBuf> {
    let deeper = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path().join(LIBRARY));
    let mut found: Vec<PathBuf> = deeper.filter(|path| path.exists()).collect();
    // Another architecture's cannot be loaded.
    found.sort_by_key(|path| {
        !path.strip_prefix(place).is_ok_and(|rest| rest.to_string_lossy().starts_with(ARCH))
    });
    let direct = Some(place.join(LIBRARY)).filter(|path| path.exists());
    found.into_iter().next().or(direct)
}

/// The wall clocks of some nodes.
#[derive(Debug)]
pub(super) struct WallClocks {
    library: PathBuf,
    dir: PathBuf,
    /// By node: by how many seconds its clock has ever been ahead.
    ahead: BTreeMap<usize, Vec<i64>>,
}

impl WallClocks {
    /// Clocks that are right; their files will be in `dir`.
    pub(super) fn new(library: PathBuf, dir: &Path, nodes: &[usize]) -> anyhow::Result<Self> {
        let ahead = nodes.iter().map(|node| (*node, Vec::new())).collect();
        let mut clocks = Self { library, dir: dir.to_owned(), ahead };
        for &node in nodes {
            clocks.step(node, 0)?;
        }
        Ok(clocks)
    }

    fn file(&self, node: usize) -> PathBuf {
        self.dir.join(format!("clock-n{}", node + 1))
    }

    /// What to put before a node's command, so that the node lives by its own clock.
    pub(super) fn enter(&self, node: usize) -> Vec<String> {
        if !self.ahead.contains_key(&node) {
            return Vec::new();
        }
        vec![
            "env".into(),
            format!("LD_PRELOAD={}", self.library.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file(node).display()),
            "FAKETIME_NO_CACHE=1".into(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        ]
    }

    /// From now on a node's clock is ahead of the true time by so much.
    pub(super) fn step(&mut self, node: usize, ahead_s: i64) -> anyhow::Result<()> {
        let known =
            self.ahead.get_mut(&node).with_context(|| format!("n{} has no clock of its own", node + 1))?;
        if !known.contains(&ahead_s) {
            known.push(ahead_s);
        }
        // Put in place whole: it may be read at any moment.
        let (file, new) = (self.file(node), self.dir.join("clock-new"));
        fs::write(&new, format!("{ahead_s:+}\n")).context("cannot write a clock's file")?;
        fs::rename(&new, &file).context("cannot put a clock's file in place")
    }

    /// By how much a node's clock was ahead when it showed this time of a run, which has lasted so long.
    pub(super) fn ahead(&self, node: usize, shown_s: f64, run_s: f64) -> Option<i64> {
        let known = self.ahead.get(&node).map_or(&[0][..], Vec::as_slice);
        known.iter().copied().find(|&ahead| (0.0..=run_s).contains(&(shown_s - ahead as f64)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_this_architecture_is_preferred() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(library_below(place.path()), None);
        for dir in ["aaa-other-gnu", &format!("{ARCH}-linux-gnu")] {
            let library = place.path().join(dir).join(LIBRARY);
            fs::create_dir_all(library.parent().unwrap()).unwrap();
            fs::write(&library, "").unwrap();
        }
        let found = library_below(place.path()).unwrap();
        assert_eq!(found, place.path().join(format!("{ARCH}-linux-gnu")).join(LIBRARY));
    }

    #[test]
    fn a_step_is_written_and_what_a_clock_showed_tells_by_how_much_it_was_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let mut clocks = WallClocks::new("/x/libfaketime.so.1".into(), dir.path(), &[2]).unwrap();
        let file = dir.path().join("clock-n3");
        assert_eq!(fs::read_to_string(&file).unwrap(), "+0\n");
        clocks.step(2, 3600).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "+3600\n");
        clocks.step(2, -60).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "-60\n");
        assert!(clocks.step(1, 60).is_err(), "it has none");
        assert_eq!(clocks.ahead(2, 3612.0, 50.0), Some(3600));
        assert_eq!(clocks.ahead(2, 12.0, 50.0), Some(0));
        assert_eq!(clocks.ahead(2, -48.0, 50.0), Some(-60));
        assert_eq!((clocks.ahead(2, 100.0, 50.0), clocks.ahead(1, 3612.0, 50.0)), (None, None));
        assert!(clocks.enter(1).is_empty() && clocks.enter(2)[1] == "LD_PRELOAD=/x/libfaketime.so.1");
    }
}
