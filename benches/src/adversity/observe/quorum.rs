//! What the quorum decided, and who could decide, as far as lines and deeds tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Deed, LINKS_ARE_SET, LINKS_CHANGE, Line, Log, Presence, View, What};

/// A node on record as dead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Death {
    pub(crate) target: usize,
    pub(crate) incarnation: u64,
    pub(crate) epoch: u64,
    /// When it was first reported, and by whom.
    pub(crate) at: f64,
    pub(crate) by: usize,
}

/// Every death, in the order of first reports.
pub(crate) fn deaths(log: &Log) -> Vec<Death> {
    let mut known = BTreeSet::new();
    let mut deaths = Vec::new();
    for (at, by, line) in log.said() {
        if let &Line::Verdict { target, incarnation, ref verdict, epoch } = line
            && verdict == "dead"
            && known.insert((target, epoch))
        {
            deaths.push(Death { target, incarnation, epoch, at, by });
        }
    }
    deaths
}

impl Death {
    /// Whether it is of the life that the node was in and had said so, and the process ran; else it is old news, of a life that
    /// was over.
    pub(crate) fn of_a_running_life(&self, log: &Log) -> bool {
        if !Presence::of(log).runs(self.target, self.at) {
            return false;
        }
        let mut life = None;
        for entry in log.entries.iter().take_while(|entry| entry.at < self.at) {
            match &entry.what {
                What::Did(Deed::Started(node)) if *node == self.target => life = None,
                What::Said { by, line: Line::Started { incarnation }, .. } if *by == self.target => {
                    life = Some(*incarnation);
                }
                _ => {}
            }
        }
        life.is_some_and(|life| life <= self.incarnation)
    }
}

/// Who votes, who could, and who could reach whom.
#[derive(Debug)]
pub(crate) struct Quorum<'a> {
    log: &'a Log,
    presence: Presence,
    /// By epoch: when and by whom it was first reported.
    views: BTreeMap<u64, (f64, usize, &'a View)>,
    /// Nodes without the disk that the voters know, and when.
    wiped: Vec<(usize, f64, f64)>,
}

impl<'a> Quorum<'a> {
    pub(crate) fn of(log: &'a Log) -> Self {
        let mut views: BTreeMap<u64, (f64, usize, &View)> = BTreeMap::new();
        for (at, by, line) in log.said() {
            if let Line::View(view) = line {
                views.entry(view.epoch).or_insert((at, by, view));
            }
        }
        let mut wiped: Vec<(usize, f64, f64)> = log
            .deeds()
            .filter_map(|(at, deed)| match *deed {
                Deed::Wiped(node) => Some((node, at, f64::INFINITY)),
                _ => None,
            })
            .collect();
        // A change of voters takes those in that it names, with the disks that they have then.
        let mut sealed: Option<(f64, &[usize])> = None;
        for (at, _, view) in views.values() {
            match sealed {
                Some((since, next)) if view.next.is_empty() => {
                    if view.voters == next {
                        for (_, _, until) in wiped
                            .iter_mut()
                            .filter(|(node, from, until)| next.contains(node) && *from < since && at < until)
                        {
                            *until = *at;
                        }
                    }
                    sealed = None;
                }
                None if !view.next.is_empty() => sealed = Some((*at, &view.next)),
                _ => {}
            }
        }
        Self { log, presence: Presence::of(log), views, wiped }
    }

    /// First reports of views, by epoch.
    pub(crate) fn views(&self) -> impl Iterator<Item = (u64, f64, usize)> {
        self.views.iter().map(|(epoch, (at, by, _))| (*epoch, *at, *by))
    }

    /// The voters that decide what follows this epoch.
    fn voters_before(&self, epoch: u64) -> Option<&[usize]> {
        let (_, (_, _, view)) = self.views.range(..epoch).next_back()?;
        Some(&view.voters)
    }

    /// Whether a majority of the voters before this epoch ran, had their disks and could be reached by a node, at some moment
    /// not longer than this before another. None if those voters are not known.
    pub(crate) fn could_decide(&self, epoch: u64, by: usize, at: f64, within: f64) -> Option<bool> {
        let voters = self.voters_before(epoch)?;
        let deeds = self.log.deeds().map(|(t, _)| t).filter(|t| (at - within..=at).contains(t));
        let mut moments = deeds.chain([at - within, at]);
        Some(moments.any(|moment| {
            let able = voters.iter().filter(|voter| self.is_able(**voter, by, moment)).count();
            able > voters.len() / 2
        }))
    }

    /// Whether links let a node reach a majority of the voters before this epoch all the time, from so long before a moment on. Also
    /// if those voters are not known: nothing excuses a verdict then.
    pub(crate) fn hears(&self, epoch: u64, node: usize, at: f64, within: f64) -> bool {
        let Some(voters) = self.voters_before(epoch) else { return true };
        let deeds = self.log.deeds().map(|(t, _)| t).filter(|t| (at - within..=at).contains(t));
        let mut moments = deeds.chain([at - within, at]);
        moments.all(|moment| {
            let reached = voters.iter().filter(|voter| !apart(self.log, **voter, node, moment)).count();
            reached > voters.len() / 2
        })
    }

    fn is_able(&self, voter: usize, by: usize, at: f64) -> bool {
        self.presence.runs(voter, at)
            && !self.wiped.iter().any(|(node, from, until)| *node == voter && (*from..*until).contains(&at))
            && !apart(self.log, voter, by, at)
    }
}

/// Whether nothing passes between two nodes, either way, at a moment; not while links are being changed one by one.
fn apart(log: &Log, a: usize, b: usize, at: f64) -> bool {
    let mut faults: Vec<&super::Fault> = Vec::new();
    let mut changing = false;
    for (_, deed) in log.deeds().take_while(|(t, _)| *t <= at) {
        match deed {
            Deed::FaultBegins(fault) => faults.push(fault),
            Deed::FaultEnds(text) => faults.retain(|fault| fault.text != *text),
            Deed::Mark(LINKS_CHANGE) => changing = true,
            Deed::Mark(LINKS_ARE_SET) => changing = false,
            _ => {}
        }
    }
    !changing && faults.iter().any(|fault| fault.excused.contains(&(a, b)) && fault.excused.contains(&(b, a)))
}
