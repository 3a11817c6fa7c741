//! What the pictures share: a titled sheet, panels on it, a legend beside the data and never on it.

use plotters::prelude::*;

use super::style::Style;
use super::{Area, Drawn};

pub(crate) const FONT: &str = "sans-serif";
/// The part of a sheet that is not its body.
pub(crate) const TITLE_HEIGHT: u32 = 58;
const LEGEND_ROW: usize = 21;
const MARKERS_PER_LINE: usize = 5;

/// A sheet with a title and a line that says how to read it.
pub(crate) fn sheet<'a>(area: &Area<'a>, title: &str, reading: &str) -> Drawn<Area<'a>> {
    area.fill(&WHITE)?;
    area.draw(&Text::new(title.to_owned(), (18, 12), (FONT, 21).into_font().style(FontStyle::Bold)))?;
    area.draw(&Text::new(reading.to_owned(), (18, 37), (FONT, 13).into_font().color(&BLACK.mix(0.7))))?;
    Ok(area.split_vertically(TITLE_HEIGHT).1)
}

/// One entry for each line, downwards from the top left of `area`.
pub(crate) fn legend<'a>(
    area: &Area<'_>,
    columns: usize,
    entries: impl Iterator<Item = (Style, &'a str)>,
) -> Drawn {
    let width = area.dim_in_pixel().0 as usize / columns.max(1);
    for (place, (style, label)) in entries.enumerate() {
        let x = pixels(place % columns * width) + 8;
        let y = pixels(place / columns * LEGEND_ROW) + 12;
        area.draw(&PathElement::new(vec![(x, y), (x + 30, y)], style.line()))?;
        area.draw(&style.marker((x + 15, y)))?;
        area.draw(&Text::new(label, (x + 38, y - 7), (FONT, 13)))?;
    }
    Ok(())
}

/// The height a legend needs.
pub(crate) fn legend_height(entries: usize, columns: usize) -> u32 {
    (entries.div_ceil(columns) * LEGEND_ROW) as u32 + 14
}

/// A picture is far narrower than what saturates here.
fn pixels(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Evenly chosen points of a line for its markers, both ends among them.
pub(crate) fn marked<T: Copy>(line: &[T]) -> Vec<T> {
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
