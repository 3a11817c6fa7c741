//! Picture 4: the φ a detector shows against how often it is exceeded.

use plotters::prelude::*;

use super::detectors;
use crate::calibration::Level;
use crate::plot::frame::{self, FONT};
use crate::plot::{Area, Drawn};
use crate::study::{Calibration, Study};
use crate::trace::Nature;

const COLUMNS: usize = 4;
const PANEL: (u32, u32) = (330, 330);
const PHI_MAX: f64 = 5.0;

pub(crate) fn draw(study: &Study) -> Drawn<String> {
    let claiming: Vec<(usize, &Calibration)> = study
        .outcomes
        .iter()
        .enumerate()
        .filter_map(|(index, outcome)| Some((index, outcome.calibration.as_ref()?)))
        .collect();
    let columns = COLUMNS.min(claiming.len().max(2));
    let rows = claiming.len().div_ceil(columns).max(1);
    let mut svg = String::new();
    {
        let size = (PANEL.0 * columns as u32, 58 + PANEL.1 * rows as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let reading = "Bold: recorded links pooled, with 95 % intervals. Thin: each recorded link. On the dashed diagonal \
                       φ keeps its promise; below it the detector is overconfident.";
        let body =
            frame::sheet(&area, "4. Calibration: φ at arrival against its observed frequency", reading)?;
        for ((index, calibration), panel) in claiming.iter().zip(body.split_evenly((rows, columns))) {
            detector(&panel, study, *index, calibration)?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn detector(area: &Area<'_>, study: &Study, index: usize, calibration: &Calibration) -> Drawn {
    let outcome = &study.outcomes[index];
    let style = detectors::style(index, &outcome.spec);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(14)
        .caption(outcome.spec.label, (FONT, 14))
        .x_label_area_size(36)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..PHI_MAX, 0.0..PHI_MAX)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_labels(6)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 12))
        .axis_desc_style((FONT, 12))
        .x_desc("nominal φ")
        .y_desc("observed −log₁₀ frequency")
        .draw()?;
    let diagonal = vec![(0.0, 0.0), (PHI_MAX, PHI_MAX)];
    chart.draw_series(DashedLineSeries::new(diagonal, 6, 4, BLACK.mix(0.5).stroke_width(1)))?;
    let recorded =
        calibration.traces.iter().zip(&study.replays).filter(|(_, r)| r.nature == Nature::Recorded);
    for (levels, _) in recorded {
        chart.draw_series(std::iter::once(PathElement::new(observed(levels), style.thin())))?;
    }
    let bars = calibration.pooled.iter().filter(|level| level.exceeded > 0).map(|level| {
        // A lower end of zero is beyond the top of the picture.
        let (low, high) = (level.interval.high, level.interval.low.max(10f64.powf(-PHI_MAX)));
        PathElement::new(vec![(level.phi, -low.log10()), (level.phi, -high.log10())], style.line())
    });
    chart.draw_series(bars)?;
    let pooled = observed(&calibration.pooled);
    chart.draw_series(std::iter::once(PathElement::new(pooled.clone(), style.line())))?;
    chart.draw_series(pooled.into_iter().map(|at| style.marker(at)))?;
    Ok(())
}

/// Where anything was observed, within the picture.
fn observed(levels: &[Level]) -> Vec<(f64, f64)> {
    levels
        .iter()
        .filter(|level| level.exceeded > 0)
        .map(|level| (level.phi, -level.frequency.log10()))
        .filter(|(x, y)| *x <= PHI_MAX && *y <= PHI_MAX)
        .collect()
}
