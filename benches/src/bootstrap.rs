//! Confidence intervals for rates of events that come in clusters.
//!
//! The trace is cut into blocks of equal duration, and whole blocks are drawn with replacement (Carlstein 1986; see
//! Lahiri, *Resampling Methods for Dependent Data*, 2003, section 2.5), so that a cluster within a block counts as one
//! piece of evidence and not as many.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const RESAMPLES: usize = 400;
/// Two-sided.
const LEVEL: f64 = 0.95;
/// Without a single event the upper 95 % bound of a rate is this over n ("rule of three").
const NO_EVENT_BOUND: f64 = 3.0;

/// A range that covers the true value in 95 % of cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The interval of events per trial, from the counts of each block. The seed decides the draw.
///
/// Without events it is 0 to 3/n; without trials, NaN.
pub fn rate(events: &[u32], trials: &[u32], seed: u64) -> Interval {
    debug_assert_eq!(events.len(), trials.len());
    let sum = |counts: &[u32]| counts.iter().map(|c| u64::from(*c)).sum::<u64>();
    let n = sum(trials) as f64;
    if sum(events) == 0 {
        return Interval { low: 0.0, high: if n > 0.0 { (NO_EVENT_BOUND / n).min(1.0) } else { f64::NAN } };
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rates: Vec<f64> = (0..RESAMPLES).map(|_| resample(events, trials, &mut rng)).collect();
    rates.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    let at = |q: f64| rates[((q * RESAMPLES as f64) as usize).min(RESAMPLES - 1)];
    Interval { low: at(tail), high: at(1.0 - tail) }
}

fn resample(events: &[u32], trials: &[u32], rng: &mut Xoshiro256PlusPlus) -> f64 {
    let (mut event_sum, mut trial_sum) = (0u64, 0u64);
    for _ in events {
        let block = rng.random_range(0..events.len());
        event_sum += u64::from(events[block]);
        trial_sum += u64::from(trials[block]);
    }
    event_sum as f64 / trial_sum.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_is_bounded_by_three_over_n() {
        assert_eq!(rate(&[0; 10], &[100; 10], 1), Interval { low: 0.0, high: 0.003 });
        assert_eq!(rate(&[0], &[2], 1).high, 1.0);
        assert!(rate(&[], &[], 1).high.is_nan());
    }

    #[test]
    fn the_seed_decides() {
        let events: Vec<u32> = (0..64).map(|i| i % 7).collect();
        let draw = |seed| rate(&events, &[1_000; 64], seed);
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }

    #[test]
    fn even_evidence_has_no_width_and_clusters_have_much() {
        let even = rate(&[10; 64], &[1_000; 64], 1);
        assert_eq!(even, Interval { low: 0.01, high: 0.01 });
        let mut clustered = [0; 64];
        clustered[9] = 640;
        let wide = rate(&clustered, &[1_000; 64], 1);
        assert_eq!(wide.low, 0.0);
        // One block is drawn Binomial(64, 1/64) times: 3 or 4 times at the 97.5 % point.
        assert!((0.03..=0.04).contains(&wide.high), "{wide:?}");
    }

    #[test]
    fn spread_is_that_of_the_binomial_when_blocks_are_independent() {
        // 64 blocks of 100 trials with 5 ± 2 events each: standard error of the rate ≈ 2/sqrt(64)/100.
        let events: Vec<u32> = (0..64).map(|i| if i % 2 == 0 { 3 } else { 7 }).collect();
        let interval = rate(&events, &[100; 64], 3);
        let error = (interval.high - interval.low) / 2.0 / 1.96;
        assert!((0.002..0.003).contains(&error), "{error}");
    }
}
