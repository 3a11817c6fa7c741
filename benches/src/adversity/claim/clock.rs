//! Claims about wall clocks that are stepped.

use super::{Judgement, counted};
use crate::adversity::observe::{Deed, Line, Log, name};

/// A writer on a busy machine may have read its clock so long before it writes.
const IN_HAND_S: f64 = 0.5;

/// After each step, and until the next of that node, the node must show that time and no other in what it writes or, a peer, says of
/// its clock: a step that the process does not see is no test.
pub(super) fn steps_show(log: &Log) -> Judgement {
    let (mut steps, mut shown, mut slowest) = (0, 0, 0.0_f64);
    for (at, deed) in log.deeds() {
        let &Deed::ClockStepped { node, ahead_s } = deed else { continue };
        steps += 1;
        let again =
            |t: f64, d: &Deed| t > at && matches!(d, Deed::ClockStepped { node: n, .. } if *n == node);
        let until = log.deeds().find(|(t, d)| again(*t, d)).map_or(f64::INFINITY, |(t, _)| t);
        let signs = log.said().filter_map(|(t, by, line)| match line {
            Line::Wrote { ahead_s, .. } | Line::Clock { ahead_s } if by == node && t >= at && t < until => {
                Some((t, *ahead_s))
            }
            _ => None,
        });
        let mut first = None;
        for (t, by_so_much) in signs {
            if by_so_much == ahead_s {
                first.get_or_insert(t - at);
                shown += 1;
            } else if t > at + IN_HAND_S {
                return Judgement::Broken(format!(
                    "{} is ahead by {by_so_much} s at {t:.1} s, after a step to {ahead_s:+} s at {at:.1} s",
                    name(node)
                ));
            }
        }
        match first {
            Some(after) => slowest = slowest.max(after),
            None => {
                return Judgement::Broken(format!(
                    "{} shows nothing of the step to {ahead_s:+} s at {at:.1} s",
                    name(node)
                ));
            }
        }
    }
    match steps {
        0 => Judgement::Open("no clock was stepped".into()),
        _ => Judgement::Held(format!(
            "{}, in {shown} writes or words, the first of each after {slowest:.2} s at most (of ours only a holder writes)",
            counted(steps, "step")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

    #[test]
    fn a_step_that_does_not_show_is_caught() {
        let judged = |writes: &[(f64, usize, i64)]| {
            let mut log = healthy(3);
            log.did(5.0, Deed::ClockStepped { node: 0, ahead_s: 3600 });
            log.did(9.0, Deed::ClockStepped { node: 0, ahead_s: 0 });
            for &(at, by, ahead_s) in writes {
                log.says(at, by, Line::Wrote { name: "lock".into(), token: 1, admitted: true, ahead_s });
            }
            steps_show(&log)
        };
        let seen = [(5.01, 0, 0), (5.1, 0, 3600), (8.0, 0, 3600), (9.1, 0, 0)];
        assert!(!judged(&seen).is_broken());
        assert!(judged(&seen[..3]).is_broken(), "not the second");
        assert!(judged(&[(6.0, 1, 3600), (9.1, 0, 0)]).is_broken(), "that was another node");
        assert!(judged(&[(6.0, 0, 0), (7.0, 0, 3600), (9.1, 0, 0)]).is_broken(), "too late");
        assert!(matches!(steps_show(&healthy(3)), Judgement::Open(_)));
    }

    #[test]
    fn a_peer_says_what_its_clock_shows() {
        let judged = |said: &[(f64, i64)]| {
            let mut log = healthy(3);
            log.did(5.0, Deed::ClockStepped { node: 0, ahead_s: 3600 });
            for &(at, ahead_s) in said {
                log.says(at, 0, Line::Clock { ahead_s });
            }
            steps_show(&log)
        };
        assert!(!judged(&[(5.1, 3600)]).is_broken());
        assert!(judged(&[]).is_broken(), "it saw nothing");
        assert!(judged(&[(5.1, 3600), (7.0, 0)]).is_broken(), "nor kept it");
    }
}
