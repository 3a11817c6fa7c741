//! Claims about what the quorum decides.

use std::collections::BTreeMap;

use super::{Judgement, counted, median};
use crate::adversity::observe::{Deed, LeaseState, Line, Log, Presence, Quorum, View, burials, deaths, name};

/// A line is on its way for a while, and a node that has just gone on may have been declared dead before it did.
const GRACE_S: f64 = 1.0;
/// A decision may be reported so long after the last of those who made it is gone: lines take time, and so does a datagram
/// that was under way.
const REPORT_S: f64 = 0.5;

pub(super) fn no_healthy_dead(log: &Log) -> Judgement {
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

pub(super) fn declared_dead(log: &Log, seconds: f64) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let burials = burials(log, seconds);
    let mut longest: f64 = 0.0;
    for burial in &burials {
        for (survivor, after) in &burial.after {
            match after {
                Some(after) => longest = longest.max(*after),
                None => return Judgement::Broken(unheard(*survivor, burial.target, burial.at)),
            }
        }
    }
    match burials.len() {
        0 => Judgement::Open(format!("nobody stayed away for {seconds} s")),
        _ => Judgement::of(longest <= seconds, format!("all had heard after {longest:.2} s")),
    }
}

fn unheard(survivor: usize, target: usize, at: f64) -> String {
    let (survivor, target) = (name(survivor), name(target));
    format!("{survivor} has not heard that {target}, killed at {at:.1} s, is dead")
}

/// How much later than both detection and the end of all promises, and how late in 99 of 100 cases.
pub(super) fn dead_soon(log: &Log, promise_s: f64, slack_s: f64, p99_s: f64) -> Judgement {
    let burials = burials(log, p99_s);
    let mut all = Vec::new();
    let mut worst: f64 = f64::NEG_INFINITY;
    for burial in &burials {
        for (survivor, after) in &burial.after {
            let Some(after) = after else {
                return Judgement::Broken(unheard(*survivor, burial.target, burial.at));
            };
            all.push(*after);
            // Who was never suspected by all has no time of detection, and only the promises to wait for.
            worst = worst.max(after - burial.detected.unwrap_or(0.0).max(promise_s));
        }
    }
    let Some(middle) = median(&mut all) else {
        return Judgement::Open(format!("nobody was killed and stayed away for {p99_s} s"));
    };
    // Sorted by `median`, and not empty.
    let (p99, last) = (quantile(&all, 0.99), all[all.len() - 1]);
    Judgement::of(
        worst <= slack_s && p99 < p99_s,
        format!(
            "median {middle:.3}, p99 {p99:.3}, last {last:.3} s over {}; at worst {:+.0} ms from the later of detection and \
             {promise_s} s",
            counted(burials.len(), "kill"),
            worst * 1e3
        ),
    )
}

/// The smallest of sorted figures that is not below this share of them.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

