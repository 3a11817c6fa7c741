//! The claim that all report the same verdicts in the same order.

use std::collections::BTreeMap;

use crate::adversity::claim::Judgement;
use crate::adversity::observe::{Deed, Line, Log, name};

pub(crate) fn same_order(log: &Log) -> Judgement {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adversity::observe::synthetic::healthy;

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
}
