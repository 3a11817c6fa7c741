//! What a quorum decides: deaths, leases, who votes, and a voter whose disk is full.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use rand::RngExt as _;

use super::{Claim, DEAD_SOON, Need, Scenario, Stage, WRITES_IN_TOUCH};
use crate::adversity::claim::FULL_DISK;
use crate::adversity::fleet::State;
use crate::adversity::interrupt;
use crate::adversity::network::{Impairment, Links};
use crate::adversity::observe::{Line, Log, holder};

const DEAD_WITHIN_S: f64 = 5.0;
const PASSES_WITHIN_S: f64 = 10.0;
/// A little longer than the claims about verdicts look at.
const AWAY_S: f64 = 2.2;
const VOTERS: usize = 5;
/// So many voters that four of them are a majority.
const MANY_VOTERS: usize = 7;

pub(super) fn scenarios() -> Vec<Scenario> {
    let quorum = |scenario: Scenario| scenario.needs(Need::Verdicts).ours_only();
    vec![
        quorum(Scenario::new(
            "verdict",
            "SIGKILL for a random node, thirty times; each is started again with its disk once all have reported it dead, and the \
             next is killed once all read it as alive",
            vec![DEAD_SOON, Claim::NoMistakeLasts { seconds: 1.0 }, Claim::Recovers { seconds: 2.0 }],
            verdict,
        ))
        .uncontested(),
        quorum(Scenario::new(
            "lease",
            "all nodes want one lease; its holder is killed, stopped for 10 s and cut off in turn, twice each",
            vec![
                Claim::LeaseUsed { tokens: 5 },
                Claim::LeasePasses { seconds: 4.0 },
                WRITES_IN_TOUCH,
                Claim::AgreesOnOneView { seconds: 2.0 },
                Claim::EvictedReturn { seconds: 1.0 },
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            lease,
        ))
        .uncontested()
        .needs(Need::Network(Impairment::Cut)),
        quorum(Scenario::new(
            "lease-kills",
            "three nodes fight for one lease, write to one file while they hold it and are made to give it back now and then, while voters are killed at random and \
             started again, up to three of five at a time, for three minutes (25 s in a quick run)",
            vec![
                Claim::LeaseUsed { tokens: 5 },
                WRITES_IN_TOUCH,
                Claim::GrantsAgain { seconds: 5.0 },
                Claim::NoMistakeLasts { seconds: 1.0 },
            ],
            lease_kills,
        ))
        .uncontested()
        .quick(),
        quorum(Scenario::new(
            "wiped-voter",
            "a voter is killed and its disk wiped; it comes back under its name, two other voters are killed for 6 s and one lease \
             is wanted; all come back, the wiped one is made a voter again, and the same two are killed once more",
            // Who is away for six seconds is so without a majority; the last two are for ten.
            vec![Claim::DeclaredDead { seconds: 8.0 }, Claim::NoMistakeLasts { seconds: 1.0 }],
            wiped_voter,
        ))
        .uncontested(),
        quorum(Scenario::new(
            "majority-lost",
            "four of seven voters are killed while a fifth holds a lease and others want it; after 10 s they come back",
            vec![
                WRITES_IN_TOUCH,
                Claim::GrantsAgain { seconds: 4.0 },
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Recovers { seconds: 2.0 },
            ],
            majority_lost,
        ))
        .uncontested()
        .nodes(MANY_VOTERS)
        .called(|call| call.voters = MANY_VOTERS),
        quorum(Scenario::new(
            "disk-full",
            "the disk of one voter is full when another node is killed; later there is room, and the voter is started again",
            vec![
                Claim::TellsOfFullDisk,
                Claim::NoMistakeLasts { seconds: 1.0 },
                Claim::Detected { all_s: 1.0, median_s: 0.6 },
                Claim::DeclaredDead { seconds: DEAD_WITHIN_S },
                Claim::Recovers { seconds: 2.0 },
            ],
            disk_full,
        ))
        .needs(Need::Root),
    ]
}

fn verdict(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for _ in 0..30 {
        let victim = stage.any()?;
        let killed = stage.now();
        stage.kill(victim)?;
        stage.wait(AWAY_S);
        stage.wait_until(10.0, |stage| stage.all_bury(victim, killed));
        let started = stage.now();
        stage.start(victim)?;
        stage.wait_until(10.0, |stage| stage.all_revive(victim, started));
        stage.settle()?;
        stage.wait(2.0);
        if interrupt::happened() {
            break;
        }
    }
    Ok(())
}

fn lease(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    for round in 0..6 {
        all_want(stage);
        stage.wait_until(PASSES_WITHIN_S, |stage| holder(stage.log()).is_some());
        let Some(held_by) = holder(stage.log()) else { continue };
        match round % 3 {
            0 => {
                stage.kill(held_by)?;
                stage.wait(PASSES_WITHIN_S);
                stage.start(held_by)?;
            }
            1 => {
                stage.stop(held_by)?;
                stage.wait(PASSES_WITHIN_S);
                stage.go_on(held_by)?;
            }
            _ => {
                let alone = Links::fine(stage.nodes()).apart(|node| usize::from(node == held_by));
                stage.fault("holder cut off", alone)?;
                stage.wait(PASSES_WITHIN_S);
                stage.mend("holder cut off")?;
            }
        }
        stage.settle()?;
    }
    Ok(())
}

fn all_want(stage: &mut Stage) {
    for node in stage.fleet().in_state(State::Running) {
        stage.want_lease(node);
    }
}

fn lease_kills(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let length = stage.length(180.0, 25.0);
    let begun = stage.now();
    let clients = stage.nodes() - 3..stage.nodes();
    let mut down: Vec<(usize, f64)> = Vec::new();
    let (mut next_kill, mut next_release) = (begun + 3.0, begun + 2.0);
    while stage.now() - begun < length && !interrupt::happened() {
        let now = stage.now();
        for (node, _) in down.extract_if(.., |(_, back)| *back <= now) {
            stage.start(node)?;
        }
        if now >= next_kill {
            let up: Vec<usize> = (0..VOTERS).filter(|v| !down.iter().any(|(node, _)| node == v)).collect();
            if up.len() > 2 {
                let victim = up[stage.rng.random_range(0..up.len())];
                stage.kill(victim)?;
                down.push((victim, now + stage.rng.random_range(0.5..4.0)));
            }
            next_kill = now + stage.rng.random_range(0.5..4.0);
        }
        if now >= next_release {
            if let Some(held_by) = holder(stage.log()) {
                stage.give_back_lease(held_by);
            }
            next_release = now + stage.rng.random_range(0.5..3.0);
        }
        for client in clients.clone() {
            stage.want_lease(client);
        }
        stage.wait(0.1);
    }
    for (node, _) in down {
        stage.start(node)?;
    }
    // One that has only just been started is not asked yet: with all of them there, one that waits gets it.
    stage.settle()?;
    for client in clients {
        stage.want_lease(client);
    }
    // Whoever has it now may have had it from before.
    if let Some(held_by) = holder(stage.log()) {
        stage.give_back_lease(held_by);
    }
    stage.wait(5.0);
    Ok(())
}

fn wiped_voter(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let wiped = VOTERS - 1;
    let killed = stage.now();
    stage.kill(wiped)?;
    stage.wait_until(10.0, |stage| stage.all_bury(wiped, killed));
    stage.wipe(wiped)?;
    stage.start(wiped)?;
    stage.settle()?;
    // Two of five are left, and one who would make three.
    let others = [2, 3];
    for node in others {
        stage.kill(node)?;
    }
    stage.want_lease(0);
    stage.wait(6.0);
    for node in others {
        stage.start(node)?;
    }
    stage.settle()?;
    let names: Vec<String> = (1..=VOTERS).map(|voter| format!("n{voter}")).collect();
    stage.tell(0, &format!("voters {}", names.join(",")));
    ensure!(stage.wait_until(20.0, |stage| voters_changed(stage.log())), "the voters have not been changed");
    stage.wait(5.0);
    for node in others {
        stage.kill(node)?;
    }
    stage.wait(10.0);
    for node in others {
        stage.start(node)?;
    }
    stage.settle()?;
    Ok(())
}

/// Whether a change of voters has begun and ended.
fn voters_changed(log: &Log) -> bool {
    let mut sealed = None;
    log.said().any(|(_, _, line)| match line {
        Line::View(view) if !view.next.is_empty() => {
            sealed = Some(view.epoch);
            false
        }
        Line::View(view) => sealed.is_some_and(|epoch| view.epoch > epoch),
        _ => false,
    })
}

fn majority_lost(stage: &mut Stage) -> anyhow::Result<()> {
    stage.gather()?;
    let (lost, last) = (0..MANY_VOTERS / 2 + 1, MANY_VOTERS - 1);
    stage.want_lease(last);
    stage.wait_until(PASSES_WITHIN_S, |stage| holder(stage.log()).is_some());
    stage.want_lease(last - 1);
    stage.wait(1.0);
    for node in lost.clone() {
        stage.kill(node)?;
    }
    stage.wait(5.0);
    // The holder's is over, and all ask those who are left.
    all_want(stage);
    stage.wait(5.0);
    for node in lost {
        stage.start(node)?;
    }
    stage.settle()?;
    stage.wait(5.0);
    Ok(())
}

fn disk_full(stage: &mut Stage) -> anyhow::Result<()> {
    let disk = tempfile::Builder::new().prefix("adversity-disk-").tempdir()?;
    let mount = Mount::small(disk.path())?;
    let small = 0;
    stage.fleet().call_mut().data = Some((small, disk.path().join("n1")));
    stage.gather()?;
    stage.trouble_of(FULL_DISK, small);
    mount.fill()?;
    let victim = stage.nodes() - 1;
    stage.kill(victim)?;
    stage.wait(DEAD_WITHIN_S + 2.0);
    stage.start(victim)?;
    stage.settle()?;
    // The young are slow to suspect.
    stage.wait(5.0);
    mount.empty()?;
    stage.kill(small)?;
    stage.wait(AWAY_S);
    stage.start(small)?;
    stage.trouble(FULL_DISK, false);
    stage.settle()?;
    // The file system is in use until then.
    stage.dismiss(small)?;
    Ok(())
}

/// A file system of 64 kB in memory; unmounted when dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn small(at: &'a Path) -> anyhow::Result<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "adversity"])
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
