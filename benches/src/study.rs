//! The whole comparison: every detector on every trace, tuned and swept.
//!
//! For each detector two passes over the traces. The first learns which knobs meet which budgets, and how calibrated
//! φ is; the second measures quality of service at those knobs and over the grid.

use crate::calibration::{self, Counts, Level};
use crate::detector::{Claim, Spec};
use crate::parallel;
use crate::qos::{Qos, Segment, Tally, geometric_mean};
use crate::replay::Replay;
use crate::sweep;
use crate::trace::Nature;
use crate::tune::Tuning;

/// Mistakes per gap that the headline table asks for.
pub const BUDGETS: [f64; 3] = [1e-2, 1e-3, 1e-4];
/// Mistakes per gap that are tuned for on the first half of each trace.
pub const HALF_BUDGETS: [f64; 7] = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4];
/// A half with fewer mistakes allowed than this cannot be tuned on.
const HALF_MISTAKES_MIN: f64 = 3.0;

/// How much work to do.
#[derive(Debug, Clone)]
pub struct Effort {
    /// The rate the advice is for, in mistakes per gap.
    pub budget: f64,
    /// Points of each detector's sweep.
    pub grid_points: usize,
    /// Decides the bootstrap's draws.
    pub seed: u64,
}

/// Why a knob was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// A point of the sweep.
    Grid,
    /// The one knob that keeps every long trace of the same nature within the budget.
    OneForAll(f64),
    /// The knob that keeps this trace within the budget.
    Tuned(f64),
    /// The knob that keeps the first half of this trace within the budget.
    TunedOnFirst(f64),
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Index into [`Study::replays`].
    pub trace: usize,
    /// Why this knob.
    pub origin: Origin,
    /// Which part was judged.
    pub segment: Segment,
    /// The setting.
    pub knob: f64,
    /// What it did.
    pub qos: Qos,
}

/// The single knob for all traces of one nature.
#[derive(Debug, Clone, Copy)]
pub struct OneForAll {
    /// Recorded or synthetic.
    pub nature: Nature,
    /// Mistakes per gap that no trace may exceed.
    pub budget: f64,
    /// The knob; `None` if none in the detector's range does it.
    pub knob: Option<f64>,
    /// Geometric mean over traces of the mean timeout, in intervals.
    pub timeout: f64,
    /// Geometric mean over traces of the mean detection time, in intervals.
    pub detection: f64,
}

/// Calibration of one detector.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// Per trace, by index into [`Study::replays`].
    pub traces: Vec<Vec<Level>>,
    /// All recorded traces together.
    pub pooled: Vec<Level>,
}

/// All about one detector.
#[derive(Debug)]
pub struct Outcome {
    /// The detector.
    pub spec: Spec,
    /// Every measurement.
    pub points: Vec<Point>,
    /// The single knobs.
    pub one_for_all: Vec<OneForAll>,
    /// `None` if its knob claims no probability.
    pub calibration: Option<Calibration>,
}

/// All about everything.
#[derive(Debug)]
pub struct Study {
    /// The traces.
    pub replays: Vec<Replay>,
    /// The detectors, in the order given.
    pub outcomes: Vec<Outcome>,
    /// How much work was done.
    pub effort: Effort,
}

impl Study {
    /// Runs every detector on every trace; `progress` is called after each of the [`steps`](Self::steps).
    pub fn run(specs: &[Spec], replays: Vec<Replay>, effort: Effort, progress: &(dyn Fn() + Sync)) -> Self {
        let outcomes = specs.iter().map(|spec| outcome(spec, &replays, &effort, progress)).collect();
        Self { replays, outcomes, effort }
    }

    /// How often `progress` will be called.
    pub fn steps(detectors: usize, traces: usize) -> u64 {
        2 * detectors as u64 * traces as u64
    }

    /// Traces long enough for the tables, of one nature.
    pub fn long(&self, nature: Nature) -> impl Iterator<Item = usize> {
        long(&self.replays, nature)
    }

