//! Every detector in the comparison, one line each, in the order of the legends.
//!
//! To add one: write its `SPEC` in a file of its own, and a line here.

use std::time::Duration;

use phi_detector::{Config, PhiDetector};

use crate::detector::{Detector, Link, Spec};
use crate::{ablation, baselines as b, ours};

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
    ours::spec("ours", "phi-detector (ours)", "this repository: docs/detector.md", |link, _| {
        calibrated(Config::new(interval(link)))
    }),
];

/// What runs with `--ablations`: the estimator with one part changed each, and the detector that is not told the interval.
pub const ABLATIONS: &[Spec] = &{
    let [a, b, c, d, e, f, g, h, i] = ablation::SPECS;
    let learning = ours::spec("ours-learning", "ours, interval learnt", "Config::learning()", |_, _| {
        calibrated(Config::learning())
    });
    [a, b, c, d, e, f, g, h, i, learning]
};

fn interval(link: &Link) -> Duration {
    Duration::from_nanos(link.interval_ns as u64).max(Duration::from_micros(1))
}

fn calibrated(config: Config) -> Box<dyn Detector> {
    // Settings are the defaults, and the interval of a trace, hours long at most, is within the range.
    #[allow(clippy::expect_used, reason = "the settings just above are valid")]
    let detector = PhiDetector::new(config).expect("defaults are valid");
    Box::new(ours::Accrual(detector))
}

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
