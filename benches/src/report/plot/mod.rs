//! The four pictures; every detector has its own colour and marker, the same in all of them.

mod calibration;
mod detectors;
mod halves;
mod one_threshold;
mod per_link;

pub(super) use calibration::draw as calibration;
pub(super) use halves::draw as halves;
pub(super) use one_threshold::draw as one_threshold;
pub(super) use per_link::draw as per_link;