    /// Whether the first half of a trace is long enough to be tuned on for this budget.
    pub fn can_tune_on_half(&self, trace: usize, budget: f64) -> bool {
        can_tune_on_half(&self.replays[trace], budget)
    }

    /// The budgets of the tables: the usual ones and the one asked for.
    pub fn budgets(&self) -> Vec<f64> {
        self.effort.budgets()
    }
}

impl Effort {
    fn budgets(&self) -> Vec<f64> {
        let mut budgets = BUDGETS.to_vec();
        if !budgets.iter().any(|b| (b / self.budget - 1.0).abs() < 1e-9) {
            budgets.push(self.budget);
        }
        budgets.sort_by(|a, b| b.total_cmp(a));
        budgets
    }
}

/// What the first pass learns of a detector on one trace.
struct Learnt {
    tuned: Vec<(f64, Option<f64>)>,
    tuned_on_first: Vec<(f64, Option<f64>)>,
    counts: Option<Counts>,
    /// Runs over the grid, where tuning needed them already.
    grid: Option<Vec<Tally>>,
}

fn outcome(spec: &Spec, replays: &[Replay], effort: &Effort, progress: &(dyn Fn() + Sync)) -> Outcome {
    let gaps_total = replays.iter().map(|replay| replay.gaps().len() as u64).sum();
    let levels_max = calibration::levels(gaps_total, f64::INFINITY).count();
    let cost: Vec<usize> = replays.iter().map(|replay| replay.arrivals.len()).collect();
    let learnt = parallel::map(&cost, |trace| {
        let learnt = learn(spec, &replays[trace], effort, levels_max);
        progress();
        learnt
    });
    let mut one_for_all: Vec<OneForAll> = [Nature::Recorded, Nature::Synthetic]
        .into_iter()
        .flat_map(|nature| shared_knobs(replays, &learnt, nature, effort))
        .collect();
    let points: Vec<Point> = parallel::map(&cost, |trace| {
        let points = measure(spec, trace, &replays[trace], &learnt[trace], &one_for_all, effort);
        progress();
        points
    })
    .concat();
    for one in &mut one_for_all {
        let of = |metric: fn(&Qos) -> f64| {
            geometric_mean(long(replays, one.nature).filter_map(|trace| {
                let origin = Origin::OneForAll(one.budget);
                points.iter().find(|p| p.trace == trace && p.origin == origin).map(|p| metric(&p.qos))
            }))
        };
        (one.timeout, one.detection) = (of(|qos| qos.timeout), of(|qos| qos.detection.mean));
    }
    let calibration = calibration_of(spec, replays, &learnt, effort.seed);
    Outcome { spec: *spec, points, one_for_all, calibration }
}

/// For each budget that some trace is long enough for, the knob that the worst trace needs.
fn shared_knobs(replays: &[Replay], learnt: &[Learnt], nature: Nature, effort: &Effort) -> Vec<OneForAll> {
    let budgets = effort.budgets().into_iter().enumerate();
    budgets
        .filter(|(_, budget)| judged(replays, nature, *budget).next().is_some())
        .map(|(which, budget)| {
            let knob = judged(replays, nature, budget)
                .map(|trace| learnt[trace].tuned[which].1)
                .try_fold(f64::NEG_INFINITY, |greatest, knob| knob.map(|knob| greatest.max(knob)));
            OneForAll { nature, budget, knob, timeout: f64::NAN, detection: f64::NAN }
        })
        .collect()
}

fn long(replays: &[Replay], nature: Nature) -> impl Iterator<Item = usize> {
    let wanted = move |replay: &Replay| replay.is_long() && replay.nature == nature;
    replays.iter().enumerate().filter(move |(_, replay)| wanted(replay)).map(|(index, _)| index)
}

fn can_tune_on_half(replay: &Replay, budget: f64) -> bool {
    let half = (replay.middle_gap - replay.first_gap) as f64;
    replay.is_long() && budget * half >= HALF_MISTAKES_MIN
}

