//! Claims about what a node costs, and that its process behaves.

use super::Judgement;
use crate::adversity::observe::{BareLoops, Cost, Deed, Line, Log, costs, name};

/// In the diagnostics of a node whose disk fails.
const STORAGE_FAILED: &str = "gossip.storage_failed";

pub(super) fn cpu(log: &Log, of_bare_loop: f64) -> Judgement {
    let Some(BareLoops { loop_percent, node_percent, .. }) = log.bare_loops() else {
        return Judgement::Open("no bare loop was measured".into());
    };
    let share = node_percent / loop_percent;
    let text = format!("{share:.2} of it: a node {node_percent:.3} %, a bare loop {loop_percent:.3} %");
    Judgement::of(share <= of_bare_loop, text)
}

/// A quota that holds nobody back is no test.
pub(super) fn quota_bites(log: &Log, share: f64) -> Judgement {
    let mut means: Vec<&str> = log.throttled().map(|(_, means, ..)| means).collect();
    if means.is_empty() {
        return Judgement::Open("no node has a quota".into());
    }
    means.dedup();
    let bites = log
        .throttled()
        .all(|(_, _, periods, throttled)| periods > 0 && throttled as f64 >= share * periods as f64);
    let counts: Vec<String> = log
        .throttled()
        .map(|(node, _, periods, throttled)| format!("{} in {throttled} of {periods}", name(node)))
        .collect();
    Judgement::of(bites, format!("{} ({})", counts.join(", "), means.join("; ")))
}

pub(super) fn processor(log: &Log, percent: f64) -> Judgement {
    let shares: Vec<f64> = costs(log).iter().map(|cost| cost.cpu_percent).collect();
    judge_mean(&shares, percent, |mean, max| format!("mean {mean:.3}, highest {max:.3} %"))
}

pub(super) fn wire(log: &Log, bytes_s: f64) -> Judgement {
    let rates: Vec<f64> = costs(log).iter().filter_map(|cost| cost.wire_bytes_s).collect();
    judge_mean(&rates, bytes_s, |mean, max| format!("mean {:.2}, highest {:.2} kB/s", mean / 1e3, max / 1e3))
}

pub(super) fn payload(log: &Log, bytes_s: f64) -> Judgement {
    let rates: Vec<f64> = costs(log).iter().filter_map(|cost| cost.payload_bytes_s).collect();
    judge_mean(&rates, bytes_s, |mean, max| format!("mean {:.1}, highest {:.1} kB/s", mean / 1e3, max / 1e3))
}

fn judge_mean(figures: &[f64], limit: f64, words: impl Fn(f64, f64) -> String) -> Judgement {
    if figures.is_empty() {
        return Judgement::Open("not measured".into());
    }
    let mean = figures.iter().sum::<f64>() / figures.len() as f64;
    let max = figures.iter().copied().fold(0.0, f64::max);
    Judgement::of(mean <= limit, words(mean, max))
}

pub(super) fn memory_growth(log: &Log, kb: u64) -> Judgement {
    judge_growth(log, kb, |cost| cost.resident_growth_kb, "kB")
}

pub(super) fn descriptor_growth(log: &Log, count: u64) -> Judgement {
    judge_growth(log, count, |cost| cost.descriptors_growth, "descriptors")
}

fn judge_growth(log: &Log, limit: u64, growth: fn(&Cost) -> i64, unit: &str) -> Judgement {
    let costs = costs(log);
    let Some(worst) = costs.iter().max_by_key(|cost| growth(cost)) else {
        return Judgement::Open("not measured".into());
    };
    let most = growth(worst);
    let longest = costs.iter().map(|cost| cost.span_s).fold(0.0, f64::max);
    let text =
        format!("at most {most:+} {unit} ({}); one was looked at for {longest:.0} s", name(worst.node));
    Judgement::of(most <= limit.cast_signed(), text)
}

pub(super) fn flood_arrives(log: &Log, datagrams: u64) -> Judgement {
    let most = log.said().filter_map(|(_, _, line)| match line {
        Line::Counters { rejected, .. } => Some(*rejected),
        _ => None,
    });
    match most.max() {
        Some(most) => Judgement::of(most > datagrams, format!("{most} rejected")),
        None => Judgement::Open("no node counts what it rejects".into()),
    }
}

pub(super) fn overflows(log: &Log, datagrams: u64) -> Judgement {
    let dropped: Vec<(usize, u64)> = log.dropped().collect();
    let text = dropped.iter().map(|(node, count)| format!("{count} of those to {}", name(*node)));
    match dropped.iter().map(|(_, count)| count).min() {
        Some(least) => Judgement::of(*least >= datagrams, text.collect::<Vec<_>>().join(", ")),
        None => Judgement::Broken("nobody counted".into()),
    }
}

pub(super) fn no_surprise(log: &Log) -> Judgement {
    let ended = log.deeds().find_map(|(at, deed)| match *deed {
        Deed::Ended(node) if !evicted(log, node, at) => {
            Some(format!("{} ended by itself at {at:.1} s", name(node)))
        }
        _ => None,
    });
    let said = log.said().find_map(|(at, by, line)| {
        let what = match line {
            // That is what it should do.
            Line::Complaint(text) if text.contains(STORAGE_FAILED) && disk_is_full(log, by, at) => {
                return None;
            }
            Line::Complaint(text) => format!("says: {text}"),
            // It was told to give back what it had lost by the time it read that.
            Line::Error(message) if message.contains("neither holds nor asks") => return None,
            Line::Error(message) => format!("refuses: {message}"),
            _ => return None,
        };
        Some(format!("{} {what} at {at:.1} s", name(by)))
    });
    match ended.or(said) {
        Some(what) => Judgement::Broken(what),
        None => {
            let starts = log.deeds().filter(|(_, deed)| matches!(deed, Deed::Started(_))).count();
            Judgement::Held(format!("{starts} processes"))
        }
    }
}

