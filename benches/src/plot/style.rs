//! Colours and markers.

use plotters::element::ComposedElement;
use plotters::prelude::*;

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

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colour: RGBColor,
    outline: Outline,
    filled: bool,
    width: u32,
}

impl Style {
    /// What others are compared with.
    pub(crate) const OWN: Self = Self { colour: BLACK, outline: SHAPES[2], filled: true, width: 4 };

    /// One of many, by its place among them.
    pub(crate) fn nth(index: usize) -> Self {
        Self {
            colour: COLOURS[index % COLOURS.len()],
            outline: SHAPES[index % SHAPES.len()],
            filled: index < COLOURS.len(),
            width: 2,
        }
    }

    /// The same with a broader line.
    pub(crate) fn bold(self) -> Self {
        Self { width: 3, ..self }
    }

    pub(crate) fn line(&self) -> ShapeStyle {
        self.colour.stroke_width(self.width)
    }

    pub(crate) fn thin(&self) -> ShapeStyle {
        self.colour.mix(0.35).stroke_width(1)
    }

    /// A marker at a point of any coordinate system.
    pub(crate) fn marker<C, DB: DrawingBackend>(&self, at: C) -> Marker<C, DB> {
        let closed: Vec<(i32, i32)> = self.outline.iter().chain(self.outline.first()).copied().collect();
        let inside = if self.filled { self.colour } else { WHITE };
        EmptyElement::at(at)
            + Polygon::new(closed.clone(), inside.filled())
            + PathElement::new(closed, self.colour.stroke_width(1))
    }
}