pub(super) fn same_order(log: &Log) -> Judgement {
    use crate::adversity::observe::What;
    // By node, in its present life: what it has reported of its newest view. One view can be about several nodes.
    let mut newest: Vec<(u64, Vec<Decided<'_>>)> = vec![(0, Vec::new()); log.nodes];
    // By epoch: the longest report of it.
    let mut reports: BTreeMap<u64, (usize, Vec<Decided<'_>>)> = BTreeMap::new();
    let mut count = 0;
    for entry in &log.entries {
        let (by, line) = match &entry.what {
            What::Said { by, line, .. } => (*by, line),
            What::Did(Deed::Started(node)) => {
                newest[*node] = (0, Vec::new());
                continue;
            }
            _ => continue,
        };
        match line {
            Line::Started { .. } => newest[by] = (0, Vec::new()),
            Line::Verdict { target, incarnation, verdict, epoch } if *epoch > 0 => {
                count += 1;
                let (known, decided) = &mut newest[by];
                if epoch < known {
                    return Judgement::Broken(format!(
                        "{} reports the verdict of view {epoch} after that of view {known} at {:.1} s",
                        name(by),
                        entry.at
                    ));
                }
                if epoch > known {
                    (*known, *decided) = (*epoch, Vec::new());
                }
                decided.push((*target, *incarnation, verdict));
                let (first, longest) = reports.entry(*epoch).or_insert_with(|| (by, Vec::new()));
                let place = decided.len() - 1;
                match longest.get(place) {
                    Some(held) if *held != decided[place] => {
                        return Judgement::Broken(format!(
                            "view {epoch}: {} says that {} is {}, {} that {} is {verdict}",
                            name(*first),
                            name(held.0),
                            held.2,
                            name(by),
                            name(*target)
                        ));
                    }
                    Some(_) => {}
                    None => longest.push(decided[place]),
                }
            }
            _ => {}
        }
    }
    match reports.len() {
        0 => Judgement::Open("nothing was decided about anybody".into()),
        views => Judgement::Held(format!("{views} views with verdicts, {count} reports")),
    }
}

/// A node, its incarnation, and what it is.
type Decided<'a> = (usize, u64, &'a str);

pub(super) fn majorities_decide(log: &Log) -> Judgement {
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

pub(super) fn views_never_go_back(log: &Log) -> Judgement {
    let mut newest = vec![0; log.nodes];
    // Follows the views, as it should, and will have forgotten them after its next start.
    let mut failed = vec![false; log.nodes];
    let mut views = 0;
    for entry in &log.entries {
        use crate::adversity::observe::What;
        match &entry.what {
            What::Did(Deed::Wiped(node)) => newest[*node] = 0,
            What::Did(Deed::Started(node)) => failed[*node] = false,
            What::Said { by, line: Line::StorageFailed, .. } => failed[*by] = true,
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

/// By one clock: that of the harness, which stamps the lines of both sides.
pub(super) fn steps_down_first(log: &Log) -> Judgement {
    let presence = Presence::of(log);
    let holds = super::lease::holds(log);
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
            .find(|hold| hold.by == death.target && hold.from < death.at && hold.until >= death.at);
        match standing {
            _ if holding.is_some() => return late("had not said that its lease was over"),
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

/// After each end of a fault, the first moment at which all who run hold one view.
pub(super) fn agrees_on_one_view(log: &Log, seconds: f64) -> Judgement {
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

pub(super) fn evicted_return(log: &Log, seconds: f64) -> Judgement {
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
pub(super) fn few_evictions(log: &Log, evictions: usize, suspensions: usize) -> Judgement {
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

/// After the last start.
pub(super) fn grants_again(log: &Log, seconds: f64) -> Judgement {
    let Some((from, _)) = log.deeds().filter(|(_, deed)| matches!(deed, Deed::Started(_))).last() else {
        return Judgement::Open("nobody was started".into());
    };
    let granted = log
        .said()
        .find(|(at, _, line)| *at > from && matches!(line, Line::Lease { state: LeaseState::Granted, .. }));
    match granted {
        Some((at, by, _)) => {
            Judgement::of(at - from <= seconds, format!("to {} after {:.2} s", name(by), at - from))
        }
        None => Judgement::Broken(format!("nobody was granted a lease after the last start at {from:.1} s")),
    }
}

/// A node whose disk has failed says so, and goes on saying what it hears.
pub(super) fn tells_of_full_disk(log: &Log) -> Judgement {
    let mut told = 0;
    for (from, deed) in log.deeds() {
        let Deed::FaultBegins(fault) = deed else { continue };
        if fault.text != super::FULL_DISK {
            continue;
        }
        for &sick in &fault.sick {
            let by_it = || log.said().filter(|(at, by, _)| *by == sick && *at >= from);
            let Some((at, ..)) = by_it().find(|(_, _, line)| matches!(line, Line::StorageFailed)) else {
                return Judgement::Broken(format!("{} never said that its disk has failed", name(sick)));
            };
            let watches =
                by_it().any(|(t, _, line)| t > at && matches!(line, Line::Trusted(_) | Line::Suspected(_)));
            if !watches {
                return Judgement::Broken(format!(
                    "{} said nothing more of others after {at:.1} s",
                    name(sick)
                ));
            }
            told += 1;
        }
    }
    match told {
        0 => Judgement::Open("no disk was full".into()),
        _ => Judgement::Held("it said so, and went on watching".into()),
    }
}

pub(super) fn views_agree(log: &Log) -> Judgement {
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

    fn dead(target: usize) -> Line {
        Line::Verdict { target, incarnation: 1, verdict: "dead".into(), epoch: 2 }
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
    fn a_death_that_comes_late_or_not_at_all_is_caught() {
        let killed = |dead_at: f64| {
            let mut log = healthy(3);
            log.did(4.0, Deed::Killed(1));
            log.all_say(4.3, 1, Line::Suspected);
            log.says(dead_at, 0, dead(1));
            log.says(dead_at + 0.01, 2, dead(1));
            log.did(20.0, Deed::Mark("end"));
            dead_soon(&log, 1.0, 0.3, 2.0)
        };
        assert!(matches!(killed(5.25), Judgement::Held(_)));
        assert!(killed(5.31).is_broken(), "later than promises and slack");
        let mut log = healthy(3);
        log.did(4.0, Deed::Killed(1));
        log.says(5.1, 0, dead(1));
        log.did(20.0, Deed::Mark("end"));
        assert!(dead_soon(&log, 1.0, 0.3, 2.0).is_broken(), "n3 has not heard");
        assert!(matches!(dead_soon(&healthy(3), 1.0, 0.3, 2.0), Judgement::Open(_)));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.0);
    }

    #[test]
    fn verdicts_that_differ_or_come_in_another_order_are_caught() {
        let mut log = healthy(5);
        log.verdict(5.0, 0, 3, "suspended", 1);
        log.verdict(5.0, 1, 3, "suspended", 1);
        log.verdict(6.0, 0, 3, "dead", 2);
        log.verdict(6.0, 0, 4, "dead", 2);
        log.verdict(6.0, 1, 3, "dead", 2);
        assert!(matches!(same_order(&log), Judgement::Held(_)), "n2 has not got so far");
        log.verdict(6.1, 0, 3, "suspended", 1);
        assert!(same_order(&log).is_broken(), "the earlier one later");

        let mut log = healthy(5);
        for (by, first, second) in [(0, 3, 4), (1, 4, 3)] {
            log.verdict(5.0, by, first, "dead", 2);
            log.verdict(5.0, by, second, "dead", 2);
        }
        assert!(same_order(&log).is_broken(), "two in one view, in another order");

        let mut log = healthy(5);
        log.verdict(5.0, 0, 3, "suspended", 1);
        log.verdict(5.1, 1, 4, "suspended", 1);
        assert!(same_order(&log).is_broken(), "another one under the same number");
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
        let mut log = healthy(5);
        log.standing(1.0, 4, "in_quorum");
        log.lease(4.0, 4, 1, LeaseState::Granted);
        log.standing(6.0, 4, "isolated");
        log.verdict(6.1, 0, 4, "dead", 2);
        log.lease(6.2, 4, 1, LeaseState::Expired);
        assert!(steps_down_first(&log).is_broken());
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

    #[test]
    fn a_cluster_that_grants_nothing_any_more_is_caught() {
        let mut log = healthy(3);
        log.lease(1.0, 0, 1, LeaseState::Granted);
        log.did(5.0, Deed::Started(1));
        log.did(20.0, Deed::Mark("end"));
        assert!(grants_again(&log, 10.0).is_broken());
        log.lease(21.0, 0, 2, LeaseState::Granted);
        assert!(grants_again(&log, 10.0).is_broken() && !grants_again(&log, 17.0).is_broken());
    }

    #[test]
    fn a_node_that_hides_its_full_disk_or_stops_watching_is_caught() {
        let full = |lines: &[Line]| {
            let mut log = healthy(3);
            let fault = crate::adversity::observe::Fault {
                text: crate::adversity::claim::FULL_DISK.into(),
                sick: [0].into(),
                ..Default::default()
            };
            log.did(5.0, Deed::FaultBegins(fault));
            for (i, line) in lines.iter().enumerate() {
                log.says(6.0 + i as f64, 0, line.clone());
            }
            tells_of_full_disk(&log)
        };
        assert!(full(&[Line::Suspected(1)]).is_broken());
        assert!(full(&[Line::StorageFailed]).is_broken());
        assert!(!full(&[Line::StorageFailed, Line::Suspected(1)]).is_broken());
    }
}
