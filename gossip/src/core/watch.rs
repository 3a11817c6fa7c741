//! From silence to opinion.
//!
//! Nothing is polled: each neighbour's detector says when its silence would reach the level that matters next, and the
//! node wakes up for the first of them. At the lower level others are asked whether they can reach it, so that one bad
//! link is not taken for a dead node; at the threshold an opinion is formed, and published.

use std::sync::Arc;
use std::time::Duration;

use super::event::Event;
use super::identity::{Key, Version};
use super::news::{Kind, Topic};
use super::opinion::{Doubt, Doubts, Level, Opinion, Opinions};
use super::peer::Peer;
use super::timer::Timer;
use super::{Node, between_looks};
use crate::wire::{Head, Item};

/// Suspicions further apart than this many intervals have nothing to do with each other.
const LAPSES_APART: u32 = 600;
/// A neighbour never heard is called so after this many intervals.
const FIRST_SIGN: u32 = 10;
/// Nobody is suspected before a second heartbeat is overdue by half an interval, in half intervals: however punctual a
/// node has been, its first hiccup is not its death.
const SILENCE_MIN: u32 = 5;
/// Nor are others asked before a second heartbeat is due, in half intervals, as long as their answers come in time then. At each tick,
/// every neighbour has been heard within the last interval or is overdue: so no alarm needs to be set between two ticks for those who are
/// punctual. Where nodes at rest may take half an interval each to answer, one is set for some, and their next heartbeat unsets it.
const SILENCE_ASKED: u32 = 4;
/// An answer by way of others is good for so many intervals: twice the time until they are asked again, and some.
const REACHED_LATELY: u32 = 10;
/// Who is doubted already is looked at again every so many intervals.
const LOOK_AGAIN: u32 = 4;
/// A suspicion that is new waits no longer than this for a heartbeat to ride on.
const NEWS_WAITS: Duration = Duration::from_millis(100);

/// From when on others may be asked about a silence: earlier where their answers would come too late to count.
fn asked_at(peer: &Peer, interval: Duration) -> Duration {
    let answered_in = 2 * peer.rtt.unwrap_or_default() + 2 * between_looks(interval);
    let latest = (SILENCE_MIN * interval / 2).saturating_sub(answered_in);
    peer.silent_for(latest.min(SILENCE_ASKED * interval / 2))
}

impl Node {
    /// Works out whose silence may come to matter before the next tick, and when.
    pub(super) fn look_ahead(&mut self, now: Duration) {
        let interval = self.config.interval;
        let horizon = now + interval;
        let level = self.config.probe_threshold;
        for peer in self.peers.iter_mut().filter(|peer| peer.neighbour && peer.look_at == Duration::MAX) {
            let excused = peer.excused.unwrap_or_default();
            if peer.heard.is_none() {
                peer.look_at = peer.silent_for(FIRST_SIGN * interval).max(excused);
            } else if excused > Duration::ZERO {
                peer.look_at = excused;
            } else {
                let overdue = peer.silent_for(self.config.silence_max);
                let earliest = asked_at(peer, interval);
                if overdue <= horizon || (earliest <= horizon && peer.detector.phi(horizon) >= level) {
                    peer.look_at = peer.detector.deadline(level).max(earliest).min(overdue);
                }
            }
        }
        self.arm_watch(now);
    }

    /// Wakes the node up for the first neighbour that has to be looked at.
    pub(super) fn arm_watch(&mut self, now: Duration) {
        let first = self.peers.iter().filter(|peer| peer.neighbour).map(|peer| peer.look_at).min();
        match first.filter(|&first| first < Duration::MAX) {
            Some(first) => self.timers.set(Timer::Watch, first.max(self.pace.quiet_until).max(now)),
            None => self.timers.unset(Timer::Watch),
        }
    }

    /// Somebody's silence may matter now.
    pub(super) fn on_watch(&mut self, now: Duration) {
        if now >= self.pace.quiet_until {
            for at in 0..self.peers.len() {
                if self.peers.at(at).neighbour && self.peers.at(at).look_at <= now {
                    let next = self.look_at(at, now);
                    // Never now again: each look moves on by some part of an interval.
                    self.peers.at(at).look_at = next.max(now + self.config.interval / 16);
                }
            }
            self.publish_opinions();
        }
        self.arm_watch(now);
    }

    /// Looks at one neighbour, and says when to look again; never, if the next tick will see to it.
    fn look_at(&mut self, at: usize, now: Duration) -> Duration {
        let interval = self.config.interval;
        let peer = self.peers.at(at);
        if let Some(until) = peer.excused {
            if now < until {
                return until;
            }
            peer.excuse_ends(now);
        }
        if peer.heard.is_none() {
            // What this process has slept through meanwhile is no time in which it could have heard anybody.
            let first_sign = peer.silent_for(FIRST_SIGN * interval);
            if now < first_sign {
                return first_sign;
            }
            self.report_never_heard(at);
            return now + LOOK_AGAIN * interval;
        }
        let overdue = peer.silent_for(self.config.silence_max);
        let asked = asked_at(peer, interval);
        if now < overdue && (now < asked || peer.detector.phi(now) < self.config.probe_threshold) {
            return Duration::MAX;
        }
        peer.shown = 0;
        let answered_by = self.probe(at, now);
        // A process that is hardly ever scheduled in time needs more evidence against others.
        let threshold = self.config.threshold * self.pace.caution();
        let reach = self.reach.odds();
        let peer = self.peers.at(at);
        let level = peer.level(now, reach);
        let earliest = peer.silent_for(SILENCE_MIN * interval / 2);
        if (level < threshold && now < overdue) || now < earliest {
            let again = if peer.opinion == Opinion::Trust { interval } else { LOOK_AGAIN * interval };
            let missing = threshold - (level - peer.detector.phi(now));
            let due = peer.detector.deadline(missing).max(earliest).min(overdue);
            return due.min(answered_by).min(now + again);
        }
        let opinion = self.judge(at, now);
        self.form_opinion(at, opinion, now);
        now + LOOK_AGAIN * interval
    }

