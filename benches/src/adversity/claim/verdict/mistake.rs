//! Claims about verdicts on nodes that were well.

use super::GRACE_S;
use crate::adversity::claim::Judgement;
use crate::adversity::observe::{Deed, Line, Log, Presence, Quorum, deaths, name};

pub(crate) fn no_healthy_dead(log: &Log) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let (presence, quorum) = (Presence::of(log), Quorum::of(log));
    for death in deaths(log) {
        // One that has only just gone on may have been declared dead before it did.
        let runs = presence.running_for(death.target, death.at).is_some_and(|running| running > GRACE_S);
        let well = || {
            !sick(log, death.target, death.at) && quorum.hears(death.epoch, death.target, death.at, GRACE_S)
        };
        if runs && death.of_a_running_life(log) && well() {
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

/// Where no majority could hear itself, nobody may be declared dead, neither meanwhile nor when all meet again.
pub(crate) fn nobody_dies(log: &Log) -> Judgement {
    match deaths(log).first() {
        _ if !log.speaks_of_verdicts() => Judgement::Open("nobody speaks of verdicts".into()),
        Some(death) => Judgement::Broken(format!(
            "{} reports that {} is dead in view {} at {:.1} s",
            name(death.by),
            name(death.target),
            death.epoch,
            death.at
        )),
        None => Judgement::Held("nobody was".into()),
    }
}

/// Whether a node was the trouble itself at a moment, or had been until just before: a majority may be right to evict it.
fn sick(log: &Log, node: usize, at: f64) -> bool {
    let mut troubles: Vec<&str> = Vec::new();
    for (t, deed) in log.deeds() {
        match deed {
            Deed::FaultBegins(fault) if t <= at && fault.sick.contains(&node) => troubles.push(&fault.text),
            Deed::FaultEnds(text) if t + GRACE_S < at => troubles.retain(|trouble| trouble != text),
            _ => {}
        }
    }
    !troubles.is_empty()
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
    fn any_death_is_one_too_many_where_nobody_may_die() {
        let mut log = healthy(3);
        assert!(matches!(nobody_dies(&log), Judgement::Open(_)));
        log.verdict(2.0, 0, 1, "suspended", 2);
        assert!(matches!(nobody_dies(&log), Judgement::Held(_)));
        log.did(3.0, Deed::Killed(1));
        log.verdict(5.0, 0, 1, "dead", 3);
        assert!(nobody_dies(&log).is_broken());
    }

    #[test]
    fn whom_no_majority_of_voters_hears_may_be_evicted_and_no_other() {
        for (alone, target, broken) in [
            (&[4][..], 4, false),
            (&[3, 4], 3, false),
            (&[3, 4], 1, true),
            (&[4], 0, true),
            (&[0, 1, 2], 1, true),
        ] {
            let mut log = healthy(5);
            log.view(1.0, 0, 1);
            log.partition(3.0, alone);
            log.verdict(5.0, 0, target, "dead", 2);
            assert_eq!(no_healthy_dead(&log).is_broken(), broken, "{alone:?}, {target}");
        }
        // Nobody has a majority, and it has just been mended.
        let mut log = healthy(3);
        log.view(1.0, 0, 1);
        log.fault(3.0, &[(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]);
        log.did(5.0, Deed::FaultEnds("trouble".into()));
        log.verdict(5.5, 0, 1, "dead", 2);
        assert!(!no_healthy_dead(&log).is_broken());
        log.verdict(6.5, 0, 2, "dead", 3);
        assert!(no_healthy_dead(&log).is_broken(), "too late for that");
    }

    #[test]
    fn a_sick_node_may_be_evicted_and_one_that_merely_hears_one_other_no_more_may_not() {
        for (sick, broken) in [(true, false), (false, true)] {
            let mut log = healthy(3);
            log.view(1.0, 0, 1);
            let (excused, sick) =
                if sick { ([].into(), [1].into()) } else { ([(0, 1), (1, 0)].into(), [].into()) };
            let fault =
                crate::adversity::observe::Fault { text: "trouble".into(), excused, sick, slow: false };
            log.did(3.0, Deed::FaultBegins(fault));
            log.verdict(5.0, 0, 1, "dead", 2);
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
