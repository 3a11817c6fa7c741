//! The processes: started, broken, mended, and always cleaned up.
//!
//! In flow a [`System`] (which program, how to call it) and a network; out flow the lines that the processes write, stamped
//! when they arrive. What a line means is not looked at here. Every process ends with this one: it is told to
//! (`--exit-with-parent`), and dropping the fleet kills it.

mod build;
mod cgroup;
mod disk;
mod helper;
mod peer;
mod proc_fs;
mod process;
mod storage;
mod system;
mod wall_clock;

pub(crate) use build::{build_agent, find_node};
pub(crate) use cgroup::{Cgroup, Throttling};
pub(crate) use disk::Write;
pub(crate) use helper::{Helper, parse_helper, run_helper};
pub(crate) use peer::{PEERS, Peer};
pub(crate) use proc_fs::load;
pub(crate) use system::System;
pub(crate) use wall_clock::find_faketime;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use rustix::process::Signal;
use tempfile::TempDir;

use super::network::Network;
use super::observe::{Line, parse_write};
use disk::DiskWatch;
use process::{Process, Text};
use storage::Storage;
use wall_clock::WallClocks;

/// What a process is doing, as far as it was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Down,
    Running,
    Stopped,
}

/// How the nodes of one scenario are called.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) nodes: usize,
    /// How many nodes, from the first on, everybody calls to join.
    pub(crate) seeds: usize,
    /// Nodes that vote, from the first on, where the system has verdicts.
    pub(crate) voters: usize,
    /// Scheduling priority, 0 to 19; higher is less.
    pub(crate) nice: u8,
    /// Whether holders of a lease write to a common storage.
    pub(crate) writes: bool,
    /// A directory for the state of one node instead of its usual one.
    pub(crate) data: Option<(usize, PathBuf)>,
    /// Nodes with a wall clock of their own, which can be stepped.
    pub(crate) own_clocks: Vec<usize>,
}

impl Call {
    /// As usual.
    pub(crate) fn plain(nodes: usize, seeds: usize, voters: usize) -> Self {
        Self { nodes, seeds, voters, nice: 0, writes: false, data: None, own_clocks: Vec::new() }
    }
}

/// A line of a process, and when it arrived.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) at: f64,
    pub(crate) by: usize,
    pub(crate) text: Text,
}

pub(crate) use process::{Text as HeardText, Trouble};

/// All processes of a scenario.
#[derive(Debug)]
pub(crate) struct Fleet {
    system: System,
    network: Network,
    call: Call,
    hosts: Vec<Host>,
    clocks: Option<WallClocks>,
    begun: Instant,
    /// The same moment by the wall clock, which all processes can read.
    begun_wall: SystemTime,
    inbox: Receiver<(u32, Heard)>,
    outbox: Sender<(u32, Heard)>,
    storage: Option<Storage>,
    disk: DiskWatch,
    /// Removed when this is dropped.
    data: TempDir,
}

#[derive(Debug)]
struct Host {
    state: State,
    process: Option<Process>,
    /// Counts starts, so that the last words of a killed process are not taken for its successor's.
    life: u32,
}

impl Fleet {
    pub(crate) fn new(system: System, network: Network, call: Call) -> anyhow::Result<Self> {
        let hosts = (0..call.nodes).map(|_| Host { state: State::Down, process: None, life: 0 }).collect();
        let (outbox, inbox) = channel();
        let data = tempfile::Builder::new()
            .prefix("adversity-")
            .tempdir()
            .context("cannot make a directory for the nodes' state")?;
        let clocks = match &call.own_clocks[..] {
            [] => None,
            nodes => {
                let library = find_faketime().context("libfaketime is not installed")?;
                Some(WallClocks::new(library, data.path(), nodes)?)
            }
        };
        let storage = call.writes.then(|| Storage::serve(data.path().join("storage"))).transpose()?;
        let (begun, begun_wall) = (Instant::now(), SystemTime::now());
        let disk = DiskWatch::begin(data.path(), begun);
        Ok(Self {
            system,
            network,
            call,
            hosts,
            clocks,
            begun,
            begun_wall,
            inbox,
            outbox,
            storage,
            disk,
            data,
        })
    }

