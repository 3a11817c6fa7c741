//! How soon after a fault, or a restart, all is as it was; and how soon all have met.

use super::{Beliefs, Deed, Line, Log, Presence, What};

/// Deeds closer together than this are one, as when all nodes are started.
const TOGETHER_S: f64 = 1.0;
/// For how long all has to stay well to be: who wakes up may trust all at first, and accuse them after that.
const STEADY_S: f64 = 1.0;

/// How soon all knew and trusted each other again after something ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recovery {
    /// When it ended.
    pub(crate) from: f64,
    /// None if they did not, before the next fault or the end of the log.
    pub(crate) seconds: Option<f64>,
    /// For how long that could be seen.
    pub(crate) watched: f64,
}

/// One entry for each end of a fault, and each time that nodes went on or were started again. Not for their first start: how soon
/// all have met then is [`known_by_all`].
pub(crate) fn recoveries(log: &Log) -> Vec<Recovery> {
    let (presence, beliefs) = (Presence::of(log), Beliefs::of(log));
    let mut started = vec![false; log.nodes];
    let mut ends = |deed: &Deed| match *deed {
        Deed::Started(node) => std::mem::replace(&mut started[node], true),
        Deed::Continued(_) | Deed::FaultEnds(_) => true,
        _ => false,
    };
    let deeds: Vec<(f64, bool)> =
        log.deeds().filter(|(_, d)| !matches!(d, Deed::Mark(_))).map(|(at, d)| (at, ends(d))).collect();
    let mut recoveries = Vec::new();
    for (i, &(from, end)) in deeds.iter().enumerate() {
        let next = deeds.get(i + 1);
        // One that is followed at once by another, of either kind, has no time to recover in.
        if !end || next.is_some_and(|(at, _)| at - from < TOGETHER_S) {
            continue;
        }
        let until = next.map_or(log.end(), |(at, _)| *at);
        let nodes = presence.running(from);
        let seconds = all_well_from(&beliefs, &nodes, log.full_mesh, from, until).map(|at| at - from);
        recoveries.push(Recovery { from, seconds, watched: until - from });
    }
    recoveries
}

/// The first moment from which on all hold of each other what they should, for a while or to the end.
fn all_well_from(beliefs: &Beliefs, nodes: &[usize], full_mesh: bool, from: f64, until: f64) -> Option<f64> {
    let mut turns = Vec::new();
    let mut ill_pairs = 0usize;
    for (o, t) in beliefs.pairs().filter(|(o, t)| nodes.contains(o) && nodes.contains(t)) {
        let mut was_well = beliefs.at(o, t, from).is_well(full_mesh);
        ill_pairs += usize::from(!was_well);
        for &(at, held) in beliefs.changes(o, t).iter().filter(|(at, _)| *at > from && *at <= until) {
            if held.is_well(full_mesh) != was_well {
                was_well = !was_well;
                turns.push((at, was_well));
            }
        }
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut since = (ill_pairs == 0).then_some(from);
    for (at, well) in turns {
        if since.is_some_and(|since| at - since >= STEADY_S) {
            break;
        }
        ill_pairs = if well { ill_pairs - 1 } else { ill_pairs + 1 };
        since = if ill_pairs == 0 { since.or(Some(at)) } else { None };
    }
    since
}

/// Seconds from the last start of a node until every running node had met every other; None if that never was.
pub(crate) fn known_by_all(log: &Log) -> Option<f64> {
    let started = log.deeds().filter(|(_, d)| matches!(d, Deed::Started(_))).map(|(at, _)| at).last()?;
    let nodes = Presence::of(log).running(started);
    let mut known = vec![false; log.nodes * log.nodes];
    let mut missing = nodes.len() * nodes.len().saturating_sub(1);
    for entry in &log.entries {
        match &entry.what {
            What::Did(Deed::Started(node)) => {
                let row = &mut known[node * log.nodes..(node + 1) * log.nodes];
                missing += row.iter().filter(|k| **k).count();
                row.fill(false);
            }
            What::Said { by, line: Line::Joined { target, .. } | Line::Trusted(target), .. } => {
                let known = &mut known[by * log.nodes + target];
                if !*known && by != target && nodes.contains(by) && nodes.contains(target) {
                    *known = true;
                    missing -= 1;
                }
            }
            _ => {}
        }
        if missing == 0 && entry.at >= started {
            return Some(entry.at - started);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    fn seconds(log: &Log) -> Vec<Option<f64>> {
        recoveries(log).iter().map(|recovery| recovery.seconds).collect()
    }

    #[test]
    fn the_first_start_is_nothing_to_recover_from_and_a_later_one_is() {
        let mut log = healthy(3);
        assert_eq!(seconds(&log), []);
        log.did(5.0, Deed::Killed(2));
        log.did(6.0, Deed::Started(2));
        log.says(6.1, 2, Line::Started { incarnation: 2 });
        for (by, target) in [(0, 2), (1, 2), (2, 0), (2, 1)] {
            log.says(7.0, by, Line::Joined { target, incarnation: 2 });
            assert_eq!(seconds(&log), [None], "no opinion of each other yet");
        }
        for (by, target) in [(0, 2), (1, 2), (2, 0), (2, 1)] {
            log.says(7.5, by, Line::Trusted(target));
        }
        assert_eq!(seconds(&log), [Some(1.5)]);
        log.full_mesh = false;
        assert_eq!(seconds(&log), [Some(1.0)], "to know each other is enough where others watch");
    }

    #[test]
    fn who_goes_on_and_then_accuses_all_has_not_recovered_before_it_takes_that_back() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Stopped(2));
        log.did(7.0, Deed::Continued(2));
        log.says(7.2, 2, Line::Suspected(0));
        log.says(7.9, 2, Line::Trusted(0));
        log.did(20.0, Deed::Mark("end"));
        let [Some(after)] = seconds(&log)[..] else { panic!("it has recovered") };
        assert!((after - 0.9).abs() < 1e-9, "{after}");
        // Not for ever: what comes later is another matter.
        log.says(12.0, 2, Line::Suspected(0));
        assert_eq!(seconds(&log).len(), 1);
        assert!(seconds(&log)[0].is_some());
    }

    #[test]
    fn the_evicted_have_to_be_met_again() {
        let mut log = healthy(3);
        log.full_mesh = false;
        log.partition(5.0, &[2]);
        for by in [0, 1] {
            log.verdict(7.0, by, 2, "dead", 1);
        }
        log.did(10.0, Deed::FaultEnds("trouble".into()));
        log.says(10.5, 2, Line::Started { incarnation: 2 });
        for (by, target, incarnation) in [(2, 0, 1), (2, 1, 1), (0, 2, 2)] {
            log.says(11.0, by, Line::Joined { target, incarnation });
        }
        log.did(20.0, Deed::Mark("end"));
        assert_eq!(seconds(&log), [None], "n2 has not met n3 again");
        log.says(12.0, 1, Line::Joined { target: 2, incarnation: 2 });
        assert_eq!(seconds(&log), [Some(2.0)]);
    }
}
