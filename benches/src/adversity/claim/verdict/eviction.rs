//! Claims about nodes that are evicted while they run: before it, after it, and how often.

use super::GRACE_S;
use crate::adversity::claim::{Judgement, counted, lease};
use crate::adversity::observe::{Deed, Line, Log, Presence, deaths, name};

/// By one clock: that of the harness, which stamps the lines of both sides.
pub(crate) fn steps_down_first(log: &Log) -> Judgement {
    let presence = Presence::of(log);
    let holds = lease::holds(log);
    let (mut least, mut live) = (f64::INFINITY, 0);
    for death in deaths(log) {
        // One that was stopped could say nothing, nor could one that has only just gone on, and one that was down needs not.
        if presence.running_for(death.target, death.at).is_none_or(|running| running < GRACE_S)
            || !death.of_a_running_life(log)
        {
            continue;
        }
        let late = |what: &str| {
            Judgement::Broken(format!(
                "{} is dead in view {} at {:.3} s, by {}, and {what}",
                name(death.target),
                death.epoch,
                death.at,
                name(death.by)
            ))
        };
        let mut standing = None;
        for (at, by, line) in log.said().take_while(|(at, ..)| *at < death.at) {
            if by != death.target {
                continue;
            }
            match line {
                Line::Started { incarnation } if *incarnation > death.incarnation => break,
                Line::Started { .. } => standing = None,
                Line::Standing { standing: word } => standing = Some((at, word.as_str())),
                _ => {}
            }
        }
        let holding = holds
            .iter()
            .any(|hold| hold.by == death.target && hold.from < death.at && hold.until >= death.at);
        match standing {
            // Where lines come late, its writes tell until when it held the lease.
            _ if holding && !log.lines_come_late() => return late("had not said that its lease was over"),
            // It has no time to say it, and what it holds is void by its clock all the same.
            Some((_, "in_quorum")) if log.is_slow(death.target) => {}
            Some((_, "in_quorum")) => return late("had not said that it was isolated"),
            Some((at, _)) => {
                live += 1;
                least = least.min(death.at - at);
            }
            // It never was in quorum.
            None => {}
        }
    }
    match live {
        0 => Judgement::Open("nobody was declared dead while it ran".into()),
        _ => Judgement::Held(format!(
            "{} of live nodes, the first to hear {:.0} ms later at least",
            counted(live, "eviction"),
            least * 1e3
        )),
    }
}

pub(crate) fn evicted_return(log: &Log, seconds: f64) -> Judgement {
    let presence = Presence::of(log);
    let (mut longest, mut times): (f64, usize) = (0.0, 0);
    for death in deaths(log) {
        if presence.running_for(death.target, death.at).is_none_or(|running| running < GRACE_S)
            || !death.of_a_running_life(log)
        {
            continue;
        }
        // It can know only once it hears the others again.
        let mended = log.deeds().find_map(|(t, deed)| {
            let began = |text: &str| {
                log.deeds().any(|(from, deed)| {
                    from <= death.at && matches!(deed, Deed::FaultBegins(fault) if fault.text == *text)
                })
            };
            matches!(deed, Deed::FaultEnds(text) if t >= death.at && began(text)).then_some(t)
        });
        let from = mended.unwrap_or(death.at);
        if !presence.runs_throughout(death.target, death.at, from + seconds) {
            continue;
        }
        let back = log.said().find(|(t, by, line)| {
            *by == death.target
                && *t >= death.at
                && matches!(line, Line::Started { incarnation } if *incarnation > death.incarnation)
        });
        match back {
            Some((at, ..)) => {
                times += 1;
                longest = longest.max(at - from);
            }
            None => {
                let target = name(death.target);
                return Judgement::Broken(format!("{target}, dead in view {}, never came back", death.epoch));
            }
        }
    }
    match times {
        0 => Judgement::Open("nobody was declared dead while it ran".into()),
        _ => Judgement::of(
            longest <= seconds,
            format!("{}, after {longest:.2} s at most", counted(times, "return")),
        ),
    }
}

