//! Figures that follow from a log: how soon, how wrong, for how long, at what cost.

use super::belief::Suspicion;
use super::log::Sample;
use super::{Beliefs, Deed, Held, Line, Log, Presence};

/// What was wrong when a line was written may have been right when its cause arose: a suspicion this soon after a node
/// went on, or a fault ended, is not held against the observer. That it ends is what [`recoveries`](super::recoveries) looks at.
const GRACE_S: f64 = 1.0;
/// A node that is asked for its counters has answered by then.
const COUNTED_WITHIN_S: f64 = 0.5;

/// How the survivors noticed that a node was killed.
#[derive(Debug)]
pub(crate) struct Detection {
    pub(crate) target: usize,
    pub(crate) at: f64,
    /// Seconds until each survivor suspected it, or, where it is not the survivor's to watch, was told that others do or that it
    /// is decided; None for one that never did, or was, while it was down.
    pub(crate) after: Vec<(usize, Option<f64>)>,
}

/// One entry for each kill; survivors are those who ran from the kill to the restart, or to the end.
pub(crate) fn detections(log: &Log) -> Vec<Detection> {
    let (presence, beliefs) = (Presence::of(log), Beliefs::of(log));
    let mut detections = Vec::new();
    for (at, deed) in log.deeds() {
        let &Deed::Killed(target) = deed else { continue };
        let until = log
            .deeds()
            .find(|(t, deed)| *t > at && **deed == Deed::Started(target))
            .map_or(log.end(), |(t, _)| t);
        let after = (0..log.nodes)
            .filter(|&o| o != target && presence.runs_throughout(o, at, until))
            .map(|o| {
                let noticed = first_noticed(log, &beliefs, o, target, at, until);
                (o, noticed.map(|t| t - at))
            })
            .collect();
        detections.push(Detection { target, at, after });
    }
    detections
}

/// When an observer suspected a node itself, or, in a large cluster, was told of it: only neighbours watch there, and they may hear
/// of a decision before they suspect it themselves.
fn first_noticed(
    log: &Log,
    beliefs: &Beliefs,
    observer: usize,
    target: usize,
    from: f64,
    until: f64,
) -> Option<f64> {
    let suspected = first_suspected(beliefs, observer, target, from, until);
    let told = if log.full_mesh { None } else { first_told(log, observer, target, from, until) };
    suspected.into_iter().chain(told).min_by(f64::total_cmp)
}

fn first_suspected(beliefs: &Beliefs, observer: usize, target: usize, from: f64, until: f64) -> Option<f64> {
    if beliefs.at(observer, target, from) == Held::Suspect {
        return Some(from);
    }
    let changes = beliefs.changes(observer, target);
    changes.iter().find(|(t, held)| (from..=until).contains(t) && *held == Held::Suspect).map(|(t, _)| *t)
}

fn first_told(log: &Log, observer: usize, target: usize, from: f64, until: f64) -> Option<f64> {
    // Whether a line says so; none if it says nothing of that node.
    let tells = |line: &Line| match line {
        // The news of a decision may come before that of the opinions behind it.
        Line::Verdict { target: whom, verdict, .. } if *whom == target => {
            Some(matches!(verdict.as_str(), "suspended" | "dead"))
        }
        Line::ToldOf(whom) if *whom == target => Some(true),
        Line::Joined { target: whom, .. } if *whom == target => Some(false),
        _ => None,
    };
    let said = || log.said().filter(|(_, by, _)| *by == observer);
    // Links of many nodes are cut one after the other: that one of them is gone may be known before the last is.
    let verdicts = said().take_while(|(t, ..)| *t < from).filter(|(_, _, l)| !matches!(l, Line::ToldOf(_)));
    if verdicts.filter_map(|(_, _, line)| tells(line)).last() == Some(true) {
        return Some(from);
    }
    let mut later = said().skip_while(|(t, ..)| *t < from).take_while(|(t, ..)| *t <= until);
    later.find(|(_, _, line)| tells(line) == Some(true)).map(|(t, ..)| t)
}

/// How the survivors learnt that the quorum had declared a killed node dead.
#[derive(Debug)]
pub(crate) struct Burial {
    pub(crate) target: usize,
    pub(crate) at: f64,
    /// Seconds until the last survivor suspected it; None if one never did while it was down.
    pub(crate) detected: Option<f64>,
    /// Seconds until each survivor reported the death; None for one that never did while it was down.
    pub(crate) after: Vec<(usize, Option<f64>)>,
}

