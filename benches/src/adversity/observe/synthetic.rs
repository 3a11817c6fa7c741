//! Logs written by hand, for tests of what is made of logs.

use super::log::Sample;
use super::{Deed, Fault, LeaseState, Line, Log, View, What};

/// A log of a full mesh in which all have trusted each other since half a second.
pub(crate) fn healthy(nodes: usize) -> Log {
    let mut log = Log::new(nodes, 32);
    for node in 0..nodes {
        log.did(0.0, Deed::Started(node));
        log.says(0.1, node, Line::Started { incarnation: 1 });
    }
    for (observer, target) in (0..nodes).flat_map(|o| (0..nodes).map(move |t| (o, t))).filter(|(o, t)| o != t)
    {
        log.says(0.4, observer, Line::Joined { target, incarnation: 1 });
        log.says(0.5, observer, Line::Trusted(target));
    }
    log
}

impl Log {
    pub(crate) fn did(&mut self, at: f64, deed: Deed) {
        self.push(at, What::Did(deed));
    }

    pub(crate) fn says(&mut self, at: f64, by: usize, line: Line) {
        self.push(at, What::Said { by, line, raw: String::new() });
    }

    pub(crate) fn all_say(&mut self, at: f64, about: usize, line: fn(usize) -> Line) {
        for by in (0..self.nodes).filter(|by| *by != about) {
            self.says(at, by, line(about));
        }
    }

    pub(crate) fn lease(&mut self, at: f64, by: usize, token: u64, state: LeaseState) {
        self.says(at, by, Line::Lease { name: "lock".into(), token, state });
    }

    /// A view that the first five nodes have decided, or all if there are fewer.
    pub(crate) fn view(&mut self, at: f64, by: usize, epoch: u64) {
        let voters = (0..self.nodes.min(5)).collect();
        let view = View { epoch, voters, next: Vec::new(), content: format!("view {epoch}") };
        self.says(at, by, Line::View(view));
    }

    /// A verdict on the first life of a node.
    pub(crate) fn verdict(&mut self, at: f64, by: usize, target: usize, verdict: &str, epoch: u64) {
        self.says(at, by, Line::Verdict { target, incarnation: 1, verdict: verdict.into(), epoch });
    }

    pub(crate) fn standing(&mut self, at: f64, by: usize, standing: &str) {
        self.says(at, by, Line::Standing { standing: standing.into() });
    }

    /// Two groups that cannot reach each other; a node is in the one that is named, or in the other.
    pub(crate) fn partition(&mut self, at: f64, group: &[usize]) {
        let apart = |a: usize, b: usize| group.contains(&a) != group.contains(&b);
        let pairs: Vec<(usize, usize)> = (0..self.nodes)
            .flat_map(|a| (0..self.nodes).map(move |b| (a, b)))
            .filter(|(a, b)| apart(*a, *b))
            .collect();
        self.fault(at, &pairs);
    }

    pub(crate) fn sample(&mut self, at: f64, node: usize, sample: Sample) {
        self.push(at, What::Sampled { node, sample });
    }

    /// A fault that makes suspicion between these pairs right.
    pub(crate) fn fault(&mut self, at: f64, excused: &[(usize, usize)]) {
        let fault =
            Fault { text: "trouble".into(), excused: excused.iter().copied().collect(), ..Fault::default() };
        self.did(at, Deed::FaultBegins(fault));
    }
}
