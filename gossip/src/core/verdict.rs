//! Verdicts: what is decided of a member, and what can be read where nothing is.
//!
//! *Dead*, *left* and *suspended* are decided, in views, and the same everywhere in the same order. *Alive* and *undecided*
//! are this node's own readings of what voters were known to think a moment ago.

use std::collections::BTreeSet;

use super::Node;
use super::event::Event;
use super::identity::{Incarnation, Key, NodeId};
use super::opinion::Opinion;
use super::quorum::{Cause, Epoch, View};

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
            None if self.members.of(id.key()).is_some() && self.readings.is_alive(id.key()) => Verdict::Alive,
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
            self.readings.start_over(id.key());
            self.say_verdict(&id, incarnation, verdict);
        }
        self.readings.review();
    }

    /// Once an interval: reads anew, if anything that readings are made of has changed.
    pub(super) fn read_verdicts(&mut self) {
        let Some(view) = self.quorum.view().cloned() else { return };
        let in_touch = self.voters_in_touch(&view);
        let grounds = (self.revision, in_touch, self.quorum.standing(), view.epoch);
        let voters = &view.electorate.voters;
        // Whom nobody doubts, all that are heard trust.
        let undoubted = is_majority(in_touch.count(), voters.len());
        let Some(round) = self.readings.begin(grounds, undoubted) else { return };
        let heard = in_touch.keys(voters);
        let apart = self.members_to_read(&view);
        for key in self.members_to_tell(round.told, &apart) {
            let Some(slot) = self.members.of(key) else { continue };
            let (id, incarnation) = (slot.record.identity.id.clone(), slot.record.identity.incarnation);
            let told = if apart.contains(&key) {
                let open = view.is_good(&id, incarnation);
                let alive = open.then(|| self.is_alive(voters.len(), &heard, key));
                self.readings.read(round, key, alive)
            } else {
                round.told
            };
            if told {
                let alive = self.readings.is_alive(key);
                let verdict = if alive { Verdict::Alive } else { Verdict::Undecided };
                self.say_verdict(&id, incarnation, verdict);
            }
        }
    }

    /// In order, those that are read apart, and the last of those of whom what is read of all is told, if it is: as many as there is
    /// room for events. To tell of the others would be to drop it at once, so they are counted as lost.
    fn members_to_tell(&mut self, all: bool, apart: &BTreeSet<Key>) -> Vec<Key> {
        if !all {
            return apart.iter().copied().collect();
        }
        let last = self.members.last_keys(self.events.max() + apart.len());
        let before = |key: &&Key| last.first().is_some_and(|first| *key < first);
        let mut keys: Vec<Key> = apart.iter().take_while(before).copied().collect();
        self.events.lose(self.members.len() - last.len() - keys.len());
        keys.extend(last);
        keys
    }

    /// The members of whom something else may be read than of all others: those that somebody doubts, those on whom something is
    /// decided, and those of whom something else was read before.
    fn members_to_read(&mut self, view: &View) -> BTreeSet<Key> {
        let mut keys: BTreeSet<Key> = self.readings.apart(|key| self.members.of(key).is_some()).collect();
        let decided = view.suspended.keys().chain(view.gone.keys()).map(NodeId::key);
        let doubted_here =
            self.peers.iter().filter(|peer| peer.opinion != Opinion::Trust).map(|peer| peer.key);
        let others = decided.chain(doubted_here).chain(self.members.doubt_targets());
        keys.extend(others.filter(|&key| self.members.of(key).is_some()));
        keys
    }

    /// Whether a majority of so many voters trusts a member, of those that were heard. A voter's answers speak for itself.
    ///
    /// Where voters do not observe everybody, the published accusations of those who do are heard too.
    fn is_alive(&self, voters: usize, heard: &[Key], member: Key) -> bool {
        let accusers = self.members.of(member).map_or(0, |slot| usize::from(slot.accusers));
        if !self.is_full_mesh() && accusers >= self.config.rings {
            return false;
        }
        let trusts = |&&voter: &&Key| voter == member || self.opinion_said(voter, member) == Opinion::Trust;
        is_majority(heard.iter().filter(trusts).count(), voters)
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

/// Whether so many are a majority of voters, as [`Electorate`](super::quorum::Electorate) has it.
fn is_majority(of: usize, voters: usize) -> bool {
    2 * of > voters
}
