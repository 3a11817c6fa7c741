//! Claims about what a cluster goes on doing: it grants leases again, and one with a full disk goes on watching.

use crate::adversity::claim::{FULL_DISK, Judgement};
use crate::adversity::observe::{Deed, LeaseState, Line, Log, name};

/// After the last start.
pub(crate) fn grants_again(log: &Log, seconds: f64) -> Judgement {
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
pub(crate) fn tells_of_full_disk(log: &Log) -> Judgement {
    let mut told = 0;
    for (from, deed) in log.deeds() {
        let Deed::FaultBegins(fault) = deed else { continue };
        if fault.text != FULL_DISK {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

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
                text: FULL_DISK.into(),
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
