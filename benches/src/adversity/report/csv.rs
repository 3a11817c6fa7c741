//! Tables for other programs.

use super::figures;
use crate::adversity::observe::{burials, name};
use crate::adversity::run::{End, Outcome};

/// One row for each claim that was judged.
pub(super) fn claims(outcomes: &[Outcome]) -> String {
    let mut text = String::from("scenario,system,repeat,nodes,claim,judgement,measured\n");
    for outcome in outcomes {
        let head = head(outcome);
        match &outcome.end {
            End::Played { judgements, .. } => {
                for (claim, judgement) in judgements {
                    let (word, measured) = judgement.words();
                    text += &format!("{head},{},{word},{}\n", cell(&claim.text()), cell(measured));
                }
            }
            End::Failed(why) => text += &format!("{head},,FAILED,{}\n", cell(why)),
            End::Skipped(why) => text += &format!("{head},,skipped,{}\n", cell(why)),
        }
    }
    text
}

/// One row for each figure.
pub(super) fn figures(outcomes: &[Outcome]) -> String {
    let mut text = String::from("scenario,system,repeat,nodes,load,figure,value,unit\n");
    for outcome in outcomes {
        let End::Played { log, .. } = &outcome.end else { continue };
        for figure in figures::of(log) {
            let (head, load) = (head(outcome), &outcome.load);
            text += &format!("{head},{load},{},{:.4},{}\n", figure.name, figure.value, figure.unit);
        }
    }
    text
}

/// One row for each kill and each survivor: when all suspected the node, and when this one reported it dead.
pub(super) fn verdicts(outcomes: &[Outcome]) -> String {
    let mut text =
        String::from("scenario,system,repeat,nodes,load,killed_at_s,target,survivor,detected_s,dead_s\n");
    for outcome in outcomes {
        let End::Played { log, .. } = &outcome.end else { continue };
        if !log.speaks_of_verdicts() {
            continue;
        }
        let (head, load) = (head(outcome), &outcome.load);
        let cell = |seconds: Option<f64>| seconds.map(|s| format!("{s:.4}")).unwrap_or_default();
        for burial in burials(log, 0.0) {
            for (survivor, after) in &burial.after {
                let (at, target, survivor) = (burial.at, name(burial.target), name(*survivor));
                let (detected, after) = (cell(burial.detected), cell(*after));
                text += &format!("{head},{load},{at:.3},{target},{survivor},{detected},{after}\n");
            }
        }
    }
    text
}

fn head(outcome: &Outcome) -> String {
    let Outcome { scenario, system, repeat, nodes, .. } = outcome;
    format!("{},{},{repeat},{nodes}", scenario.name, cell(system))
}

/// Quoted if it has to be.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn text_cannot_break_a_row() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
