//! Finding the others: calling seeds, being called, being refused; and calling again whoever is out of reach.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::event::{Event, Refusal};
use super::identity::Key;
use super::members::Learnt;
use super::opinion::Opinion;
use super::record::{Record, Status};
use super::timer::Timer;
use crate::wire::{DATAGRAM_MAX, Encoder, Frame, Head, Item, Padding, Tag};

/// Whom to call, and how that has gone so far.
#[derive(Debug, Clone)]
pub(super) struct Seeds {
    addrs: Vec<SocketAddr>,
    /// Where those lived whose deaths were decided.
    buried: VecDeque<Buried>,
    /// Rounds of calls so far.
    calls: u64,
    rounds: u32,
    answered: bool,
    /// Whether this node has been told everything once.
    pub(super) ready: bool,
}

/// An address at which somebody was declared dead.
#[derive(Debug, Clone)]
struct Buried {
    addr: SocketAddr,
    called: u32,
    /// In which round to call it next.
    due: u64,
}

impl Seeds {
    /// Of a longer list the rest is not called.
    const MAX: usize = 64;
    /// Addresses of the dead that are remembered, the latest, and calls to each. The time between two calls doubles: at ten
    /// seconds a round the last comes after a week.
    const BURIED_MAX: usize = 32;
    const CALLS_TO_BURIED: u32 = 16;
    /// How many of all members call a seed in a round, on average, while nobody seems gone.
    const CALLERS: usize = 8;

    pub(super) fn new(addrs: Vec<SocketAddr>) -> Self {
        let mut seeds = Self {
            addrs: Vec::new(),
            buried: VecDeque::new(),
            calls: 0,
            rounds: 0,
            answered: false,
            ready: false,
        };
        seeds.replace(addrs);
        seeds
    }

    /// Whoever is declared dead may be well, and cut off: it begins another life there, and may know nobody who is left.
    pub(super) fn remember_buried(&mut self, addr: SocketAddr) {
        self.forget_buried(addr);
        self.buried.push_back(Buried { addr, called: 0, due: self.calls + 1 });
        if self.buried.len() > Self::BURIED_MAX {
            self.buried.pop_front();
        }
    }

    /// Somebody lives there again.
    pub(super) fn forget_buried(&mut self, addr: SocketAddr) {
        self.buried.retain(|known| known.addr != addr);
    }

    /// Begins a round; one of them is called in it, if it is due.
    fn next_buried(&mut self) -> Option<SocketAddr> {
        self.calls += 1;
        let index = self.buried.iter().position(|known| known.due <= self.calls)?;
        let mut known = self.buried.remove(index)?;
        let addr = known.addr;
        known.called += 1;
        if known.called < Self::CALLS_TO_BURIED {
            known.due = self.calls + (1 << known.called);
            self.buried.push_back(known);
        }
        Some(addr)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.addrs.is_empty()
    }

    pub(super) fn replace(&mut self, mut addrs: Vec<SocketAddr>) {
        addrs.truncate(Self::MAX);
        self.addrs = addrs;
    }
}

/// Calling.
impl Node {
    /// Calls all seeds until one has answered; afterwards, at a slower pace and for ever, one member that seems gone, and one
    /// seed, so that parts of a cluster that have lost each other meet again; and now and then where one was buried.
    pub(super) fn on_call(&mut self, now: Duration) {
        let own = self.record().addr;
        let pace = self.config.seed_retry_max;
        if let Some(addr) = self.seeds.next_buried() {
            self.send_hello(addr, Tag::default(), true);
        }
        if self.seeds.answered || self.members.len() > 1 {
            let seed = self.pick_seed();
            let unreachable = self.pick_unreachable();
            let due = unreachable.is_some() || self.calls_for_all();
            for addr in seed.filter(|_| due).into_iter().chain(unreachable) {
                self.send_hello(addr, Tag::default(), true);
            }
            let pace = if self.ask_own_addr() { pace.min(4 * self.config.interval) } else { pace };
            self.call_again(now, pace);
            return;
        }
        for addr in self.seeds.addrs.clone() {
            if addr != own {
                self.send_hello(addr, Tag::default(), true);
            }
        }
        if self.seeds.rounds > 0 && !self.seeds.addrs.is_empty() {
            self.events.push(Event::SeedsSilent { rounds: self.seeds.rounds });
        }
        let doubled = 1 << self.seeds.rounds.min(16);
        self.seeds.rounds = self.seeds.rounds.saturating_add(1);
        self.call_again(now, pace.min(2 * self.config.interval * doubled));
    }

