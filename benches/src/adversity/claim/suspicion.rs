//! Claims about who suspects whom, when and for how long.

use super::{Judgement, counted, median};
use crate::adversity::observe::{
    self, Deed, Line, Log, Presence, detections, known_by_all, mistakes, name, notices, recoveries,
};

/// How long after it has gone on a node's accusations are held against it, unless a fault gives it reason for some before.
const AWAKE_S: f64 = 10.0;

pub(super) fn detected(log: &Log, all_s: f64, median_s: f64) -> Judgement {
    let detections = detections(log);
    let mut seconds = Vec::new();
    for detection in &detections {
        for (survivor, after) in &detection.after {
            match after {
                Some(after) => seconds.push(*after),
                None => {
                    let (survivor, target) = (name(*survivor), name(detection.target));
                    return Judgement::Broken(format!(
                        "{survivor} never suspected {target}, killed at {:.1} s",
                        detection.at
                    ));
                }
            }
        }
    }
    let Some(middle) = median(&mut seconds) else {
        return Judgement::Open("nobody was killed while others watched".into());
    };
    // `median` has sorted them, and there is one at least.
    let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
    let holds = last <= all_s && middle <= median_s;
    let kills = counted(detections.len(), "kill");
    Judgement::of(holds, format!("first {first:.2}, median {middle:.2}, last {last:.2} s over {kills}"))
}

pub(super) fn noticed(log: &Log, seconds: f64) -> Judgement {
    let mut after = Vec::new();
    for notice in notices(log).into_iter().filter(|notice| notice.lasted >= seconds) {
        match notice.after {
            Some(seconds) => after.push(seconds),
            None => {
                let (observer, target) = (name(notice.observer), name(notice.target));
                return Judgement::Broken(format!(
                    "{observer} never suspected {target}, which it could not hear from {:.1} s on",
                    notice.at
                ));
            }
        }
    }
    let Some(middle) = median(&mut after) else {
        return Judgement::Open("nobody was kept from hearing another".into());
    };
    let last = after[after.len() - 1];
    Judgement::of(last <= seconds, format!("median {middle:.2}, last {last:.2} s"))
}

pub(super) fn no_mistake_lasts(log: &Log, longest: f64) -> Judgement {
    let mistakes = mistakes(log);
    let Some(worst) = mistakes.iter().max_by(|a, b| a.seconds.total_cmp(&b.seconds)) else {
        return Judgement::Held("no mistake".into());
    };
    let holds = worst.seconds <= longest && longest > 0.0;
    let (observer, target) = (name(worst.observer), name(worst.target));
    Judgement::of(
        holds,
        format!(
            "{}, the longest {:.2} s ({observer} of {target} from {:.1} s)",
            counted(mistakes.len(), "mistake"),
            worst.seconds,
            worst.from
        ),
    )
}

pub(super) fn wakes_without_accusing(log: &Log) -> Judgement {
    let presence = Presence::of(log);
    let mut wakings = 0;
    for (at, deed) in log.deeds() {
        let &Deed::Continued(sleeper) = deed else { continue };
        wakings += 1;
        let next_fault = log.deeds().find(|(t, deed)| *t > at && matches!(deed, Deed::FaultBegins(_)));
        let until = next_fault.map_or(f64::INFINITY, |(t, _)| t).min(at + AWAKE_S);
        let accused = log.said().find_map(|(t, by, line)| match *line {
            Line::Suspected(target)
                if by == sleeper && (at..=until).contains(&t) && presence.runs(target, t) =>
            {
                Some((t - at, target))
            }
            _ => None,
        });
        if let Some((after, target)) = accused {
            let (sleeper, target) = (name(sleeper), name(target));
            return Judgement::Broken(format!("{sleeper} accused {target} {after:.2} s after it went on"));
        }
    }
    match wakings {
        0 => Judgement::Open("nobody was stopped".into()),
        count => Judgement::Held(counted(count, "pause")),
    }
}

