//! Many traces to one curve.

use crate::qos::{Qos, Segment, geometric_mean};
use crate::study::{HALF_BUDGETS, Origin, Outcome, Point, Study};
use crate::trace::Nature;

/// One setting on all long traces of one nature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared {
    pub(super) knob: f64,
    /// Mistakes per gap on the trace with most.
    pub(super) worst_rate: f64,
    /// Which trace that is.
    pub(super) worst_trace: usize,
    /// Geometric means over traces, in intervals.
    pub(super) timeout: f64,
    pub(super) detection: f64,
}

/// The sweep of one detector, each setting on all long traces of `nature`, in order of the knob.
pub(super) fn shared(study: &Study, outcome: &Outcome, nature: Nature) -> Vec<Shared> {
    let traces: Vec<usize> = study.long(nature).collect();
    let mut grid: Vec<&Point> =
        outcome.points.iter().filter(|p| p.origin == Origin::Grid && traces.contains(&p.trace)).collect();
    grid.sort_by(|a, b| a.knob.total_cmp(&b.knob));
    grid.chunk_by(|a, b| a.knob == b.knob).filter_map(one_setting).collect()
}

fn one_setting(points: &[&Point]) -> Option<Shared> {
    let worst = points.iter().max_by(|a, b| a.qos.per_gap.total_cmp(&b.qos.per_gap))?;
    let mean = |metric: fn(&Qos) -> f64| geometric_mean(points.iter().map(|p| metric(&p.qos)));
    Some(Shared {
        knob: worst.knob,
        worst_rate: worst.qos.per_gap,
        worst_trace: worst.trace,
        timeout: mean(|qos| qos.timeout),
        detection: mean(|qos| qos.detection.mean),
    })
}

/// A budget met on the first halves of the long recorded traces, and what came of it on the second halves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) budget: f64,
    /// Traces whose first half is long enough to be tuned on.
    pub(super) traces: usize,
    /// Mistakes per gap on the second halves: mean over traces, and the worst.
    pub(super) mean_rate: f64,
    pub(super) worst_rate: f64,
    pub(super) worst_trace: usize,
    /// Geometric means over the second halves, in intervals.
    pub(super) timeout: f64,
    pub(super) detection: f64,
}

/// For each budget that at least half of the long recorded traces can be tuned for. Where no knob of the detector meets
/// it on one of those there is no entry: leaving out just the hardest trace would flatter.
pub(super) fn judged(study: &Study, outcome: &Outcome) -> Vec<Judged> {
    HALF_BUDGETS.iter().filter_map(|budget| judged_at(study, outcome, *budget)).collect()
}

fn judged_at(study: &Study, outcome: &Outcome, budget: f64) -> Option<Judged> {
    let long: Vec<usize> = study.long(Nature::Recorded).collect();
    let tunable = long.iter().filter(|trace| study.can_tune_on_half(**trace, budget)).count();
    let points: Vec<&Point> = outcome
        .points
        .iter()
        .filter(|p| p.origin == Origin::TunedOnFirst(budget) && p.segment == Segment::Second)
        .filter(|p| study.replays[p.trace].nature == Nature::Recorded)
        .collect();
    if points.len() < tunable || 2 * tunable < long.len() {
        return None;
    }
    let worst = points.iter().max_by(|a, b| a.qos.per_gap.total_cmp(&b.qos.per_gap))?;
    let mean = |metric: fn(&Qos) -> f64| geometric_mean(points.iter().map(|p| metric(&p.qos)));
    Some(Judged {
        budget,
        traces: points.len(),
        mean_rate: points.iter().map(|p| p.qos.per_gap).sum::<f64>() / points.len() as f64,
        worst_rate: worst.qos.per_gap,
        worst_trace: worst.trace,
        timeout: mean(|qos| qos.timeout),
        detection: mean(|qos| qos.detection.mean),
    })
}
