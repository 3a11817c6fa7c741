//! One colour and marker per detector, the same in every picture.

use plotters::element::ComposedElement;
use plotters::prelude::*;

use crate::detector::Spec;

/// Okabe and Ito's, without black, which is ours, and with the yellow darkened for a white ground.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(150, 140, 20),
];

/// A filled outline of fixed size in pixels.
type Marker<C, DB> = ComposedElement<C, DB, Polygon<(i32, i32)>, PathElement<(i32, i32)>>;
type Outline = &'static [(i32, i32)];
const SHAPES: [Outline; 5] = [
    &[(-3, -3), (3, -3), (3, 3), (-3, 3)],
    &[(0, -5), (4, 3), (-4, 3)],
    &[(0, -5), (4, 0), (0, 5), (-4, 0)],
    &[(0, 5), (4, -3), (-4, -3)],
    &[
        (-1, -4),
        (1, -4),
        (1, -1),
        (4, -1),
        (4, 1),
        (1, 1),
        (1, 4),
        (-1, 4),
        (-1, 1),
        (-4, 1),
        (-4, -1),
        (-1, -1),
    ],
];

/// How a detector is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    colour: RGBColor,
    outline: Outline,
    filled: bool,
    width: u32,
}

impl Style {
    /// Of the detector at `index` in the study.
    pub(super) fn of(index: usize, spec: &Spec) -> Self {
        let outline = SHAPES[index % SHAPES.len()];
        if spec.ours && spec.name == "ours" {
            return Self { colour: BLACK, outline: SHAPES[2], filled: true, width: 4 };
        }
        let width = if spec.ours { 3 } else { 2 };
        Self { colour: COLOURS[index % COLOURS.len()], outline, filled: index < COLOURS.len(), width }
    }

    pub(super) fn line(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }

    pub(super) fn thin(&self) -> ShapeStyle {
        self.colour.mix(0.35).stroke_width(1)
    }

    /// A marker at a point of any coordinate system.
    pub(super) fn marker<C, DB: DrawingBackend>(&self, at: C) -> Marker<C, DB> {
        let closed: Vec<(i32, i32)> = self.outline.iter().chain(self.outline.first()).copied().collect();
        let inside = if self.filled { self.colour } else { WHITE };
        EmptyElement::at(at)
            + Polygon::new(closed.clone(), inside.filled())
            + PathElement::new(closed, self.colour.stroke_width(1))
    }
}
