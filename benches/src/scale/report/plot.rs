//! The pictures. The axis of the number of nodes is logarithmic, the others begin at zero: what does not grow lies flat, and
//! what grows by the same amount whenever the cluster becomes ten times as large is a straight line.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{
    BYTES, DATAGRAMS, DEAD, FOUNDED, Figure, JOINED, NEWCOMER, ONE_AGAIN, STRANGERS_FOUNDED, STRANGERS_KNOW,
    SUSPECTED,
};
use super::{Bootstrap, Parted, Results, Size};
use crate::plot::axis::{Decades, decades};
use crate::plot::frame::{self, FONT};
use crate::plot::style::Style;
use crate::plot::{Area, Drawn};

const PANEL: (u32, u32) = (430, 320);
const LEGEND_WIDTH: u32 = 270;
const SIMULATED: &str = "Simulated: the real core on virtual time, a heartbeat every 100 ms.";

/// Points of one line: number of nodes, and figure.
type Line = Vec<(f64, f64)>;

/// Those for which something was measured, by name.
pub(super) fn all(results: &Results) -> Drawn<Vec<(&'static str, String)>> {
    let mut pictures = Vec::new();
    if !results.sizes.is_empty() {
        pictures.push(("1-cost.svg", cost(results)?));
        pictures.push(("2-times.svg", times(results)?));
    }
    if !results.bootstraps.is_empty() {
        pictures.push(("3-bootstrap.svg", bootstrap(results)?));
    }
    if results.parted().next().is_some() {
        pictures.push(("4-parted.svg", parted(results)?));
    }
    Ok(pictures)
}

fn cost(results: &Results) -> Drawn<String> {
    sheet((2 * PANEL.0, PANEL.1), "What a node sends while nothing happens", |body| {
        let (left, right) = body.split_horizontally(PANEL.0);
        for (area, figure) in [(left, &BYTES), (right, &DATAGRAMS)] {
            let drawn = [(Style::nth(0), of_sizes(results, figure))];
            panel(&area, &format!("{} a node", figure.unit), &drawn, Some(figure.decimals))?;
        }
        Ok(())
    })
}

fn times(results: &Results) -> Drawn<String> {
    let figures = [&FOUNDED, &JOINED, &NEWCOMER, &SUSPECTED, &DEAD];
    let lines: Vec<(Style, Line)> =
        figures.iter().enumerate().map(|(i, figure)| (Style::nth(i), of_sizes(results, figure))).collect();
    let entries = figures.iter().enumerate().map(|(i, figure)| (Style::nth(i), figure.label));
    sheet((PANEL.0 + LEGEND_WIDTH, PANEL.1), "How long until everybody knows", |body| {
        let (left, right) = body.split_horizontally(PANEL.0);
        panel(&left, "seconds", &lines, None)?;
        frame::legend(&right, 1, entries)
    })
}

fn bootstrap(results: &Results) -> Drawn<String> {
    let line = |figure: &Figure<Bootstrap>| line(&results.bootstraps, |bootstrap| bootstrap.nodes, figure);
    let lines =
        [(STRANGERS_KNOW.label, line(&STRANGERS_KNOW)), (STRANGERS_FOUNDED.label, line(&STRANGERS_FOUNDED))];
    beside_legend("How long until strangers that start together are one cluster", "seconds", lines)
}

fn parted(results: &Results) -> Drawn<String> {
    let line = |parted: &[Parted]| line(parted, |parted| parted.nodes, &ONE_AGAIN);
    let lines = [("halves", line(&results.halves)), ("a hundred nodes and the rest", line(&results.racks))];
    beside_legend("How long until parts that were apart are one again", "seconds after healing", lines)
}

/// One panel of two lines with their values, and what they are called beside it.
fn beside_legend(title: &str, what: &str, lines: [(&str, Line); 2]) -> Drawn<String> {
    let names: Vec<_> = lines.iter().enumerate().map(|(i, &(name, _))| (Style::nth(i), name)).collect();
    let lines: Vec<_> = lines.into_iter().enumerate().map(|(i, (_, line))| (Style::nth(i), line)).collect();
    sheet((PANEL.0 + LEGEND_WIDTH, PANEL.1), title, |body| {
        let (left, right) = body.split_horizontally(PANEL.0);
        panel(&left, what, &lines, Some(1))?;
        frame::legend(&right, 1, names.into_iter())
    })
}

fn of_sizes(results: &Results, figure: &Figure<Size>) -> Line {
    line(&results.sizes, |size| size.nodes, figure)
}

/// A figure of each that was measured, against its number of nodes.
fn line<T>(measured: &[T], nodes: fn(&T) -> usize, figure: &Figure<T>) -> Line {
    measured.iter().filter_map(|one| Some((nodes(one) as f64, (figure.of)(one)?))).collect()
}

/// A titled sheet with a body of this size.
fn sheet(size: (u32, u32), title: &str, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Drawn<String> {
    let mut svg = String::new();
    {
        let area =
            SVGBackend::with_string(&mut svg, (size.0, size.1 + frame::TITLE_HEIGHT)).into_drawing_area();
        draw(&frame::sheet(&area, title, SIMULATED)?)?;
        area.present()?;
    }
    Ok(svg)
}

/// Lines against the number of nodes; with so many decimals, each point has its value written above it.
fn panel(area: &Area<'_>, what: &str, lines: &[(Style, Line)], decimals: Option<usize>) -> Drawn {
    let points = || lines.iter().flat_map(|(_, line)| line);
    let highest = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let nodes = Decades::counts(decades(points().map(|point| point.0)));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(42)
        .y_label_area_size(62)
        .build_cartesian_2d(nodes, 0.0..highest * 1.2)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 13))
        .y_labels(6)
        .y_label_formatter(&|value| format!("{}", (value * 1e6).round() / 1e6))
        .x_desc("nodes")
        .y_desc(what)
        .draw()?;
    for (style, line) in lines {
        chart.draw_series(std::iter::once(PathElement::new(line.clone(), style.line())))?;
        chart.draw_series(line.iter().map(|at| style.marker(*at)))?;
        if let Some(decimals) = decimals {
            let font = (FONT, 12).into_font().into_text_style(area).pos(Pos::new(HPos::Center, VPos::Bottom));
            let value = |at: &(f64, f64)| Text::new(format!("{:.decimals$}", at.1), (0, -8), font.clone());
            chart.draw_series(line.iter().map(|at| EmptyElement::at(*at) + value(at)))?;
        }
    }
    Ok(())
}
