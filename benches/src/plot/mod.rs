//! What pictures share: sheets with a legend, logarithmic axes, colours and markers. They become SVG, drawn with lines,
//! polygons and text only.
//!
//! Colours are those of Okabe and Ito (2008), which stay distinct under colour blindness; every line also has a marker.

pub(crate) mod axis;
pub(crate) mod frame;
pub(crate) mod style;

use plotters::prelude::*;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
pub(crate) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;