/// Evictions and suspensions of sick nodes, per started minute of the fault that made them so.
pub(crate) fn few_evictions(log: &Log, evictions: usize, suspensions: usize) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let mut measured = Vec::new();
    for (from, deed) in log.deeds() {
        let Deed::FaultBegins(fault) = deed else { continue };
        let ended = log.deeds().find(|(t, d)| *t > from && **d == Deed::FaultEnds(fault.text.clone()));
        let until = ended.map_or(log.end(), |(t, _)| t);
        let minutes = ((until - from) / 60.0).ceil().max(1.0) as usize;
        for &sick in &fault.sick {
            let count = |wanted: &str| {
                let epochs: std::collections::BTreeSet<u64> = log
                    .said()
                    .filter(|(at, ..)| (from..=until + GRACE_S).contains(at))
                    .filter_map(|(_, _, line)| match line {
                        Line::Verdict { target, verdict, epoch, .. }
                            if *target == sick && verdict == wanted =>
                        {
                            Some(*epoch)
                        }
                        _ => None,
                    })
                    .collect();
                epochs.len()
            };
            let (dead, suspended) = (count("dead"), count("suspended"));
            let text = format!(
                "{}: dead {dead} times, suspended {suspended} times in {:.0} s",
                name(sick),
                until - from
            );
            if dead > evictions * minutes || suspended > suspensions * minutes {
                return Judgement::Broken(text);
            }
            measured.push(text);
        }
    }
    if measured.is_empty() {
        return Judgement::Open("no node was sick".into());
    }
    Judgement::Held(measured.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::claim::verdict::mistake::no_healthy_dead;
    use crate::adversity::observe::LeaseState;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn one_that_is_declared_dead_before_it_has_stepped_down_is_caught() {
        for (isolated_at, broken) in [(6.0, false), (6.2, true)] {
            let mut log = healthy(5);
            log.standing(1.0, 4, "in_quorum");
            log.partition(5.0, &[4]);
            log.entries.sort_by(|a, b| a.at.total_cmp(&b.at));
            if !broken {
                log.standing(isolated_at, 4, "isolated");
            }
            log.verdict(6.1, 0, 4, "dead", 2);
            if broken {
                log.standing(isolated_at, 4, "isolated");
            }
            assert_eq!(steps_down_first(&log).is_broken(), broken);
        }
        // Isolated, but its lease not over.
        for slow in [false, true] {
            let mut log = healthy(5);
            let fault = crate::adversity::observe::Fault { slow, ..Default::default() };
            log.did(0.9, Deed::FaultBegins(fault));
            log.standing(1.0, 4, "in_quorum");
            log.lease(4.0, 4, 1, LeaseState::Granted);
            log.standing(6.0, 4, "isolated");
            log.verdict(6.1, 0, 4, "dead", 2);
            log.lease(6.2, 4, 1, LeaseState::Expired);
            assert_eq!(steps_down_first(&log).is_broken(), !slow);
        }
    }

    #[test]
    fn only_one_that_is_kept_from_running_need_not_say_that_it_is_isolated() {
        for (sick, slow, broken) in [(4, true, false), (4, false, true), (3, true, true)] {
            let mut log = healthy(5);
            log.standing(1.0, 4, "in_quorum");
            let fault = crate::adversity::observe::Fault { slow, sick: [sick].into(), ..Default::default() };
            log.did(5.0, Deed::FaultBegins(fault));
            log.verdict(8.0, 0, 4, "dead", 2);
            log.standing(8.1, 4, "isolated");
            assert_eq!(steps_down_first(&log).is_broken(), broken, "n{} {slow}", sick + 1);
        }
    }

    #[test]
    fn an_evicted_node_that_does_not_return_above_its_death_is_caught() {
        for (incarnation, broken) in [(2, false), (1, true)] {
            let mut log = healthy(5);
            log.partition(5.0, &[4]);
            log.verdict(6.1, 0, 4, "dead", 2);
            log.did(8.0, Deed::FaultEnds("trouble".into()));
            log.says(8.3, 4, Line::Started { incarnation });
            log.did(20.0, Deed::Mark("end"));
            assert_eq!(evicted_return(&log, 2.0).is_broken(), broken);
        }
    }

    #[test]
    fn evictions_and_suspensions_of_a_sick_node_are_counted() {
        let sick = |dead: u64, suspended: u64| {
            let mut log = healthy(5);
            let fault = crate::adversity::observe::Fault { sick: [1].into(), ..Default::default() };
            log.did(5.0, Deed::FaultBegins(fault));
            for epoch in 0..dead {
                log.verdict(6.0, 0, 1, "dead", 100 + epoch);
            }
            for epoch in 0..suspended {
                log.verdict(7.0, 0, 1, "suspended", 1 + epoch);
            }
            log.did(60.0, Deed::FaultEnds(String::new()));
            (few_evictions(&log, 1, 2), no_healthy_dead(&log))
        };
        assert!(!sick(1, 2).0.is_broken() && !sick(1, 2).1.is_broken(), "a majority may evict it");
        assert!(sick(2, 2).0.is_broken() && sick(1, 3).0.is_broken());
    }
}
