//! Picture 2: one setting for all links, as the user of a cluster chooses it.

use plotters::prelude::*;

use super::detectors;
use crate::plot::axis::{Decades, spanning};
use crate::plot::frame::{self, FONT, marked};
use crate::plot::style::Style;
use crate::plot::{Area, Drawn};
use crate::report::aggregate;
use crate::study::{Outcome, Study};
use crate::trace::Nature;

const PANEL: (u32, u32) = (620, 600);
const LEGEND_WIDTH: u32 = 310;
const DETECTION: std::ops::Range<f64> = 0.3..3_000.0;
const RATE: std::ops::Range<f64> = 1e-5..1.0;

pub(crate) fn draw(study: &Study) -> Drawn<String> {
    let natures: Vec<Nature> = [Nature::Recorded, Nature::Synthetic]
        .into_iter()
        .filter(|nature| study.long(*nature).next().is_some())
        .collect();
    let panels_width = PANEL.0 * natures.len().max(1) as u32;
    let mut svg = String::new();
    {
        let size = (panels_width + LEGEND_WIDTH, PANEL.1 + 58);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let reading = "Each point is one setting, the same on every link. Lower left is better: seldom wrong even on the \
                       worst link, and quick on all.";
        let body = frame::sheet(&area, "2. One threshold for all links", reading)?;
        let (panels, legend) = body.split_horizontally(panels_width);
        detectors::legend(&legend, study, 1, |_| true)?;
        for (nature, panel) in natures.iter().zip(panels.split_evenly((1, natures.len().max(1)))) {
            links(&panel, study, *nature)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn links(area: &Area<'_>, study: &Study, nature: Nature) -> Drawn {
    let title = format!("{} {} links", study.long(nature).count(), nature.word());
    let lines: Vec<(Style, Vec<(f64, f64)>)> = detectors::back_to_front(study)
        .into_iter()
        .map(|(index, outcome)| (detectors::style(index, &outcome.spec), line(study, outcome, nature)))
        .collect();
    let times = lines.iter().flat_map(|(_, line)| line.iter().map(|(time, _)| *time));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, (FONT, 15))
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(Decades::plain(spanning(times, DETECTION)), Decades::powers(RATE))?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 13))
        .x_desc("mean detection time T_D (intervals, geometric mean over links)")
        .y_desc("mistakes per gap on the worst link")
        .draw()?;
    for (style, line) in lines {
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), style.line())))?;
        chart.draw_series(marked(&line).into_iter().map(|at| style.marker(at)))?;
    }
    Ok(())
}

fn line(study: &Study, outcome: &Outcome, nature: Nature) -> Vec<(f64, f64)> {
    aggregate::shared(study, outcome, nature)
        .iter()
        .map(|shared| (shared.detection, shared.worst_rate))
        .filter(|(time, rate)| DETECTION.contains(time) && RATE.contains(rate))
        .collect()
}
