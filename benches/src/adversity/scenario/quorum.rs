//! What a quorum decides: deaths, leases, and a voter whose disk is full.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::{Claim, Need, Scenario, Stage};
use crate::adversity::fleet::State;
use crate::adversity::network::{Impairment, Links};
use crate::adversity::observe::holder;

const DEAD_WITHIN_S: f64 = 15.0;
const PASSES_WITHIN_S: f64 = 15.0;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(
            "verdict",
            "a random node is killed and stays away for 20 s, then comes back; three times",
            vec![
                Claim::DeclaredDead { seconds: DEAD_WITHIN_S },
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 10.0 },
            ],
            verdict,
        )
        .needs(Need::Verdicts)
        .ours_only(),
        Scenario::new(
            "lease",
            "all nodes want one lease; its holder is killed, stopped for 10 s and cut off in turn, twice each",
            vec![Claim::LeasePasses { seconds: PASSES_WITHIN_S }, Claim::Recovers { seconds: 20.0 }],
            lease,
        )
        .needs(Need::Verdicts)
        .needs(Need::Network(Impairment::Cut))
        .ours_only(),
        Scenario::new(
            "disk-full",
            "the disk of one voter is full when another node is killed",
            vec![
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::DeclaredDead { seconds: DEAD_WITHIN_S },
                Claim::Recovers { seconds: 10.0 },
            ],
            disk_full,
        )
        .needs(Need::Verdicts)
        .needs(Need::Root)
        .ours_only(),
    ]
}

fn verdict(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for _ in 0..3 {
        let victim = stage.any()?;
        stage.kill(victim)?;
        stage.wait(DEAD_WITHIN_S + 5.0);
        stage.start(victim)?;
        stage.settle()?;
    }
    Ok(())
}

fn lease(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for round in 0..6 {
        acquire(stage);
        stage.wait_until(PASSES_WITHIN_S, |stage| holder(stage.log()).is_some());
        let Some(held_by) = holder(stage.log()) else { continue };
        match round % 3 {
            0 => {
                stage.kill(held_by)?;
                acquire(stage);
                stage.wait(PASSES_WITHIN_S);
                stage.start(held_by)?;
            }
            1 => {
                stage.stop(held_by)?;
                acquire(stage);
                stage.wait(PASSES_WITHIN_S);
                stage.go_on(held_by)?;
            }
            _ => {
                let alone = Links::fine(stage.nodes()).apart(|node| usize::from(node == held_by));
                stage.fault("holder cut off", alone)?;
                acquire(stage);
                stage.wait(PASSES_WITHIN_S);
                stage.mend("holder cut off")?;
            }
        }
        stage.settle()?;
    }
    Ok(())
}

fn acquire(stage: &mut Stage) {
    for node in stage.fleet().in_state(State::Running) {
        stage.tell(node, "acquire lock");
    }
}

fn disk_full(stage: &mut Stage) -> anyhow::Result<()> {
    let disk = tempfile::Builder::new().prefix("adversity-disk-").tempdir()?;
    let mount = Mount::small(disk.path())?;
    stage.fleet().call_mut().data = Some((0, disk.path().join("n1")));
    stage.gather()?;
    mount.fill()?;
    let victim = stage.nodes() - 1;
    stage.kill(victim)?;
    stage.wait(DEAD_WITHIN_S + 5.0);
    mount.empty()?;
    stage.start(victim)?;
    stage.settle()?;
    // The file system is in use until then.
    stage.kill(0)?;
    Ok(())
}

/// A file system of 128 kB in memory; unmounted when dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn small(at: &'a Path) -> anyhow::Result<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=128k", "adversity"])
            .arg(at)
            .status()
            .context("cannot run mount")?;
        ensure!(status.success(), "cannot mount a small file system in memory ({status})");
        Ok(Self(at))
    }

    fn fill(&self) -> anyhow::Result<()> {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join("filler"))?;
        // More than it holds: the error at the end is what is wanted.
        let full = (0..1_000).any(|_| file.write_all(&[0; 4096]).is_err());
        ensure!(full, "the small file system did not fill up");
        Ok(())
    }

    fn empty(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.0.join("filler")).context("cannot free the small file system")
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        // Lazily, should a process still have a file open.
        if !Command::new("umount").arg("-l").arg(self.0).status().is_ok_and(|status| status.success()) {
            eprintln!("cannot unmount {}", self.0.display());
        }
    }
}
