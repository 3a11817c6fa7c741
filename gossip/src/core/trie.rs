//! A sorted map from hashes, whose copies share whatever they have in common.
//!
//! It has the shape of the digest over it: 64 buckets of 64 leaves, by the upper twelve bits of the key. A leaf is found in two steps,
//! and holds few entries as long as keys are hashes. Copies are cheap, and pay for a leaf once they change it: many simulated nodes
//! that know the same take little more room than one.

use std::ops::RangeInclusive;
use std::sync::Arc;

const BRANCHES: usize = 64;

/// A map from 64-bit hashes.
#[derive(Debug, Clone)]
pub(super) struct Trie<V> {
    buckets: [Option<Arc<Bucket<V>>>; BRANCHES],
    len: usize,
}

#[derive(Debug, Clone)]
struct Bucket<V> {
    leaves: [Option<Arc<Leaf<V>>>; BRANCHES],
}

/// Entries in the order of their keys.
type Leaf<V> = Vec<(u64, V)>;

/// Which bucket a key is in, and which leaf of it.
pub(super) fn place(key: u64) -> (usize, usize) {
    ((key >> 58) as usize, (key >> 52) as usize % BRANCHES)
}

fn find<V>(leaf: &Leaf<V>, key: u64) -> Result<usize, usize> {
    leaf.binary_search_by_key(&key, |(known, _)| *known)
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { buckets: [const { None }; BRANCHES], len: 0 }
    }
}

impl<V> Trie<V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: u64) -> Option<&V> {
        let leaf = self.leaf(key)?;
        find(leaf, key).ok().map(|at| &leaf[at].1)
    }

    fn leaf(&self, key: u64) -> Option<&Leaf<V>> {
        let (bucket, leaf) = place(key);
        self.buckets[bucket].as_ref()?.leaves[leaf].as_deref()
    }

    /// All entries, in the order of their keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &V)> + Clone {
        self.buckets.iter().flatten().flat_map(|bucket| entries(&bucket.leaves))
    }

    /// The entries in a range of keys, in their order.
    pub(super) fn range(&self, keys: RangeInclusive<u64>) -> impl Iterator<Item = (u64, &V)> {
        let (first, last) = keys.into_inner();
        let (bucket, leaf) = place(first);
        let begun = self.buckets[bucket].iter().flat_map(move |bucket| entries(&bucket.leaves[leaf..]));
        let others = self.buckets[bucket + 1..].iter().flatten().flat_map(|bucket| entries(&bucket.leaves));
        begun.skip_while(move |(key, _)| *key < first).chain(others).take_while(move |(key, _)| *key <= last)
    }
}

fn entries<V>(leaves: &[Option<Arc<Leaf<V>>>]) -> impl DoubleEndedIterator<Item = (u64, &V)> + Clone {
    leaves.iter().flatten().flat_map(|leaf| leaf.iter().map(|(key, value)| (*key, value)))
}

impl<V: Clone> Trie<V> {
    /// An entry to change, in this copy alone.
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let at = find(self.leaf(key)?, key).ok()?;
        let (bucket, leaf) = place(key);
        let bucket = Arc::make_mut(self.buckets[bucket].as_mut()?);
        let leaf = Arc::make_mut(bucket.leaves[leaf].as_mut()?);
        Some(&mut leaf[at].1)
    }

    /// Sets an entry; returns the one that it replaces.
    pub(super) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let (bucket, leaf) = place(key);
        let empty = || Arc::new(Bucket { leaves: [const { None }; BRANCHES] });
        let bucket = Arc::make_mut(self.buckets[bucket].get_or_insert_with(empty));
        let leaf = Arc::make_mut(bucket.leaves[leaf].get_or_insert_default());
        match find(leaf, key) {
            Ok(at) => Some(std::mem::replace(&mut leaf[at].1, value)),
            Err(at) => {
                // Most leaves have few entries: no room is kept for more.
                leaf.reserve_exact(1);
                leaf.insert(at, (key, value));
                self.len += 1;
                None
            }
        }
    }

    /// Takes an entry out. What is empty then takes no room.
    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let at = find(self.leaf(key)?, key).ok()?;
        let (in_root, in_bucket) = place(key);
        let bucket = Arc::make_mut(self.buckets[in_root].as_mut()?);
        let leaf = Arc::make_mut(bucket.leaves[in_bucket].as_mut()?);
        let (_, value) = leaf.remove(at);
        self.len -= 1;
        if leaf.is_empty() {
            bucket.leaves[in_bucket] = None;
            if bucket.leaves.iter().all(Option::is_none) {
                self.buckets[in_root] = None;
            }
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::rng::Rng;

    /// Keys that meet often, in the first and the last leaves and between.
    fn key(rng: &mut Rng) -> u64 {
        let n = rng.below(8) as u64;
        match rng.below(5) {
            0 => n,
            1 => u64::MAX - n,
            2 => n << 52,
            3 => n << 58 | rng.below(4) as u64,
            _ => rng.word(),
        }
    }

    fn assert_same(trie: &Trie<u64>, model: &BTreeMap<u64, u64>) {
        assert_eq!(trie.len(), model.len());
        assert!(trie.iter().eq(model.iter().map(|(key, value)| (*key, value))));
        assert!(trie.iter().rev().eq(model.iter().rev().map(|(key, value)| (*key, value))));
    }

    /// One random change of both.
    fn change(rng: &mut Rng, trie: &mut Trie<u64>, model: &mut BTreeMap<u64, u64>) {
        let (key, value) = (key(rng), rng.word());
        match rng.below(4) {
            0 | 1 => assert_eq!(trie.insert(key, value), model.insert(key, value)),
            2 => assert_eq!(trie.remove(key), model.remove(&key)),
            _ => {
                let changed = trie.get_mut(key).map(|known| *known = value).is_some();
                assert_eq!(changed, model.get_mut(&key).map(|known| *known = value).is_some());
            }
        }
    }

    #[test]
    fn it_is_a_sorted_map_and_its_copies_are_independent() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let (mut trie, mut model) = (Trie::default(), BTreeMap::new());
            let mut copies = Vec::new();
            for step in 0..200 {
                change(&mut rng, &mut trie, &mut model);
                if step % 50 == 0 {
                    copies.push((trie.clone(), model.clone()));
                }
            }
            copies.push((trie.clone(), model.clone()));
            copies.iter().for_each(|(trie, model)| assert_same(trie, model));
            for _ in 0..20 {
                let (from, to) = (key(&mut rng), key(&mut rng));
                assert_eq!(trie.get(from), model.get(&from));
                let keys = from.min(to)..=from.max(to);
                let wanted = model.range(keys.clone()).map(|(key, value)| (*key, value));
                assert!(trie.range(keys).eq(wanted));
            }
        }
    }

    #[test]
    fn what_is_empty_takes_no_room() {
        let mut trie = Trie::default();
        (0..100_u64).for_each(|n| {
            trie.insert(crate::hash::mix(n), ());
        });
        (0..100_u64).for_each(|n| {
            trie.remove(crate::hash::mix(n));
        });
        assert!(trie.buckets.iter().all(Option::is_none));
        assert_eq!(trie.len(), 0);
    }
}
