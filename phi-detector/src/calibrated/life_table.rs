//! How late heartbeats have been: one count a bin, the old ones fading.
//!
//! A life table, as actuaries have kept since Halley (1693), answers "of those that lived to this age, how many lived
//! through the next span?". The age is a heartbeat's lateness, and the answer needs no assumption about the shape of
//! the distribution.

use super::lateness::BINS;

/// Counts of heartbeats by lateness. Forgetting is exponential: after as many heartbeats as the memory is long, a
/// heartbeat counts for 1/e.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LifeTable {
    counts: [f32; BINS],
}

impl LifeTable {
    pub(crate) const fn new() -> Self {
        Self { counts: [0.0; BINS] }
    }

    /// A table with these counts; each must be finite and not negative.
    pub(crate) const fn from_counts(counts: [f32; BINS]) -> Self {
        Self { counts }
    }

    pub(crate) const fn counts(&self) -> &[f32; BINS] {
        &self.counts
    }

    #[inline]
    pub(crate) fn add(&mut self, bin: usize) {
        self.counts[bin] += 1.0;
    }

    /// Fades every count to `keep` of what it was, `0.0..=1.0`.
    pub(crate) fn fade(&mut self, keep: f32) {
        for count in &mut self.counts {
            *count *= keep;
        }
    }

    /// For each bin, how many heartbeats were at least as late as its lower edge.
    pub(crate) fn at_risk(&self) -> [f32; BINS] {
        let mut at_risk = self.counts;
        for bin in (0..BINS - 1).rev() {
            at_risk[bin] += at_risk[bin + 1];
        }
        at_risk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_at_risk_are_all_that_came_no_earlier() {
        let mut table = LifeTable::new();
        for bin in [0, 0, 0, 2, 2, 25] {
            table.add(bin);
        }
        let at_risk = table.at_risk();
        assert_eq!((at_risk[0], at_risk[1], at_risk[2], at_risk[3], at_risk[25]), (6.0, 3.0, 3.0, 1.0, 1.0));
        table.fade(0.5);
        assert_eq!(table.at_risk()[0], 3.0);
    }
}