    /// With some jitter, so that nodes started together do not call together.
    fn call_again(&mut self, now: Duration, pace: Duration) {
        let pace = pace.mul_f64(0.75 + 0.5 * self.rng.unit());
        self.timers.set(Timer::Call, now + pace);
    }

    /// Bound to all addresses, this node learns its own from whoever answers; without, nobody could tell others where it is.
    /// The first of a cluster has nobody to call until others have called it. Whether it has yet to learn it.
    fn ask_own_addr(&mut self) -> bool {
        let unknown = self.record().addr.ip().is_unspecified();
        if unknown && self.peers.len() > 0 {
            let index = self.rng.below(self.peers.len());
            let addr = self.peers.iter().nth(index).map(|peer| peer.addr);
            addr.into_iter().for_each(|addr| self.send_hello(addr, Tag::default(), true));
        }
        unknown
    }

    /// A seed where nobody is known to be well.
    fn pick_seed(&mut self) -> Option<SocketAddr> {
        if self.seeds.addrs.is_empty() {
            return None;
        }
        let addr = self.seeds.addrs[self.rng.below(self.seeds.addrs.len())];
        let well = self.peers.iter().any(|p| p.addr == addr && p.opinion == Opinion::Trust);
        (addr != self.record().addr && !well).then_some(addr)
    }

    /// Whether it is this node's turn to call a seed although all seems well. Of all members some do in each round, as many in any
    /// cluster: seeds would have the more to bear the larger it is, and one call is enough for two parts to meet.
    fn calls_for_all(&mut self) -> bool {
        let members = self.members.len();
        members <= Seeds::CALLERS || self.rng.below(members) < Seeds::CALLERS
    }

    /// Some member that others, or this node, cannot reach. A few are looked at, so that calls come the more often the
    /// more are gone.
    fn pick_unreachable(&mut self) -> Option<SocketAddr> {
        (0..8).find_map(|_| {
            let start = Key(self.rng.word());
            let (key, slot) = self.members.at_or_after(start)?;
            let doubted = self.peers.by_key(key).is_some_and(|p| p.opinion != Opinion::Trust);
            (key != self.key && (doubted || slot.accusers > 0)).then_some(slot.record.addr)
        })
    }

    /// Introduces this node. When it asks for an answer it is as long as any answer may be: a forged source address
    /// gains its sender nothing.
    pub(super) fn send_hello(&mut self, to: SocketAddr, tag: Tag, reply: bool) {
        let record = Item::Record(self.record().clone());
        let mut buf = [0; DATAGRAM_MAX];
        let mut encoder = Encoder::new(&self.config, &mut buf, self.life, tag, &Head::Hello { reply });
        encoder.push(&record);
        if reply {
            // The padding's own tag and length take four bytes.
            encoder.push(&Item::Padding(Padding::of(encoder.room().saturating_sub(4))));
        }
        let len = encoder.finish();
        self.outbox.push(super::Outgoing::Written(to, buf[..len].into()));
    }

    /// Tells every peer this node's record at once.
    pub(super) fn push_own_record(&mut self) {
        let record = [Item::Record(self.record().clone())];
        let to: Vec<_> = self.peers.iter().map(|peer| (peer.addr, peer.life.tag())).collect();
        for (addr, tag) in to {
            self.send(addr, tag, &Head::Delta, &record);
        }
    }

    /// The cluster is known here.
    pub(super) fn become_ready(&mut self) {
        if !self.seeds.ready {
            self.seeds.ready = true;
            self.quorum.set_waiting(false);
            self.events.push(Event::Ready);
        }
    }
}

