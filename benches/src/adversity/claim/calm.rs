//! Claims that something changes nothing that was decided.

use super::Judgement;
use crate::adversity::observe::{LeaseState, Line, Log, name};

/// Nobody is suspended, declared dead or without a majority that vouches for it.
pub(super) fn nobody_condemned(log: &Log) -> Judgement {
    if !log.speaks_of_verdicts() {
        return Judgement::Open("nobody speaks of verdicts".into());
    }
    let condemned = log.said().find_map(|(at, by, line)| match line {
        Line::Verdict { target, verdict, .. } if matches!(verdict.as_str(), "suspended" | "dead") => {
            Some(format!("{} reports that {} is {verdict} at {at:.1} s", name(by), name(*target)))
        }
        Line::Standing { standing } if matches!(standing.as_str(), "isolated" | "evicted") => {
            Some(format!("{} is {standing} at {at:.1} s", name(by)))
        }
        _ => None,
    });
    match condemned {
        Some(what) => Judgement::Broken(what),
        None => Judgement::Held("no suspension, no death, nobody isolated".into()),
    }
}

/// Every lease that is granted is kept until it is given back.
pub(super) fn leases_kept(log: &Log) -> Judgement {
    let mut grants = 0;
    for (at, by, line) in log.said() {
        let Line::Lease { name: lease, token, state } = line else { continue };
        match state {
            LeaseState::Granted => grants += 1,
            LeaseState::Released => {}
            LeaseState::Expired | LeaseState::Lost => {
                return Judgement::Broken(format!(
                    "{} loses {lease} with token {token} at {at:.1} s",
                    name(by)
                ));
            }
        }
    }
    match grants {
        0 => Judgement::Open("nobody was granted a lease".into()),
        _ => Judgement::Held(format!("{}, none lost", super::counted(grants, "grant"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn a_suspension_and_a_node_that_steps_down_are_caught() {
        let mut log = healthy(3);
        assert!(matches!(nobody_condemned(&log), Judgement::Open(_)));
        log.verdict(1.0, 0, 1, "alive", 0);
        log.standing(1.0, 0, "in_quorum");
        assert!(!nobody_condemned(&log).is_broken());
        log.standing(5.0, 0, "isolated");
        assert!(nobody_condemned(&log).is_broken());
        let mut log = healthy(3);
        log.verdict(5.0, 0, 1, "suspended", 3);
        assert!(nobody_condemned(&log).is_broken());
    }

    #[test]
    fn a_lease_may_be_given_back_but_not_lost() {
        use LeaseState::{Expired, Granted, Lost, Released};
        assert!(matches!(leases_kept(&healthy(3)), Judgement::Open(_)));
        for (end, broken) in [(Released, false), (Lost, true), (Expired, true)] {
            let mut log = healthy(3);
            log.lease(5.0, 0, 1, Granted);
            log.lease(6.0, 0, 1, end);
            assert_eq!(leases_kept(&log).is_broken(), broken);
        }
    }
}
