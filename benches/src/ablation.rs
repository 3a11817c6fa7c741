//! This project's estimator once more, written for reading rather than for speed, with parts that can be taken out.
//!
//! It serves two ends. With every part in place it must agree with `phi_detector::PhiDetector`, which was written for
//! speed: a test holds the one against the other. And with one part changed, the same evaluation shows what that part is
//! worth, including parts that were tried and are *not* in the detector because they did not pay.
//!
//! Everything is `f64`, the curve is recomputed at every heartbeat, and memories fade at every heartbeat.

use std::cell::OnceCell;

use crate::detector::{Detector, Heartbeat, Link, Spec};
use crate::ours;

/// Lower edges of all bins but the first, in intervals: half octaves from 1/64 to 8, octaves to 512.
const EDGES: usize = 25;
const BINS: usize = EDGES + 1;
const FIRST_OCTAVE: usize = 18;
const SHAPE_STRENGTH: f64 = 5.0;
const SLOW_STRENGTH: f64 = 15.0;
const COLD_HEARTBEATS: f64 = 50.0;
const COLD_INDEX: f64 = 3.0;
const COLD_GRACE: f64 = 3.0;
const KNOTS: usize = 12;
const KNOT_UP_MAX: f64 = 1.5;
const KNOT_DOWN_MAX: f64 = 0.5;
const KNOT_GAP_MIN: f64 = 0.1;
/// Where lateness is cut off when it is: some systems leave out what they take for a failure.
const TRUNCATED_AT: f64 = 10.0;
/// Heartbeats over which the mean delay of the slow location is taken.
const SLOW_LOCATION: f64 = 1_000.0;
const LOSS_MEMORY: f64 = 2_000.0;
const BURST_MEMORY: f64 = 200.0;
/// Quarter octaves from 1/64 to 1,024 intervals.
const GRID: usize = 66;

/// Which parts are in place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Parts {
    fast_memory: Option<f64>,
    slow_memory: f64,
    /// The index of the tail may move with the data, from one to the other.
    index: (f64, f64),
    correction: bool,
    even_climb: bool,
    truncated: bool,
    slow_location: bool,
    loss_mixture: bool,
}

const WHOLE: Parts = Parts {
    fast_memory: Some(400.0),
    slow_memory: 100_000.0,
    index: (1.0, 1.5),
    correction: true,
    even_climb: false,
    truncated: false,
    slow_location: false,
    loss_mixture: false,
};

macro_rules! ablation {
    ($name:literal, $label:literal, $source:literal, $($part:ident: $value:expr),*) => {
        ours::spec($name, $label, $source, |link, _| Box::new(Model::new(link, Parts { $($part: $value,)* ..WHOLE })))
    };
}

/// The registry's lines.
pub const SPECS: [Spec; 9] = [
    ablation!("model", "model, whole", "the estimator of phi-detector in f64",),
    ablation!("no-correction", "without correction", "knots at rest", correction: false),
    ablation!("no-fast", "without the fast table", "memory 100,000 only", fast_memory: None),
    ablation!("no-slow", "without the slow table", "memory 2,000 only", fast_memory: None, slow_memory: 2_000.0),
    ablation!("no-tail", "without a fitted tail", "index fixed at 1", index: (1.0, 1.0)),
    ablation!("even-climb", "with an even climb", "φ in proportion within a bin", even_climb: true),
    ablation!("truncated", "with truncation", "later than 10 intervals is left out", truncated: true),
    ablation!("slow-location", "with a slow location", "mean delay of 1,000 (NFD-E)", slow_location: true),
    ablation!("loss-mixture", "with a loss mixture", "two-state chain of losses", loss_mixture: true),
];

#[derive(Debug, Clone)]
struct Table {
    counts: [f64; BINS],
    memory: f64,
}

impl Table {
    fn new(memory: f64) -> Self {
        Self { counts: [0.0; BINS], memory }
    }

    fn add(&mut self, bin: usize) {
        self.counts[bin] += 1.0;
        self.counts.iter_mut().for_each(|count| *count *= 1.0 - 1.0 / self.memory);
    }

    fn at_risk(&self) -> [f64; BINS + 1] {
        let mut at_risk = [0.0; BINS + 1];
        for bin in (0..BINS).rev() {
            at_risk[bin] = at_risk[bin + 1] + self.counts[bin];
        }
        at_risk
    }
}

/// Probability of a loss, and of one more after it.
#[derive(Debug, Clone, Copy, Default)]
struct Losses {
    first: f64,
    next: f64,
}

