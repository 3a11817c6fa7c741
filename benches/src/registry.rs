//! Every detector in the comparison, one line each, in the order of the legends.
//!
//! To add one: write its `SPEC` in a file of its own, and a line here.

use crate::baselines as b;
use crate::detector::Spec;

/// What runs without being asked for.
pub const DETECTORS: &[Spec] = &[
    b::fixed::SPEC,
    b::chen::SPEC,
    b::bertier::SPEC,
    b::two_window::SPEC,
    b::normal::SPEC,
    b::akka::SPEC,
    b::akka::WITHOUT_PAUSE,
    b::cassandra::SPEC,
    b::chitchat::SPEC,
    b::empirical::SPEC,
    b::cantelli::SPEC,
    b::published_phi_accrual::SPEC,
    b::published_phi_detector::SPEC,
];

/// This project's own detector with one part taken out each; they run with `--ablations`.
pub const ABLATIONS: &[Spec] = &[];
