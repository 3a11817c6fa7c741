//! The four pictures as SVG, drawn with lines, polygons and text only.
//!
//! Colours are those of Okabe and Ito (2008), which stay distinct under colour blindness; every detector also has a
//! marker of its own, the same in all pictures.

mod axis;
mod calibration;
mod frame;
mod halves;
mod one_threshold;
mod per_link;
mod style;

pub(super) use calibration::draw as calibration;
pub(super) use halves::draw as halves;
pub(super) use one_threshold::draw as one_threshold;
pub(super) use per_link::draw as per_link;

use plotters::prelude::*;

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;
