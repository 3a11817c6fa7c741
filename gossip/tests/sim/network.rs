//! The network: what becomes of a datagram.

use super::rng::Rng;
use super::{MS, Nanos};

/// A rule that holds while its fault is active. Hosts are given by index.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Each datagram is lost with this probability.
    Loss(f64),
    /// The same, but only to this host.
    LossTo(usize, f64),
    /// Losses in bursts: this share of 200 ms windows loses everything on a link.
    Bursts(f64),
    /// Longer ones (Gilbert and Elliott, by the clock): this share of the time a link loses everything, for so many slots of
    /// 100 ms in a row on average.
    LongBursts { share: f64, slots: f64 },
    /// Additional delay, exponential with this mean.
    Jitter(Nanos),
    /// Additional delay with a heavy tail: Pareto with index 1.5 from this minimum, for one datagram in ten.
    HeavyTail(Nanos),
    /// Each datagram arrives twice with this probability, the second time up to a second later.
    Duplicate(f64),
    /// Each datagram has some bits flipped with this probability.
    Corrupt(f64),
    /// Nothing passes between these hosts and the others.
    Partition(Vec<usize>),
    /// Nothing passes from these hosts to those.
    OneWay(Vec<usize>, Vec<usize>),
}

#[derive(Debug, Clone)]
pub struct Network {
    /// Active rules with the number of the fault each belongs to.
    pub rules: Vec<(usize, Rule)>,
    pub delay: (Nanos, Nanos),
    pub stats: Stats,
}

#[derive(Debug, Default, Clone, Copy)]
pub struct Stats {
    pub datagrams: u64,
    pub bytes: u64,
    pub longest: usize,
    pub lost: u64,
}

/// When the copies of a datagram arrive, and whether each is damaged.
pub type Arrivals = [Option<(Nanos, bool)>; 2];

impl Network {
    pub fn new() -> Self {
        Self { rules: Vec::new(), delay: (MS / 10, MS), stats: Stats::default() }
    }

    /// Decides the fate of a datagram of `len` bytes that leaves `from` for `to` at `now`.
    pub fn carry(
        &mut self,
        from: usize,
        to: Option<usize>,
        len: usize,
        now: Nanos,
        rng: &mut Rng,
    ) -> Arrivals {
        self.stats.datagrams += 1;
        self.stats.bytes += len as u64;
        self.stats.longest = self.stats.longest.max(len);
        if !to.is_some_and(|to| self.passes(from, to, now, rng)) {
            self.stats.lost += 1;
            return [None, None];
        }
        let mut delay = rng.between(self.delay.0, self.delay.1);
        let (mut damaged, mut twice) = (false, None);
        for (_, rule) in &self.rules {
            match *rule {
                Rule::Jitter(mean) => delay += (-(1.0 - rng.unit()).ln() * mean as f64) as Nanos,
                Rule::HeavyTail(min) if rng.chance(0.1) => {
                    let tail = (1.0 - rng.unit()).powf(-1.0 / 1.5).min(100.0);
                    delay += (min as f64 * tail) as Nanos;
                }
                Rule::Corrupt(p) => damaged |= rng.chance(p),
                Rule::Duplicate(p) if rng.chance(p) => twice = Some(delay + rng.between(0, 1000 * MS)),
                _ => {}
            }
        }
        [Some((now + delay, damaged)), twice.map(|delay| (now + delay, damaged))]
    }

    fn passes(&self, from: usize, to: usize, now: Nanos, rng: &mut Rng) -> bool {
        self.rules.iter().all(|(id, rule)| match rule {
            Rule::Loss(p) => !rng.chance(*p),
            Rule::LossTo(host, p) => *host != to || !rng.chance(*p),
            Rule::Bursts(share) => {
                // The same answer for the whole window on one link.
                let window = now / (200 * MS);
                let salt = window ^ ((from as u64) << 40) ^ ((to as u64) << 20) ^ ((*id as u64) << 56);
                Rng::new(salt).unit() >= *share
            }
            Rule::LongBursts { share, slots } => {
                let link = ((from as u64) << 40) ^ ((to as u64) << 20) ^ ((*id as u64) << 56);
                !in_long_burst(link, now / (100 * MS), *share, *slots)
            }
            Rule::Partition(side) => side.contains(&from) == side.contains(&to),
            Rule::OneWay(sources, sinks) => !(sources.contains(&from) && sinks.contains(&to)),
            Rule::Jitter(_) | Rule::HeavyTail(_) | Rule::Duplicate(_) | Rule::Corrupt(_) => true,
        })
    }
}

/// Whether a link is in a burst in a slot: one that began at most ten mean lengths ago, and whose length, which is geometric,
/// reaches so far.
fn in_long_burst(link: u64, slot: u64, share: f64, mean: f64) -> bool {
    let begins = share / (mean * (1.0 - share));
    let longest = (10.0 * mean) as u64;
    (0..=longest.min(slot)).any(|ago| {
        let mut rng = Rng::new(link ^ (slot - ago));
        rng.unit() < begins && (1.0 - rng.unit()).ln() / (1.0 - 1.0 / mean).ln() >= ago as f64
    })
}
