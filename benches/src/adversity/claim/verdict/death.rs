//! Claims about how soon all hear that a killed node is dead.

use crate::adversity::claim::{Judgement, counted, median};
use crate::adversity::observe::{Log, burials, name};

pub(crate) fn declared_dead(log: &Log, seconds: f64) -> Judgement {
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
pub(crate) fn dead_soon(log: &Log, promise_s: f64, slack_s: f64, p99_s: f64) -> Judgement {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::claim::verdict::dead;
    use crate::adversity::observe::synthetic::healthy;
    use crate::adversity::observe::{Deed, Line};

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
}