/// One entry for each kill of a node that stayed away for so long.
pub(crate) fn burials(log: &Log, away_s: f64) -> Vec<Burial> {
    let presence = Presence::of(log);
    let mut burials = Vec::new();
    for detection in detections(log) {
        let (target, at) = (detection.target, detection.at);
        let back = log.deeds().find(|(t, deed)| *t > at && **deed == Deed::Started(target));
        let until = back.map_or(log.end(), |(t, _)| t);
        if until - at < away_s {
            continue;
        }
        let heard = |survivor: usize| {
            let mut said = log.said().skip_while(|(t, ..)| *t < at).take_while(|(t, ..)| *t <= until);
            let found = said.find(|(_, by, line)| {
                *by == survivor
                    && matches!(line, Line::Verdict { target: t, verdict, .. } if *t == target && verdict == "dead")
            });
            found.map(|(t, ..)| t - at)
        };
        let after: Vec<(usize, Option<f64>)> = (0..log.nodes)
            .filter(|&o| o != target && presence.runs_throughout(o, at, until))
            .map(|o| (o, heard(o)))
            .collect();
        let detected = detection
            .after
            .iter()
            .map(|(_, after)| *after)
            .try_fold(0.0, |last: f64, after| after.map(|after| last.max(after)));
        burials.push(Burial { target, at, detected, after });
    }
    burials
}

/// How an observer noticed that it could not hear a node any more, because of a fault or because that was stopped.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) observer: usize,
    pub(crate) target: usize,
    pub(crate) at: f64,
    /// For how long it could not.
    pub(crate) lasted: f64,
    /// Seconds until it suspected the node or was told, or, hearing nobody at all, doubted itself; None if neither while that lasted.
    pub(crate) after: Option<f64>,
}

/// One entry for each observer and each node that it could not hear, if the observer itself ran all the time.
pub(crate) fn notices(log: &Log) -> Vec<Notice> {
    let (presence, beliefs) = (Presence::of(log), Beliefs::of(log));
    let mut notices = Vec::new();
    for (at, deed) in log.deeds() {
        let (pairs, end): (Vec<(usize, usize)>, Deed) = match deed {
            Deed::FaultBegins(fault) => {
                (fault.excused.iter().copied().collect(), Deed::FaultEnds(fault.text.clone()))
            }
            Deed::Stopped(node) => {
                ((0..log.nodes).filter(|o| o != node).map(|o| (o, *node)).collect(), Deed::Continued(*node))
            }
            _ => continue,
        };
        let until = log.deeds().find(|(t, d)| *t > at && **d == end).map_or(log.end(), |(t, _)| t);
        let hears_nobody =
            |o: usize| pairs.iter().filter(|(observer, _)| *observer == o).count() + 1 == log.nodes;
        for &(observer, target) in &pairs {
            // In a large cluster only neighbours watch.
            let watches = log.full_mesh || beliefs.at(observer, target, at).is_opinion();
            if watches && presence.runs_throughout(observer, at, until) {
                let doubted = || {
                    let mut changes = beliefs.changes(observer, target).iter();
                    changes
                        .find(|(t, held)| (at..=until).contains(t) && *held == Held::Unsure)
                        .map(|(t, _)| *t)
                };
                let noticed = first_noticed(log, &beliefs, observer, target, at, until);
                let noticed = noticed.or_else(|| if hears_nobody(observer) { doubted() } else { None });
                let after = noticed.map(|t| t - at);
                notices.push(Notice { observer, target, at, lasted: until - at, after });
            }
        }
    }
    notices
}

/// A suspicion of a node that ran and could be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mistake {
    pub(crate) observer: usize,
    pub(crate) target: usize,
    pub(crate) from: f64,
    pub(crate) seconds: f64,
}

/// All suspicions of healthy nodes, oldest first.
pub(crate) fn mistakes(log: &Log) -> Vec<Mistake> {
    let (presence, excuses) = (Presence::of(log), Excuses::of(log));
    Beliefs::of(log)
        .suspicions()
        .into_iter()
        .filter(|s| presence.running_for(s.target, s.from).is_some_and(|running| running >= GRACE_S))
        .filter(|s| !excuses.cover(s))
        .map(|s| {
            let end = s.until.unwrap_or(log.end());
            let end = presence.next_break(s.target, s.from).map_or(end, |down| down.min(end));
            Mistake { observer: s.observer, target: s.target, from: s.from, seconds: end - s.from }
        })
        .collect()
}

/// How often a healthy node was suspected, however many suspected it at a time: unlike the number of mistakes, it does not depend on
/// how many watch each node.
pub(crate) fn accusations(log: &Log) -> usize {
    let mut until = vec![f64::NEG_INFINITY; log.nodes];
    let mut accusations = 0;
    // Oldest first.
    for mistake in mistakes(log) {
        let until = &mut until[mistake.target];
        accusations += usize::from(mistake.from > *until);
        *until = until.max(mistake.from + mistake.seconds);
    }
    accusations
}

/// When pairs of nodes could not reach each other.
struct Excuses {
    faults: Vec<(f64, f64, super::Fault)>,
}

impl Excuses {
    fn of(log: &Log) -> Self {
        let mut faults: Vec<(f64, f64, super::Fault)> = Vec::new();
        for (at, deed) in log.deeds() {
            match deed {
                Deed::FaultBegins(fault) => faults.push((at, f64::INFINITY, fault.clone())),
                Deed::FaultEnds(text) => {
                    for (_, until, _) in faults.iter_mut().filter(|(_, _, f)| f.text == *text) {
                        *until = until.min(at);
                    }
                }
                _ => {}
            }
        }
        Self { faults }
    }

