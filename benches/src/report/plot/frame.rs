//! What the pictures share: a titled sheet, panels on it, a legend beside the data and never on it.

use plotters::prelude::*;

use super::style::Style;
use super::{Area, Drawn};
use crate::study::{Outcome, Study};

pub(super) const FONT: &str = "sans-serif";
const TITLE_HEIGHT: i32 = 58;
const LEGEND_ROW: usize = 21;
const MARKERS_PER_LINE: usize = 5;

/// A sheet with a title and a line that says how to read it.
pub(super) fn sheet<'a>(area: &Area<'a>, title: &str, reading: &str) -> Drawn<Area<'a>> {
    area.fill(&WHITE)?;
    area.draw(&Text::new(title.to_owned(), (18, 12), (FONT, 21).into_font().style(FontStyle::Bold)))?;
    area.draw(&Text::new(reading.to_owned(), (18, 37), (FONT, 13).into_font().color(&BLACK.mix(0.7))))?;
    Ok(area.split_vertically(TITLE_HEIGHT).1)
}

/// One entry per detector of the study for which `wanted` holds, downwards from the top left of `area`.
pub(super) fn legend(
    area: &Area<'_>,
    study: &Study,
    columns: usize,
    wanted: impl Fn(usize) -> bool,
) -> Drawn {
    let width = area.dim_in_pixel().0 as usize / columns.max(1);
    let entries = study.outcomes.iter().enumerate().filter(|(index, _)| wanted(*index));
    for (place, (index, outcome)) in entries.enumerate() {
        let x = pixels(place % columns * width) + 8;
        let y = pixels(place / columns * LEGEND_ROW) + 12;
        let style = Style::of(index, &outcome.spec);
        area.draw(&PathElement::new(vec![(x, y), (x + 30, y)], style.line()))?;
        area.draw(&style.marker((x + 15, y)))?;
        area.draw(&Text::new(outcome.spec.label, (x + 38, y - 7), (FONT, 13)))?;
    }
    Ok(())
}

/// The detectors in the order of drawing: ours come last, on top.
pub(super) fn back_to_front(study: &Study) -> Vec<(usize, &Outcome)> {
    let mut outcomes: Vec<(usize, &Outcome)> = study.outcomes.iter().enumerate().collect();
    outcomes.sort_by_key(|(_, outcome)| outcome.spec.ours);
    outcomes
}

/// The height a legend needs.
pub(super) fn legend_height(entries: usize, columns: usize) -> u32 {
    (entries.div_ceil(columns) * LEGEND_ROW) as u32 + 14
}

/// A picture is far narrower than what saturates here.
fn pixels(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Evenly chosen points of a line for its markers, both ends among them.
pub(super) fn marked<T: Copy>(line: &[T]) -> Vec<T> {
    let last = line.len().saturating_sub(1);
    if last < MARKERS_PER_LINE {
        return line.to_vec();
    }
    (0..MARKERS_PER_LINE).map(|i| line[i * last / (MARKERS_PER_LINE - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::marked;

    #[test]
    fn markers_sit_at_both_ends_and_evenly_between() {
        let line: Vec<usize> = (0..41).collect();
        assert_eq!(marked(&line), [0, 10, 20, 30, 40]);
        assert_eq!(marked(&[1, 2]), [1, 2]);
        assert!(marked::<u8>(&[]).is_empty());
    }
}