/// Whether a node's disk is full, by the harness's own doing.
fn disk_is_full(log: &Log, node: usize, at: f64) -> bool {
    log.deeds().take_while(|(t, _)| *t <= at).any(|(_, deed)| {
        matches!(deed, Deed::FaultBegins(fault) if fault.text == super::FULL_DISK && fault.sick.contains(&node))
    })
}

/// Whether a node had said, in the life that ended at this moment, that it is evicted: it must then step down.
fn evicted(log: &Log, node: usize, at: f64) -> bool {
    let started = log.deeds().filter(|(t, d)| *t < at && **d == Deed::Started(node)).map(|(t, _)| t).last();
    log.said().any(|(t, by, line)| {
        by == node
            && t >= started.unwrap_or(0.0)
            && t <= at
            && matches!(line, Line::Standing { standing } if standing == "evicted")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;
    use crate::adversity::observe::{Sample, What};

    fn measured() -> Log {
        let mut log = healthy(2);
        for node in 0..2 {
            log.sample(
                10.0,
                node,
                Sample { cpu_s: 1.0, resident_kb: 5_000, descriptors: 9, ..Sample::default() },
            );
            log.says(10.0, node, Line::Counters { sent_bytes: 1_000, sent: 10, rejected: 0 });
            log.says(20.0, node, Line::Counters { sent_bytes: 101_000, sent: 510, rejected: 900 });
            log.sample(
                20.0,
                node,
                Sample { cpu_s: 1.05, resident_kb: 6_000, descriptors: 11, ..Sample::default() },
            );
        }
        log
    }

    #[test]
    fn costs_above_a_limit_are_caught() {
        let log = measured();
        assert!(!processor(&log, 0.51).is_broken() && processor(&log, 0.49).is_broken());
        assert!(matches!(wire(&log, 1.0), Judgement::Open(_)), "nobody has a network namespace");
        assert!(!payload(&log, 10_001.0).is_broken() && payload(&log, 9_999.0).is_broken());
        assert!(!memory_growth(&log, 1_000).is_broken() && memory_growth(&log, 999).is_broken());
        assert!(!descriptor_growth(&log, 2).is_broken() && descriptor_growth(&log, 1).is_broken());
        assert!(!flood_arrives(&log, 899).is_broken() && flood_arrives(&log, 900).is_broken());
        assert!(matches!(payload(&healthy(2), 1.0), Judgement::Open(_)));
    }

    #[test]
    fn nodes_that_take_more_than_their_share_of_a_bare_loop_are_caught() {
        let mut log = measured();
        assert!(matches!(cpu(&log, 1.0), Judgement::Open(_)), "there is nothing to compare it with");
        log.push(30.0, What::BareLoops(BareLoops { count: 2, loop_percent: 1.0, node_percent: 0.5 }));
        assert!(!cpu(&log, 0.51).is_broken() && cpu(&log, 0.49).is_broken());
    }

    #[test]
    fn a_buffer_that_never_overflows_is_caught() {
        let mut log = healthy(2);
        assert!(overflows(&log, 10).is_broken());
        log.push(9.0, What::Dropped { node: 1, datagrams: 9 });
        assert!(overflows(&log, 10).is_broken());
        assert_eq!(overflows(&log, 9), Judgement::Held("9 of those to n2".into()));
    }

    #[test]
    fn a_quota_that_holds_nobody_back_is_caught() {
        assert!(matches!(quota_bites(&healthy(2), 0.5), Judgement::Open(_)));
        let judged = |counts: &[(u64, u64)]| {
            let mut log = healthy(2);
            for (node, &(periods, throttled)) in counts.iter().enumerate() {
                log.push(9.0, What::Throttled { node, means: "test".into(), periods, throttled });
            }
            quota_bites(&log, 0.5)
        };
        assert_eq!(judged(&[(10, 5), (9, 9)]), Judgement::Held("n1 in 5 of 10, n2 in 9 of 9 (test)".into()));
        assert!(judged(&[(10, 4), (9, 9)]).is_broken() && judged(&[(10, 9), (0, 0)]).is_broken());
    }

    #[test]
    fn a_process_that_ends_or_complains_is_caught() {
        let mut log = healthy(3);
        log.did(5.0, Deed::Killed(0));
        assert!(!no_surprise(&log).is_broken());
        log.says(5.9, 1, Line::Standing { standing: "evicted".into() });
        log.did(6.0, Deed::Ended(1));
        assert!(!no_surprise(&log).is_broken(), "it had to");
        log.did(7.0, Deed::Started(1));
        log.did(8.0, Deed::Ended(1));
        assert!(no_surprise(&log).is_broken(), "that was another life");
        let full = |sick: usize| {
            let mut log = healthy(3);
            let text = super::super::FULL_DISK.to_owned();
            let fault = crate::adversity::observe::Fault { text, sick: [sick].into(), ..Default::default() };
            log.did(5.0, Deed::FaultBegins(fault));
            log.says(6.0, 1, Line::Complaint("ERROR gossip.storage_failed: no space left".into()));
            no_surprise(&log).is_broken()
        };
        assert!(!full(1) && full(2), "only a disk that was filled may fail");
        for line in [Line::Complaint("panicked".into()), Line::Error("unknown command".into())] {
            let mut log = healthy(3);
            log.says(6.0, 1, line);
            assert!(no_surprise(&log).is_broken());
        }
    }
}
