//! How late heartbeats have been: one count a bin, the old ones fading.
//!
//! A life table, as actuaries have kept since Halley (1693), answers "of those that lived to this age, how many lived
//! through the next span?". The age is a heartbeat's lateness, and the answer needs no assumption about the shape of
//! the distribution.

use super::lateness::BINS;

/// A count below this is zero.
const COUNT_MIN: f32 = 1e-12;

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
            let faded = *count * keep;
            // What is next to nothing becomes nothing: processors are slow with numbers below the normal range.
            *count = if faded < COUNT_MIN { 0.0 } else { faded };
        }
    }

    /// The same table, faded as a whole so that it holds at most `heartbeats`.
    pub(crate) fn at_most(mut self, heartbeats: f32) -> Self {
        let held = self.at_risk()[0];
        if held > heartbeats {
            self.fade(heartbeats / held);
        }
        self
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
    fn what_fades_is_gone_in_the_end_and_never_below_the_normal_range() {
        let mut table = LifeTable::new();
        table.add(3);
        for _ in 0..100_000 {
            table.fade(0.96);
            assert!(table.counts().iter().all(|count| *count == 0.0 || count.is_normal()));
        }
        assert_eq!(table, LifeTable::new());
    }

    #[test]
    fn a_table_can_be_cut_to_size_but_not_enlarged() {
        let mut counts = [0.0; BINS];
        (counts[0], counts[7]) = (900.0, 100.0);
        let table = LifeTable::from_counts(counts);
        assert_eq!(table.at_most(1_000.0), table);
        let cut = table.at_most(10.0);
        assert!((cut.counts()[0] - 9.0).abs() < 1e-5 && (cut.counts()[7] - 1.0).abs() < 1e-5, "{cut:?}");
    }

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
