//! Does φ keep its promise? How often φ at arrival exceeded k, beside the 10^-k that it stands for.

use crate::bootstrap::{self, Interval};
use crate::replay::{BLOCKS_PER_HALF, Replay};

/// Distance between the levels looked at.
const STEP: f64 = 0.5;
/// At the highest level looked at, this many events are promised.
const EXPECTED_EVENTS_MIN: f64 = 20.0;

/// Counts of one detector on one trace, kept by bootstrap block.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    trials_per_block: Vec<u32>,
    /// For each level 0.5, 1.0, …
    exceeded_per_block: Vec<Vec<u32>>,
}

/// One level: nominal against observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The nominal level k.
    pub phi: f64,
    /// Arrivals judged.
    pub gaps: u64,
    /// Arrivals at which φ exceeded k.
    pub exceeded: u64,
    /// `exceeded` per gap.
    pub frequency: f64,
    /// Of `frequency`, 95 %.
    pub interval: Interval,
}

impl Level {
    /// Observed over nominal: above one the detector is overconfident.
    pub fn ratio(&self) -> f64 {
        self.frequency * 10f64.powf(self.phi)
    }
}

/// The levels that `gaps` can judge: 0.5, 1.0, … up to log10(gaps / 20), and none beyond `phi_max`.
pub fn levels(gaps: u64, phi_max: f64) -> impl Iterator<Item = f64> {
    let highest = (gaps as f64 / EXPECTED_EVENTS_MIN).log10().min(phi_max);
    // The hair is for a highest level that is a level, give or take its rounding.
    let count = ((highest + 1e-9) / STEP).max(0.0) as u32;
    (1..=count).map(|i| f64::from(i) * STEP)
}

impl Counts {
    /// From the [scores](crate::sweep::scores) at each judged arrival; `levels_max` is how many levels to count, those
    /// of the pooled traces included.
    pub fn of(replay: &Replay, scores: &[f64], levels_max: usize) -> Self {
        let mut exceeded_per_block = vec![vec![0; 2 * BLOCKS_PER_HALF]; levels_max];
        for (gap, score) in replay.gaps().zip(scores) {
            let block = replay.block(gap);
            let levels = (1..).map(|i| f64::from(i) * STEP);
            for (counts, _) in exceeded_per_block.iter_mut().zip(levels).take_while(|(_, phi)| score > phi) {
                counts[block] += 1;
            }
        }
        Self { trials_per_block: replay.gaps_per_block(), exceeded_per_block }
    }

    /// The same blocks, one trace after the other, as if they were one.
    pub fn pool<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> Option<Counts> {
        let mut counts = counts.into_iter();
        let mut pool = counts.next()?.clone();
        for more in counts {
            pool.trials_per_block.extend(&more.trials_per_block);
            for (all, one) in pool.exceeded_per_block.iter_mut().zip(&more.exceeded_per_block) {
                all.extend(one);
            }
        }
        Some(pool)
    }

    /// Frequencies with intervals, for the [`levels`] that the number of gaps can judge.
    pub fn judge(&self, phi_max: f64, seed: u64) -> Vec<Level> {
        let gaps = self.trials_per_block.iter().map(|n| u64::from(*n)).sum();
        levels(gaps, phi_max)
            .zip(&self.exceeded_per_block)
            .map(|(phi, per_block)| {
                let exceeded = per_block.iter().map(|n| u64::from(*n)).sum();
                let frequency = exceeded as f64 / gaps as f64;
                let interval = bootstrap::rate(per_block, &self.trials_per_block, seed);
                Level { phi, gaps, exceeded, frequency, interval }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Nature, Row, Trace};

    fn replay(gaps: u64) -> Replay {
        let rows =
            (0..=gaps).map(|seq| Row { seq, sent_ns: seq * 10, received_ns: Some(seq * 10) }).collect();
        let trace = Trace { name: "even".into(), nature: Nature::Recorded, rows, nominal_ns: None };
        Replay::with_warm_up(&trace, 1, 2, 0, 1).unwrap()
    }

    #[test]
    fn levels_end_where_twenty_events_are_promised() {
        assert_eq!(levels(2_000, f64::INFINITY).collect::<Vec<_>>(), [0.5, 1.0, 1.5, 2.0]);
        assert_eq!(levels(1_999, f64::INFINITY).last(), Some(1.5));
        assert_eq!(levels(2_000_000, 3.0).last(), Some(3.0));
        assert_eq!(levels(10, 3.0).next(), None);
    }

    #[test]
    fn frequencies_by_hand() {
        // 1,000 gaps: 100 score 0.7 and 10 score exactly 1.0, which does not exceed 1.
        let mut scores = vec![0.1; 1_000];
        scores[..100].fill(0.7);
        scores[500..510].fill(1.0);
        let levels = Counts::of(&replay(1_000), &scores, 4).judge(f64::INFINITY, 1);
        assert_eq!(
            levels.iter().map(|l| (l.phi, l.exceeded)).collect::<Vec<_>>(),
            [(0.5, 110), (1.0, 0), (1.5, 0)]
        );
        assert!((levels[0].ratio() - 0.11 * 10f64.sqrt()).abs() < 1e-12);
        assert_eq!(levels[1].interval, Interval { low: 0.0, high: 0.003 });
    }

    #[test]
    fn pooling_weighs_each_gap_alike() {
        let (short, long) = (replay(1_000), replay(3_000));
        let a = Counts::of(&short, &[1.2; 1_000], 6);
        let b = Counts::of(&long, &[0.0; 3_000], 6);
        let pool = Counts::pool([&a, &b]).unwrap().judge(f64::INFINITY, 1);
        assert_eq!(pool.len(), 4, "4,000 gaps judge up to log10(200)");
        assert_eq!((pool[1].gaps, pool[1].frequency), (4_000, 0.25));
        assert!(Counts::pool([]).is_none());
    }
}
