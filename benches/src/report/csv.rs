//! Tables for other programs: one observation per row, units in the names of the columns.
//!
//! Names of traces and detectors hold no comma or quote, so nothing needs quoting; [`cell`] makes sure of it.

use std::fmt::Write as _;

use super::aggregate;
use crate::calibration::Level;
use crate::study::{Origin, Outcome, Point, Study};
use crate::trace::Nature;

const POINT_HEADER: &str = "detector,trace,nature,interval_s,segment,origin,budget_per_gap,knob,knob_unit,gaps,mistakes,\
mistakes_per_gap,mistakes_per_gap_low,mistakes_per_gap_high,mistakes_per_s,mistake_duration_s,query_accuracy,\
timeout_mean_intervals,detection_mean_intervals,detection_p50_intervals,detection_p99_intervals,\
detection_max_intervals,never_detected_share\n";

/// Every measurement: sweeps, tuned knobs, halves; and calibration, where `knob` is the nominal φ.
pub(super) fn everything(study: &Study) -> String {
    let mut text = points(study, |_| true);
    for outcome in &study.outcomes {
        for (trace, level) in levels(study, outcome) {
            let Some(trace) = trace else { continue };
            let _ = write!(text, "{},", head(study, outcome, trace));
            let _ = write!(text, "all,calibration,,{},φ,{},{},", level.phi, level.gaps, level.exceeded);
            let interval = level.interval;
            let _ = writeln!(text, "{},{},{},,,,,,,,,", level.frequency, interval.low, interval.high);
        }
    }
    text
}

/// The sweeps alone.
pub(super) fn per_link(study: &Study) -> String {
    points(study, |point| point.origin == Origin::Grid)
}

