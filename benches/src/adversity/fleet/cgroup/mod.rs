//! Groups of processes that the kernel gives a share of a processor and no more, as it does to a container with a quota.
//!
//! In flow processes; out flows how often the kernel held them back. Both versions of control groups will do, where this program
//! may make one. Dropping a group lets its processes go and removes it.

mod place;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};

use place::{Place, Version, places};

/// How often, and after how long each time, the kernel is asked again to remove a group whose last process has just gone.
const REMOVALS: usize = 50;
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// One group.
#[derive(Debug)]
pub(crate) struct Cgroup {
    place: Place,
    dir: PathBuf,
}

/// How often processes were held back.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Throttling {
    /// Periods in which there was something to do.
    pub(crate) periods: u64,
    /// Of these, those in which the share was used up.
    pub(crate) throttled: u64,
}

impl Cgroup {
    /// A group without processes that gets `quota` of one processor in every `period`.
    ///
    /// # Errors
    ///
    /// Why none can be made here.
    pub(crate) fn new(name: &str, quota: Duration, period: Duration) -> anyhow::Result<Self> {
        let read = |file: &str| fs::read_to_string(file).with_context(|| format!("cannot read {file}"));
        let mut why = anyhow!("no controller for processor time is mounted");
        for place in places(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?) {
            match Self::make(place, name, quota, period) {
                Ok(group) => return Ok(group),
                Err(error) => why = error.context("cannot make a control group"),
            }
        }
        Err(why)
    }

    fn make(place: Place, name: &str, quota: Duration, period: Duration) -> anyhow::Result<Self> {
        let dir = place.parent.join(name);
        fs::create_dir(&dir)?;
        // Made first, so that it is removed if the rest fails.
        let group = Self { place, dir };
        for (file, text) in group.place.version.limits(quota, period) {
            fs::write(group.dir.join(file), text).with_context(|| format!("cannot set {file}"))?;
        }
        Ok(group)
    }

    /// What it is, for a person.
    pub(crate) fn kind(&self) -> &'static str {
        match self.place.version {
            Version::One => "cgroup v1",
            Version::Two => "cgroup v2",
        }
    }

    /// Takes in a process with all its threads.
    pub(crate) fn take(&self, pid: u32) -> anyhow::Result<()> {
        fs::write(self.dir.join("cgroup.procs"), pid.to_string())
            .context("cannot move a process to its control group")
    }

    pub(crate) fn throttling(&self) -> anyhow::Result<Throttling> {
        let text = fs::read_to_string(self.dir.join("cpu.stat")).context("cannot read cpu.stat")?;
        throttling(&text).context("cpu.stat says nothing of periods")
    }

    fn remove(&self) -> io::Result<()> {
        let mut last = Ok(());
        for _ in 0..REMOVALS {
            let inside = fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
            for pid in inside.lines() {
                // One that has ended meanwhile need not go.
                _ = fs::write(self.place.home.join("cgroup.procs"), pid);
            }
            last = fs::remove_dir(&self.dir);
            if last.is_ok() {
                break;
            }
            thread::sleep(REMOVAL_PAUSE);
        }
        last
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("cannot remove {}: {error}", self.dir.display());
        }
    }
}

fn throttling(stat: &str) -> Option<Throttling> {
    let count = |name: &str| {
        let value = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value?.trim().parse().ok()
    };
    Some(Throttling { periods: count("nr_periods")?, throttled: count("nr_throttled")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_cpu_stat_are_understood() {
        let one = "nr_periods 300\nnr_throttled 298\nthrottled_time 28000000000\nnr_bursts 0\nburst_time 0\n";
        let two = "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 300\nnr_throttled 298\nthrottled_usec 28000000\n";
        for text in [one, two] {
            assert_eq!(throttling(text), Some(Throttling { periods: 300, throttled: 298 }));
        }
        // Without a quota version 2 counts no periods.
        assert_eq!(throttling("usage_usec 9\nuser_usec 5\nsystem_usec 4\n"), None);
    }
}
