//! The most recent inter-arrival times and their exact mean and variance.

use crate::math;
use core::fmt;

/// The longest inter-arrival time that is told apart from longer ones: 2⁵⁶ - 1 ns, some 834 days.
///
/// It bounds the sum of squares of the largest window, 2¹⁶ samples, just below 2¹²⁸.
pub(crate) const SAMPLE_MAX_NS: u64 = (1 << 56) - 1;

/// A ring of the last `N` samples, in nanoseconds, with running sums.
///
/// The sums are integers, so taking a sample out undoes exactly what putting it in did: the statistics of a detector
/// that has run for years are those of its window and of nothing else, to the last bit. A running sum in floating
/// point drifts, and the textbook difference of squares cancels; neither can happen here.
#[derive(Clone)]
pub(crate) struct Window<const N: usize> {
    samples_ns: [u64; N],
    len: usize,
    /// Where the next sample goes; the oldest one once the ring is full.
    next: usize,
    sum: u128,
    sum_of_squares: u128,
}

impl<const N: usize> Window<N> {
    const SIZE_IN_RANGE: () = assert!(2 <= N && N <= 1 << 16, "a window holds between 2 and 65,536 samples");

    pub(crate) fn new() -> Self {
        let () = Self::SIZE_IN_RANGE;
        Self { samples_ns: [0; N], len: 0, next: 0, sum: 0, sum_of_squares: 0 }
    }

    /// Puts a sample in, and the oldest out if the ring is full.
    pub(crate) fn push(&mut self, sample_ns: u64) {
        let sample = sample_ns.min(SAMPLE_MAX_NS);
        let slot = &mut self.samples_ns[self.next];
        if self.len == N {
            let oldest = u128::from(*slot);
            self.sum -= oldest;
            self.sum_of_squares -= oldest * oldest;
        } else {
            self.len += 1;
        }
        *slot = sample;
        self.sum += u128::from(sample);
        self.sum_of_squares += u128::from(sample) * u128::from(sample);
        self.next = if self.next + 1 == N { 0 } else { self.next + 1 };
    }

    /// The mean in nanoseconds, correctly rounded but for one unit in the last place; zero if there is no sample.
    pub(crate) fn mean_ns(&self) -> f64 {
        if self.len == 0 { 0.0 } else { self.sum as f64 / self.len as f64 }
    }

    /// The standard deviation in nanoseconds, of the samples themselves (divided by their number, not by one less);
    /// zero if there is no sample.
    pub(crate) fn std_dev_ns(&self) -> f64 {
        if self.len == 0 {
            return 0.0;
        }
        // With sum = n·m + r, about the integer m: Σ(x - m)² = Σx² - m·(sum + r). It is never negative, so
        // neither the product nor the difference can leave the u128.
        let n = self.len as u128;
        let (m, r) = (self.sum / n, self.sum % n);
        let about_m = self.sum_of_squares - m * (self.sum + r);
        // The mean is r/n above m, and r is below 2¹⁶: this loses no more than the conversion does.
        let (n, r) = (n as f64, r as f64);
        math::sqrt(((about_m as f64 - r * r / n) / n).max(0.0))
    }
}

impl<const N: usize> fmt::Debug for Window<N> {
    /// The statistics, not a thousand numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("len", &self.len)
            .field("mean_ns", &self.mean_ns())
            .field("std_dev_ns", &self.std_dev_ns())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::prelude::v1::*;

    /// Two passes over what is in the window, the textbook way without the textbook cancellation.
    fn two_passes(samples: &VecDeque<u64>) -> (f64, f64) {
        let n = samples.len() as f64;
        let mean = samples.iter().map(|&x| u128::from(x)).sum::<u128>() as f64 / n;
        let squares: f64 = samples.iter().map(|&x| (x as f64 - mean) * (x as f64 - mean)).sum();
        (mean, (squares / n).sqrt())
    }

    proptest! {
        #[test]
        fn the_statistics_are_those_of_the_last_samples(
            samples in prop::collection::vec(prop_oneof![0..100_u64, 1_000_000_000..1_001_000_000_u64], 1..40),
        ) {
            let mut window = Window::<7>::new();
            let mut kept = VecDeque::new();
            for sample in samples {
                window.push(sample);
                kept.push_back(sample);
                if kept.len() > 7 {
                    kept.pop_front();
                }
                let (mean, std_dev) = two_passes(&kept);
                prop_assert!((window.mean_ns() - mean).abs() <= 1e-15 * mean);
                prop_assert!((window.std_dev_ns() - std_dev).abs() <= 1e-9 * std_dev + 1e-6);
                prop_assert_eq!(window.len, kept.len());
            }
        }

        /// Whatever went through it, a window is equal to a new one with the same contents.
        #[test]
        fn nothing_drifts(past in prop::collection::vec(any::<u64>(), 0..200), last in any::<[u64; 5]>()) {
            let (mut old, mut new) = (Window::<5>::new(), Window::<5>::new());
            past.into_iter().for_each(|sample| old.push(sample));
            for sample in last {
                old.push(sample);
                new.push(sample);
            }
            prop_assert_eq!((old.sum, old.sum_of_squares), (new.sum, new.sum_of_squares));
        }
    }

    #[test]
    fn a_tiny_deviation_of_long_intervals_is_exact() {
        // In f64, Σx² and n·mean² agree in all of their 53 bits here, and the difference of squares is noise.
        let mut window = Window::<2>::new();
        let day_ns = 86_400_000_000_000;
        window.push(day_ns - 3);
        window.push(day_ns + 3);
        assert_eq!((window.mean_ns(), window.std_dev_ns()), (day_ns as f64, 3.0));
        window.push(day_ns - 3);
        assert_eq!((window.mean_ns(), window.std_dev_ns()), (day_ns as f64, 3.0));
    }

    #[test]
    fn the_largest_window_of_the_longest_samples_fits() {
        let mut window = Box::new(Window::<65_536>::new());
        for _ in 0..65_537 {
            window.push(u64::MAX);
        }
        assert_eq!((window.mean_ns(), window.std_dev_ns()), (SAMPLE_MAX_NS as f64, 0.0));
        for _ in 0..32_768 {
            window.push(0);
        }
        assert_eq!(
            (window.mean_ns(), window.std_dev_ns()),
            (SAMPLE_MAX_NS as f64 / 2.0, SAMPLE_MAX_NS as f64 / 2.0)
        );
    }
}
