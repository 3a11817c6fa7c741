//! For a wanted rate of false suspicions: which threshold, what it costs, and what a fixed timeout would cost instead.

use std::fmt::Write as _;

use super::markdown::{rate, seconds, short};
use crate::qos::Segment;
use crate::study::{Origin, Outcome, Point, Study};
use crate::trace::Nature;

/// The detector the advice is for: this project's own, or else the one that detects soonest at the wanted rate.
pub(super) fn adviser(study: &Study) -> Option<&Outcome> {
    let cost = |outcome: &Outcome| {
        let one = outcome.one_for_all.iter().find(|one| one.budget == study.effort.budget);
        one.map_or(f64::INFINITY, |one| if one.detection.is_nan() { f64::INFINITY } else { one.detection })
    };
    let ours = study.outcomes.iter().find(|outcome| outcome.spec.name == "ours");
    ours.or_else(|| study.outcomes.iter().min_by(|a, b| cost(a).total_cmp(&cost(b))))
}

/// A section of the summary.
pub(super) fn section(study: &Study, text: &mut String) {
    let budget = study.effort.budget;
    let _ = writeln!(text, "\n## Advice for at most {} mistakes per heartbeat gap\n", rate(budget));
    let Some(adviser) = adviser(study) else {
        text.push_str("No detector was run.\n");
        return;
    };
    let fixed = study.outcomes.iter().find(|outcome| outcome.spec.name == "fixed");
    pooled(study, adviser, fixed, text);
    let (label, unit) = (adviser.spec.label, adviser.spec.knob.unit);
    let _ = writeln!(
        text,
        "\nIf each link may have a setting of its own ({label}; times from crash to suspicion):\n\n\
         | link | one mistake in | {label}: {unit} | mean | p99 | fixed timeout needed | mean | p99 |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for (trace, replay) in study.replays.iter().enumerate() {
        let gaps = replay.gaps().len() as f64;
        if gaps * budget < 1.0 {
            let needed = (1.0 / budget).ceil();
            let _ = writeln!(
                text,
                "| {} | | too short: {needed} judged gaps are needed, it has {gaps} ||||||",
                replay.name
            );
            continue;
        }
        let interval = replay.link.interval_ns * 1e-9;
        let every = (1.0 / budget) * interval;
        let _ = write!(text, "| {}{} | {} ", replay.name, mark(replay.nature), seconds(every));
        match tuned(adviser, trace, budget) {
            Some(point) => {
                let td = point.qos.detection;
                let times = (seconds(td.mean * interval), seconds(td.p99 * interval));
                let _ = write!(text, "| {} | {} | {} ", short(point.knob), times.0, times.1);
            }
            None => text.push_str("| no setting does it | | "),
        }
        match fixed.and_then(|fixed| tuned(fixed, trace, budget)) {
            Some(point) => {
                let td = point.qos.detection;
                let timeout = seconds(point.knob * interval);
                let times = (seconds(td.mean * interval), seconds(td.p99 * interval));
                let _ = writeln!(text, "| {timeout} | {} | {} |", times.0, times.1);
            }
            None => text.push_str("| | | |\n"),
        }
    }
    text.push_str(
        "\nA fixed timeout chosen with the whole recording at hand is as good as any on a link that does not change; \
         what an adaptive detector spares is the choosing, link by link and day by day.\n",
    );
}

/// One setting for all recorded links.
fn pooled(study: &Study, adviser: &Outcome, fixed: Option<&Outcome>, text: &mut String) {
    let budget = study.effort.budget;
    let find = |outcome: &Outcome| {
        let mut all = outcome.one_for_all.iter();
        all.find(|one| one.nature == Nature::Recorded && one.budget == budget).copied()
    };
    let Some(one) = find(adviser) else {
        text.push_str("No recorded link is long enough to advise one setting for all.\n");
        return;
    };
    let label = adviser.spec.label;
    let Some(knob) = one.knob else {
        let _ = writeln!(
            text,
            "One setting for all recorded links: none of {label}'s keeps the worst link within it."
        );
        return;
    };
    let _ = write!(
        text,
        "One setting for all recorded links: **{label} at {} {}**, which detects a crash after {} intervals \
         (geometric mean over links).",
        short(knob),
        adviser.spec.knob.unit,
        short(one.detection),
    );
    if let Some((fixed, knob)) = fixed.and_then(find).and_then(|fixed| Some((fixed, fixed.knob?))) {
        let _ = write!(
            text,
            " A fixed timeout would have to be {} intervals, and detects after {}: {} times as long.",
            short(knob),
            short(fixed.detection),
            short(fixed.detection / one.detection),
        );
    }
    text.push('\n');
}

fn tuned(outcome: &Outcome, trace: usize, budget: f64) -> Option<&Point> {
    let mut points = outcome.points.iter();
    points.find(|p| p.trace == trace && p.origin == Origin::Tuned(budget) && p.segment == Segment::All)
}

fn mark(nature: Nature) -> &'static str {
    if nature == Nature::Synthetic { " (synthetic)" } else { "" }
}
