//! How the detectors of a study appear in its pictures.

use crate::detector::Spec;
use crate::plot::style::Style;
use crate::plot::{Area, Drawn, frame};
use crate::study::{Outcome, Study};

/// Of the detector at `index` in the study.
pub(super) fn style(index: usize, spec: &Spec) -> Style {
    match (spec.ours, spec.name) {
        (true, "ours") => Style::OWN,
        (true, _) => Style::nth(index).bold(),
        (false, _) => Style::nth(index),
    }
}

/// One entry per detector of the study for which `wanted` holds, downwards from the top left of `area`.
pub(super) fn legend(
    area: &Area<'_>,
    study: &Study,
    columns: usize,
    wanted: impl Fn(usize) -> bool,
) -> Drawn {
    let entries = study.outcomes.iter().enumerate().filter(|(index, _)| wanted(*index));
    frame::legend(area, columns, entries.map(|(i, outcome)| (style(i, &outcome.spec), outcome.spec.label)))
}

/// The detectors in the order of drawing: ours come last, on top.
pub(super) fn back_to_front(study: &Study) -> Vec<(usize, &Outcome)> {
    let mut outcomes: Vec<(usize, &Outcome)> = study.outcomes.iter().enumerate().collect();
    outcomes.sort_by_key(|(_, outcome)| outcome.spec.ours);
    outcomes
}
