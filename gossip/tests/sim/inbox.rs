//! A host's socket: what waits in it, and when it is read.

use std::time::Duration;

use gossip::Event;
use gossip::core::{Node, between_looks};

use super::Nanos;
use super::host::Packet;
use super::world::{Next, Step, World};

impl World {
    /// A datagram has got to a host, which reads it now or later.
    pub(super) fn arrive(&mut self, to: usize, mut packet: Packet) -> Step {
        let host = &mut self.hosts[to];
        packet.stamp = host.now(self.now).wall;
        host.inbox.push(packet);
        if host.paused {
            return Step::Nothing;
        }
        if self.rests(to) {
            self.schedule_look(to);
            return Step::Nothing;
        }
        self.read_inbox(to, self.now);
        Step::Host(to, self.drain(to))
    }

    /// Gives a process all that waits, with its clocks as they were when it looked at them.
    pub(super) fn read_inbox(&mut self, index: usize, read: Nanos) {
        let host = &mut self.hosts[index];
        let now = host.now(read);
        let looked = Duration::from_nanos(host.clock.at(host.looked));
        for packet in std::mem::take(&mut host.inbox) {
            let ago = now.wall.zip(packet.stamp).map(|(wall, stamp)| wall.saturating_sub(stamp));
            let arrived = now.boot.saturating_sub(ago.unwrap_or_default()).max(looked);
            if let Some(node) = &mut host.node {
                node.handle_arrived(now, arrived, packet.from, &packet.bytes);
            }
        }
        host.looked = self.now;
    }

    /// Whether a process is not woken by what arrives.
    fn rests(&self, index: usize) -> bool {
        let host = &self.hosts[index];
        let now = host.now(self.now).boot;
        self.rests && host.node.as_ref().is_some_and(|node: &Node| node.can_wait(now))
    }

    fn between_looks(&self) -> Nanos {
        between_looks(self.config.interval()).as_nanos() as Nanos
    }

    /// If something waits that nothing else makes the host read.
    pub(super) fn schedule_look(&mut self, index: usize) {
        let host = &self.hosts[index];
        if host.inbox.is_empty() || host.paused {
            return;
        }
        let starved = host.starved;
        // It has looked again and again since it last found something.
        let looks = self.now.saturating_sub(host.looked).div_ceil(self.between_looks()).max(1);
        let mut at = if self.rests(index) { host.looked + looks * self.between_looks() } else { self.now };
        if starved > 0 {
            at += self.rng.between(0, starved);
        }
        let at = at.max(self.now);
        if at < self.hosts[index].look {
            self.hosts[index].look = at;
            self.schedule(at, Next::Look(index));
        }
    }

    pub(super) fn look(&mut self, index: usize, at: Nanos) -> Step {
        let host = &mut self.hosts[index];
        if host.look != at {
            return Step::Nothing;
        }
        host.look = Nanos::MAX;
        if host.node.is_none() || host.paused {
            return Step::Nothing;
        }
        self.read_inbox(index, self.now);
        let events: Vec<Event> = self.drain(index);
        Step::Host(index, events)
    }
}