impl Losses {
    fn record(&mut self, lost: u64) {
        self.first += (f64::from(u8::from(lost > 0)) - self.first) / LOSS_MEMORY;
        for k in 1..=lost.min(50) {
            self.next += (f64::from(u8::from(k < lost)) - self.next) / BURST_MEMORY;
        }
    }
}

#[derive(Debug)]
struct Model {
    parts: Parts,
    interval_ns: f64,
    fast: Table,
    slow: Table,
    /// Uncorrected φ at the lower edge of every bin, and decades per octave beyond the last.
    curve: [f64; BINS],
    tail: f64,
    knots: [f64; KNOTS],
    losses: Losses,
    newest: Option<Heartbeat>,
    /// When the next is expected, and the mean delay behind a slow location.
    expected_ns: f64,
    offset_ns: Option<f64>,
    grid: OnceCell<[(f64, f64); GRID]>,
}

impl Model {
    fn new(link: &Link, parts: Parts) -> Self {
        let mut model = Self {
            parts,
            interval_ns: link.interval_ns,
            fast: Table::new(parts.fast_memory.unwrap_or(1.0)),
            slow: Table::new(parts.slow_memory),
            curve: [0.0; BINS],
            tail: 0.0,
            knots: std::array::from_fn(level),
            losses: Losses::default(),
            newest: None,
            expected_ns: 0.0,
            offset_ns: None,
            grid: OnceCell::new(),
        };
        model.redraw();
        model
    }

    fn redraw(&mut self) {
        let (slow, fast) = (self.slow.at_risk(), self.fast.at_risk());
        let weight = slow[0] / (slow[0] + COLD_HEARTBEATS);
        let mut index = 1.0_f64;
        for bin in 0..EDGES {
            let octaves = if bin < FIRST_OCTAVE + 1 { 0.5 } else { 1.0 };
            let cold = if edge(bin) <= COLD_GRACE { 1.0 } else { (-octaves * COLD_INDEX).exp2() };
            let prior = weight * (-octaves * index).exp2() + (1.0 - weight) * cold;
            let mut share = (slow[bin + 1] + SHAPE_STRENGTH * prior) / (slow[bin] + SHAPE_STRENGTH);
            index = (-share.log2() / octaves).clamp(self.parts.index.0, self.parts.index.1);
            if self.parts.fast_memory.is_some() {
                share = (fast[bin + 1] + SLOW_STRENGTH * share) / (fast[bin] + SLOW_STRENGTH);
            }
            self.curve[bin + 1] = self.curve[bin] - share.max(1e-6).log10();
        }
        let beyond = weight * (-index).exp2() + (1.0 - weight) * (-COLD_INDEX).exp2();
        self.tail = -beyond.log10();
    }

    /// Uncorrected φ at a lateness in intervals, without regard to losses.
    fn without_losses(&self, lateness: f64) -> f64 {
        let (bin, part) = place(lateness);
        if bin == EDGES {
            return self.curve[bin] + part * self.tail;
        }
        self.curve[bin] + part * self.climb(bin)
    }

    fn climb(&self, bin: usize) -> f64 {
        let growth = self.curve[bin + 1] - self.curve[bin];
        let octaves = if bin <= FIRST_OCTAVE { 0.5 } else { 1.0 };
        if self.parts.even_climb { growth } else { growth.min(octaves * 2_f64.log10()) }
    }

    fn uncorrected(&self, lateness: f64) -> f64 {
        if !self.parts.loss_mixture {
            return self.without_losses(lateness);
        }
        let survival = |lateness: f64| 10_f64.powf(-self.without_losses(lateness));
        let Losses { first, next } = self.losses;
        let mut sum = (1.0 - first) * survival(lateness);
        let mut weight = first;
        for lost in 1..=(lateness.floor().clamp(0.0, 100.0) as u32) {
            sum += weight * (1.0 - next) * survival(lateness - f64::from(lost));
            weight *= next;
        }
        -(sum + weight).min(1.0).log10()
    }

    fn lateness(&self, now_ns: f64) -> f64 {
        ((now_ns - self.expected_ns) / self.interval_ns).max(0.0)
    }

    fn learn(&mut self, heartbeat: &Heartbeat, before: &Heartbeat) {
        let lateness = self.lateness(heartbeat.received_ns as f64);
        if self.parts.correction {
            self.correct(self.uncorrected(lateness));
        }
        let lost = heartbeat.seq - before.seq - 1;
        self.losses.record(lost);
        let sample = if self.parts.loss_mixture { (lateness - lost as f64).max(0.0) } else { lateness };
        if !(self.parts.truncated && sample > TRUNCATED_AT) {
            let (bin, _) = place(sample);
            self.fast.add(bin);
            self.slow.add(bin);
        }
        self.redraw();
    }

