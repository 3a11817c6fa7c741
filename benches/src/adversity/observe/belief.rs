//! What each node held of each other, over time, in its own words.

use super::{Deed, Line, Log, What};

/// What one node holds of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Held {
    /// It has not met it, in this life of either, or holds it for gone.
    Nothing,
    /// It has met it and has no opinion of it, as of one that others watch.
    Met,
    Trust,
    Suspect,
    Unsure,
}

impl Held {
    pub(crate) fn is_opinion(self) -> bool {
        matches!(self, Self::Trust | Self::Suspect | Self::Unsure)
    }

    /// Whether it is as it should be of a node that is well: trusted, or, where not all watch all, known at least.
    pub(crate) fn is_well(self, full_mesh: bool) -> bool {
        match self {
            Self::Trust => true,
            Self::Met => !full_mesh,
            Self::Nothing | Self::Suspect | Self::Unsure => false,
        }
    }
}

/// All beliefs of a log, by observer and target.
#[derive(Debug)]
pub(crate) struct Beliefs {
    nodes: usize,
    changes: Vec<Vec<(f64, Held)>>,
    /// By observer and target: the life of the target that the observer has met, and does not hold for over.
    met: Vec<Option<u64>>,
    /// By node: the life it is in, by its own word; 0 where lives are not numbered.
    lives: Vec<u64>,
}

/// A time during which an observer suspected a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Suspicion {
    pub(crate) observer: usize,
    pub(crate) target: usize,
    pub(crate) from: f64,
    /// None if it stood to the end of the log.
    pub(crate) until: Option<f64>,
}

impl Beliefs {
    pub(crate) fn of(log: &Log) -> Self {
        let pairs = log.nodes * log.nodes;
        let mut beliefs = Self {
            nodes: log.nodes,
            changes: vec![Vec::new(); pairs],
            met: vec![None; pairs],
            lives: vec![0; log.nodes],
        };
        for entry in &log.entries {
            match &entry.what {
                What::Said { by, line, .. } => beliefs.hear(entry.at, *by, line),
                // What a process held dies with it.
                What::Did(
                    Deed::Started(node) | Deed::Killed(node) | Deed::Dismissed(node) | Deed::Ended(node),
                ) => {
                    beliefs.forget(entry.at, *node);
                }
                _ => {}
            }
        }
        beliefs
    }

    /// Takes in one line more; for a log that is still growing.
    pub(crate) fn hear(&mut self, at: f64, by: usize, line: &Line) {
        let (target, held) = match *line {
            // All that others know of is its former life, until they say that they have met this one.
            Line::Started { incarnation } => return self.live_anew(at, by, incarnation),
            Line::Suspected(target) => (target, Held::Suspect),
            Line::Trusted(target) => {
                let life = self.lives[target];
                self.met(by, target).get_or_insert(life);
                (target, Held::Trust)
            }
            Line::Unsure(target) => (target, Held::Unsure),
            // What was held of its former life does not count for this one.
            Line::Joined { target, incarnation } => {
                *self.met(by, target) = Some(incarnation);
                (target, self.acquaintance(by, target))
            }
            Line::Unobserved(target) => (target, self.acquaintance(by, target)),
            Line::Left(target) => {
                *self.met(by, target) = None;
                (target, Held::Nothing)
            }
            Line::Verdict { target, incarnation, ref verdict, .. } if verdict == "dead" => {
                let met = self.met(by, target);
                if met.is_some_and(|life| life > incarnation) {
                    return;
                }
                *met = None;
                match self.now(by, target) {
                    // Stands until it takes it back.
                    doubt @ (Held::Suspect | Held::Unsure) => (target, doubt),
                    _ => (target, Held::Nothing),
                }
            }
            _ => return,
        };
        self.set(at, by, target, held);
    }

    /// A process has been started or ended.
    pub(crate) fn forget(&mut self, at: f64, observer: usize) {
        for target in 0..self.nodes {
            *self.met(observer, target) = None;
            self.set(at, observer, target, Held::Nothing);
        }
    }

    fn live_anew(&mut self, at: f64, node: usize, incarnation: u64) {
        self.lives[node] = incarnation;
        self.forget(at, node);
        for observer in 0..self.nodes {
            if matches!(self.now(observer, node), Held::Met | Held::Trust) {
                let held = self.now(observer, node);
                let current = self.acquaintance(observer, node) == Held::Met;
                self.set(at, observer, node, if current { held } else { Held::Nothing });
            }
        }
    }

    fn met(&mut self, observer: usize, target: usize) -> &mut Option<u64> {
        &mut self.met[observer * self.nodes + target]
    }

    /// What one holds of another of which it has no opinion.
    fn acquaintance(&self, observer: usize, target: usize) -> Held {
        let met = self.met[observer * self.nodes + target];
        if met.is_some_and(|life| life >= self.lives[target]) { Held::Met } else { Held::Nothing }
    }