pub(super) fn knows_of_its_pause(log: &Log) -> Judgement {
    let mut said = Vec::new();
    for (at, deed) in log.deeds() {
        let &Deed::Continued(sleeper) = deed else { continue };
        let stopped = log.deeds().filter(|(t, d)| *t < at && **d == Deed::Stopped(sleeper)).last();
        let length = at - stopped.map_or(at, |(t, _)| t);
        let heard = log.said().find_map(|(t, by, line)| match line {
            Line::Paused { seconds } if by == sleeper && (at..at + AWAKE_S).contains(&t) => Some(*seconds),
            _ => None,
        });
        let sleeper = name(sleeper);
        match heard {
            // A timer was due at some time in the last interval before the stop, so a little is always missing.
            Some(seconds) if (seconds - length).abs() <= 0.1 * length + 0.2 => said.push(seconds),
            Some(seconds) => {
                return Judgement::Broken(format!("{sleeper} says {seconds:.2} s after {length:.2} s"));
            }
            None => return Judgement::Broken(format!("{sleeper} does not say that it was stopped")),
        }
    }
    if said.is_empty() {
        return Judgement::Open("nobody was stopped".into());
    }
    let said: Vec<String> = said.iter().map(|s| format!("{s:.2}")).collect();
    Judgement::Held(format!("they say {} s", said.join(", ")))
}

pub(super) fn recovers(log: &Log, seconds: f64) -> Judgement {
    let recoveries = recoveries(log);
    if let Some(never) = recoveries.iter().find(|r| r.seconds.is_none()) {
        let pair = untrusting(log).map_or(String::new(), |(o, t)| format!(" ({} of {})", name(o), name(t)));
        return Judgement::Broken(format!(
            "not all trust each other within {:.1} s from {:.1} s on{pair}",
            never.watched, never.from
        ));
    }
    let mut after: Vec<f64> = recoveries.iter().filter_map(|r| r.seconds).collect();
    let Some(middle) = median(&mut after) else {
        return Judgement::Open("there was nothing to recover from".into());
    };
    let last = after[after.len() - 1];
    Judgement::of(last <= seconds, format!("median {middle:.2}, longest {last:.2} s"))
}

/// Somebody who does not trust somebody at the end.
fn untrusting(log: &Log) -> Option<(usize, usize)> {
    let (beliefs, running) = (observe::Beliefs::of(log), Presence::of(log).running(log.end()));
    beliefs
        .pairs()
        .filter(|(o, t)| running.contains(o) && running.contains(t))
        .find(|&(o, t)| !beliefs.now(o, t).is_well(log.full_mesh))
}

pub(super) fn all_known(log: &Log, seconds: f64) -> Judgement {
    match known_by_all(log) {
        Some(after) => Judgement::of(after <= seconds, format!("{after:.2} s after the last start")),
        None => Judgement::Broken("not everybody has met everybody".into()),
    }
}

