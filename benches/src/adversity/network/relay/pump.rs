//! Carries frames between descriptors, on a thread of its own.

use std::fmt;
use std::io::PipeReader;
use std::os::fd::OwnedFd;
use std::time::Instant;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::switch::Switch;
use super::wanted::Wanted;
use super::{ETHERNET_HEADER, MTU, Mac};

/// So many frames of one node are read before the others have their turn.
const TURN: usize = 64;
/// The relay stands for a network, which would not wait for the nodes' processes. Where it may not, it waits.
const NICE: i32 = -10;

/// Frames that no fault has lost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    no_room: u64,
    refused: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { no_room, refused } = self;
        write!(
            f,
            "lost without a fault {no_room} frames for want of room and {refused} that an interface refused"
        )
    }
}

/// Carries frames until the other end of `stopped` is closed. The descriptor of a node is that of its number.
pub(super) fn run(
    nodes: &[OwnedFd],
    stopped: &PipeReader,
    wanted: &Wanted,
    seed: u64,
) -> anyhow::Result<Lost> {
    // On Linux this is about the thread alone.
    _ = rustix::process::setpriority_process(None, NICE);
    let mut pump = Pump::new(nodes, wanted, seed);
    let mut polled: Vec<PollFd<'_>> = nodes.iter().map(|node| PollFd::new(node, PollFlags::IN)).collect();
    polled.push(PollFd::new(stopped, PollFlags::IN));
    let ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
    loop {
        pump.refresh();
        pump.deliver();
        match poll(&mut polled, pump.left().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for frames"),
        }
        if polled.last().is_some_and(ready) {
            return Ok(pump.lost());
        }
        pump.refresh();
        for (node, _) in polled.iter().take(nodes.len()).enumerate().filter(|(_, fd)| ready(fd)) {
            pump.receive(node).with_context(|| format!("cannot read what n{} sends", node + 1))?;
        }
    }
}

/// Between the descriptors and the switch.
struct Pump<'a> {
    nodes: &'a [OwnedFd],
    wanted: &'a Wanted,
    version: u64,
    switch: Switch,
    buffer: Box<[u8]>,
    refused: u64,
}

impl<'a> Pump<'a> {
    fn new(nodes: &'a [OwnedFd], wanted: &'a Wanted, seed: u64) -> Self {
        let (version, links) = wanted.now();
        let buffer = vec![0; MTU + ETHERNET_HEADER].into();
        Self { nodes, wanted, version, switch: Switch::new(links, seed), buffer, refused: 0 }
    }

    fn refresh(&mut self) {
        if let Some((version, links)) = self.wanted.newer_than(self.version) {
            self.version = version;
            self.switch.set(links);
        }
    }

    /// Writes what has arrived by now.
    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some((to, frame)) = self.switch.poll(now) {
            self.refused += u64::from(!send(self.nodes, to, &frame));
        }
    }

    /// Until the next frame arrives, if any is under way.
    fn left(&self) -> Option<Timespec> {
        let left = self.switch.due()?.saturating_duration_since(Instant::now());
        // What is too long for the system is far away.
        Timespec::try_from(left).ok()
    }

    /// Reads what a node sends, as far as its turn goes.
    fn receive(&mut self, node: usize) -> Result<(), Errno> {
        for _ in 0..TURN {
            let length = match rustix::io::read(&self.nodes[node], &mut self.buffer[..]) {
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            };
            let frame = &self.buffer[..length];
            // The rest is for everybody, such as a search for routers, of which there are none.
            let Some(to) = Mac::destination(frame).filter(|to| *to < self.nodes.len()) else { continue };
            if !self.switch.take(Instant::now(), (node, to), frame) {
                self.refused += u64::from(!send(self.nodes, to, frame));
            }
        }
        Ok(())
    }

    fn lost(&self) -> Lost {
        Lost { no_room: self.switch.no_room(), refused: self.refused }
    }
}

/// Whether a node's interface has taken a frame.
fn send(nodes: &[OwnedFd], to: usize, frame: &[u8]) -> bool {
    loop {
        match rustix::io::write(&nodes[to], frame) {
            Err(Errno::INTR) => {}
            written => return written.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests;
