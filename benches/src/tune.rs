//! The smallest knob that keeps the mistakes of a trace within a budget.

use crate::detector::Spec;
use crate::qos::{Segment, Tally};
use crate::replay::Replay;
use crate::sweep;

/// Halvings of the bracket between two points of the grid, for detectors that need a replay per setting.
const BISECTIONS: u32 = 6;

/// What must be known of a detector on a trace to choose its knob.
#[derive(Debug, Clone)]
pub struct Tuning {
    all: Curve,
    first: Curve,
}

/// How mistakes fall as the knob grows, over some part of a trace.
#[derive(Debug, Clone)]
enum Curve {
    /// The score at each arrival, greatest first: a knob makes as many mistakes as scores exceed it.
    Scores(Vec<f64>),
    /// The mistakes at each knob of a grid.
    Grid { knobs: Vec<f64>, mistakes: Vec<usize>, gaps: usize },
}

impl Tuning {
    /// From the [scores](sweep::scores) of a detector whose knob does not change what it learns.
    pub fn from_scores(replay: &Replay, scores: &[f64]) -> Self {
        let first = &scores[..replay.middle_gap - replay.first_gap];
        Self { all: Curve::of_scores(scores), first: Curve::of_scores(first) }
    }

    /// From the [runs](sweep::run) at each knob of a grid, for any detector.
    pub fn from_grid(replay: &Replay, knobs: &[f64], tallies: &[Tally]) -> Self {
        let curve = |segment, gaps| Curve::Grid {
            knobs: knobs.to_vec(),
            mistakes: tallies.iter().map(|tally| tally.mistakes(segment) as usize).collect(),
            gaps,
        };
        let half = replay.middle_gap - replay.first_gap;
        Self { all: curve(Segment::All, replay.gaps().len()), first: curve(Segment::First, half) }
    }

    /// The smallest knob from which on there are at most `budget` mistakes per gap in `segment`; `None` if no finite
    /// one does. The second half is not for tuning: asked for it, this answers for the first.
    pub fn knob(&self, spec: &Spec, replay: &Replay, segment: Segment, budget: f64) -> Option<f64> {
        let (curve, gaps) = match segment {
            Segment::All => (&self.all, replay.gaps().len()),
            Segment::First | Segment::Second => (&self.first, replay.middle_gap - replay.first_gap),
        };
        let within =
            |knob: f64, allowed: usize| count(&sweep::mistakes(spec, replay, knob)[..gaps]) <= allowed;
        curve.knob(budget, within)
    }
}

impl Curve {
    fn of_scores(scores: &[f64]) -> Self {
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        Curve::Scores(sorted)
    }

    fn knob(&self, budget: f64, within: impl Fn(f64, usize) -> bool) -> Option<f64> {
        match self {
            Curve::Scores(sorted) => {
                let score = *sorted.get(allowed(budget, sorted.len()))?;
                // A hair above, so that the rounding of a deadline cannot bring the mistake back.
                score.is_finite().then_some(score + 1e-6 * score.abs().max(1e-3))
            }
            Curve::Grid { knobs, mistakes, gaps } => {
                let allowed = allowed(budget, *gaps);
                let Some(last_bad) = mistakes.iter().rposition(|m| *m > allowed) else {
                    return knobs.first().copied();
                };
                let mut bad = knobs[last_bad];
                let mut good = *knobs.get(last_bad + 1)?;
                for _ in 0..BISECTIONS {
                    let middle = (bad * good).sqrt();
                    if within(middle, allowed) { good = middle } else { bad = middle }
                }
                Some(good)
            }
        }
    }
}

/// Whole mistakes that a rate allows; rounded down, but not by the last bit of a product.
fn allowed(budget: f64, gaps: usize) -> usize {
    (budget * gaps as f64 + 1e-9) as usize
}

fn count(mistakes: &[bool]) -> usize {
    mistakes.iter().filter(|mistake| **mistake).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::fixed;
    use crate::trace::{Nature, Row, Trace};

    /// Ten gaps: eight of 10 ns, then 50 and 30.
    fn replay() -> Replay {
        let arrivals = [0u64, 10, 20, 30, 40, 50, 60, 70, 80, 130, 160];
        let rows =
            (0..).zip(arrivals).map(|(seq, at)| Row { seq, sent_ns: at, received_ns: Some(at) }).collect();
        let trace = Trace { name: "hand".into(), nature: Nature::Recorded, rows, nominal_ns: None };
        Replay::with_warm_up(&trace, 1, 2, 0, 1).unwrap()
    }

    fn from_grid(replay: &Replay, knobs: &[f64]) -> Tuning {
        Tuning::from_grid(replay, knobs, &sweep::run(&fixed::SPEC, replay, knobs))
    }

    #[test]
    fn both_ways_find_the_score_of_the_first_mistake_too_many() {
        let replay = replay();
        let spec = fixed::SPEC;
        let by_scores = Tuning::from_scores(&replay, &sweep::scores(&spec, &replay, 1.0));
        let by_grid = from_grid(&replay, &spec.knob.grid(20));
        for (budget, wanted) in [(0.0, 5.0), (0.1, 3.0), (0.2, 1.0)] {
            let exact = by_scores.knob(&spec, &replay, Segment::All, budget).unwrap();
            assert!((exact / wanted - 1.0).abs() < 1e-5, "{budget}: {exact}");
            let found = by_grid.knob(&spec, &replay, Segment::All, budget).unwrap();
            assert!((found / wanted - 1.0).abs() < 0.01 && found >= wanted, "{budget}: {found}");
        }
        let first = by_scores.knob(&spec, &replay, Segment::First, 0.0).unwrap();
        assert!((first - 1.0).abs() < 1e-5, "the first five gaps are all of one interval");
    }

    #[test]
    fn an_unreachable_budget_is_no_knob() {
        let replay = replay();
        let spec = fixed::SPEC;
        assert_eq!(from_grid(&replay, &[1.0, 2.0]).knob(&spec, &replay, Segment::All, 0.0), None);
        let endless = Tuning::from_scores(&replay, &[f64::INFINITY; 10]);
        assert_eq!(endless.knob(&spec, &replay, Segment::All, 0.0), None);
        assert_eq!(
            endless.knob(&spec, &replay, Segment::All, 1.0),
            None,
            "every gap may be a mistake: no knob needed"
        );
    }

    #[test]
    fn budgets_are_whole_mistakes() {
        assert_eq!(allowed(1e-3, 1_000), 1);
        assert_eq!(allowed(1e-3, 999), 0);
        assert_eq!(allowed(0.1, 30), 3);
    }
}
