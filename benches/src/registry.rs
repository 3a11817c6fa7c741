//! Every detector in the comparison, one line each, in the order of the legends.

use crate::baselines as b;
use crate::detector::Spec;

/// What runs without being asked for.
pub const DETECTORS: &[Spec] = &[
    b::fixed::SPEC,
    b::normal::SPEC,
    b::empirical::SPEC,
];
