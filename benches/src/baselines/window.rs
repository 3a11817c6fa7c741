//! The last n inter-arrival times, with exact sums.

/// A sliding window of whole nanoseconds; sums are integers, so nothing drifts however long it slides.
#[derive(Debug, Clone)]
pub(super) struct Window {
    samples: Vec<i64>,
    oldest: usize,
    capacity: usize,
    sum: i64,
    squares: i128,
}

impl Window {
    pub(super) fn new(capacity: usize) -> Self {
        Self { samples: Vec::with_capacity(capacity), oldest: 0, capacity, sum: 0, squares: 0 }
    }

    /// Adds a sample and returns the one that had to leave.
    pub(super) fn push(&mut self, sample: i64) -> Option<i64> {
        self.sum += sample;
        self.squares += square(sample);
        if self.samples.len() < self.capacity {
            self.samples.push(sample);
            return None;
        }
        let left = std::mem::replace(&mut self.samples[self.oldest], sample);
        self.oldest = (self.oldest + 1) % self.capacity;
        self.sum -= left;
        self.squares -= square(left);
        Some(left)
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
        (self.oldest, self.sum, self.squares) = (0, 0, 0);
    }

    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum as f64
    }

    /// Zero without samples.
    pub(super) fn mean(&self) -> f64 {
        self.sum as f64 / self.len().max(1) as f64
    }

    /// The standard deviation of the samples as a population; zero without samples.
    pub(super) fn deviation(&self) -> f64 {
        let n = self.len().max(1) as i128;
        // n·Σx² − (Σx)² is exact and never negative (Cauchy–Schwarz).
        let scaled = n * self.squares - square(self.sum);
        (scaled as f64).sqrt() / n as f64
    }
}

fn square(x: i64) -> i128 {
    i128::from(x) * i128::from(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_and_forgets_exactly() {
        let mut window = Window::new(4);
        assert_eq!((window.mean(), window.deviation()), (0.0, 0.0));
        let left: Vec<_> = [1_000_000_007, 2, 4, 4, 6].map(|x| window.push(x)).into();
        assert_eq!(left, [None, None, None, None, Some(1_000_000_007)]);
        assert_eq!((window.len(), window.sum(), window.mean()), (4, 16.0, 4.0));
        assert_eq!(window.deviation(), 2f64.sqrt());
    }

    #[test]
    fn cleared_it_is_as_new() {
        let mut window = Window::new(2);
        for x in [5, 6, 7] {
            window.push(x);
        }
        window.clear();
        assert_eq!((window.len(), window.sum()), (0, 0.0));
        assert_eq!([window.push(1), window.push(3), window.push(5)], [None, None, Some(1)]);
        assert_eq!(window.mean(), 4.0);
    }
}