    pub(crate) fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    pub(crate) fn system(&self) -> &System {
        &self.system
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// How many nodes, the first ones, are to be voters at first.
    fn voters(&self) -> usize {
        self.call.voters.min(self.call.nodes)
    }

    pub(crate) fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    pub(crate) fn in_state(&self, state: State) -> Vec<usize> {
        (0..self.hosts.len()).filter(|&node| self.hosts[node].state == state).collect()
    }

    pub(crate) fn pid(&self, node: usize) -> Option<u32> {
        self.hosts[node].process.as_ref().map(Process::id)
    }

    /// Starts a node that is down.
    pub(crate) fn start(&mut self, node: usize) -> anyhow::Result<()> {
        let seeds: Vec<String> = (0..self.call.seeds.min(self.call.nodes))
            .filter(|seed| *seed != node)
            .map(|seed| self.network.addr(seed).to_string())
            .collect();
        let mut command = self.network.enter(node);
        if self.call.nice > 0 {
            command.extend(["nice".into(), "-n".into(), self.call.nice.to_string()]);
        }
        command.extend(self.clocks.iter().flat_map(|clocks| clocks.enter(node)));
        let data = self.data_of(node);
        command.extend(self.system.command(node, self.network.addr(node), &seeds, &data, self.voters()));
        if let Some(storage) = &self.storage {
            command.extend(["--write-to".into(), storage.path().to_string_lossy().into_owned()]);
        }
        let host = &mut self.hosts[node];
        host.life += 1;
        host.process = Some(Process::start(&command, node, host.life, self.begun, &self.outbox)?);
        host.state = State::Running;
        Ok(())
    }

    /// Sets the wall clock of a node that has one of its own: ahead of the true time by so much.
    pub(crate) fn step_clock(&mut self, node: usize, ahead_s: i64) -> anyhow::Result<()> {
        self.clocks.as_mut().context("no node has a clock of its own")?.step(node, ahead_s)
    }

    /// What holders of leases have written, in that order: who, what, when by this fleet's clock, and as it was.
    pub(crate) fn written(&self) -> anyhow::Result<Vec<(usize, Line, f64, String)>> {
        let written = self.storage.as_ref().map_or(Vec::new(), Storage::written);
        let write = |text: &String| self.write(text).with_context(|| format!("`{text}` is no write"));
        written.iter().map(write).collect()
    }

    /// Writes of this program to the disk of the nodes that took long.
    pub(crate) fn slow_writes(&self) -> Vec<Write> {
        self.disk.slow()
    }

    fn write(&self, text: &str) -> Option<(usize, Line, f64, String)> {
        let (shown, raw) = text.split_once(' ')?;
        let begun = self.begun_wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let shown = shown.parse::<u64>().ok()? as f64 / 1e6 - begun;
        let ahead = |node| match &self.clocks {
            Some(clocks) => clocks.ahead(node, shown, self.elapsed()),
            None => Some(0),
        };
        let (by, line) = parse_write(raw, self.call.nodes, ahead)?;
        let Line::Wrote { ahead_s, .. } = line else { return None };
        Some((by, line, shown - ahead_s as f64, raw.to_owned()))
    }

    /// Where a node keeps its state.
    fn data_of(&self, node: usize) -> PathBuf {
        match &self.call.data {
            Some((other, dir)) if *other == node => dir.clone(),
            _ => self.data.path().join(format!("n{}", node + 1)),
        }
    }

    /// What a process said, without the directories of this machine.
    pub(crate) fn without_paths(&self, text: &str) -> String {
        let other = self.call.data.iter().map(|(_, dir)| dir.as_path());
        let dirs = other.filter_map(|dir| dir.parent()).chain([self.data.path()]);
        dirs.fold(text.to_owned(), |text, dir| text.replace(&*dir.to_string_lossy(), "…"))
    }

    /// Removes the state of a node that is down.
    pub(crate) fn wipe(&mut self, node: usize) -> anyhow::Result<()> {
        std::fs::remove_dir_all(self.data_of(node)).with_context(|| format!("cannot wipe n{}", node + 1))
    }

    /// SIGKILL, which works on a stopped process too; waits until it is gone.
    pub(crate) fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        let host = &mut self.hosts[node];
        host.state = State::Down;
        host.process.take().map_or(Ok(()), Process::kill)
    }

