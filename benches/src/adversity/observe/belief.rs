//! What each node held of each other, over time, in its own words.

use super::{Deed, Line, Log, What};

/// What one node holds of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Held {
    /// It has said nothing about it, in this life of either.
    Nothing,
    Trust,
    Suspect,
    Unsure,
}

/// All beliefs of a log, by observer and target.
#[derive(Debug)]
pub(crate) struct Beliefs {
    nodes: usize,
    changes: Vec<Vec<(f64, Held)>>,
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
        let mut beliefs = Self { nodes: log.nodes, changes: vec![Vec::new(); log.nodes * log.nodes] };
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
            Line::Suspected(target) => (target, Held::Suspect),
            Line::Trusted(target) => (target, Held::Trust),
            Line::Unsure(target) => (target, Held::Unsure),
            // Met anew, or watched no more: what was held of its former life does not count for this one.
            Line::Joined(target) | Line::Left(target) | Line::Unobserved(target) => (target, Held::Nothing),
            _ => return,
        };
        if target != by && self.now(by, target) != held {
            self.changes[by * self.nodes + target].push((at, held));
        }
    }

    /// A process has been started or ended.
    pub(crate) fn forget(&mut self, at: f64, observer: usize) {
        for target in 0..self.nodes {
            if self.now(observer, target) != Held::Nothing {
                self.changes[observer * self.nodes + target].push((at, Held::Nothing));
            }
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

    /// Whether these nodes trust each other as they should at a moment: all in a full mesh, else all who have an opinion.
    pub(crate) fn all_trust(&self, nodes: &[usize], full_mesh: bool, at: f64) -> bool {
        nodes.iter().all(|&observer| {
            nodes.iter().filter(|&&target| target != observer).all(|&target| {
                match self.at(observer, target, at) {
                    Held::Trust => true,
                    Held::Nothing => !full_mesh,
                    Held::Suspect | Held::Unsure => false,
                }
            })
        })
    }
}
