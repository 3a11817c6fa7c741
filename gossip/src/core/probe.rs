//! Asking others about a silent neighbour.
//!
//! A relay keeps nothing: the ping names the prober, the pong returns that name, and the relay passes the answer on to
//! whoever it is. Each step is one small datagram in return for one.

use std::net::SocketAddr;
use std::time::Duration;

use super::identity::{Key, Life};
use super::opinion::Opinion;
use super::peer::{Peer, Probe};
use super::{Node, between_looks};
use crate::wire::{Frame, Head, Tag};

/// How often the same question is asked, in intervals: while the answer is urgent, and later.
const ASK_AGAIN: (u32, u32) = (1, 4);

/// The most decades that unanswered questions add to a silence.
///
/// They are no independent evidence: a process that is merely stopped answers nobody. Of a hundred live nodes that are
/// this silent at least one is taken to be such a case.
const EVIDENCE_MAX: f64 = 2.0;

/// How often others who are asked reach a node that is alive.
///
/// Learnt from those that turned out to be; and never taken to be more than the loss of heartbeats here would let
/// through in the four steps of a question, which is known much sooner.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    reached: f64,
    loss: f64,
}

impl Default for Reach {
    fn default() -> Self {
        Self { reached: 0.9, loss: 0.0 }
    }
}

impl Reach {
    const GAIN: f64 = 1.0 / 16.0;
    const LOSS_GAIN: f64 = 1.0 / 256.0;
    /// A longer gap is no loss but an outage, and counts as this much.
    const GAP_MAX: u64 = 16;

    pub(super) fn odds(&self) -> f64 {
        self.reached.min((1.0 - self.loss).powi(4))
    }

    /// A heartbeat came, and so many before it did not.
    pub(super) fn heartbeat(&mut self, lost: u64) {
        for _ in 0..lost.min(Self::GAP_MAX) {
            self.loss += Self::LOSS_GAIN * (1.0 - self.loss);
        }
        self.loss -= Self::LOSS_GAIN * self.loss;
    }

    fn learn(&mut self, share: f64) {
        self.reached += Self::GAIN * (share.min(1.0) - self.reached);
    }
}

impl Probe {
    /// Whether others have reached it so lately, and failed so little since, that it must be alive.
    pub(super) fn vouches(&self, now: Duration, lately: Duration, reach: f64) -> bool {
        let reached = self.reached.is_some_and(|reached| now.saturating_sub(reached) < lately);
        reached && self.evidence(reach) < EVIDENCE_MAX
    }

    /// What it says that nobody who was asked has reached it lately, in decades.
    pub(super) fn evidence(&self, reach: f64) -> f64 {
        let each = -(1.0 - reach).clamp(0.01, 1.0).log10();
        (f64::from(self.unanswered) * each).min(EVIDENCE_MAX)
    }
}

impl Node {
    /// Sees to it that others are being asked about a peer; returns by when their answers should be here.
    pub(super) fn probe(&mut self, at: usize, now: Duration) -> Duration {
        let interval = self.config.interval;
        let nonce = Tag(self.rng.word() as u32);
        let peer = self.peers.at(at);
        // The relay, and whom it asks, may be about to look for datagrams.
        let wait = (interval / 2).max(3 * peer.rtt.unwrap_or_default()) + 2 * between_looks(interval);
        let gap = if peer.opinion == Opinion::Trust { ASK_AGAIN.0 } else { ASK_AGAIN.1 } * interval;
        let target = peer.key;
        let fresh = Probe {
            nonce,
            asked: Duration::ZERO,
            pending: 0,
            unanswered: 0,
            questions: 0,
            answers: 0,
            reached: None,
        };
        let probe = peer.probe.get_or_insert(fresh);
        if now >= probe.asked + wait {
            let silent = std::mem::take(&mut probe.pending);
            probe.unanswered = probe.unanswered.saturating_add(silent);
            probe.questions = probe.questions.saturating_add(silent);
        }
        let nonce = probe.nonce;
        if probe.asked == Duration::ZERO || now >= probe.asked + gap.max(wait) {
            let relays = self.pick_relays(at);
            let Some(probe) = &mut self.peers.at(at).probe else { return now };
            probe.asked = now;
            probe.pending += relays.len() as u32;
            self.counters.probes += 1;
            for (addr, tag) in relays {
                self.send(addr, tag, &Head::Probe { nonce, target }, &[]);
            }
        }
        let probe = self.peers.at(at).probe.as_ref();
        probe.filter(|probe| probe.pending > 0).map_or(Duration::MAX, |probe| probe.asked + wait)
    }

    /// A silence ended with a heartbeat: what others had answered meanwhile says how much their answers are worth.
    pub(super) fn end_probe(&mut self, at: usize) {
        if let Some(probe) = self.peers.at(at).probe.take()
            && probe.questions > 0
        {
            self.reach.learn(f64::from(probe.answers) / f64::from(probe.questions));
        }
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
        if origin == self.key {
            self.on_own_pong(frame.from, nonce.0);
            return;
        }
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
            probe.answers = probe.answers.saturating_add(1);
            probe.questions = probe.questions.saturating_add(std::mem::take(&mut probe.pending));
            probe.unanswered = 0;
        }
    }
}
