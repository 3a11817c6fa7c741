//! Systems beside each other: for each scenario one picture, with a row for each system and a panel for each kind of figure.
//!
//! In flow figures by name; out flows SVG. What nobody has a figure of has no panel.

use std::collections::BTreeMap;
use std::ops::Range;

use plotters::coord::ranged1d::{BoldPoints, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::plot::axis::{Decades, decades};
use crate::plot::frame::{self, FONT};
use crate::plot::style::Style;
use crate::plot::{Area, Drawn};

const LABELS: i32 = 140;
const PANEL: i32 = 330;
/// Of a panel, for what is written behind its lines.
const NOTES: i32 = 110;
const ROW: i32 = 24;
const HEAD: i32 = 26;
const FOOT: i32 = 34;

/// The figures of one system in one scenario, by name.
pub(super) type Figures = BTreeMap<String, f64>;

/// One kind of figure.
struct Panel {
    title: &'static str,
    /// What to divide by for the unit of the title.
    unit: f64,
    /// Names of the figures: the one that is marked, and the ends of the line through it.
    marked: &'static str,
    line: Option<(&'static str, &'static str)>,
    /// What is written behind it: the name of a count, and what it counts.
    count: Option<(&'static str, &'static str)>,
}

const PANELS: [Panel; 6] = [
    Panel {
        title: "killed: suspected after, s",
        unit: 1.0,
        marked: "detection median",
        line: Some(("detection first", "detection last")),
        count: Some(("not detected", "never")),
    },
    Panel {
        title: "cut off or stopped: suspected after, s",
        unit: 1.0,
        marked: "notice median",
        line: Some(("notice median", "notice last")),
        count: Some(("not noticed", "never")),
    },
    Panel {
        title: "healthy and accused: the longest, s",
        unit: 1.0,
        marked: "mistake longest",
        line: None,
        count: Some(("accusations", "times")),
    },
    Panel {
        title: "all well again after, s",
        unit: 1.0,
        marked: "recovery longest",
        line: Some(("recovery median", "recovery longest")),
        count: Some(("not recovered", "never")),
    },
    Panel { title: "sent by a node, kB/s", unit: 1e3, marked: "wire mean", line: None, count: None },
    Panel { title: "processor, % of one", unit: 1.0, marked: "processor mean", line: None, count: None },
];

/// Draws what can be compared; nothing if there is nothing.
pub(super) fn draw(scenario: &str, systems: &[(String, Figures)]) -> Drawn<Option<String>> {
    let panels: Vec<&Panel> = PANELS.iter().filter(|panel| panel.is_needed(systems)).collect();
    if panels.is_empty() || systems.len() < 2 {
        return Ok(None);
    }
    let body = HEAD + ROW * length(systems.len()) + FOOT;
    let size = (LABELS + PANEL * length(panels.len()), body + frame::TITLE_HEIGHT.cast_signed());
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (size.0.unsigned_abs(), size.1.unsigned_abs()))
            .into_drawing_area();
        let reading = "A line from the first to the last, a mark at the median or at the only value; further left is better.";
        let sheet = frame::sheet(&area, scenario, reading)?;
        let (labels, mut rest) = sheet.split_horizontally(LABELS);
        for (row, (system, _)) in systems.iter().enumerate() {
            let style = (FONT, 13).into_font().color(&BLACK).pos(Pos::new(HPos::Right, VPos::Center));
            labels.draw(&Text::new(system.clone(), (LABELS - 12, middle(row)), style))?;
        }
        for panel in panels {
            let (own, further) = rest.split_horizontally(PANEL);
            panel.draw(&own, systems)?;
            rest = further;
        }
        area.present()?;
    }
    Ok(Some(svg))
}

impl Panel {
    fn values(&self, figures: &Figures) -> Option<(f64, f64, f64)> {
        let value = |name: &str| figures.get(name).map(|value| value / self.unit);
        let marked = value(self.marked)?;
        let (from, to) = self.line.unwrap_or((self.marked, self.marked));
        Some((value(from)?, marked, value(to)?))
    }

    /// Whether somebody has a figure for it that is more than nothing.
    fn is_needed(&self, systems: &[(String, Figures)]) -> bool {
        systems.iter().filter_map(|(_, figures)| self.values(figures)).any(|(_, _, last)| last >= SHORTEST)
    }

