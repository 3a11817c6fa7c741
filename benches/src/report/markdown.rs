//! The summary, for a person with two minutes.

use std::fmt::Write as _;

use super::{Context, advice, aggregate};
use crate::calibration::Level;
use crate::replay::{ROWS_FOR_TABLE_MIN, WARM_UP};
use crate::study::{OneForAll, Outcome, Study};
use crate::trace::Nature;

pub(super) fn summary(study: &Study, context: &Context) -> String {
    let mut text = String::from("# Accuracy of failure detectors against timeout length\n\n");
    let _ = writeln!(text, "Run: `{}`, seed {}.", context.command, context.seed);
    if let Some(rows) = context.quick_rows {
        let _ = writeln!(
            text,
            "\n**Quick run**: only the first {rows} heartbeats of each trace were used; rare mistakes are beyond it, \
             and the numbers differ from those of a full run."
        );
    }
    for nature in [Nature::Recorded, Nature::Synthetic] {
        if study.long(nature).next().is_some() {
            headline(study, nature, &mut text);
        }
    }
    advice::section(study, &mut text);
    calibration(study, &mut text);
    halves(study, &mut text);
    caveats(study, &mut text);
    traces(study, &mut text);
    detectors(study, &mut text);
    text
}

fn headline(study: &Study, nature: Nature, text: &mut String) {
    let count = study.long(nature).count();
    let _ = writeln!(
        text,
        "\n## One setting for all {count} {} links\n\n\
         For each budget of mistakes per heartbeat gap, the one knob at which the *worst* link stays within it. In each \
         cell: **mean timeout** / mean detection time, in heartbeat intervals, geometric mean over links; then the knob. \
         Smaller is better; the best of each column is bold.\n",
        nature.word()
    );
    let budgets = study.budgets();
    text.push_str("| detector |");
    for budget in &budgets {
        let _ = write!(text, " {} |", rate(*budget));
    }
    let _ = writeln!(text, "\n| --- |{}", " --- |".repeat(budgets.len()));
    for outcome in &study.outcomes {
        let _ = write!(text, "| {} |", outcome.spec.label);
        for budget in &budgets {
            let cell = one_for_all(outcome, nature, *budget).map(|one| one_cell(study, outcome, one));
            let _ = write!(text, " {} |", cell.as_deref().unwrap_or("too short"));
        }
        text.push('\n');
    }
    text.push_str("\n—: no finite setting keeps the worst link within the budget.\n");
    let short: Vec<String> = budgets
        .iter()
        .filter_map(|budget| {
            let gaps = |trace: &usize| study.replays[*trace].gaps().len() as f64;
            let out: Vec<&str> = study
                .long(nature)
                .filter(|trace| gaps(trace) * budget < 1.0)
                .map(|trace| study.replays[trace].name.as_str())
                .collect();
            (!out.is_empty()).then(|| format!("at {}: {}", rate(*budget), out.join(", ")))
        })
        .collect();
    if !short.is_empty() {
        let _ = writeln!(
            text,
            "\nLinks too short for a budget to allow them one mistake have no say in its knob ({}).",
            short.join("; ")
        );
    }
}

fn one_for_all(outcome: &Outcome, nature: Nature, budget: f64) -> Option<&OneForAll> {
    outcome.one_for_all.iter().find(|one| one.nature == nature && one.budget == budget)
}

fn one_cell(study: &Study, outcome: &Outcome, one: &OneForAll) -> String {
    let Some(knob) = one.knob else { return "—".into() };
    let best = study
        .outcomes
        .iter()
        .filter_map(|other| one_for_all(other, one.nature, one.budget))
        .map(|other| other.timeout)
        .fold(f64::INFINITY, f64::min);
    let timeout = short(one.timeout);
    let timeout = if one.timeout <= best { format!("**{timeout}**") } else { timeout };
    format!("{timeout} / {} ({} {})", short(one.detection), short(knob), outcome.spec.knob.unit)
}

fn calibration(study: &Study, text: &mut String) {
    text.push_str(
        "\n## Calibration\n\n\
         φ promises at most 10^-φ mistakes per gap. Observed over promised, for φ = 0.5, 1.0, … as far as 20 events are \
         promised (above 1 is overconfident; 95 % block-bootstrap interval in brackets).\n\n\
         | detector | worst pooled over recorded links | worst link |\n| --- | --- | --- |\n",
    );
    for outcome in &study.outcomes {
        let Some(calibration) = &outcome.calibration else { continue };
        let pooled = worst(calibration.pooled.iter().map(|level| (0, level)));
        let recorded = calibration
            .traces
            .iter()
            .enumerate()
            .filter(|(trace, _)| study.replays[*trace].nature == Nature::Recorded)
            .flat_map(|(trace, levels)| levels.iter().map(move |level| (trace, level)));
        let link =
            worst(recorded).map(|(trace, level)| format!("{}, {}", ratio(level), study.replays[trace].name));
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            outcome.spec.label,
            pooled.map_or("—".into(), |(_, level)| ratio(level)),
            link.unwrap_or("—".into())
        );
    }
}

fn worst<'a>(levels: impl Iterator<Item = (usize, &'a Level)>) -> Option<(usize, &'a Level)> {
    levels.max_by(|(_, a), (_, b)| a.ratio().total_cmp(&b.ratio()))
}