/// Being called.
impl Node {
    pub(super) fn on_hello(
        &mut self,
        from: SocketAddr,
        frame: &Frame,
        reply: bool,
        items: &[Item],
        len: usize,
    ) {
        let Some(record) = self.introduced(frame, items) else { return };
        if let Some(highest) = self.rewound(&record.identity) {
            self.send(from, frame.from.tag(), &Head::Refused(Refusal::Rewound { highest }), &[]);
            return;
        }
        if self.is_taken(record) {
            self.report_conflict_of(record);
            self.send(from, frame.from.tag(), &Head::Refused(Refusal::NameConflict), &[]);
            return;
        }
        if let Some(highest) = self.below_floor(record) {
            self.send(from, frame.from.tag(), &Head::Refused(Refusal::BelowFloor { highest }), &[]);
            return;
        }
        let refusal = match self.learn_record(record, true) {
            Learnt::Over { highest } => Some(Refusal::Incarnation { highest }),
            Learnt::Conflict { .. } | Learnt::Collision => Some(Refusal::NameConflict),
            Learnt::Full => Some(Refusal::Full),
            _ => None,
        };
        if let Some(refusal) = refusal {
            self.send(from, frame.from.tag(), &Head::Refused(refusal), &[]);
            return;
        }
        if self.is_stopped() {
            return;
        }
        self.take_guest(record);
        if reply {
            self.welcome(from, frame.from.tag(), len);
        }
    }

    /// The record of the sender itself, which comes first in an introduction.
    fn introduced<'a>(&mut self, frame: &Frame, items: &'a [Item]) -> Option<&'a Arc<Record>> {
        let record = match items.first() {
            Some(Item::Record(record)) => Some(record),
            _ => None,
        };
        let own = record.filter(|r| r.identity.life() == frame.from && r.status != Status::Left);
        if own.is_none() {
            self.counters.senseless += 1;
        }
        own
    }

    /// Answers the heartbeats of somebody who takes this node for a neighbour, whatever this node thinks.
    ///
    /// Not those of a life that is over: a welcome may have been on its way for long.
    pub(super) fn take_guest(&mut self, record: &Record) {
        let key = record.identity.id.key();
        let lives = self.members.of(key).is_some_and(|slot| slot.record.identity == record.identity);
        if lives && self.peers.by_key(key).is_none() {
            self.add_peer(record, false);
        }
    }

    /// Answers somebody with this node's record and some others', in at most so many bytes: a newcomer in no more than it sent.
    fn welcome(&mut self, to: SocketAddr, tag: Tag, len_max: usize) {
        let mut buf = [0; DATAGRAM_MAX];
        let head = Head::Welcome { observed: to };
        let mut encoder = Encoder::new(&self.config, &mut buf, self.life, tag, &head).within(len_max);
        if !encoder.push(&Item::Record(self.record().clone())) {
            return;
        }
        let mut next = Key(self.rng.word());
        for _ in 0..16 {
            let Some((key, slot)) = self.members.at_or_after(next) else { break };
            if key != self.key && !encoder.push(&Item::Record(slot.record.clone())) {
                break;
            }
            next = Key(key.0.wrapping_add(1));
        }
        let len = encoder.finish();
        self.outbox.push(super::Outgoing::Written(to, buf[..len].into()));
    }

    pub(super) fn on_welcome(
        &mut self,
        from: SocketAddr,
        frame: &Frame,
        observed: SocketAddr,
        items: &[Item],
    ) {
        let Some(record) = self.introduced(frame, items) else { return };
        self.seeds.answered = true;
        let addr = self.record().addr;
        if addr.ip().is_unspecified() && !observed.ip().is_unspecified() {
            self.rewrite(|record| record.addr = SocketAddr::new(observed.ip(), addr.port()));
        }
        self.on_items(from, items, false);
        if !self.is_stopped() {
            self.take_guest(record);
        }
    }

    pub(super) fn on_refused(&mut self, by: SocketAddr, frame: &Frame, reason: Refusal) {
        if frame.to != self.life.tag() {
            return;
        }
        if let Refusal::BelowFloor { highest } = reason
            && self.quorum.spared_by_floor(highest)
        {
            self.counters.senseless += 1;
            if self.quorum.outlives_floor(highest) {
                // It does not know this node, and there may be nobody to tell it that it does not refuse as well: both sides would
                // stay apart for ever.
                self.welcome(by, frame.from.tag(), DATAGRAM_MAX);
            }
            return;
        }
        // Nobody talks to the dead, so the view that says so may never come: this word is enough.
        self.step_down(reason);
        self.drain_quorum();
        self.note_refusal(reason);
        self.events.push(Event::Refused { by, reason });
    }

    /// Somebody got a heartbeat from here and does not know from whom.
    pub(super) fn on_who(&mut self, from: SocketAddr, frame: &Frame) {
        let written_to = self.peers.iter().any(|peer| peer.addr == from);
        if written_to && frame.to == self.life.tag() {
            self.send_hello(from, frame.from.tag(), false);
        }
    }
}
