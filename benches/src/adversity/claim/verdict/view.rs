//! Claims about the views that are reported: who may decide one, and that all hold the same.

use std::collections::BTreeMap;

use crate::adversity::claim::{Judgement, counted};
use crate::adversity::observe::{Deed, Line, Log, Presence, Quorum, View, name};

/// A decision may be reported so long after the last of those who made it is gone: lines take time, and so does a datagram
/// that was under way.
const REPORT_S: f64 = 0.5;

/// Between the lines about a view that could not be written and about the disk.
const WRITE_S: f64 = 0.1;

pub(crate) fn majorities_decide(log: &Log) -> Judgement {
    let quorum = Quorum::of(log);
    let mut views = 0;
    for (epoch, at, by) in quorum.views() {
        match quorum.could_decide(epoch, by, at, REPORT_S) {
            Some(true) => views += 1,
            Some(false) => {
                return Judgement::Broken(format!(
                    "{} reports view {epoch} at {at:.1} s, when it could reach no majority of voters",
                    name(by)
                ));
            }
            // The first.
            None => {}
        }
    }
    match views {
        0 => Judgement::Open("nothing was decided".into()),
        _ => Judgement::Held(counted(views, "decision")),
    }
}

pub(crate) fn views_never_go_back(log: &Log) -> Judgement {
    let mut newest = vec![0; log.nodes];
    // The view before that, and when it was followed.
    let mut former = vec![(0, 0.0); log.nodes];
    // Follows the views, as it should, and will have forgotten them after its next start.
    let mut failed = vec![false; log.nodes];
    let mut views = 0;
    for entry in &log.entries {
        use crate::adversity::observe::What;
        match &entry.what {
            What::Did(Deed::Wiped(node)) => newest[*node] = 0,
            What::Did(Deed::Started(node)) => failed[*node] = false,
            What::Said { by, line: Line::StorageFailed, .. } => {
                failed[*by] = true;
                // It was to be written when the disk failed.
                if entry.at - former[*by].1 <= WRITE_S {
                    newest[*by] = former[*by].0;
                }
            }
            What::Said { by, line: Line::View(view), .. } => {
                views += 1;
                if view.epoch < newest[*by] {
                    return Judgement::Broken(format!(
                        "{} is back at view {} at {:.1} s, after {}",
                        name(*by),
                        view.epoch,
                        entry.at,
                        newest[*by]
                    ));
                }
                if !failed[*by] {
                    former[*by] = (newest[*by], entry.at);
                    newest[*by] = view.epoch;
                }
            }
            _ => {}
        }
    }
    match views {
        0 => Judgement::Open("nobody speaks of views".into()),
        _ => Judgement::Held(counted(views, "report")),
    }
}

/// After each end of a fault, the first moment at which all who run hold one view.
pub(crate) fn agrees_on_one_view(log: &Log, seconds: f64) -> Judgement {
    let presence = Presence::of(log);
    let mut longest: Option<f64> = None;
    for (end, _) in log.deeds().filter(|(_, deed)| matches!(deed, Deed::FaultEnds(_))) {
        let running = presence.running(end);
        let mut newest = vec![None; log.nodes];
        let mut agreed = None;
        for (at, by, line) in log.said() {
            // What was known at the end counts from then on.
            let one = |newest: &[Option<u64>]| {
                running.iter().all(|n| newest[*n].is_some() && newest[*n] == newest[running[0]])
            };
            if at > end && agreed.is_none() && one(&newest) {
                agreed = Some(end);
            }
            if let Line::View(view) = line {
                newest[by] = Some(view.epoch);
                if at > end && agreed.is_none() && one(&newest) {
                    agreed = Some(at);
                }
            }
            if agreed.is_some() {
                break;
            }
        }
        match agreed {
            Some(at) => longest = Some(longest.unwrap_or(0.0).max(at - end)),
            None => return Judgement::Broken(format!("never after the end of the fault at {end:.1} s")),
        }
    }
    match longest {
        None => Judgement::Open("no fault ended".into()),
        Some(longest) => Judgement::of(longest <= seconds, format!("after {longest:.2} s at most")),
    }
}

