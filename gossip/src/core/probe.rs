//! Asking others about a silent neighbour.
//!
//! A relay keeps nothing: the ping names the prober, the pong returns that name, and the relay passes the answer on to
//! whoever it is. Each step is one small datagram in return for one.

use std::net::SocketAddr;
use std::time::Duration;

use super::Node;
use super::identity::{Key, Life};
use super::opinion::Opinion;
use super::peer::{Peer, Probe};
use crate::wire::{Frame, Head, Tag};

/// How often the same question is asked, in intervals: while the answer is urgent, and later.
const ASK_AGAIN: (u32, u32) = (1, 8);

impl Node {
    /// Sees to it that others are being asked about a peer; returns by when their answers should be here.
    pub(super) fn probe(&mut self, at: usize, now: Duration) -> Duration {
        let interval = self.config.interval;
        let relays = self.pick_relays(at);
        if relays.is_empty() {
            return now;
        }
        let nonce = Tag(self.rng.word() as u32);
        let peer = self.peers.at(at);
        let gap = if peer.opinion == Opinion::Trust { ASK_AGAIN.0 } else { ASK_AGAIN.1 } * interval;
        let target = peer.key;
        let round_trips = 2 * peer.rtt.unwrap_or_default();
        let probe =
            peer.probe.get_or_insert(Probe { nonce, begun: now, asked: Duration::ZERO, reached: None });
        let (nonce, answered_by) = (probe.nonce, probe.begun + interval.max(round_trips));
        if probe.asked == Duration::ZERO || now >= probe.asked + gap {
            probe.asked = now;
            self.counters.probes += 1;
            for (addr, tag) in relays {
                self.send(addr, tag, &Head::Probe { nonce, target }, &[]);
            }
        }
        answered_by
    }

    /// A few trusted neighbours, other than the one in question.
    fn pick_relays(&mut self, about: usize) -> Vec<(SocketAddr, Tag)> {
        let about = self.peers.at(about).life;
        let fit = |p: &&Peer| p.listens() && p.life != about;
        let mut fitting: Vec<_> = self.peers.iter().filter(fit).map(|p| (p.addr, p.life.tag())).collect();
        let wanted = self.config.probe_relays.min(fitting.len());
        for i in 0..wanted {
            let j = i + self.rng.below(fitting.len() - i);
            fitting.swap(i, j);
        }
        fitting.truncate(wanted);
        fitting
    }

    /// As a relay: pings the target for a neighbour.
    pub(super) fn on_probe(&mut self, frame: &Frame, nonce: Tag, target: Key) {
        let Some(at) = self.peers.position(frame.from) else { return };
        let origin = self.peers.at(at).key;
        let Some(record) = self.members.of(target).map(|slot| slot.record.clone()) else { return };
        self.send(record.addr, record.identity.life().tag(), &Head::Ping { nonce, origin }, &[]);
    }

    /// As the target: answers.
    pub(super) fn on_ping(&mut self, from: SocketAddr, frame: &Frame, nonce: Tag, origin: Key) {
        self.send(from, frame.from.tag(), &Head::Pong { nonce, origin }, &[]);
    }

    /// As the relay: passes the answer on, but only to a neighbour, who alone can have asked.
    pub(super) fn on_pong(&mut self, frame: &Frame, nonce: Tag, origin: Key) {
        let Some(peer) = self.peers.by_key(origin) else { return };
        let (to, tag) = (peer.addr, peer.life.tag());
        self.send(to, tag, &Head::Alive { nonce, life: frame.from }, &[]);
    }

    /// As the prober: somebody reached it.
    pub(super) fn on_alive(&mut self, nonce: Tag, life: Life) {
        let now = self.now.boot;
        let Some(peer) = self.peers.by_life(life) else { return };
        if let Some(probe) = &mut peer.probe
            && probe.nonce == nonce
        {
            probe.reached = Some(now);
        }
    }
}