    fn correct(&mut self, phi: f64) {
        for (index, knot) in self.knots.iter_mut().enumerate() {
            let level = level(index);
            let step = 0.1 * 10_f64.powf(-0.5 * (3.0 - level).max(0.0));
            *knot += step * (f64::from(u8::from(phi > *knot)) - 10_f64.powf(-level));
            let down = if index == 0 { KNOT_DOWN_MAX / 2.0 } else { KNOT_DOWN_MAX };
            *knot = knot.clamp(level - down, level + KNOT_UP_MAX);
        }
        for index in 1..KNOTS {
            self.knots[index] = self.knots[index].max(self.knots[index - 1] + KNOT_GAP_MIN);
        }
    }

    fn corrected(&self, phi: f64) -> f64 {
        let mut below = 0.0;
        for (index, &knot) in self.knots.iter().enumerate() {
            if phi <= knot {
                return 0.5 * (index as f64 + (phi - below) / (knot - below));
            }
            below = knot;
        }
        level(KNOTS - 1) + phi - below
    }

    fn uncorrected_of(&self, corrected: f64) -> f64 {
        let mut below = 0.0;
        for (index, &knot) in self.knots.iter().enumerate() {
            if corrected <= level(index) {
                return below + (corrected / 0.5 - index as f64) * (knot - below);
            }
            below = knot;
        }
        below + corrected - level(KNOTS - 1)
    }

    /// The lateness, in intervals, at which the uncorrected φ reaches `phi`.
    fn lateness_of(&self, phi: f64) -> f64 {
        for bin in 0..EDGES {
            let climb = self.climb(bin);
            if phi <= self.curve[bin] {
                return edge(bin);
            }
            if phi <= self.curve[bin] + climb {
                return edge(bin) + (edge(bin + 1) - edge(bin)) * (phi - self.curve[bin]) / climb;
            }
        }
        let octaves = (phi - self.curve[EDGES]) / self.tail;
        edge(EDGES) * octaves.floor().exp2() * (1.0 + octaves.fract())
    }

    /// The same where losses are mixed in, which has no closed form: read off a grid of a few dozen points, drawn once per
    /// heartbeat, with straight lines between them.
    fn lateness_on_grid(&self, phi: f64) -> f64 {
        let grid = self.grid.get_or_init(|| {
            let lateness = |point: usize| if point == 0 { 0.0 } else { (point as f64 / 4.0 - 6.25).exp2() };
            std::array::from_fn(|point| (lateness(point), self.uncorrected(lateness(point))))
        });
        let above = grid.partition_point(|&(_, at)| at < phi);
        if above == 0 {
            return 0.0;
        }
        let (low, high) = (grid[above - 1], grid.get(above).copied());
        // Beyond the grid as steeply as at its end.
        let (from, to) = high.map_or((grid[GRID - 2], grid[GRID - 1]), |high| (low, high));
        let slope = (to.0 - from.0) / (to.1 - from.1).max(1e-9);
        low.0 + (phi - low.1) * slope
    }

    fn expect_next(&mut self, heartbeat: &Heartbeat) {
        let received_ns = heartbeat.received_ns as f64;
        if !self.parts.slow_location {
            self.expected_ns = received_ns + self.interval_ns;
            return;
        }
        let offset_ns = received_ns - heartbeat.seq as f64 * self.interval_ns;
        let mean_ns = self.offset_ns.map_or(offset_ns, |mean| mean + (offset_ns - mean) / SLOW_LOCATION);
        self.offset_ns = Some(mean_ns);
        self.expected_ns = mean_ns + (heartbeat.seq + 1) as f64 * self.interval_ns;
    }
}

impl Detector for Model {
    fn arrive(&mut self, heartbeat: &Heartbeat) {
        if let Some(before) = self.newest.replace(*heartbeat) {
            self.learn(heartbeat, &before);
        }
        self.expect_next(heartbeat);
        self.grid = OnceCell::new();
    }

    fn deadline(&self, phi: f64) -> f64 {
        let phi = self.uncorrected_of(phi);
        let lateness =
            if self.parts.loss_mixture { self.lateness_on_grid(phi) } else { self.lateness_of(phi) };
        self.expected_ns + lateness * self.interval_ns
    }

    fn score(&self, now_ns: f64) -> f64 {
        self.corrected(self.uncorrected(self.lateness(now_ns)))
    }
}