pub(crate) fn views_agree(log: &Log) -> Judgement {
    let mut views: BTreeMap<u64, (usize, &str)> = BTreeMap::new();
    for (_, by, line) in log.said() {
        let Line::View(View { epoch, content, .. }) = line else { continue };
        let (first, held) = *views.entry(*epoch).or_insert((by, content));
        if held != content {
            let (first, by) = (name(first), name(by));
            return Judgement::Broken(format!("view {epoch}: {first} holds {held}, {by} holds {content}"));
        }
    }
    match views.len() {
        0 => Judgement::Open("nobody speaks of views".into()),
        count => Judgement::Held(format!("{count} views")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;
    use crate::adversity::observe::{LINKS_ARE_SET, LINKS_CHANGE};

    #[test]
    fn two_views_under_one_number_are_caught() {
        let view =
            |epoch, content: &str| Line::View(View { epoch, content: content.into(), ..View::default() });
        let mut log = healthy(3);
        log.says(5.0, 0, view(1, "a"));
        log.says(5.0, 1, view(2, "b"));
        log.says(5.1, 1, view(1, "a"));
        assert!(!views_agree(&log).is_broken());
        log.says(5.2, 2, view(2, "c"));
        assert!(views_agree(&log).is_broken());
    }

    #[test]
    fn a_decision_without_a_majority_is_caught() {
        let begun = || {
            let mut log = healthy(5);
            log.view(1.0, 0, 0);
            log
        };
        for (by, broken) in [(0, false), (4, true)] {
            let mut log = begun();
            log.partition(5.0, &[3, 4]);
            log.view(6.0, by, 1);
            assert_eq!(majorities_decide(&log).is_broken(), broken, "reported by n{}", by + 1);
        }
        for (at, broken) in [(5.3, false), (6.0, true)] {
            let mut log = begun();
            for node in 0..3 {
                log.did(5.0, Deed::Killed(node));
            }
            log.view(at, 3, 1);
            assert_eq!(majorities_decide(&log).is_broken(), broken, "{at}");
        }
    }

    #[test]
    fn while_links_are_changed_one_by_one_nobody_knows_who_could_decide() {
        for (at, broken) in [(7.5, true), (8.2, false), (9.2, false), (9.8, true)] {
            let mut log = healthy(5);
            log.view(1.0, 0, 0);
            log.partition(5.0, &[3, 4]);
            log.did(8.0, Deed::Mark(LINKS_CHANGE));
            log.did(9.0, Deed::Mark(LINKS_ARE_SET));
            log.view(at, 4, 1);
            assert_eq!(majorities_decide(&log).is_broken(), broken, "{at}");
        }
    }

    #[test]
    fn a_wiped_voter_counts_only_after_a_change_of_voters() {
        for readmitted in [false, true] {
            let mut log = healthy(5);
            log.view(1.0, 0, 0);
            log.did(2.0, Deed::Killed(4));
            log.did(3.0, Deed::Wiped(4));
            log.did(3.0, Deed::Started(4));
            if readmitted {
                let all: Vec<usize> = (0..5).collect();
                let seal = View { epoch: 1, voters: all.clone(), next: all.clone(), content: String::new() };
                let change = View { epoch: 2, voters: all, next: Vec::new(), content: String::new() };
                log.says(4.0, 0, Line::View(seal));
                log.says(5.0, 0, Line::View(change));
            }
            log.did(6.0, Deed::Killed(2));
            log.did(6.0, Deed::Killed(3));
            log.view(8.0, 0, 3);
            assert_eq!(majorities_decide(&log).is_broken(), !readmitted);
        }
    }

    #[test]
    fn a_view_that_is_lost_is_caught_but_not_one_that_was_wiped() {
        for wiped in [false, true] {
            let mut log = healthy(3);
            log.view(5.0, 1, 5);
            if !wiped {
                // What it reports without a disk it need not know later; what it had reported before it must.
                log.says(5.1, 1, Line::StorageFailed);
                log.view(5.2, 1, 7);
                log.did(5.3, Deed::Killed(1));
                log.did(5.4, Deed::Started(1));
                log.view(5.5, 1, 6);
                assert!(!views_never_go_back(&log).is_broken());
            }
            log.did(6.0, Deed::Killed(1));
            if wiped {
                log.did(6.5, Deed::Wiped(1));
            }
            log.did(7.0, Deed::Started(1));
            log.view(7.1, 1, 4);
            assert_eq!(views_never_go_back(&log).is_broken(), !wiped);
        }
    }

    #[test]
    fn the_view_that_a_disk_failed_at_need_not_be_remembered_and_those_before_must() {
        for (back_at, failed_at, broken) in [(6, 5.25, false), (5, 5.25, true), (6, 5.5, true)] {
            let mut log = healthy(3);
            log.view(5.0, 1, 5);
            log.view(5.1, 1, 6);
            log.view(5.2, 1, 7);
            log.says(failed_at, 1, Line::StorageFailed);
            log.did(6.0, Deed::Killed(1));
            log.did(7.0, Deed::Started(1));
            log.view(7.1, 1, back_at);
            assert_eq!(views_never_go_back(&log).is_broken(), broken, "{back_at}, {failed_at}");
        }
    }

    #[test]
    fn views_that_stay_apart_are_caught() {
        let mut log = healthy(2);
        log.view(1.0, 0, 0);
        log.view(1.0, 1, 0);
        log.partition(2.0, &[1]);
        log.view(3.0, 0, 1);
        log.did(5.0, Deed::FaultEnds("trouble".into()));
        log.did(9.0, Deed::Mark("end"));
        assert!(agrees_on_one_view(&log, 2.0).is_broken(), "never");
        log.view(8.0, 1, 1);
        assert!(agrees_on_one_view(&log, 2.0).is_broken(), "late");
        assert!(!agrees_on_one_view(&log, 3.0).is_broken());
    }
}
