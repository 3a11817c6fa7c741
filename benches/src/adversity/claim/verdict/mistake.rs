//! Claims about verdicts on nodes that were well.

use std::collections::BTreeMap;

use super::GRACE_S;
use crate::adversity::claim::Judgement;
use crate::adversity::observe::{Deed, Line, Log, Presence, deaths, name};

pub(crate) fn no_healthy_dead(log: &Log) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let presence = Presence::of(log);
    for death in deaths(log) {
        // One that has only just gone on may have been declared dead before it did.
        let runs = presence.running_for(death.target, death.at).is_some_and(|running| running > GRACE_S);
        if runs && death.of_a_running_life(log) && !cut_off(log, death.target, death.at) {
            let (by, target) = (name(death.by), name(death.target));
            return Judgement::Broken(format!(
                "{by} reports that {target} is dead in view {} at {:.1} s",
                death.epoch, death.at
            ));
        }
    }
    let dead =
        log.said().filter(|(_, _, line)| matches!(line, Line::Verdict { verdict, .. } if verdict == "dead"));
    let dead = dead.count();
    Judgement::Held(format!("{dead} reports of deaths, all of nodes that were down or out of reach"))
}

/// Whether a fault kept this node from somebody at a moment, or made it sick: a majority may be right to evict it.
fn cut_off(log: &Log, node: usize, at: f64) -> bool {
    let mut cut: BTreeMap<&str, bool> = BTreeMap::new();
    for (t, deed) in log.deeds() {
        match deed {
            Deed::FaultBegins(fault) if t <= at => {
                cut.insert(
                    &fault.text,
                    fault.sick.contains(&node) || fault.excused.iter().any(|(_, target)| *target == node),
                );
            }
            Deed::FaultEnds(text) if t + GRACE_S < at => {
                cut.remove(text.as_str());
            }
            _ => {}
        }
    }
    cut.values().any(|cut| *cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::claim::verdict::dead;
    use crate::adversity::claim::verdict::death::declared_dead;
    use crate::adversity::observe::synthetic::healthy;

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
    fn the_death_of_an_earlier_life_is_no_mistake_and_that_of_a_later_one_is() {
        for (incarnation, broken) in [(2, false), (1, true)] {
            let mut log = healthy(3);
            log.did(4.0, Deed::Killed(1));
            log.did(5.0, Deed::Started(1));
            log.says(5.1, 1, Line::Started { incarnation });
            log.says(7.0, 0, dead(1));
            assert_eq!(no_healthy_dead(&log).is_broken(), broken);
        }
    }
}