    fn draw(&self, area: &Area<'_>, systems: &[(String, Figures)]) -> Drawn {
        let values = systems.iter().filter_map(|(_, figures)| self.values(figures));
        let range = decades(values.flat_map(|(from, _, to)| [from.max(SHORTEST), to.max(SHORTEST)]));
        let scale = Scale::new(range);
        let bottom = HEAD + ROW * length(systems.len());
        area.draw(&Text::new(self.title, (0, 4), (FONT, 13).into_font().style(FontStyle::Bold)))?;
        for tick in scale.axis.key_points(BoldPoints(8)) {
            let x = scale.x(tick);
            area.draw(&PathElement::new(vec![(x, HEAD), (x, bottom)], BLACK.mix(0.15)))?;
            let style = (FONT, 11).into_font().color(&BLACK.mix(0.7)).pos(Pos::new(HPos::Center, VPos::Top));
            area.draw(&Text::new(scale.axis.format_ext(&tick), (x, bottom + 6), style))?;
        }
        for (row, (system, figures)) in systems.iter().enumerate() {
            let style = if system.starts_with("gossip") { Style::OWN } else { Style::nth(0) };
            let y = middle(row);
            if let Some((from, marked, to)) = self.values(figures) {
                area.draw(&PathElement::new(vec![(scale.x(from), y), (scale.x(to), y)], style.line()))?;
                area.draw(&style.marker((scale.x(marked), y)))?;
            }
            let style = (FONT, 11).into_font().color(&BLACK.mix(0.7)).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(self.note(figures), (PANEL - NOTES + 6, y), style))?;
        }
        Ok(())
    }

    /// The last value, and how often it was.
    fn note(&self, figures: &Figures) -> String {
        let count = self.count.and_then(|(name, what)| {
            let count = *figures.get(name)?;
            (count > 0.0).then(|| format!("{count} {what}"))
        });
        let last = self.values(figures).map(|(_, _, last)| format!("{last:.2}"));
        last.into_iter().chain(count).collect::<Vec<_>>().join(", ")
    }
}

/// Below this a time is next to nothing: a hundredth, of a second or of what else.
const SHORTEST: f64 = 0.01;

/// From values to pixels within a panel.
struct Scale {
    axis: Decades,
}

impl Scale {
    fn new(range: Range<f64>) -> Self {
        Self { axis: Decades::plain(range) }
    }

    fn x(&self, value: f64) -> i32 {
        self.axis.map(&value.max(SHORTEST), (6, PANEL - NOTES))
    }
}

fn middle(row: usize) -> i32 {
    HEAD + ROW * length(row) + ROW / 2
}

/// There are no more rows or panels than systems, which are a dozen.
fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / ROW / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(of: &[(&str, f64)]) -> Figures {
        of.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn there_is_a_panel_for_what_was_measured_and_none_for_what_was_not() {
        let ours = figures(&[
            ("mistakes", 0.0),
            ("accusations", 0.0),
            ("recovery median", 0.0),
            ("recovery longest", 0.0),
        ]);
        let theirs = figures(&[("mistake longest", 2.5), ("accusations", 3.0)]);
        let systems = [("gossip".to_owned(), ours.clone()), ("other".to_owned(), theirs)];
        let svg = draw("loss-30", &systems).unwrap().expect("there is something");
        for text in ["gossip", "other", "healthy and accused", "2.50, 3 times"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("killed") && !svg.contains("all well again"), "nobody needed a moment");
        assert_eq!(draw("idle", &[("gossip".to_owned(), ours)]).unwrap(), None, "nobody beside it");
    }

    #[test]
    fn one_that_never_noticed_has_no_line_and_a_note() {
        let seen = figures(&[("detection first", 0.2), ("detection median", 0.3), ("detection last", 0.4)]);
        let blind = figures(&[("not detected", 19.0)]);
        let svg = draw("crash", &[("a".to_owned(), seen), ("b".to_owned(), blind)]).unwrap().unwrap();
        assert!(svg.contains("0.40") && svg.contains("19 never"), "{svg}");
    }
}
