//! What is to happen, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Nanos;

/// Things in the order of their times, and of two at the same time the one first that was put in first.
///
/// Only times and places are sorted: things are larger, and stay where they are.
#[derive(Debug, Clone)]
pub struct Agenda<T> {
    order: BinaryHeap<Reverse<(Nanos, u64, usize)>>,
    things: Vec<Option<T>>,
    free: Vec<usize>,
    count: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { order: BinaryHeap::new(), things: Vec::new(), free: Vec::new(), count: 0 }
    }
}

impl<T> Agenda<T> {
    pub fn push(&mut self, at: Nanos, thing: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.things.push(None);
            self.things.len() - 1
        });
        self.things[place] = Some(thing);
        self.count += 1;
        self.order.push(Reverse((at, self.count, place)));
    }

    /// The next thing, if its time is not after `until`.
    pub fn pop(&mut self, until: Nanos) -> Option<(Nanos, T)> {
        let &Reverse((at, _, place)) = self.order.peek().filter(|Reverse((at, ..))| *at <= until)?;
        self.order.pop();
        self.free.push(place);
        Some((at, self.things[place].take().expect("what is sorted is there")))
    }
}