/// The long traces of one nature with so many gaps that `budget` allows them a mistake at all.
fn judged(replays: &[Replay], nature: Nature, budget: f64) -> impl Iterator<Item = usize> {
    long(replays, nature).filter(move |trace| budget * replays[*trace].gaps().len() as f64 >= 1.0)
}

fn learn(spec: &Spec, replay: &Replay, effort: &Effort, levels_max: usize) -> Learnt {
    let claims = matches!(spec.claim, Claim::Phi { .. });
    let scores =
        if claims || !spec.feedback { sweep::scores(spec, replay, spec.knob.default) } else { Vec::new() };
    let counts = claims.then(|| Counts::of(replay, &scores, levels_max));
    let knobs = spec.knob.grid(effort.grid_points);
    let grid = spec.feedback.then(|| sweep::run(spec, replay, &knobs));
    let tuning = match &grid {
        Some(tallies) => Tuning::from_grid(replay, &knobs, tallies),
        None => Tuning::from_scores(replay, &scores),
    };
    let on = |segment, budget| (budget, tuning.knob(spec, replay, segment, budget));
    Learnt {
        tuned: effort.budgets().into_iter().map(|budget| on(Segment::All, budget)).collect(),
        tuned_on_first: HALF_BUDGETS
            .into_iter()
            .filter(|budget| can_tune_on_half(replay, *budget))
            .map(|budget| on(Segment::First, budget))
            .collect(),
        counts,
        grid,
    }
}

/// Knobs chosen for a reason, beyond the grid.
fn chosen(replay: &Replay, learnt: &Learnt, one_for_all: &[OneForAll]) -> Vec<(Origin, f64)> {
    let tuned = learnt.tuned.iter().map(|(budget, knob)| (Origin::Tuned(*budget), *knob));
    let halves = learnt.tuned_on_first.iter().map(|(budget, knob)| (Origin::TunedOnFirst(*budget), *knob));
    let shared = one_for_all
        .iter()
        .filter(|one| one.nature == replay.nature)
        .map(|one| (Origin::OneForAll(one.budget), one.knob));
    tuned.chain(halves).chain(shared).filter_map(|(origin, knob)| Some((origin, knob?))).collect()
}

fn measure(
    spec: &Spec,
    trace: usize,
    replay: &Replay,
    learnt: &Learnt,
    one_for_all: &[OneForAll],
    effort: &Effort,
) -> Vec<Point> {
    let grid = spec.knob.grid(effort.grid_points).into_iter().map(|knob| (Origin::Grid, knob));
    let knobs: Vec<(Origin, f64)> = grid.chain(chosen(replay, learnt, one_for_all)).collect();
    let known = learnt.grid.as_deref().unwrap_or_default();
    let values: Vec<f64> = knobs[known.len()..].iter().map(|(_, knob)| *knob).collect();
    let tallies = sweep::run(spec, replay, &values);
    let mut points = Vec::with_capacity(knobs.len());
    for ((origin, knob), tally) in knobs.iter().zip(known.iter().chain(&tallies)) {
        let segments: &[Segment] = match origin {
            Origin::TunedOnFirst(_) => &[Segment::First, Segment::Second],
            _ => &[Segment::All],
        };
        points.extend(segments.iter().map(|segment| Point {
            trace,
            origin: *origin,
            segment: *segment,
            knob: *knob,
            qos: tally.qos(replay, *segment, effort.seed),
        }));
    }
    points
}

fn calibration_of(spec: &Spec, replays: &[Replay], learnt: &[Learnt], seed: u64) -> Option<Calibration> {
    let Claim::Phi { phi_max } = spec.claim else { return None };
    let traces = learnt
        .iter()
        .map(|learnt| learnt.counts.as_ref().map(|counts| counts.judge(phi_max, seed)).unwrap_or_default())
        .collect();
    let recorded = replays.iter().zip(learnt).filter(|(replay, _)| replay.nature == Nature::Recorded);
    let pool = Counts::pool(recorded.filter_map(|(_, learnt)| learnt.counts.as_ref()));
    Some(Calibration { traces, pooled: pool.map(|pool| pool.judge(phi_max, seed)).unwrap_or_default() })
}
