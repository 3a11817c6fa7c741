//! Picture 3: tuned on the first half of each recorded link, judged on the second.

use plotters::prelude::*;

use super::detectors;
use crate::plot::axis::{Decades, spanning};
use crate::plot::frame::{self, FONT};
use crate::plot::style::Style;
use crate::plot::{Area, Drawn};
use crate::report::aggregate::{self, Judged};
use crate::study::{Outcome, Study};

const PANEL: (u32, u32) = (560, 560);
const LEGEND_WIDTH: u32 = 310;
const ASKED: std::ops::Range<f64> = 7e-5..0.15;
const DETECTION: std::ops::Range<f64> = 0.3..3_000.0;
const DIAGONAL_STEPS: u32 = 100;
const RATE: std::ops::Range<f64> = 3e-5..1.0;

pub(crate) fn draw(study: &Study) -> Drawn<String> {
    let mut svg = String::new();
    {
        let size = (2 * PANEL.0 + LEGEND_WIDTH, PANEL.1 + 58);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let reading = "Each point is one budget: every recorded link tuned to it on its first half, if that is long enough. \
                       No point where a link cannot be tuned to the budget.";
        let body = frame::sheet(&area, "3. Tuned on the first half, judged on the second", reading)?;
        let (panels, legend) = body.split_horizontally(2 * PANEL.0);
        detectors::legend(&legend, study, 1, |_| true)?;
        let (kept, cost) = panels.split_horizontally(PANEL.0);
        promise(&kept, study)?;
        price(&cost, study)?;
        area.present()?;
    }
    Ok(svg)
}

fn promise(area: &Area<'_>, study: &Study) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption("Is the budget kept?", (FONT, 15))
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(Decades::powers(ASKED), Decades::powers(RATE))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 13))
        .x_desc("mistakes per gap asked for, and met on the first half")
        .y_desc("mistakes per gap on the second half (mean over links)")
        .draw()?;
    // Dashes are interpolated in the data's coordinates: a straight line needs points on the way.
    let (low, high) = (ASKED.start.ln(), ASKED.end.ln());
    let diagonal =
        (0..=DIAGONAL_STEPS).map(|i| (low + (high - low) * f64::from(i) / f64::from(DIAGONAL_STEPS)).exp());
    let diagonal = diagonal.map(|rate| (rate, rate));
    chart.draw_series(DashedLineSeries::new(diagonal, 6, 4, BLACK.mix(0.5).stroke_width(1)))?;
    for (index, outcome) in detectors::back_to_front(study) {
        let line = line(study, outcome, |judged| (judged.budget, judged.mean_rate));
        let style = detectors::style(index, &outcome.spec);
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), style.line())))?;
        chart.draw_series(line.into_iter().map(|at| style.marker(at)))?;
    }
    Ok(())
}

fn price(area: &Area<'_>, study: &Study) -> Drawn {
    let lines: Vec<(Style, Vec<(f64, f64)>)> = detectors::back_to_front(study)
        .into_iter()
        .map(|(index, outcome)| {
            (detectors::style(index, &outcome.spec), line(study, outcome, |j| (j.detection, j.mean_rate)))
        })
        .collect();
    let times = lines.iter().flat_map(|(_, line)| line.iter().map(|(time, _)| *time));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption("What does it cost?", (FONT, 15))
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(Decades::plain(spanning(times, DETECTION)), Decades::powers(RATE))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 13))
        .x_desc("mean detection time on the second half (intervals, geometric mean)")
        .y_desc("mistakes per gap on the second half (mean over links)")
        .draw()?;
    for (style, line) in lines {
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), style.line())))?;
        chart.draw_series(line.into_iter().map(|at| style.marker(at)))?;
    }
    Ok(())
}

fn line(study: &Study, outcome: &Outcome, at: fn(&Judged) -> (f64, f64)) -> Vec<(f64, f64)> {
    aggregate::judged(study, outcome)
        .iter()
        .map(at)
        .filter(|(x, y)| (ASKED.start..DETECTION.end).contains(x) && RATE.contains(y))
        .collect()
}
