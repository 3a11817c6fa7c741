//! The peers of a monitor in a dense table, and a binary heap of the trusted ones by deadline.
//!
//! The heap's entries carry their deadlines, and where a peer is in the heap stands in a table of its own: moving an entry
//! up or down then touches two small arrays and not the peers, a cache line or more each. There is never more than one
//! entry per peer.

use alloc::vec::Vec;
use core::time::Duration;

/// One watched peer.
#[derive(Debug, Clone)]
pub(super) struct Peer<K, D> {
    pub(super) key: K,
    pub(super) detector: D,
    /// Since when the peer is suspected; it is in the heap if and only if it is not.
    pub(super) suspected_since: Option<Duration>,
    /// The deadline by which the heap is ordered: never later than the detector's own.
    pub(super) due: Duration,
    /// Whether `due` is the detector's own deadline.
    pub(super) exact: bool,
}

/// A trusted peer in the heap.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The peer's `due`.
    due: Duration,
    slot: usize,
}

/// The table and the heap.
#[derive(Debug, Clone)]
pub(super) struct Peers<K, D> {
    table: Vec<Peer<K, D>>,
    heap: Vec<Entry>,
    /// For each peer of the table, where it is in the heap, while it is there.
    places: Vec<usize>,
}

impl<K: Ord, D> Peers<K, D> {
    pub(super) fn new() -> Self {
        Self { table: Vec::new(), heap: Vec::new(), places: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn get(&self, slot: usize) -> Option<&Peer<K, D>> {
        self.table.get(slot)
    }

    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut Peer<K, D>> {
        self.table.get_mut(slot)
    }

    /// The trusted peer with the earliest deadline.
    pub(super) fn first(&self) -> Option<(usize, &Peer<K, D>)> {
        self.heap.first().map(|entry| (entry.slot, &self.table[entry.slot]))
    }

    /// Adds a trusted peer, and room in the heap for all there are; returns its slot.
    pub(super) fn push(&mut self, key: K, detector: D, due: Duration) -> usize {
        let slot = self.table.len();
        self.table.push(Peer { key, detector, suspected_since: Some(due), due, exact: true });
        self.places.push(0);
        self.heap.reserve(self.table.len() - self.heap.len());
        self.trust(slot, due);
        slot
    }

    /// Removes a peer; the last of the table, if it is another, takes over its slot.
    pub(super) fn remove(&mut self, slot: usize) -> D {
        if self.table[slot].suspected_since.is_none() {
            self.take_out(slot);
        }
        let removed = self.table.swap_remove(slot);
        self.places.swap_remove(slot);
        if let Some(moved) = self.table.get(slot)
            && moved.suspected_since.is_none()
        {
            self.heap[self.places[slot]].slot = slot;
        }
        removed.detector
    }

    /// Puts a suspected peer back into the heap.
    pub(super) fn trust(&mut self, slot: usize, due: Duration) {
        let peer = &mut self.table[slot];
        debug_assert!(peer.suspected_since.is_some(), "the peer is in the heap already");
        peer.suspected_since = None;
        (peer.due, peer.exact) = (due, true);
        let place = self.heap.len();
        self.heap.push(Entry { due, slot });
        self.places[slot] = place;
        self.sift_up(place);
    }

    /// Takes a trusted peer out of the heap; it is suspected since its deadline.
    pub(super) fn suspect(&mut self, slot: usize) {
        self.take_out(slot);
        let peer = &mut self.table[slot];
        peer.suspected_since = Some(peer.due);
    }

    /// Gives a trusted peer its detector's own deadline.
    pub(super) fn reschedule(&mut self, slot: usize, due: Duration) {
        let peer = &mut self.table[slot];
        debug_assert!(peer.suspected_since.is_none(), "the peer is not in the heap");
        (peer.due, peer.exact) = (due, true);
        let place = self.places[slot];
        self.heap[place].due = due;
        let place = self.sift_up(place);
        self.sift_down(place);
    }

    fn take_out(&mut self, slot: usize) {
        let place = self.places[slot];
        self.heap.swap_remove(place);
        if let Some(moved) = self.heap.get(place) {
            self.places[moved.slot] = place;
            let place = self.sift_up(place);
            self.sift_down(place);
        }
    }

    /// Moves an entry towards the root as long as it is before its parent; returns where it came to rest.
    fn sift_up(&mut self, mut place: usize) -> usize {
        while place > 0 {
            let parent = (place - 1) / 2;
            if !self.is_before(place, parent) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        place
    }

    /// Moves an entry away from the root as long as a child is before it.
    fn sift_down(&mut self, mut place: usize) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= self.heap.len() {
                return;
            }
            let child = if right < self.heap.len() && self.is_before(right, left) { right } else { left };
            if !self.is_before(child, place) {
                return;
            }
            self.swap(place, child);
            place = child;
        }
    }

    fn is_before(&self, place: usize, other: usize) -> bool {
        let (a, b) = (self.heap[place], self.heap[other]);
        // The keys, far away, are looked at only if they matter.
        a.due < b.due || (a.due == b.due && self.table[a.slot].key < self.table[b.slot].key)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a].slot] = a;
        self.places[self.heap[b].slot] = b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each trusted peer is in the heap once, at its place, and not before its parent; no other is.
    fn check(peers: &Peers<u8, ()>) {
        assert_eq!(peers.places.len(), peers.table.len());
        for (place, entry) in peers.heap.iter().enumerate() {
            let peer = &peers.table[entry.slot];
            assert_eq!(peers.places[entry.slot], place);
            assert_eq!(peer.due, entry.due);
            assert!(peer.suspected_since.is_none());
            assert!(place == 0 || !peers.is_before(place, (place - 1) / 2));
        }
        let trusted = peers.table.iter().filter(|peer| peer.suspected_since.is_none()).count();
        assert_eq!(peers.heap.len(), trusted);
        assert!(peers.heap.capacity() >= peers.table.len(), "there is not room for all");
    }