pub(super) fn leaves_unsuspected(log: &Log) -> Judgement {
    let mut leavers = 0;
    for (at, deed) in log.deeds() {
        let &Deed::Dismissed(leaver) = deed else { continue };
        leavers += 1;
        let back =
            log.deeds().find(|(t, d)| *t > at && **d == Deed::Started(leaver)).map_or(log.end(), |(t, _)| t);
        let accused = log.said().find(|(t, _, line)| {
            (at..=back).contains(t) && matches!(line, Line::Suspected(target) if *target == leaver)
        });
        if let Some((t, by, _)) = accused {
            let (by, leaver) = (name(by), name(leaver));
            return Judgement::Broken(format!(
                "{by} suspects {leaver} {:.2} s after it began to leave",
                t - at
            ));
        }
    }
    match leavers {
        0 => Judgement::Open("nobody left".into()),
        count => Judgement::Held(format!("{count} left")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn a_late_or_missing_detection_is_caught() {
        let mut log = healthy(4);
        log.did(5.0, Deed::Killed(0));
        log.all_say(5.4, 0, Line::Suspected);
        assert!(matches!(detected(&log, 1.0, 0.6), Judgement::Held(_)));
        assert!(detected(&log, 0.3, 0.3).is_broken(), "too late for all");
        assert!(detected(&log, 1.0, 0.3).is_broken(), "too late for half");

        let mut log = healthy(4);
        log.did(5.0, Deed::Killed(0));
        log.says(5.4, 1, Line::Suspected(0));
        log.says(5.4, 2, Line::Suspected(0));
        log.did(9.0, Deed::Started(0));
        // After the restart is too late.
        log.says(9.1, 3, Line::Suspected(0));
        let Judgement::Broken(why) = detected(&log, 1.0, 0.6) else { panic!("n4 was blind") };
        assert!(why.contains("n4 never suspected n1"), "{why}");
        assert!(matches!(detected(&healthy(4), 1.0, 0.6), Judgement::Open(_)));
    }

    #[test]
    fn a_mistake_that_lasts_is_caught_and_an_excused_one_is_none() {
        let mut log = healthy(3);
        log.says(5.0, 0, Line::Suspected(1));
        log.says(5.5, 0, Line::Trusted(1));
        assert!(no_mistake_lasts(&log, 0.0).is_broken());
        assert!(no_mistake_lasts(&log, 0.4).is_broken());
        assert!(!no_mistake_lasts(&log, 0.6).is_broken());
        // One that stands lasts to the end of the log.
        log.says(6.0, 2, Line::Suspected(1));
        log.did(20.0, Deed::Mark("end"));
        assert!(no_mistake_lasts(&log, 10.0).is_broken());

        let mut log = healthy(3);
        log.fault(4.0, &[(0, 1)]);
        log.says(5.0, 0, Line::Suspected(1));
        log.did(8.0, Deed::FaultEnds("trouble".into()));
        log.says(9.0, 0, Line::Trusted(1));
        assert!(!no_mistake_lasts(&log, 0.0).is_broken());
        // The other direction was fine, and so was this one later.
        log.says(12.0, 0, Line::Suspected(1));
        log.says(12.5, 0, Line::Trusted(1));
        assert!(no_mistake_lasts(&log, 0.4).is_broken());
    }

    #[test]
    fn to_suspect_a_slow_node_is_no_mistake_and_what_a_slow_node_suspects_may_be_one() {
        for (slow, by, of, broken) in [(true, 0, 1, false), (true, 1, 0, true), (false, 0, 1, true)] {
            let mut log = healthy(3);
            let fault = observe::Fault { text: "quota".into(), sick: [1].into(), slow, ..Default::default() };
            log.did(4.0, Deed::FaultBegins(fault));
            log.says(5.0, by, Line::Suspected(of));
            log.says(6.0, by, Line::Trusted(of));
            assert_eq!(no_mistake_lasts(&log, 0.5).is_broken(), broken);
        }
    }

    #[test]
    fn who_was_told_before_the_kill_that_a_node_is_gone_needs_not_hear_it_again() {
        for (verdicts, broken) in [(&["dead"][..], false), (&["suspended", "alive"], true), (&[], true)] {
            let mut log = healthy(3);
            log.full_mesh = false;
            for (n, verdict) in verdicts.iter().enumerate() {
                log.verdict(4.0 + n as f64, 0, 2, verdict, n as u64 + 1);
            }
            log.says(4.0, 1, Line::Suspected(2));
            log.did(8.0, Deed::Killed(2));
            log.did(20.0, Deed::Mark("end"));
            assert_eq!(detected(&log, 1.0, 0.6).is_broken(), broken, "{verdicts:?}");
        }
    }

    #[test]
    fn a_fault_that_is_not_noticed_is_caught() {
        let mut log = healthy(3);
        log.fault(4.0, &[(0, 1)]);
        log.did(8.0, Deed::FaultEnds("trouble".into()));
        log.did(20.0, Deed::Mark("end"));
        assert!(noticed(&log, 2.0).is_broken());
        // The news of a decision may come first, where not all watch all.
        for full_mesh in [false, true] {
            let mut told = healthy(3);
            told.full_mesh = full_mesh;
            told.fault(4.0, &[(0, 1)]);
            told.verdict(4.5, 0, 1, "dead", 1);
            told.did(8.0, Deed::FaultEnds("trouble".into()));
            assert_eq!(noticed(&told, 2.0).is_broken(), full_mesh);
        }
        let mut log = healthy(3);
        log.did(4.0, Deed::Stopped(1));
        log.all_say(5.0, 1, Line::Suspected);
        log.did(9.0, Deed::Continued(1));
        assert!(!noticed(&log, 2.0).is_broken() && noticed(&log, 0.5).is_broken());
        assert!(matches!(noticed(&healthy(3), 2.0), Judgement::Open(_)));
    }

    #[test]
    fn an_accusation_on_waking_is_caught() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Stopped(0));
        log.all_say(5.5, 0, Line::Suspected);
        log.did(10.0, Deed::Continued(0));
        log.all_say(10.2, 0, Line::Trusted);
        assert!(!wakes_without_accusing(&log).is_broken());
        assert!(knows_of_its_pause(&log).is_broken(), "it does not say so");
        log.says(10.2, 0, Line::Paused { seconds: 4.9 });
        assert!(!knows_of_its_pause(&log).is_broken());
        log.says(10.3, 0, Line::Suspected(2));
        assert!(wakes_without_accusing(&log).is_broken());
    }

    #[test]
    fn who_has_woken_up_and_is_cut_off_then_may_accuse() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Stopped(0));
        log.did(6.0, Deed::Continued(0));
        log.fault(8.0, &[(0, 1)]);
        log.says(8.5, 0, Line::Suspected(1));
        assert!(!wakes_without_accusing(&log).is_broken());
    }

    #[test]
    fn a_wrong_length_of_a_pause_is_caught() {
        let mut log = healthy(2);
        log.did(5.0, Deed::Stopped(0));
        log.did(10.0, Deed::Continued(0));
        log.says(10.1, 0, Line::Paused { seconds: 1.0 });
        assert!(knows_of_its_pause(&log).is_broken());
    }

    #[test]
    fn a_slow_or_missing_recovery_is_caught() {
        let mut log = healthy(3);
        log.fault(4.0, &[(0, 1)]);
        log.says(5.0, 0, Line::Suspected(1));
        log.did(8.0, Deed::FaultEnds("trouble".into()));
        log.did(20.0, Deed::Mark("end"));
        let Judgement::Broken(why) = recovers(&log, 30.0) else { panic!("it never came back") };
        assert_eq!(why, "not all trust each other within 12.0 s from 8.0 s on (n1 of n2)");
        log.says(21.0, 0, Line::Trusted(1));
        assert!(!recovers(&log, 14.0).is_broken());
        assert!(recovers(&log, 12.0).is_broken());
    }

    #[test]
    fn a_stranger_at_the_end_is_caught() {
        assert!(!all_known(&healthy(3), 0.6).is_broken());
        assert!(all_known(&healthy(3), 0.1).is_broken());
        let mut log = healthy(3);
        log.did(5.0, Deed::Killed(2));
        log.did(6.0, Deed::Started(2));
        log.says(6.5, 2, Line::Joined { target: 0, incarnation: 1 });
        assert!(all_known(&log, 10.0).is_broken());
        log.says(6.6, 2, Line::Joined { target: 1, incarnation: 1 });
        assert!(!all_known(&log, 10.0).is_broken());
    }

    #[test]
    fn a_suspicion_of_a_leaver_is_caught() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Dismissed(1));
        log.says(5.1, 0, Line::Left(1));
        assert!(!leaves_unsuspected(&log).is_broken());
        log.says(5.9, 2, Line::Suspected(1));
        assert!(leaves_unsuspected(&log).is_broken());
    }

    #[test]
    fn only_who_hears_nobody_may_doubt_itself_instead() {
        for (alone, broken) in [(true, false), (false, true)] {
            let mut log = healthy(3);
            let pairs: &[(usize, usize)] = if alone { &[(2, 0), (2, 1)] } else { &[(2, 0)] };
            log.fault(5.0, pairs);
            for (_, target) in pairs {
                log.says(5.4, 2, Line::Unsure(*target));
            }
            log.did(15.0, Deed::FaultEnds("trouble".into()));
            assert_eq!(noticed(&log, 2.0).is_broken(), broken);
        }
    }
}
