//! Claims about what the quorum decides.

use std::collections::BTreeMap;

use super::Judgement;
use crate::adversity::observe::{Deed, Line, Log, Presence, name};

/// A line is on its way for a while, and a node that has just gone on may have been declared dead before it did.
const GRACE_S: f64 = 1.0;

pub(super) fn no_healthy_dead(log: &Log) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let presence = Presence::of(log);
    let mut dead = 0;
    for (at, by, line) in log.said() {
        let Line::Verdict { target, verdict, epoch } = line else { continue };
        if verdict != "dead" {
            continue;
        }
        dead += 1;
        // News of a death may be older than the start of the one who hears it, and than that of the dead one's next life.
        let first = log.said().find_map(|(t, _, l)| match l {
            Line::Verdict { target: other, verdict, epoch: e }
                if other == target && verdict == "dead" && e == epoch =>
            {
                Some(t)
            }
            _ => None,
        });
        let at = first.unwrap_or(at);
        if presence.running_for(*target, at).is_some_and(|running| running > GRACE_S)
            && !cut_off(log, *target, at)
        {
            let (by, target) = (name(by), name(*target));
            return Judgement::Broken(format!(
                "{by} reports that {target} is dead in view {epoch} at {at:.1} s"
            ));
        }
    }
    Judgement::Held(format!("{dead} reports of deaths, all of nodes that were down"))
}

/// Whether a fault kept this node from somebody at a moment: a majority that cannot reach it may be right to evict it.
fn cut_off(log: &Log, node: usize, at: f64) -> bool {
    let mut cut: BTreeMap<&str, bool> = BTreeMap::new();
    for (t, deed) in log.deeds() {
        match deed {
            Deed::FaultBegins(fault) if t <= at => {
                cut.insert(&fault.text, fault.excused.iter().any(|(_, target)| *target == node));
            }
            Deed::FaultEnds(text) if t + GRACE_S < at => {
                cut.remove(text.as_str());
            }
            _ => {}
        }
    }
    cut.values().any(|cut| *cut)
}

pub(super) fn declared_dead(log: &Log, seconds: f64) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let presence = Presence::of(log);
    let mut longest: f64 = 0.0;
    let mut kills = 0;
    for (at, deed) in log.deeds() {
        let &Deed::Killed(target) = deed else { continue };
        let stays_away =
            !log.deeds().any(|(t, d)| (at..at + seconds).contains(&t) && *d == Deed::Started(target));
        if !stays_away {
            continue;
        }
        kills += 1;
        for survivor in
            presence.running(at).into_iter().filter(|s| presence.runs_throughout(*s, at, at + seconds))
        {
            let heard = log.said().find(|(t, by, line)| {
                *by == survivor
                    && *t >= at
                    && matches!(line, Line::Verdict { target: t, verdict, .. } if *t == target && verdict == "dead")
            });
            match heard {
                Some((t, ..)) => longest = longest.max(t - at),
                None => {
                    let (survivor, target) = (name(survivor), name(target));
                    return Judgement::Broken(format!("{survivor} has not heard that {target} is dead"));
                }
            }
        }
    }
    match kills {
        0 => Judgement::Open(format!("nobody stayed away for {seconds} s")),
        _ => Judgement::of(longest <= seconds, format!("all had heard after {longest:.2} s")),
    }
}

pub(super) fn views_agree(log: &Log) -> Judgement {
    let mut views: BTreeMap<u64, (usize, &str)> = BTreeMap::new();
    for (_, by, line) in log.said() {
        let Line::View { epoch, content } = line else { continue };
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

    fn dead(target: usize) -> Line {
        Line::Verdict { target, verdict: "dead".into(), epoch: 2 }
    }

    #[test]
    fn a_verdict_on_a_healthy_node_is_caught() {
        assert!(matches!(no_healthy_dead(&healthy(3)), Judgement::Open(_)));
        let mut log = healthy(3);
        log.says(5.0, 0, dead(1));
        assert!(no_healthy_dead(&log).is_broken());

        let mut log = healthy(3);
        log.did(4.0, Deed::Killed(1));
        log.says(5.0, 0, dead(1));
        log.did(6.0, Deed::Started(1));
        // Old news.
        log.says(9.0, 2, dead(1));
        assert!(!no_healthy_dead(&log).is_broken());
        assert!(matches!(declared_dead(&log, 3.0), Judgement::Open(_)), "it was back before");
    }

    #[test]
    fn a_node_that_was_cut_off_may_be_evicted_and_no_other() {
        for (cut, broken) in [(1, false), (2, true)] {
            let mut log = healthy(3);
            log.fault(3.0, &[(0, cut)]);
            log.says(5.0, 0, dead(1));
            assert_eq!(no_healthy_dead(&log).is_broken(), broken);
        }
    }

    #[test]
    fn a_death_that_is_not_declared_or_not_heard_of_is_caught() {
        let mut log = healthy(3);
        log.did(4.0, Deed::Killed(1));
        log.says(7.0, 0, dead(1));
        log.did(30.0, Deed::Mark("end"));
        let Judgement::Broken(why) = declared_dead(&log, 10.0) else { panic!("n3 does not know") };
        assert!(why.contains("n3 has not heard"), "{why}");
        log.says(31.0, 2, dead(1));
        assert!(declared_dead(&log, 10.0).is_broken(), "too late");
    }

    #[test]
    fn two_views_under_one_number_are_caught() {
        let view = |epoch, content: &str| Line::View { epoch, content: content.into() };
        let mut log = healthy(3);
        log.says(5.0, 0, view(1, "a"));
        log.says(5.0, 1, view(2, "b"));
        log.says(5.1, 1, view(1, "a"));
        assert!(!views_agree(&log).is_broken());
        log.says(5.2, 2, view(2, "c"));
        assert!(views_agree(&log).is_broken());
    }
}
