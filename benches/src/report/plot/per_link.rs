//! Picture 1: each link by itself, detection time against mistake rate, every detector.

use plotters::prelude::*;

use super::detectors;
use crate::plot::axis::Decades;
use crate::plot::frame::{self, FONT, marked};
use crate::plot::{Area, Drawn};
use crate::study::{Origin, Study};

const COLUMNS: usize = 4;
const PANEL: (u32, u32) = (340, 265);
const LEGEND_COLUMNS: usize = 4;
/// Axes are the same in every panel, so that panels compare.
const DETECTION: std::ops::Range<f64> = 0.3..3_000.0;
const RATE: std::ops::Range<f64> = 3e-6..1.0;

pub(crate) fn draw(study: &Study) -> Drawn<String> {
    let rows = study.replays.len().div_ceil(COLUMNS).max(1) as u32;
    let legend_height = frame::legend_height(study.outcomes.len(), LEGEND_COLUMNS);
    let size = (PANEL.0 * COLUMNS as u32, 58 + legend_height + PANEL.1 * rows);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let reading = "Each panel is one link; each line one detector as its knob grows. Lower left is better. A line \
                       ends at its last setting with a mistake. On a stationary link a fixed timeout tuned to it is as \
                       good as anything.";
        let body = frame::sheet(&area, "1. Per link: detection time against mistake rate", reading)?;
        let (legend, panels) = body.split_vertically(legend_height);
        detectors::legend(&legend, study, LEGEND_COLUMNS, |_| true)?;
        let panels = panels.split_evenly((rows as usize, COLUMNS));
        for (trace, panel) in (0..study.replays.len()).zip(&panels) {
            link(panel, study, trace)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn link(area: &Area<'_>, study: &Study, trace: usize) -> Drawn {
    let replay = &study.replays[trace];
    let title =
        format!("{} ({}, {:.0} ms)", replay.name, replay.nature.word(), replay.link.interval_ns * 1e-6);
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(14)
        .caption(title, (FONT, 13))
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(Decades::plain(DETECTION), Decades::powers(RATE))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 11))
        .axis_desc_style((FONT, 11))
        .x_desc("mean detection time T_D (intervals)")
        .y_desc("mistakes per gap λ_M")
        .draw()?;
    for (index, outcome) in detectors::back_to_front(study) {
        let style = detectors::style(index, &outcome.spec);
        let line: Vec<(f64, f64)> = outcome
            .points
            .iter()
            .filter(|p| p.trace == trace && p.origin == Origin::Grid && p.qos.mistakes > 0)
            .map(|p| (p.qos.detection.mean, p.qos.per_gap))
            .filter(|(time, rate)| DETECTION.contains(time) && RATE.contains(rate))
            .collect();
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), style.line())))?;
        chart.draw_series(marked(&line).into_iter().map(|at| style.marker(at)))?;
    }
    Ok(())
}