    fn cover(&self, s: &Suspicion) -> bool {
        self.faults.iter().any(|(from, until, fault)| {
            (*from..=until + GRACE_S).contains(&s.from)
                && (fault.excused.contains(&(s.observer, s.target))
                    || fault.slow && fault.sick.contains(&s.target))
        })
    }
}

/// What a node cost between two marks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) node: usize,
    /// Of one processor.
    /// For how long it was looked at.
    pub(crate) span_s: f64,
    pub(crate) cpu_percent: f64,
    /// Payload as the node counts it; None for one that does not count.
    pub(crate) payload_bytes_s: Option<f64>,
    pub(crate) datagrams_s: Option<f64>,
    /// With all headers, counted by the kernel where the node has a network namespace of its own.
    pub(crate) wire_bytes_s: Option<f64>,
    pub(crate) wire_datagrams_s: Option<f64>,
    pub(crate) resident_kb: u64,
    pub(crate) resident_growth_kb: i64,
    pub(crate) descriptors: u64,
    pub(crate) descriptors_growth: i64,
}

/// One entry for each node that was looked at both times.
pub(crate) fn costs(log: &Log) -> Vec<Cost> {
    (0..log.nodes).filter_map(|node| cost(log, node)).collect()
}

/// Of the process that was looked at for the longest time: what another of the same name had, before or after it, is not its own.
fn cost(log: &Log, node: usize) -> Option<Cost> {
    let starts = log.deeds().filter(|(_, deed)| **deed == Deed::Started(node)).map(|(at, _)| at);
    let starts: Vec<f64> = starts.collect();
    let lives = (0..starts.len()).map(|i| (starts[i], starts.get(i + 1).copied().unwrap_or(f64::INFINITY)));
    let looked_at = |(from, until): (f64, f64)| {
        let of_it = log.samples().filter(|(at, n, _)| *n == node && (from..until).contains(at));
        let samples: Vec<(f64, &Sample)> = of_it.map(|(at, _, sample)| (at, sample)).collect();
        Some((*samples.first()?, *samples.last()?))
    };
    let length = |(first, last): &((f64, &Sample), (f64, &Sample))| last.0 - first.0;
    let longest = lives.filter_map(looked_at).max_by(|a, b| length(a).total_cmp(&length(b)));
    let ((from, first), (to, last)) = longest?;
    let span = to - from;
    if span <= 0.0 {
        return None;
    }
    let counters: Vec<(f64, u64, u64)> = log
        .said()
        .filter(|(at, ..)| (from..=to + COUNTED_WITHIN_S).contains(at))
        .filter_map(|(at, by, line)| match line {
            Line::Counters { sent_bytes, sent, .. } if by == node => Some((at, *sent_bytes, *sent)),
            _ => None,
        })
        .collect();
    let counted = counters.first().zip(counters.last()).filter(|(first, last)| last.0 > first.0);
    let rate = |first: Option<u64>, last: Option<u64>| {
        first.zip(last).map(|(first, last)| last.saturating_sub(first) as f64 / span)
    };
    Some(Cost {
        node,
        span_s: span,
        cpu_percent: (last.cpu_s - first.cpu_s) / span * 100.0,
        payload_bytes_s: counted.map(|(a, b)| b.1.saturating_sub(a.1) as f64 / (b.0 - a.0)),
        datagrams_s: counted.map(|(a, b)| b.2.saturating_sub(a.2) as f64 / (b.0 - a.0)),
        wire_bytes_s: rate(first.wire_bytes, last.wire_bytes),
        wire_datagrams_s: rate(first.wire_datagrams, last.wire_datagrams),
        resident_kb: last.resident_kb,
        resident_growth_kb: last.resident_kb.cast_signed() - first.resident_kb.cast_signed(),
        descriptors: last.descriptors,
        descriptors_growth: last.descriptors.cast_signed() - first.descriptors.cast_signed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn a_process_answers_for_its_own_growth_only() {
        let mut log = healthy(1);
        let sample = |resident_kb, cpu_s| Sample { resident_kb, cpu_s, ..Sample::default() };
        log.sample(1.0, 0, sample(5_000, 0.0));
        log.sample(21.0, 0, sample(7_000, 2.0));
        log.did(22.0, Deed::Killed(0));
        log.did(23.0, Deed::Started(0));
        log.sample(24.0, 0, sample(5_000, 0.0));
        log.sample(30.0, 0, sample(5_100, 3.0));
        let cost = &costs(&log)[0];
        assert_eq!((cost.resident_growth_kb, cost.span_s, cost.cpu_percent), (2_000, 20.0, 10.0));
    }

    #[test]
    fn one_wrong_accusation_is_one_however_many_hold_it() {
        let mut log = healthy(4);
        log.all_say(5.0, 1, Line::Suspected);
        log.all_say(6.0, 1, Line::Trusted);
        log.says(5.5, 0, Line::Suspected(2));
        log.says(5.9, 0, Line::Trusted(2));
        assert_eq!((mistakes(&log).len(), accusations(&log)), (4, 2));
        log.says(7.0, 3, Line::Suspected(1));
        log.says(7.1, 3, Line::Trusted(1));
        assert_eq!((mistakes(&log).len(), accusations(&log)), (5, 3));
    }
}