fn level(index: usize) -> f64 {
    0.5 * (index as f64 + 1.0)
}

/// The lower edge of `bin`, in intervals.
fn edge(bin: usize) -> f64 {
    match bin {
        0 => 0.0,
        bin if bin <= FIRST_OCTAVE + 1 => ((bin - 1) as f64 / 2.0).exp2() / 64.0,
        bin => 8.0 * ((bin - FIRST_OCTAVE - 1) as f64).exp2(),
    }
}

/// The bin of a lateness and how far into it, linear in time; beyond the last edge, in octaves.
fn place(lateness: f64) -> (usize, f64) {
    let last = edge(EDGES);
    if lateness >= last {
        let octaves = (lateness / last).log2().floor();
        return (EDGES, octaves + lateness / last / octaves.exp2() - 1.0);
    }
    let bin = (1..EDGES).rev().find(|&bin| lateness >= edge(bin)).unwrap_or(0);
    (bin, (lateness - edge(bin)) / (edge(bin + 1) - edge(bin)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use phi_detector::{Config, PhiDetector};
    use std::time::Duration;

    const LINK: Link = Link { interval_ns: 1e9 };

    /// Arrivals of a link with jitter, losses and Pareto pauses.
    fn arrivals(n: u64) -> impl Iterator<Item = Heartbeat> {
        let (mut state, mut now) = (1_u64, 0.0);
        let mut seq = 0;
        (0..n).map(move |_| {
            let mut uniform = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1_u64 << 53) as f64
            };
            let lost = if uniform() < 0.01 { 1 + (uniform() * 3.0) as u64 } else { 0 };
            seq += 1 + lost;
            now += 1e9 * (1 + lost) as f64 + 1e7 * (1.0 - uniform()).powf(-0.8);
            Heartbeat { seq, sent_ns: 0, received_ns: now as u64 }
        })
    }

    #[test]
    fn the_whole_model_agrees_with_the_detector_that_was_written_for_speed() {
        let mut model = Model::new(&LINK, WHOLE);
        let mut fast = ours::Accrual(PhiDetector::new(Config::new(Duration::from_secs(1))).unwrap());
        let mut furthest = 0.0_f64;
        for (i, heartbeat) in arrivals(30_000).enumerate() {
            model.arrive(&heartbeat);
            fast.arrive(&heartbeat);
            // The detector brings its curve up to date every sixteenth time only.
            if i > 1_000 && i % 97 == 0 {
                for silence in [1.005, 1.1, 1.9, 3.0, 10.0, 100.0] {
                    let now_ns = heartbeat.received_ns as f64 + silence * 1e9;
                    furthest = furthest.max((model.score(now_ns) - fast.score(now_ns)).abs());
                }
            }
        }
        assert!(furthest < 0.25, "{furthest} decades apart");
    }

    #[test]
    fn deadline_and_score_agree_whichever_part_is_missing() {
        for spec in SPECS {
            let mut detector = (spec.build)(&LINK, 0.0);
            for heartbeat in arrivals(3_000) {
                detector.arrive(&heartbeat);
            }
            for phi in [0.5, 1.0, 2.0, 3.0, 5.0, 9.0] {
                let deadline = detector.deadline(phi);
                // A grid smooths over the jumps at the edges of bins, and ends somewhere.
                let on_grid = spec.name == "loss-mixture";
                if on_grid && phi > 5.0 {
                    continue;
                }
                let tolerance = if on_grid { 0.3 } else { 1e-4 };
                let score = detector.score(deadline + 1e4);
                assert!(score >= phi - tolerance, "{}: {score} at the deadline of {phi}", spec.name);
                let before = detector.score(deadline - 1e6);
                assert!(before <= phi + tolerance, "{}: {before} before the deadline of {phi}", spec.name);
            }
        }
    }

    #[test]
    fn each_ablation_differs_from_the_whole() {
        let final_scores = |spec: &Spec| {
            let mut detector = (spec.build)(&LINK, 0.0);
            let last = arrivals(3_000).inspect(|heartbeat| detector.arrive(heartbeat)).last();
            let last_ns = last.map_or(0.0, |heartbeat| heartbeat.received_ns as f64);
            [1.013, 1.2, 2.1, 5.3, 30.0, 3e3].map(|silence| detector.score(last_ns + silence * 1e9).to_bits())
        };
        let whole = final_scores(&SPECS[0]);
        for spec in &SPECS[1..] {
            assert_ne!(final_scores(spec), whole, "{}", spec.name);
        }
    }
}
