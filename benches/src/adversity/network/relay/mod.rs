//! A network namespace for each node, joined by a relay in this process, which can do anything to what passes.
//!
//! Each namespace has an Ethernet interface whose other end is a descriptor here ([`tap`]). One thread ([`pump`]) carries frames
//! from one to another, and asks a [`switch`], which knows no descriptors and no clock, what becomes of each. A link that is fine
//! has no queue. Flows in: the faults of all links ([`Links`]). Flows out: nothing but the frames.

mod pump;
mod switch;
mod tap;
mod wanted;

use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, ensure};

use super::Links;
use super::fed::feed;
use super::hosts::{self, Hosts};
use super::mac::Mac;
use pump::Lost;
use tap::Tap;
use wanted::Wanted;

/// Datagrams travel whole, so that each meets a fault once, as in a node's own link emulator: the most that such an interface can
/// have, 65,535 bytes less the header of Ethernet.
const MTU: usize = 65_521;
/// The header that the MTU does not count.
const ETHERNET_HEADER: usize = 14;

/// Dropping it ends the relay, and removes the namespaces.
#[derive(Debug)]
pub(crate) struct Relayed {
    // Before the namespaces, which hold the interfaces.
    relay: Relay,
    hosts: Hosts,
}

/// The thread that carries frames.
#[derive(Debug)]
struct Relay {
    wanted: Arc<Wanted>,
    /// Closed to end the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<anyhow::Result<Lost>>>,
}

/// Why it cannot be had, if so.
pub(super) fn available() -> Result<(), String> {
    hosts::available()?;
    Tap::open().map(drop).map_err(|error| format!("{error:#}"))
}

impl Relayed {
    /// The seed decides which frames are lost, where chance does.
    pub(super) fn new(nodes: usize, seed: u64) -> anyhow::Result<Self> {
        let hosts = Hosts::without_hub(nodes)?;
        let taps = (0..nodes).map(|_| Tap::open()).collect::<anyhow::Result<Vec<_>>>()?;
        let mut commands = String::new();
        for (node, tap) in taps.iter().enumerate() {
            let (namespace, mac) = (hosts.name(node), Mac::of(node));
            commands +=
                &format!("link set dev {} netns {namespace} name eth0 address {mac} mtu {MTU}\n", tap.name);
        }
        feed(&["ip", "-batch", "-"], &commands)
            .context("cannot move network interfaces into their namespaces")?;
        (0..nodes).try_for_each(|node| hosts.settle(node))?;
        let relay = Relay::start(taps, seed)?;
        Ok(Self { relay, hosts })
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What is under way on links that have a fault now is lost.
    pub(super) fn apply_all(&self, links: &Links) -> anyhow::Result<()> {
        ensure!(
            self.relay.thread.as_ref().is_some_and(|thread| !thread.is_finished()),
            "the relay between the namespaces has ended: see standard error"
        );
        self.relay.wanted.set(links.clone());
        Ok(())
    }
}

impl Relay {
    fn start(taps: Vec<Tap>, seed: u64) -> anyhow::Result<Self> {
        let wanted = Arc::new(Wanted::new(Links::fine(taps.len())));
        let (stopped, stop) = std::io::pipe().context("cannot open a pipe to end the relay with")?;
        let descriptors: Vec<OwnedFd> = taps.into_iter().map(|tap| tap.descriptor).collect();
        let theirs = Arc::clone(&wanted);
        let thread = std::thread::Builder::new()
            .name("relay".into())
            .spawn(move || pump::run(&descriptors, &stopped, &theirs, seed))
            .context("cannot start a thread for the relay")?;
        Ok(Self { wanted, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Ok(lost))) if lost != Lost::default() => {
                eprintln!("the relay between the namespaces: {lost}");
            }
            Some(Ok(Err(error))) => eprintln!("the relay between the namespaces failed: {error:#}"),
            Some(Err(_panicked)) => eprintln!("the relay between the namespaces panicked"),
            _ => {}
        }
    }
}