    fn set(&mut self, at: f64, observer: usize, target: usize, held: Held) {
        if target != observer && self.now(observer, target) != held {
            self.changes[observer * self.nodes + target].push((at, held));
        }
    }

    pub(crate) fn changes(&self, observer: usize, target: usize) -> &[(f64, Held)] {
        &self.changes[observer * self.nodes + target]
    }

    /// The latest.
    pub(crate) fn now(&self, observer: usize, target: usize) -> Held {
        self.changes(observer, target).last().map_or(Held::Nothing, |(_, held)| *held)
    }

    pub(crate) fn at(&self, observer: usize, target: usize, at: f64) -> Held {
        let changes = self.changes(observer, target);
        let earlier = changes.partition_point(|(t, _)| *t <= at);
        earlier.checked_sub(1).map_or(Held::Nothing, |i| changes[i].1)
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let nodes = self.nodes;
        (0..nodes).flat_map(move |o| (0..nodes).filter(move |t| *t != o).map(move |t| (o, t)))
    }

    pub(crate) fn suspicions(&self) -> Vec<Suspicion> {
        let mut suspicions = Vec::new();
        for (observer, target) in self.pairs() {
            let changes = self.changes(observer, target);
            for (i, (from, held)) in changes.iter().enumerate() {
                if *held == Held::Suspect {
                    let until = changes.get(i + 1).map(|(at, _)| *at);
                    suspicions.push(Suspicion { observer, target, from: *from, until });
                }
            }
        }
        suspicions.sort_by(|a, b| a.from.total_cmp(&b.from));
        suspicions
    }

    /// Whether these nodes hold of each other what they should at a moment.
    pub(crate) fn all_well(&self, nodes: &[usize], full_mesh: bool, at: f64) -> bool {
        nodes.iter().all(|&observer| {
            let others = nodes.iter().filter(|&&target| target != observer);
            others.into_iter().all(|&target| self.at(observer, target, at).is_well(full_mesh))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn who_lives_anew_is_unknown_until_it_is_met_in_that_life() {
        let mut log = healthy(3);
        log.says(5.0, 1, Line::Started { incarnation: 2 });
        log.says(6.0, 0, Line::Joined { target: 1, incarnation: 1 });
        log.says(7.0, 0, Line::Joined { target: 1, incarnation: 2 });
        log.says(7.5, 0, Line::Trusted(1));
        let beliefs = Beliefs::of(&log);
        let held = |at| beliefs.at(0, 1, at);
        assert_eq!(
            [4.0, 5.5, 6.5, 7.2, 8.0].map(held),
            [Held::Trust, Held::Nothing, Held::Nothing, Held::Met, Held::Trust]
        );
        assert_eq!(beliefs.at(1, 0, 5.5), Held::Nothing, "and so are all to it");
        assert!(beliefs.all_well(&[0, 2], true, 5.5) && !beliefs.all_well(&[0, 1], false, 5.5));
    }

    #[test]
    fn whoever_is_on_record_as_dead_is_unknown_and_a_later_life_of_it_is_not() {
        for (incarnation, held) in [(1, Held::Nothing), (0, Held::Trust)] {
            let mut log = healthy(3);
            log.says(5.0, 0, Line::Verdict { target: 1, incarnation, verdict: "dead".into(), epoch: 3 });
            assert_eq!(Beliefs::of(&log).now(0, 1), held);
        }
        let mut log = healthy(3);
        log.says(4.0, 0, Line::Suspected(1));
        log.verdict(5.0, 0, 1, "dead", 3);
        assert_eq!(Beliefs::of(&log).now(0, 1), Held::Suspect, "it has not taken that back");
        log.says(6.0, 0, Line::Unobserved(1));
        assert_eq!(Beliefs::of(&log).now(0, 1), Held::Nothing);
    }

    #[test]
    fn who_is_not_watched_any_more_is_still_known() {
        let mut log = healthy(3);
        log.says(5.0, 0, Line::Unobserved(1));
        let beliefs = Beliefs::of(&log);
        assert_eq!(beliefs.now(0, 1), Held::Met);
        assert!(beliefs.all_well(&[0, 1, 2], false, 6.0) && !beliefs.all_well(&[0, 1, 2], true, 6.0));
    }

    #[test]
    fn where_lives_are_not_numbered_a_restart_is_what_others_say_it_is() {
        let mut log = Log::new(2, 32);
        for (by, target) in [(0, 1), (1, 0)] {
            log.says(0.1, by, Line::Started { incarnation: 0 });
            log.says(0.4, by, Line::Joined { target, incarnation: 0 });
            log.says(0.4, by, Line::Trusted(target));
        }
        log.did(5.0, Deed::Killed(1));
        log.did(5.1, Deed::Started(1));
        log.says(5.2, 1, Line::Started { incarnation: 0 });
        let beliefs = Beliefs::of(&log);
        assert_eq!((beliefs.now(0, 1), beliefs.now(1, 0)), (Held::Trust, Held::Nothing));
    }
}
