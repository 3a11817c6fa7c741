//! Which process ran when, as far as the harness has made it.

use super::{Deed, Log};

/// What a process was made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Down,
    Running,
    Stopped,
}

/// By node: changes, oldest first.
#[derive(Debug)]
pub(crate) struct Presence {
    changes: Vec<Vec<(f64, State)>>,
}

impl Presence {
    pub(crate) fn of(log: &Log) -> Self {
        let mut changes = vec![Vec::new(); log.nodes];
        for (at, deed) in log.deeds() {
            let (node, state) = match *deed {
                Deed::Started(node) | Deed::Continued(node) => (node, State::Running),
                Deed::Killed(node) | Deed::Dismissed(node) | Deed::Ended(node) => (node, State::Down),
                Deed::Stopped(node) => (node, State::Stopped),
                _ => continue,
            };
            changes[node].push((at, state));
        }
        Self { changes }
    }

    fn last(&self, node: usize, at: f64) -> (f64, State) {
        let earlier = self.changes[node].partition_point(|(t, _)| *t <= at);
        earlier.checked_sub(1).map_or((f64::NEG_INFINITY, State::Down), |i| self.changes[node][i])
    }

    pub(crate) fn runs(&self, node: usize, at: f64) -> bool {
        self.last(node, at).1 == State::Running
    }

    /// For how long it has been running without a break, if it is.
    pub(crate) fn running_for(&self, node: usize, at: f64) -> Option<f64> {
        let (since, state) = self.last(node, at);
        (state == State::Running).then_some(at - since)
    }

    /// Whether it ran all the time between two moments.
    pub(crate) fn runs_throughout(&self, node: usize, from: f64, to: f64) -> bool {
        self.runs(node, from) && !self.changes[node].iter().any(|(t, _)| (from..=to).contains(t) && *t > from)
    }

    /// When it next ceases to run.
    pub(crate) fn next_break(&self, node: usize, from: f64) -> Option<f64> {
        self.changes[node]
            .iter()
            .find(|(at, state)| *at > from && *state != State::Running)
            .map(|(at, _)| *at)
    }

    pub(crate) fn running(&self, at: f64) -> Vec<usize> {
        (0..self.changes.len()).filter(|&node| self.runs(node, at)).collect()
    }

    /// Times during which it did not run, and whether it was merely stopped.
    pub(crate) fn breaks(&self, node: usize, end: f64) -> Vec<(f64, f64, bool)> {
        let mut breaks = Vec::new();
        let mut since = Some((0.0, false));
        for &(at, state) in &self.changes[node] {
            if let Some((from, stopped)) = since.take()
                && at > from
            {
                breaks.push((from, at, stopped));
            }
            since = (state != State::Running).then_some((at, state == State::Stopped));
        }
        if let Some((from, stopped)) = since {
            breaks.push((from, end, stopped));
        }
        breaks
    }
}