    proptest! {
        #[test]
        fn the_heap_is_a_heap(operations in prop::collection::vec((0..4_u8, any::<u8>(), any::<u8>()), 0..200)) {
            let mut peers = Peers::new();
            for (operation, which, due) in operations {
                let due = Duration::from_nanos(u64::from(due));
                let slot = usize::from(which).checked_rem(peers.len()).unwrap_or(0);
                let trusted = peers.get(slot).map(|peer| peer.suspected_since.is_none());
                match (operation, trusted) {
                    (0, _) | (_, None) => {
                        peers.push(which, (), due);
                    }
                    (1, Some(_)) => peers.remove(slot),
                    (2, Some(true)) => peers.suspect(slot),
                    (_, Some(true)) => peers.reschedule(slot, due),
                    (_, Some(false)) => peers.trust(slot, due),
                }
                check(&peers);
            }
        }
    }

    /// However often peers come, go, fall silent and return, nothing is held for those that are not watched.
    #[test]
    fn memory_is_bounded_by_the_peers_watched_at_once() {
        let mut peers = Peers::new();
        let capacity =
            |peers: &Peers<u8, ()>| (peers.table.capacity(), peers.heap.capacity(), peers.places.capacity());
        for key in 0..100 {
            peers.push(key, (), Duration::ZERO);
        }
        let before = capacity(&peers);
        for round in 0..10_000_u64 {
            let slot = (round % 100) as usize;
            peers.reschedule(slot, Duration::from_nanos(round));
            peers.suspect(slot);
            peers.trust(slot, Duration::from_nanos(round * 7 % 1000));
            peers.remove(slot);
            peers.push(round as u8, (), Duration::ZERO);
            assert!(peers.heap.len() == 100 && peers.table.len() == 100);
        }
        assert_eq!(capacity(&peers), before);
    }
}
