//! Who observes whom in a large cluster: neighbours to both sides on several hash rings.
//!
//! Everybody who knows the same members computes the same rings, so nobody has to tell who observes whom, and the
//! relation is symmetric. The union of a few random rings is an expander: no partition of a large graph is cheap, and
//! news crosses it in O(log n) hops.

use super::identity::Key;
use crate::hash;

/// This node's two neighbours on each ring, kept up as members come.
#[derive(Debug, Clone)]
pub(crate) struct Rings {
    rings: Vec<Ring>,
}

#[derive(Debug, Clone)]
struct Ring {
    seed: u64,
    own: u64,
    /// (clockwise distance, who): the nearest and the farthest, which is the nearest the other way round.
    next: Option<(u64, Key)>,
    previous: Option<(u64, Key)>,
}

impl Ring {
    fn distance(&self, key: Key) -> u64 {
        position(self.seed, key).wrapping_sub(self.own)
    }

    fn add(&mut self, key: Key) {
        let found = (self.distance(key), key);
        self.next = Some(self.next.map_or(found, |best| best.min(found)));
        self.previous = Some(self.previous.map_or(found, |best| best.max(found)));
    }
}

fn position(seed: u64, key: Key) -> u64 {
    hash::mix(key.0 ^ seed)
}

impl Rings {
    /// The rings of a cluster, seen from `own`.
    pub(crate) fn new(cluster: u64, count: usize, own: Key) -> Self {
        let ring = |r: usize| {
            let seed = hash::words(&[cluster, r as u64]);
            Ring { seed, own: position(seed, own), next: None, previous: None }
        };
        Self { rings: (0..count).map(ring).collect() }
    }

    /// A member has come. Never called for this node itself.
    pub(crate) fn add(&mut self, key: Key) {
        for ring in &mut self.rings {
            ring.add(key);
        }
    }

    /// A member has gone; `others` are those that remain, this node not among them. They are walked only if the one that
    /// went was a neighbour.
    pub(crate) fn remove(&mut self, key: Key, others: &(impl Iterator<Item = Key> + Clone)) {
        for ring in &mut self.rings {
            let was_near = [ring.next, ring.previous].iter().flatten().any(|&(_, near)| near == key);
            if was_near {
                (ring.next, ring.previous) = (None, None);
                others.clone().for_each(|other| ring.add(other));
            }
        }
    }

    /// The neighbours, sorted, each once.
    pub(crate) fn neighbours(&self) -> Vec<Key> {
        let near = |ring: &Ring| [ring.next, ring.previous];
        let mut keys: Vec<Key> = self.rings.iter().flat_map(near).flatten().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The neighbours of somebody else, from all members. For queries: it walks them all.
    pub(crate) fn neighbours_of(&self, key: Key, members: impl Iterator<Item = Key>) -> Vec<Key> {
        let mut seen_from: Vec<Ring> = self
            .rings
            .iter()
            .map(|r| Ring { seed: r.seed, own: position(r.seed, key), next: None, previous: None })
            .collect();
        for other in members.filter(|&other| other != key) {
            seen_from.iter_mut().for_each(|ring| ring.add(other));
        }
        Self { rings: seen_from }.neighbours()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(n: u64) -> Vec<Key> {
        (0..n).map(|i| Key(hash::mix(i))).collect()
    }

    fn rings_of(own: Key, all: &[Key]) -> Rings {
        let mut rings = Rings::new(7, 5, own);
        all.iter().filter(|&&k| k != own).for_each(|&k| rings.add(k));
        rings
    }

    #[test]
    fn neighbourhood_is_symmetric_and_of_constant_size() {
        let all = keys(200);
        for &a in &all {
            let near = rings_of(a, &all).neighbours();
            assert!((6..=10).contains(&near.len()), "{}", near.len());
            for b in near {
                assert!(rings_of(b, &all).neighbours().contains(&a));
            }
        }
    }

    #[test]
    fn removal_equals_never_having_known() {
        let all = keys(60);
        let (own, rest) = (all[0], &all[1..]);
        for gone in rest {
            let mut rings = rings_of(own, &all);
            let remaining: Vec<Key> = rest.iter().copied().filter(|k| k != gone).collect();
            rings.remove(*gone, &remaining.iter().copied());
            assert_eq!(rings.neighbours(), rings_of(own, &remaining).neighbours());
        }
    }

    #[test]
    fn others_neighbours_are_what_they_compute_themselves() {
        let all = keys(100);
        let rings = rings_of(all[0], &all);
        assert_eq!(rings.neighbours_of(all[9], all.iter().copied()), rings_of(all[9], &all).neighbours());
    }
}
