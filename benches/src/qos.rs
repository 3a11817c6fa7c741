//! Quality of service, after Chen, Toueg and Aguilera, *On the Quality of Service of Failure Detectors*, IEEE
//! Transactions on Computers 51(5), 2002, section 2: mistake rate, mistake duration, query accuracy, detection time.
//!
//! A *mistake* is a gap whose deadline passed before the heartbeat that ends it arrived.

use crate::bootstrap::{self, Interval};
use crate::replay::{BLOCKS_PER_HALF, Replay};

/// Crashes not detected within so many intervals count as never detected.
pub const NEVER_INTERVALS: f64 = 100.0;

/// Which part of a trace was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Everything after the warm-up.
    All,
    /// The first half of the gaps.
    First,
    /// The second half of the gaps.
    Second,
}

impl Segment {
    /// The word used in tables.
    pub fn word(self) -> &'static str {
        match self {
            Segment::All => "all",
            Segment::First => "first half",
            Segment::Second => "second half",
        }
    }

    /// Bootstrap blocks of this part.
    pub fn blocks(self) -> std::ops::Range<usize> {
        match self {
            Segment::All => 0..2 * BLOCKS_PER_HALF,
            Segment::First => 0..BLOCKS_PER_HALF,
            Segment::Second => BLOCKS_PER_HALF..2 * BLOCKS_PER_HALF,
        }
    }

    fn gaps(self, replay: &Replay) -> std::ops::Range<usize> {
        let all = replay.gaps();
        match self {
            Segment::All => all,
            Segment::First => all.start..replay.middle_gap,
            Segment::Second => replay.middle_gap..all.end,
        }
    }
}

/// How long after a crash the peer is suspected for good, in intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The mean over crash moments, those detected late included.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// One crash in a hundred takes longer.
    pub p99: f64,
    /// The longest of the sample.
    pub max: f64,
    /// The share not detected within [`NEVER_INTERVALS`].
    pub never: f64,
}

/// What one detector did on one trace at one setting of its knob.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Qos {
    /// Gaps judged.
    pub gaps: u64,
    /// Gaps with a mistake.
    pub mistakes: u64,
    /// Mistakes per gap.
    pub per_gap: f64,
    /// Of `per_gap`, 95 %.
    pub per_gap_interval: Interval,
    /// λ_M: mistakes per second.
    pub per_second: f64,
    /// T_M: the mean time in seconds that a mistake lasts; NaN without mistakes.
    pub mistake_seconds: f64,
    /// P_A: the share of time at which the answer is right.
    pub query_accuracy: f64,
    /// The mean time from an arrival to its deadline, in intervals; a deadline in the past counts as zero.
    pub timeout: f64,
    /// T_D.
    pub detection: Detection,
}

/// What a sweep adds up for one setting of the knob on one trace.
#[derive(Debug, Clone)]
pub struct Tally {
    halves: [Half; 2],
    mistakes_per_block: Vec<u32>,
    /// In intervals, in order of the replay's crashes.
    detections: Vec<f32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Half {
    mistakes: u64,
    suspected_ns: f64,
    timeout_ns: f64,
}

/// One gap with the deadline that was set at its beginning.
#[derive(Debug, Clone, Copy)]
pub struct Gap {
    /// The arrival at which the deadline was computed.
    pub from_ns: f64,
    /// The next fresh arrival.
    pub to_ns: f64,
    /// Which bootstrap block it belongs to.
    pub block: usize,
}

impl Tally {
    /// Nothing seen yet; room for `crashes` detection times.
    pub fn new(crashes: usize) -> Self {
        Self {
            halves: [Half::default(); 2],
            mistakes_per_block: vec![0; 2 * BLOCKS_PER_HALF],
            detections: Vec::with_capacity(crashes),
        }
    }

    /// Adds a gap under `deadline`.
    pub fn gap(&mut self, gap: Gap, deadline: f64) {
        let half = &mut self.halves[usize::from(gap.block >= BLOCKS_PER_HALF)];
        let from = deadline.max(gap.from_ns);
        half.timeout_ns += from - gap.from_ns;
        if deadline < gap.to_ns {
            half.mistakes += 1;
            half.suspected_ns += gap.to_ns - from;
            self.mistakes_per_block[gap.block] += 1;
        }
    }

