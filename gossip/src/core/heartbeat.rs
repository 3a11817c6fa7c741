//! Heartbeats: one to every neighbour in every interval, which also acknowledges theirs and carries news.
//!
//! This is the path that must not allocate, and the only one that feeds a detector.

use std::net::SocketAddr;
use std::time::Duration;

use super::Node;
use super::event::Event;
use super::identity::Life;
use super::leave::Phase;
use super::opinion::Opinion;
use super::outbox::{Outgoing, Transmit};
use super::peer::Peer;
use super::quorum::Moment;
use super::timer::Timer;
use crate::wire::{
    Ack, Count, DATAGRAM_MAX, Encoder, Frame, Head, Heartbeat, HeartbeatInterval, Item, Micros, Survey, Tag,
};

/// This node's own heartbeats: their number, and when the last of them were sent.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    seq: u64,
    sent: [Moment; Self::REMEMBERED],
    due: Duration,
    /// How many strangers may still be asked in this interval.
    questions: u32,
}

impl Default for Beat {
    fn default() -> Self {
        let sent = [Moment::default(); Self::REMEMBERED];
        Self { seq: 0, sent, due: Duration::ZERO, questions: Self::QUESTIONS }
    }
}

impl Beat {
    /// An acknowledgement of anything older is of no use any more.
    const REMEMBERED: usize = 128;
    /// Strangers asked in one interval: a flood of unknown heartbeats is not answered with one of questions.
    const QUESTIONS: u32 = 8;
    /// Every so many heartbeats carry a survey.
    const SURVEY_EVERY: u64 = 4;

    /// After so many beats of its own a node shares among its detectors what each has learnt so far.
    const YOUNG: [u64; 4] = [15, 30, 60, 120];

    /// Counts a tick and returns when the next one is due: on the beat, unless that has been missed.
    fn next(&mut self, sent: Moment, interval: Duration) -> Duration {
        let now = sent.boot;
        self.seq += 1;
        self.sent[self.seq as usize % Self::REMEMBERED] = sent;
        self.questions = Self::QUESTIONS;
        self.due += interval;
        if self.due <= now {
            self.due = now + interval;
        }
        self.due
    }

    /// The number of the newest.
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }

    /// When a heartbeat was sent, if it was, and not too long ago.
    pub(super) fn sent_at(&self, seq: u64) -> Option<Moment> {
        let known = seq >= 1 && seq <= self.seq && self.seq - seq < Self::REMEMBERED as u64;
        known.then(|| self.sent[seq as usize % Self::REMEMBERED])
    }
}

/// Sending.
impl Node {
    /// One interval has passed. The work done here depends on the number of neighbours, not of members.
    pub(super) fn on_tick(&mut self, now: Duration) {
        let next = self.beat.next(self.now.into(), self.config.interval);
        self.timers.set(Timer::Tick, next);
        if matches!(self.phase, Phase::Leaving(_)) {
            self.say_farewell(now);
            return;
        }
        for peer in self.peers.iter() {
            self.outbox.push(Outgoing::Heartbeat(peer.life));
        }
        self.tire_of_departing(now);
        self.pace.recover();
        self.dismiss_guests(now);
        self.look_ahead(now);
        if Beat::YOUNG.contains(&self.beat.seq) {
            self.share_experience();
        }
        self.members.forget_left(now, self.config.left_kept);
        self.quorum.vouch_for_self(self.now.into());
        self.run_quorum();
        self.read_verdicts();
    }

    /// Whoever is no neighbour, and has stopped sending, is not answered any more.
    fn dismiss_guests(&mut self, now: Duration) {
        let patience = 10 * self.config.interval;
        let gone = |p: &Peer| !p.neighbour && now.saturating_sub(p.last_sign()) > patience;
        while let Some(key) = self.peers.iter().find(|p| gone(p)).map(|p| p.key) {
            self.peers.remove(key);
        }
    }

    /// Writes the heartbeat of this interval for one peer; none if it has gone since.
    pub(super) fn write_heartbeat(&mut self, life: Life, buf: &mut [u8; DATAGRAM_MAX]) -> Option<Transmit> {
        let now = self.now.boot;
        let at = self.peers.position(life)?;
        let survey = (self.beat.seq.wrapping_add(life.0)).is_multiple_of(Beat::SURVEY_EVERY);
        let interval = HeartbeatInterval::clamped(self.config.interval);
        let mesh = self.is_full_mesh();
        let survey = survey.then(|| Survey {
            digest: Tag(self.members.digest()),
            wall: self.now.wall.map(|wall| u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)),
            contact: if mesh { None } else { self.contacts.tell(interval.get(), now) },
        });
        let voucher = self.write_voucher(at);
        let (standing, epoch) = (self.quorum.standing(), self.quorum.view().map(|view| view.epoch));
        let peer = self.peers.at(at);
        let held = |at| u32::try_from(now.saturating_sub(at).as_micros()).unwrap_or(u32::MAX);
        let ack_lag = peer.acked.map(|acked| self.beat.seq.saturating_sub(acked));
        let heartbeat = Heartbeat {
            seq: Count::clamped(self.beat.seq),
            sent: Micros::of(now),
            interval,
            ack: peer.heard.map(|(seq, at)| Ack { seq: Count::clamped(seq), held: held(at) }),
            ack_lag: ack_lag.and_then(|lag| u16::try_from(lag).ok()).unwrap_or(u16::MAX),
            standing,
            epoch,
            returning: !peer.neighbour,
            voucher,
            survey,
        };
        let (to, listens) = (peer.addr, peer.listens());
        let head = Head::Heartbeat(heartbeat);
        let mut encoder = Encoder::new(&self.config, buf, self.life, life.tag(), &head);
        if listens && !self.news.is_empty() {
            let rounds = (self.members.len() + 1).next_power_of_two().trailing_zeros();
            let limit = (self.config.retransmit * rounds.max(1)) as usize;
            self.news.fill(&mut encoder, &self.members, limit);
        }
        Some(Transmit { to, len: encoder.finish() })
    }
}