    /// A process has ended by itself.
    pub(crate) fn bury(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.state = State::Down;
        // Dropping it reaps it.
        host.process = None;
    }

    /// Waits until a node that was asked to leave has gone, or kills it.
    pub(crate) fn await_end(&mut self, node: usize, longest: Duration) -> anyhow::Result<()> {
        let host = &mut self.hosts[node];
        host.state = State::Down;
        host.process.take().map_or(Ok(()), |process| process.await_end(longest))
    }

    pub(crate) fn stop(&mut self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::STOP, State::Stopped)
    }

    pub(crate) fn go_on(&mut self, node: usize) -> anyhow::Result<()> {
        self.signal(node, Signal::CONT, State::Running)
    }

    fn signal(&mut self, node: usize, signal: Signal, to: State) -> anyhow::Result<()> {
        let host = &mut self.hosts[node];
        let process = host.process.as_ref().with_context(|| format!("n{} is down", node + 1))?;
        process.signal(signal)?;
        host.state = to;
        Ok(())
    }

    /// Writes a command to a node that runs; one that is down does not get it.
    pub(crate) fn tell(&mut self, node: usize, command: &str) {
        if let Some(process) = &mut self.hosts[node].process {
            process.tell(command);
        }
    }

    /// A look at a process from outside.
    pub(crate) fn sample(&self, node: usize) -> Option<super::observe::Sample> {
        proc_fs::sample(self.pid(node)?, self.network.counts_apart())
    }

    /// How many datagrams to a node the system has thrown away because its buffer was full.
    pub(crate) fn dropped(&self, node: usize) -> Option<u64> {
        proc_fs::dropped(self.pid(node)?, self.network.addr(node))
    }

    /// Whether the system says that a process is stopped.
    pub(crate) fn is_stopped(&self, node: usize) -> bool {
        self.pid(node).is_some_and(proc_fs::is_stopped)
    }

    /// Starts a process of this same program, where this node lives.
    pub(crate) fn helper(&self, at: Option<usize>, helper: &Helper) -> anyhow::Result<Trouble> {
        let enter = at.map_or(Vec::new(), |node| self.network.enter(node));
        Trouble::start(&enter, helper)
    }

    /// Starts a bare loop where each of the first nodes lives, for at most so long.
    pub(crate) fn bare_loops(&self, count: usize, seconds: f64) -> anyhow::Result<Vec<Trouble>> {
        let addrs: Vec<SocketAddr> = (0..count).map(|node| self.network.addr_beside(node)).collect();
        let others = |own: &SocketAddr| addrs.iter().copied().filter(|other| other != own).collect();
        let bare = |own: &SocketAddr| Helper::Bare { own: *own, others: others(own), seconds };
        addrs.iter().enumerate().map(|(node, own)| self.helper(Some(node), &bare(own))).collect()
    }

    /// The next line, if one comes within this time.
    pub(crate) fn hear(&mut self, within: Duration) -> Option<Heard> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok((life, heard)) => {
                    let host = &self.hosts[heard.by];
                    // What a process said on its way down, or in an earlier life, is not said by what is there now.
                    if life == host.life
                        && (host.state != State::Down || matches!(heard.text, Text::Complaint(_)))
                    {
                        return Some(heard);
                    }
                }
                // This fleet holds a sender itself, so it is never disconnected.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}
