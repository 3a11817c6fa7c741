//! What is wrong with each link, whoever brings it about.

use std::collections::BTreeMap;
use std::time::Duration;

/// What happens to the datagrams of one link in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Impairment {
    /// Nothing passes.
    Cut,
    /// Each is lost with this probability.
    Loss(f64),
    /// Lost with this probability, so many in a row.
    Burst { loss: f64, length: f64 },
    /// Each takes so much longer.
    Delay(Duration),
    /// Each arrives twice with this probability.
    Duplicate(f64),
    /// Each takes so much longer, and one in so many overtakes the one before.
    Reorder { every: u32, delay: Duration },
}

/// By sender and receiver; a link that is not named is fine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links {
    nodes: usize,
    faults: BTreeMap<(usize, usize), Impairment>,
}

impl Links {
    pub(crate) fn fine(nodes: usize) -> Self {
        Self { nodes, faults: BTreeMap::new() }
    }

    /// From one node to another, that way only.
    pub(crate) fn one_way(mut self, from: usize, to: usize, impairment: Impairment) -> Self {
        if from != to {
            self.faults.insert((from, to), impairment);
        }
        self
    }

    pub(crate) fn both_ways(self, a: usize, b: usize, impairment: Impairment) -> Self {
        self.one_way(a, b, impairment).one_way(b, a, impairment)
    }

    /// What everybody sends.
    pub(crate) fn everywhere(self, impairment: Impairment) -> Self {
        let nodes = self.nodes;
        (0..nodes)
            .fold(self, |links, from| (0..nodes).fold(links, |links, to| links.one_way(from, to, impairment)))
    }

    /// What everybody sends to one node.
    pub(crate) fn towards(self, to: usize, impairment: Impairment) -> Self {
        (0..self.nodes).fold(self, |links, from| links.one_way(from, to, impairment))
    }

    /// Cuts all links between nodes of different groups; `group` tells a node's.
    pub(crate) fn apart(self, group: impl Fn(usize) -> usize) -> Self {
        let nodes = self.nodes;
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        pairs
            .filter(|(from, to)| group(*from) != group(*to))
            .fold(self, |links, (from, to)| links.one_way(from, to, Impairment::Cut))
    }

    /// Observers and targets between whom nothing passes, in the direction that matters: from the target.
    pub(crate) fn silent_pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.faults.iter().filter(|(_, i)| **i == Impairment::Cut).map(|((from, to), _)| (*to, *from))
    }

    /// What is wrong with a link, if it is not fine.
    pub(crate) fn between(&self, from: usize, to: usize) -> Option<Impairment> {
        self.faults.get(&(from, to)).copied()
    }

    pub(crate) fn sent_by(&self, from: usize) -> impl Iterator<Item = (usize, Impairment)> {
        self.faults.iter().filter(move |((f, _), _)| *f == from).map(|((_, to), i)| (*to, *i))
    }

    pub(crate) fn sent_to(&self, to: usize) -> impl Iterator<Item = (usize, Impairment)> {
        self.faults.iter().filter(move |((_, t), _)| *t == to).map(|((from, _), i)| (*from, *i))
    }

    /// The impairment of everything that a node sends, if it is the same to all.
    pub(crate) fn uniform_from(&self, from: usize) -> Option<Impairment> {
        let mut all = self.sent_by(from).map(|(_, impairment)| impairment);
        let first = all.next()?;
        (all.all(|other| other == first) && self.sent_by(from).count() == self.nodes - 1).then_some(first)
    }
}