    /// Adds the next crash's detection time, in intervals.
    pub fn detection(&mut self, intervals: f64) {
        self.detections.push(intervals as f32);
    }

    /// Mistakes in each bootstrap block.
    pub fn mistakes_per_block(&self) -> &[u32] {
        &self.mistakes_per_block
    }

    /// How many mistakes there were in a part of the trace.
    pub fn mistakes(&self, segment: Segment) -> u64 {
        self.sum(segment).mistakes
    }

    /// Turns the sums into metrics.
    pub fn qos(&self, replay: &Replay, segment: Segment, seed: u64) -> Qos {
        let range = segment.gaps(replay);
        let gaps = range.len() as u64;
        let time_ns =
            (replay.arrivals[range.end].received_ns - replay.arrivals[range.start].received_ns) as f64;
        let half = self.sum(segment);
        let blocks = segment.blocks();
        let gaps_per_block = &replay.gaps_per_block()[blocks.clone()];
        let (early, late) = self.detections.split_at(
            replay
                .crashes
                .partition_point(|crash| crash.last_arrival < replay.middle_gap)
                .min(self.detections.len()),
        );
        let detections = match segment {
            Segment::All => &self.detections[..],
            Segment::First => early,
            Segment::Second => late,
        };
        Qos {
            gaps,
            mistakes: half.mistakes,
            per_gap: half.mistakes as f64 / gaps as f64,
            per_gap_interval: bootstrap::rate(&self.mistakes_per_block[blocks], gaps_per_block, seed),
            per_second: half.mistakes as f64 / (time_ns * 1e-9),
            mistake_seconds: half.suspected_ns * 1e-9 / half.mistakes as f64,
            query_accuracy: 1.0 - half.suspected_ns / time_ns,
            timeout: half.timeout_ns / gaps as f64 / replay.link.interval_ns,
            detection: Detection::of(detections),
        }
    }

    fn sum(&self, segment: Segment) -> Half {
        let [first, second] = self.halves;
        match segment {
            Segment::First => first,
            Segment::Second => second,
            Segment::All => Half {
                mistakes: first.mistakes + second.mistakes,
                suspected_ns: first.suspected_ns + second.suspected_ns,
                timeout_ns: first.timeout_ns + second.timeout_ns,
            },
        }
    }
}

impl Detection {
    /// Of a sample of detection times in intervals; all NaN if it is empty.
    pub fn of(sample: &[f32]) -> Self {
        let nan = f64::NAN;
        if sample.is_empty() {
            return Self { mean: nan, p50: nan, p99: nan, max: nan, never: nan };
        }
        let n = sample.len();
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        // The least value not exceeded by a share q of the sample.
        let quantile = |q: f64| f64::from(sorted[((q * n as f64).ceil() as usize).clamp(1, n) - 1]);
        let never = sorted.len() - sorted.partition_point(|t| f64::from(*t) <= NEVER_INTERVALS);
        Self {
            mean: sample.iter().map(|t| f64::from(*t)).sum::<f64>() / n as f64,
            p50: quantile(0.5),
            p99: quantile(0.99),
            max: quantile(1.0),
            never: never as f64 / n as f64,
        }
    }
}

/// The geometric mean; NaN of nothing.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0.0), |(sum, count), x| (sum + x.ln(), count + 1.0));
    (sum / count).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_a_known_sample() {
        let sample: Vec<f32> = (1..=200).map(|i| i as f32).collect();
        let detection = Detection::of(&sample);
        assert_eq!(detection, Detection { mean: 100.5, p50: 100.0, p99: 198.0, max: 200.0, never: 0.5 });
        assert!(Detection::of(&[]).mean.is_nan());
    }

    #[test]
    fn geometric_mean_of_a_known_sample() {
        assert!((geometric_mean([1.0, 10.0, 100.0]) - 10.0).abs() < 1e-12);
        assert!(geometric_mean([]).is_nan());
    }
}
