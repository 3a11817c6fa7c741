//! Verdicts: what is decided of a member, and what can be read where nothing is.
//!
//! *Dead*, *left* and *suspended* are decided, in views, and the same everywhere in the same order. *Alive* and *undecided*
//! are this node's own readings of what voters were known to think a moment ago, with some hysteresis.

use std::collections::BTreeMap;

use super::Node;
use super::contact::InTouch;
use super::event::Event;
use super::identity::{Incarnation, Key, NodeId};
use super::opinion::Opinion;
use super::quorum::{Cause, Epoch, Standing, View};

/// What is to be thought of one life of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A majority of voters, each heard from lately, trusts it. A reading, of this node alone.
    Alive,
    /// Voters have stopped vouching for it: give it no work. Decided; what follows is restoration or death.
    Suspended {
        /// In this view.
        epoch: Epoch,
    },
    /// It is dead, for ever. Decided.
    Dead {
        /// In this view.
        epoch: Epoch,
    },
    /// It left, for ever. Decided.
    Left {
        /// In this view.
        epoch: Epoch,
    },
    /// Nothing can be said: voters disagree, or too few of them are known to be well.
    Undecided,
}

/// Readings as they were last told.
#[derive(Debug, Default)]
pub(super) struct Readings {
    told: BTreeMap<Key, Reading>,
    /// What they were made of.
    made_of: Option<(u64, InTouch, Standing, Epoch)>,
    /// Some reading has changed once, and is told if it stays so.
    unsteady: bool,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    alive: bool,
    /// For how many intervals the contrary has been true.
    contrary: u32,
}

/// A reading must differ for so many intervals before it is changed.
const STEADY: u32 = 2;

impl Node {
    /// What is to be thought of a member, or of one that was.
    pub fn verdict(&self, id: &NodeId) -> Verdict {
        let incarnation = self.members.record(id.key()).map(|record| record.identity.incarnation);
        let Some(view) = self.quorum.view() else { return Verdict::Undecided };
        if let Some(gone) = view.gone.get(id).filter(|gone| incarnation.is_none_or(|i| i <= gone.incarnation))
        {
            return match gone.cause {
                Cause::Dead => Verdict::Dead { epoch: gone.epoch },
                Cause::Left => Verdict::Left { epoch: gone.epoch },
            };
        }
        let suspension = incarnation.and_then(|incarnation| view.suspension(id, incarnation));
        match suspension {
            Some(suspension) => Verdict::Suspended { epoch: suspension.since },
            None if self.readings.told.get(&id.key()).is_some_and(|reading| reading.alive) => Verdict::Alive,
            None => Verdict::Undecided,
        }
    }

    fn say_verdict(&mut self, id: &NodeId, incarnation: Incarnation, verdict: Verdict) {
        self.events.push(Event::Verdict { id: id.clone(), incarnation, verdict });
    }

    /// Says what a view has decided that the one before had not.
    pub(super) fn report_decided(&mut self, view: &View, before: Option<&View>) {
        let mut decided: Vec<(Epoch, NodeId, Incarnation, Verdict)> = Vec::new();
        for (id, gone) in view.gone.iter() {
            if before.and_then(|before| before.gone.get(id)) != Some(gone) {
                let verdict = match gone.cause {
                    Cause::Dead => Verdict::Dead { epoch: gone.epoch },
                    Cause::Left => Verdict::Left { epoch: gone.epoch },
                };
                decided.push((gone.epoch, id.clone(), gone.incarnation, verdict));
            }
        }
        for (id, suspension) in view.suspended.iter() {
            if before.and_then(|before| before.suspended.get(id)) != Some(suspension) {
                let verdict = Verdict::Suspended { epoch: suspension.since };
                decided.push((suspension.since, id.clone(), suspension.incarnation, verdict));
            }
        }
        decided.sort_by_key(|(epoch, ..)| *epoch);
        for (_, id, incarnation, verdict) in decided {
            self.readings.told.remove(&id.key());
            self.say_verdict(&id, incarnation, verdict);
        }
        self.readings.made_of = None;
    }

    /// Once an interval: reads anew, if anything that readings are made of has changed.
    pub(super) fn read_verdicts(&mut self) {
        let Some(view) = self.quorum.view().cloned() else { return };
        let in_touch = self.voters_in_touch(&view);
        let made_of = Some((self.revision, in_touch, self.quorum.standing(), view.epoch));
        if made_of == self.readings.made_of && !self.readings.unsteady {
            return;
        }
        self.readings.made_of = made_of;
        self.readings.unsteady = false;
        let members: Vec<(Key, NodeId, Incarnation)> = self
            .members
            .iter()
            .map(|(key, slot)| (key, slot.record.identity.id.clone(), slot.record.identity.incarnation))
            .collect();
        self.readings.told.retain(|key, _| members.binary_search_by_key(key, |(k, ..)| *k).is_ok());
        let voters = &view.electorate.voters;
        let heard = in_touch.keys(voters);
        for (key, id, incarnation) in members {
            if view.is_good(&id, incarnation) {
                let alive = self.is_alive(voters.len(), &heard, key);
                self.read(key, &id, incarnation, alive);
            }
        }
    }

    fn read(&mut self, key: Key, id: &NodeId, incarnation: Incarnation, alive: bool) {
        let first = !self.readings.told.contains_key(&key);
        let reading = self.readings.told.entry(key).or_insert(Reading { alive, contrary: 0 });
        reading.contrary = if reading.alive == alive { 0 } else { reading.contrary + 1 };
        let changed = reading.contrary >= STEADY;
        self.readings.unsteady |= !changed && reading.contrary > 0;
        if changed {
            *reading = Reading { alive, contrary: 0 };
        }
        if first || changed {
            let verdict = if alive { Verdict::Alive } else { Verdict::Undecided };
            self.say_verdict(id, incarnation, verdict);
        }
    }

    /// Whether a majority of so many voters trusts a member, of those that were heard. A voter's answers speak for itself.
    ///
    /// Where voters do not observe everybody, the published accusations of those who do are heard too.
    fn is_alive(&self, voters: usize, heard: &[Key], member: Key) -> bool {
        let accusers = self.members.of(member).map_or(0, |slot| usize::from(slot.accusers));
        if !self.is_full_mesh() && accusers >= self.config.rings {
            return false;
        }
        // As `majority` has it, of those that are heard.
        let trusts = |&&voter: &&Key| voter == member || self.opinion_said(voter, member) == Opinion::Trust;
        2 * heard.iter().filter(trusts).count() > voters
    }

    /// What a voter thinks of a member, by its own publication.
    fn opinion_said(&self, voter: Key, member: Key) -> Opinion {
        if voter == self.key {
            let peer = self.peers.iter().find(|peer| peer.neighbour && peer.key == member);
            return peer.map_or(Opinion::Trust, |peer| peer.opinion);
        }
        self.members.doubt(voter, member).map_or(Opinion::Trust, |doubt| doubt.opinion)
    }
}
