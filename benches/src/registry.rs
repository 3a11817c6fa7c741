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
    b::akka::IN_LOGARITHMS,
    b::cassandra::SPEC,
    b::chitchat::SPEC,
    b::empirical::SPEC,
    b::cantelli::SPEC,
    b::published_phi_accrual::SPEC,
    b::published_phi_detector::SPEC,
];

/// This project's own detector with one part taken out each; they run with `--ablations`.
///
/// None yet, as there is no detector of its own yet.
pub const ABLATIONS: &[Spec] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_fit_a_command_line_and_a_csv_cell() {
        let mut names: Vec<&str> = DETECTORS.iter().chain(ABLATIONS).map(|spec| spec.name).collect();
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')),
            "{names:?}"
        );
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_sweep_covers_the_default() {
        for spec in DETECTORS.iter().chain(ABLATIONS) {
            let knob = spec.knob;
            assert!(knob.min > 0.0 && (knob.min..=knob.max).contains(&knob.default), "{}", spec.name);
        }
    }
}