fn points(study: &Study, wanted: impl Fn(&Point) -> bool) -> String {
    let mut text = POINT_HEADER.to_owned();
    for outcome in &study.outcomes {
        for point in outcome.points.iter().filter(|point| wanted(point)) {
            let (origin, budget) = origin(point.origin);
            let (qos, td) = (&point.qos, &point.qos.detection);
            let cells = [
                head(study, outcome, point.trace),
                point.segment.word().into(),
                origin.into(),
                budget.map(|b| b.to_string()).unwrap_or_default(),
                number(point.knob),
                outcome.spec.knob.unit.into(),
                qos.gaps.to_string(),
                qos.mistakes.to_string(),
                number(qos.per_gap),
                number(qos.per_gap_interval.low),
                number(qos.per_gap_interval.high),
                number(qos.per_second),
                number(qos.mistake_seconds),
                number(qos.query_accuracy),
                number(qos.timeout),
                number(td.mean),
                number(td.p50),
                number(td.p99),
                number(td.max),
                number(td.never),
            ];
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

/// One knob for all links: the sweep, and the knob that meets each budget.
pub(super) fn one_threshold(study: &Study) -> String {
    let mut text = String::from(
        "detector,nature,origin,budget_per_gap,knob,knob_unit,worst_mistakes_per_gap,worst_trace,\
         timeout_geomean_intervals,detection_geomean_intervals\n",
    );
    for outcome in &study.outcomes {
        let (name, unit) = (outcome.spec.name, outcome.spec.knob.unit);
        for nature in [Nature::Recorded, Nature::Synthetic] {
            for s in aggregate::shared(study, outcome, nature) {
                let (nature, worst) = (nature.word(), cell(&study.replays[s.worst_trace].name));
                let _ = write!(text, "{name},{nature},sweep,,{},{unit},", number(s.knob));
                let _ = writeln!(
                    text,
                    "{},{worst},{},{}",
                    number(s.worst_rate),
                    number(s.timeout),
                    number(s.detection)
                );
            }
        }
        for one in &outcome.one_for_all {
            let knob = one.knob.map(number).unwrap_or_default();
            let _ = write!(text, "{name},{},one for all,{},{knob},{unit},", one.nature.word(), one.budget);
            let _ = writeln!(text, ",,{},{}", number(one.timeout), number(one.detection));
        }
    }
    text
}

/// Tuned on the first half, judged on the second: over all recorded traces (those of each are in `everything`).
pub(super) fn halves(study: &Study) -> String {
    let mut text = String::from(
        "detector,budget_per_gap,traces,second_half_mean_mistakes_per_gap,second_half_worst_mistakes_per_gap,\
         worst_trace,timeout_geomean_intervals,detection_geomean_intervals\n",
    );
    for outcome in &study.outcomes {
        for j in aggregate::judged(study, outcome) {
            let worst = cell(&study.replays[j.worst_trace].name);
            let _ = write!(text, "{},{},{},{},", outcome.spec.name, j.budget, j.traces, number(j.mean_rate));
            let _ = writeln!(
                text,
                "{},{worst},{},{}",
                number(j.worst_rate),
                number(j.timeout),
                number(j.detection)
            );
        }
    }
    text
}

/// Nominal against observed, per trace and pooled.
pub(super) fn calibration(study: &Study) -> String {
    let mut text = String::from("detector,trace,nature,nominal_phi,gaps,exceeded,frequency,low,high,ratio\n");
    for outcome in &study.outcomes {
        for (trace, level) in levels(study, outcome) {
            let (trace, nature) = match trace {
                Some(trace) => (cell(&study.replays[trace].name), study.replays[trace].nature.word()),
                None => ("pooled".into(), Nature::Recorded.word()),
            };
            let _ = write!(text, "{},{trace},{nature},{},", outcome.spec.name, level.phi);
            let _ = write!(text, "{},{},{},", level.gaps, level.exceeded, number(level.frequency));
            let interval = level.interval;
            let _ = writeln!(
                text,
                "{},{},{}",
                number(interval.low),
                number(interval.high),
                number(level.ratio())
            );
        }
    }
    text
}

/// Every level of a detector with its trace; `None` is the recorded traces pooled.
fn levels<'a>(
    study: &'a Study,
    outcome: &'a Outcome,
) -> impl Iterator<Item = (Option<usize>, &'a Level)> + use<'a> {
    let calibration = outcome.calibration.as_ref();
    let each = (0..study.replays.len())
        .filter_map(move |trace| Some((trace, &calibration?.traces[trace])))
        .flat_map(|(trace, levels)| levels.iter().map(move |level| (Some(trace), level)));
    each.chain(calibration.into_iter().flat_map(|c| c.pooled.iter().map(|level| (None, level))))
}

fn head(study: &Study, outcome: &Outcome, trace: usize) -> String {
    let replay = &study.replays[trace];
    let interval_s = replay.link.interval_ns * 1e-9;
    format!("{},{},{},{interval_s}", outcome.spec.name, cell(&replay.name), replay.nature.word())
}

fn origin(origin: Origin) -> (&'static str, Option<f64>) {
    match origin {
        Origin::Grid => ("sweep", None),
        Origin::OneForAll(budget) => ("one for all", Some(budget)),
        Origin::Tuned(budget) => ("tuned on this trace", Some(budget)),
        Origin::TunedOnFirst(budget) => ("tuned on first half", Some(budget)),
    }
}

/// Seven significant digits; nothing where there is no value.
fn number(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || value.is_infinite() || (1e-3..1e7).contains(&magnitude) {
        let digits =
            if magnitude == 0.0 { 0 } else { (6 - magnitude.log10().floor() as i32).clamp(0, 12) as usize };
        return format!("{value:.digits$}");
    }
    format!("{value:.6e}")
}

fn cell(name: &str) -> String {
    name.replace([',', '"', '\n'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_seven_digits_and_no_value_is_empty() {
        let cases = [
            (0.0, "0"),
            (1.0, "1.000000"),
            (1234.5678, "1234.568"),
            (1.5e-5, "1.500000e-5"),
            (2e9, "2.000000e9"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), "");
        assert_eq!(number(f64::INFINITY), "inf");
    }

    #[test]
    fn names_cannot_break_a_row() {
        assert_eq!(cell("a,b\"c\nd"), "a_b_c_d");
    }

    #[test]
    fn point_header_has_a_name_for_every_cell() {
        // Four of the head and nineteen more.
        assert_eq!(POINT_HEADER.trim_end().split(',').count(), 23);
    }
}
