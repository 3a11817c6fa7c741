//! The arrivals every subject is shown: three kinds, each a cycle of gaps from one fresh heartbeat to the next.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal, Pareto};
use std::time::Duration;

/// The interval that every subject is told.
pub(crate) const INTERVAL: Duration = Duration::from_millis(100);

/// Heartbeats sent in one cycle: too many for a branch predictor to know by heart, few enough for a level-2 cache.
const SENT: u64 = 16_384;

/// One fresh heartbeat after another.
#[derive(Clone, Copy)]
struct Gap {
    elapsed: Duration,
    /// By how much the sequence number grows: more than one after a loss.
    steps: u64,
}

/// One kind of arrivals.
pub(crate) struct Sequence {
    pub(crate) name: &'static str,
    gaps: Vec<Gap>,
    /// Silences at which to ask for a level: a random moment in each gap, as somebody who polls would see, and any
    /// length from a tenth of an interval to thirty, evenly in the logarithm.
    pub(crate) polled: Vec<Duration>,
    pub(crate) any: Vec<Duration>,
}

impl Sequence {
    /// All three, the same in every run.
    pub(crate) fn all() -> [Self; 3] {
        let interval_ns = INTERVAL.as_nanos() as f64;
        let jitter = Normal::new(0.5 * interval_ns, 0.05 * interval_ns).ok();
        let pauses = Pareto::new(0.02 * interval_ns, 1.2).ok();
        [
            Self::new("regular", |_| Some(0.0)),
            Self::new("jitter 5 %", |rng| jitter.map(|jitter| jitter.inverse_cdf(rng.random()))),
            // A delay of one interval is exceeded by nearly one in a hundred, of fifty by one in ten thousand.
            Self::new("heavy tail, 1 % lost", |rng| {
                let delay = pauses.map(|pauses| pauses.inverse_cdf(rng.random()).min(300.0 * interval_ns));
                delay.filter(|_| rng.random::<f64>() >= 0.01)
            }),
        ]
    }

    /// `delay_ns` draws the delay of a heartbeat, or `None` if it is lost.
    fn new(name: &'static str, delay_ns: impl Fn(&mut Xoshiro256PlusPlus) -> Option<f64>) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut arrivals: Vec<(Duration, u64)> = (0..SENT)
            .filter_map(|seq| {
                Some((INTERVAL * seq as u32 + Duration::from_nanos(delay_ns(&mut rng)? as u64), seq))
            })
            .collect();
        arrivals.sort_unstable();
        // Those that a newer one has overtaken are nobody's business here.
        let mut newest = None;
        arrivals.retain(|&(_, seq)| {
            let fresh = newest.is_none_or(|newest| seq > newest);
            newest = newest.max(Some(seq));
            fresh
        });
        let gaps: Vec<Gap> = arrivals
            .windows(2)
            .map(|pair| Gap { elapsed: pair[1].0 - pair[0].0, steps: pair[1].1 - pair[0].1 })
            .collect();
        let polled = gaps.iter().map(|gap| gap.elapsed.mul_f64(rng.random())).collect();
        let any = gaps.iter().map(|_| INTERVAL.mul_f64(0.1 * 300f64.powf(rng.random()))).collect();
        Self { name, gaps, polled, any }
    }

    /// The arrivals from the start, without end.
    pub(crate) fn feed(&self) -> Feed<'_> {
        Feed { gaps: &self.gaps, next: 0, seq: 0, now: Duration::ZERO }
    }
}

/// An endless walk through a sequence.
pub(crate) struct Feed<'a> {
    gaps: &'a [Gap],
    next: usize,
    pub(crate) seq: u64,
    pub(crate) now: Duration,
}

impl Feed<'_> {
    #[inline]
    pub(crate) fn advance(&mut self) {
        let gap = self.gaps[self.next];
        self.next = if self.next + 1 == self.gaps.len() { 0 } else { self.next + 1 };
        self.seq += gap.steps;
        self.now += gap.elapsed;
    }
}

/// An endless walk through a list of silences.
pub(crate) struct Silences<'a> {
    all: &'a [Duration],
    next: usize,
}

impl<'a> Silences<'a> {
    pub(crate) fn new(all: &'a [Duration]) -> Self {
        Self { all, next: 0 }
    }

    #[inline]
    pub(crate) fn advance(&mut self) -> Duration {
        let silence = self.all[self.next];
        self.next = if self.next + 1 == self.all.len() { 0 } else { self.next + 1 };
        silence
    }
}