fn ratio(level: &Level) -> String {
    let scale = level.ratio() / level.frequency.max(f64::MIN_POSITIVE);
    let (low, high) = (level.interval.low * scale, level.interval.high * scale);
    format!("{} × [{}–{}] at φ = {}", short(level.ratio()), short(low), short(high), level.phi)
}

fn halves(study: &Study, text: &mut String) {
    text.push_str(
        "\n## Tuned on the first half, judged on the second\n\n\
         Each recorded link gets the knob that kept its first half within the budget. Mistakes per gap on the second \
         half (mean over links; worst link in brackets) / mean detection time in intervals. —: most links are too short to \
         be tuned for it, or no setting of the detector meets it on one of them.\n\n",
    );
    let budgets = [1e-2, 1e-3, 1e-4];
    text.push_str("| detector |");
    for budget in budgets {
        let _ = write!(text, " asked: {} |", rate(budget));
    }
    text.push_str("\n| --- | --- | --- | --- |\n");
    for outcome in &study.outcomes {
        let judged = aggregate::judged(study, outcome);
        let _ = write!(text, "| {} |", outcome.spec.label);
        for budget in budgets {
            let _ = match judged.iter().find(|judged| judged.budget == budget) {
                Some(j) => {
                    write!(text, " {} ({}) / {} |", rate(j.mean_rate), rate(j.worst_rate), short(j.detection))
                }
                None => write!(text, " — |"),
            };
        }
        text.push('\n');
    }
}

fn caveats(study: &Study, text: &mut String) {
    text.push_str("\n## Caveats\n\n");
    let _ = writeln!(
        text,
        "- Recorded means read from a file. Some such files hold recorded pauses, or a recorded link, under a modelled \
         sender: the README beside the traces says which.\n\
         - The first {WARM_UP} heartbeats of each trace teach the detectors and are not judged.\n\
         - Synthetic links are drawn from a random generator. They show one property each and prove nothing about \
         networks; they are never mixed with recorded ones in a number.\n\
         - On one stationary link a fixed timeout tuned with the recording at hand ties with everything; picture 1 \
         shows it. The differences are in picture 2, where one setting serves all links, and in picture 3.\n\
         - Lengths of time in the detectors' published defaults are scaled to each link's interval, so that fast links \
         can be compared at all.\n\
         - A detector that presumes a strict sending schedule (Chen, Bertier, 2W-FD) is at a disadvantage on senders \
         that wait for answers or pause. That is what it presumes, not an error.\n\
         - Normal tail and Cantelli bound set the same deadlines at different knobs, so their lines coincide; they \
         differ in what their φ promises."
    );
    let short: Vec<&str> =
        study.replays.iter().filter(|replay| !replay.is_long()).map(|replay| replay.name.as_str()).collect();
    if !short.is_empty() {
        let _ = writeln!(
            text,
            "- Fewer than {ROWS_FOR_TABLE_MIN} heartbeats, so judged for calibration and by themselves only: {}.",
            short.join(", ")
        );
    }
}

fn traces(study: &Study, text: &mut String) {
    text.push_str(
        "\n## Links\n\n| link | | heartbeats | lost | interval |\n| --- | --- | --- | --- | --- |\n",
    );
    for replay in &study.replays {
        let lost = 100.0 * replay.lost as f64 / replay.rows as f64;
        let interval = seconds(replay.link.interval_ns * 1e-9);
        let (name, nature, rows) = (&replay.name, replay.nature.word(), replay.rows);
        let _ = writeln!(text, "| {name} | {nature} | {rows} | {lost:.2} % | {interval} |");
    }
}

fn detectors(study: &Study, text: &mut String) {
    text.push_str("\n## Detectors\n\n| detector | name for `--detectors` | from |\n| --- | --- | --- |\n");
    for outcome in &study.outcomes {
        let _ =
            writeln!(text, "| {} | `{}` | {} |", outcome.spec.label, outcome.spec.name, outcome.spec.source);
    }
}

/// Three significant digits.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    if (-3..=5).contains(&digits) {
        format!("{value:.*}", digits.max(0) as usize)
    } else {
        format!("{value:.2e}")
    }
}

/// A rate such as 1e-3 or 4.2e-4.
pub(super) fn rate(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let text = format!("{value:.1e}");
    text.replace(".0e", "e")
}

/// A length of time in the unit that suits it.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{} ms", short(v * 1e3)),
        v if v < 300.0 => format!("{} s", short(v)),
        v if v < 2.0 * 3600.0 => format!("{} min", short(v / 60.0)),
        v if v < 48.0 * 3600.0 => format!("{} h", short(v / 3600.0)),
        v => format!("{} days", short(v / 86_400.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        for (value, text) in [(0.0, "0"), (3.217, "3.22"), (68.81, "68.8"), (1538.4, "1538"), (2e7, "2.00e7")]
        {
            assert_eq!(short(value), text);
        }
        assert_eq!((rate(1e-3), rate(4.25e-4), rate(0.0)), ("1e-3".into(), "4.2e-4".into(), "0".into()));
        let times = [0.055, 2.5, 600.0, 7_200.0, 864_000.0].map(seconds);
        assert_eq!(times, ["55.0 ms", "2.50 s", "10.0 min", "2.00 h", "10.0 days"]);
    }
}
