//! The same work on many traces, on as many threads as the machine has.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Applies `work` to every index below `cost.len()` and returns the results in order.
///
/// The costliest are begun first, so that no thread is left with a long one at the end. Which thread takes which is
/// left to chance; the result does not depend on it.
pub fn map<R: Send>(cost: &[usize], work: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut order: Vec<usize> = (0..cost.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(cost[*index]));
    let threads = thread::available_parallelism().map_or(1, usize::from).min(order.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(cost.len()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let result = work(index);
                    // A poisoned lock means that another worker panicked; the scope passes that panic on.
                    done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_back_in_order() {
        let cost: Vec<usize> = (0..100).map(|i| i % 7).collect();
        let squares = super::map(&cost, |n| n * n);
        assert_eq!(squares, (0..100).map(|n| n * n).collect::<Vec<_>>());
        assert!(super::map(&[], |n| n).is_empty());
    }
}