/// Receiving.
impl Node {
    pub(super) fn on_heartbeat(&mut self, from: SocketAddr, frame: &Frame, beat: &Heartbeat, items: &[Item]) {
        let now = self.now.boot;
        // Whoever has a view knows of a history, whoever it is and whomever it takes this node for.
        self.quorum.hear_of_history(beat.epoch);
        let known = self.peers.position(frame.from).or_else(|| self.meet_again(from, frame.from, beat));
        let Some(at) = known else {
            // Its news waits until it is known whose it is. Who only answers need not be known: were it asked, the
            // two would go on meeting and forgetting each other.
            if !beat.returning {
                self.ask_stranger(from, frame.from);
            }
            return;
        };
        let peer = self.peers.at(at);
        if beat.returning && !peer.neighbour {
            // Neither thinks the other a neighbour: without this they would answer each other for ever.
            return;
        }
        let before = peer.heard.map_or(beat.seq.get(), |(seq, _)| seq + 1);
        let sent = (beat.seq.get(), beat.sent.get());
        if !peer.beat(sent, beat.interval.get(), self.arrived, self.now.into()) {
            self.counters.heartbeats_stale += 1;
            return;
        }
        self.counters.heartbeats += 1;
        self.reach.heartbeat(beat.seq.get().saturating_sub(before));
        let moved = peer.addr != from;
        peer.addr = from;
        let key = peer.key;
        if frame.to == self.life.tag() {
            self.on_ack(at, beat);
            self.on_said(at, from, beat);
        } else {
            // It takes this node for an earlier life of itself.
            self.send_hello(from, frame.from.tag(), false);
        }
        if moved && let Some(record) = self.members.record(key) {
            self.events.push(Event::AddrChanged { id: record.identity.id.clone(), addr: from });
        }
        self.on_sign_of_life(at, now);
        if let Some(survey) = &beat.survey {
            self.on_survey(at, survey, now);
        }
        if !items.is_empty() {
            self.on_items(from, items, true);
        }
    }

    /// What it has from here: the round trip, without the time for which it held the acknowledgement.
    fn on_ack(&mut self, at: usize, beat: &Heartbeat) {
        let peer = self.peers.at(at);
        peer.ack_lag = beat.ack_lag;
        let Some(ack) = beat.ack else { return };
        let Some(sent) = self.beat.sent_at(ack.seq.get()) else { return };
        if peer.acked.is_none_or(|acked| acked < ack.seq.get()) {
            peer.acked = Some(ack.seq.get());
            let held = Duration::from_micros(u64::from(ack.held));
            let sample = self.arrived.saturating_sub(sent.boot).saturating_sub(held);
            peer.rtt = Some(peer.rtt.map_or(sample, |rtt| (7 * rtt + sample) / 8));
        }
        if let Some(contact) = beat.survey.as_ref().and_then(|survey| survey.contact.as_ref()) {
            self.contacts.hear(contact, beat.interval.get(), sent.boot);
        }
        if let Some(voucher) = &beat.voucher {
            self.on_voucher(at, voucher, sent);
        }
    }

    /// A fresh heartbeat came from somebody who may not have been trusted.
    fn on_sign_of_life(&mut self, at: usize, now: Duration) {
        self.end_probe(at);
        let peer = self.peers.at(at);
        // The next tick works out when the new silence would matter.
        let look_at = std::mem::replace(&mut peer.look_at, Duration::MAX);
        if self.timers.at(Timer::Watch) == Some(look_at) {
            // It was the first to be looked at: nobody is to be woken up for it any more.
            self.arm_watch(now);
        }
        let peer = self.peers.at(at);
        if peer.opinion == Opinion::Trust {
            return;
        }
        if peer.shown == 0 {
            peer.returned = Some(now);
        }
        peer.shown += 1;
        // Whoever was suspected often of late has to show more: 1, 2, 4, … 32 heartbeats.
        let wanted = 1 << peer.lapses.saturating_sub(1).min(5);
        if peer.shown >= wanted {
            self.form_opinion(at, Opinion::Trust, now);
            self.publish_opinions();
        }
    }

    /// Takes a member for a guest that is no peer and sends from where it lives: it was one until too much of what it sent was
    /// lost, or the two differ about who is whose neighbour. Who it is need not be asked, and the answer could be lost too.
    fn meet_again(&mut self, from: SocketAddr, life: Life, beat: &Heartbeat) -> Option<usize> {
        let key = self.members.by_life(life).filter(|_| !beat.returning && !self.is_stopped())?;
        let record =
            self.members.of(key).map(|slot| slot.record.clone()).filter(|record| record.addr == from)?;
        if self.disks.rewound(&record.identity).is_some() {
            // It is told so when it introduces itself.
            return None;
        }
        self.take_guest(&record);
        self.peers.position(life)
    }

    /// Asks somebody unknown who it is, within limits.
    pub(super) fn ask_stranger(&mut self, from: SocketAddr, life: Life) {
        self.counters.strangers += 1;
        if self.beat.questions > 0 {
            self.beat.questions -= 1;
            self.send(from, life.tag(), &Head::Who, &[]);
        }
    }
}