    /// Somebody who should have been heard by now has not: says so, once.
    fn report_never_heard(&mut self, at: usize) {
        let peer = self.peers.at(at);
        if !std::mem::replace(&mut peer.published, true) {
            let key = peer.key;
            self.report_own_opinion(key, 0.0);
        }
    }

    /// What a silence beyond the threshold says.
    fn judge(&mut self, at: usize, now: Duration) -> Opinion {
        let interval = self.config.interval;
        let (lately, reach) = (REACHED_LATELY * interval, self.reach.odds());
        let peer = self.peers.at(at);
        if peer.probe.as_ref().is_some_and(|probe| probe.vouches(now, lately, reach)) {
            return Opinion::Unsure;
        }
        let silent_since = peer.last_sign() + interval;
        let others = |p: &&Peer| p.neighbour && p.heard.is_some();
        let heard_others = self.peers.iter().filter(others).any(|p| p.last_sign() > silent_since);
        // With everybody silent at once it is this node that is cut off, or so it must assume. Of one or two
        // neighbours "everybody" says nothing.
        if !heard_others && self.peers.iter().filter(others).count() > 2 {
            return Opinion::Unsure;
        }
        Opinion::Suspect
    }

    /// Changes the opinion of a peer, and says so.
    pub(super) fn form_opinion(&mut self, at: usize, opinion: Opinion, now: Duration) {
        let lapses_apart = LAPSES_APART * self.config.interval;
        let reach = self.reach.odds();
        let peer = self.peers.at(at);
        if peer.opinion == opinion {
            return;
        }
        let phi = peer.level(now, reach);
        peer.opinion = opinion;
        peer.level = Level::of(phi);
        peer.published = true;
        self.revision += 1;
        let peer = self.peers.at(at);
        if opinion == Opinion::Suspect {
            let recent = now.saturating_sub(peer.lapsed) < lapses_apart;
            peer.lapses = if recent { peer.lapses.saturating_add(1) } else { 1 };
            peer.lapsed = now;
            peer.shown = 0;
        }
        let key = peer.key;
        self.report_own_opinion(key, phi);
    }

    pub(super) fn report_own_opinion(&mut self, key: Key, phi: f64) {
        let (Some(peer), Some(record)) = (self.peers.by_key(key), self.members.record(key)) else { return };
        if !peer.neighbour {
            // It happens to be heard: that is no observation.
            return;
        }
        self.events.push(Event::Opinion {
            observer: self.identity.id.clone(),
            target: record.identity.id.clone(),
            incarnation: peer.incarnation,
            opinion: peer.opinion,
            phi,
        });
    }

    /// Publishes this node's doubts, if they have changed.
    pub(super) fn publish_opinions(&mut self) {
        let doubted = |p: &&Peer| p.neighbour && p.published && p.opinion != Opinion::Trust;
        let known = self.members.of(self.key).and_then(|slot| slot.opinions.clone());
        let floor = self.opinions_floor.take();
        let nothing_said = known.as_ref().map_or(0, |o| o.doubts.iter().len()) == 0;
        if nothing_said && floor.is_none() && !self.peers.iter().any(|p| doubted(&p)) {
            return;
        }
        let doubt = |p: &Peer| Doubt {
            target: p.key,
            incarnation: p.incarnation,
            opinion: p.opinion,
            level: p.level,
        };
        let doubts = Doubts::sorted(self.peers.iter().filter(doubted).map(doubt).collect());
        if floor.is_none() && known.as_ref().is_some_and(|known| known.doubts == doubts) {
            return;
        }
        let opinions = Arc::new(Opinions {
            observer: self.key,
            incarnation: self.identity.incarnation,
            version: known
                .as_ref()
                .map(|known| known.version)
                .max(floor)
                .map_or(Version::FIRST, Version::next),
            doubts,
        });
        let known = known.as_ref().map(|known| &known.doubts);
        let told =
            |target| known.is_some_and(|known| known.iter().any(|d| d.target == target && d.is_suspicion()));
        let accuses = opinions.doubts.iter().any(|doubt| doubt.is_suspicion() && !told(doubt.target));
        self.members.learn_opinions(&opinions);
        self.news.push(Topic { key: self.key, kind: Kind::Opinions, stamp: opinions.stamp() });
        self.changed();
        if accuses {
            self.tell_neighbours(&Item::Opinions(opinions));
        }
    }

    /// Tells all that are trusted at once, unless the next heartbeats, which take all news along, are due as soon.
    fn tell_neighbours(&mut self, item: &Item) {
        let now = self.now.boot;
        if self.timers.at(Timer::Tick).is_some_and(|tick| tick <= now + NEWS_WAITS) {
            return;
        }
        let listeners = self.peers.iter().filter(|peer| peer.neighbour && peer.listens());
        let listeners: Vec<_> = listeners.map(|peer| (peer.addr, peer.life.tag())).collect();
        for (to, tag) in listeners {
            self.send(to, tag, &Head::Delta, std::slice::from_ref(item));
        }
    }
}
