//! A small sorted map that cannot grow beyond its limit, in memory or from the wire.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// At most `MAX` entries, sorted by key, no key twice.
///
/// A sorted vector: the tables are small, and equal contents are equal bytes, in memory and when hashed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table<K, V, const MAX: usize>(Vec<(K, V)>);

impl<K, V, const MAX: usize> Default for Table<K, V, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V, const MAX: usize> Table<K, V, MAX> {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no further key fits.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.position(key).map(|at| &self.0[at].1)
    }

    /// Where a key stands in the order of all.
    fn position(&self, key: &K) -> Option<usize> {
        self.0.binary_search_by(|(k, _)| k.cmp(key)).ok()
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Sets a value; false, and nothing changed, if the key is new and there is no room.
    #[must_use]
    pub fn insert(&mut self, key: K, value: V) -> bool {
        match self.0.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(at) => self.0[at].1 = value,
            Err(_) if self.is_full() => return false,
            Err(at) => self.0.insert(at, (key, value)),
        }
        true
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.position(key)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps only what is wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(k, v)| wanted(k, v));
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(k, v)| (k, v))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + DoubleEndedIterator + Clone {
        self.0.iter().map(|(k, _)| k)
    }
}

impl<K: Serialize, V: Serialize, const MAX: usize> Serialize for Table<K, V, MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.0)
    }
}

impl<'de, K, V, const MAX: usize> Deserialize<'de> for Table<K, V, MAX>
where
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Sorted<K, V, const MAX: usize>(PhantomData<(K, V)>);
        impl<'de, K, V, const MAX: usize> de::Visitor<'de> for Sorted<K, V, MAX>
        where
            K: Deserialize<'de> + Ord,
            V: Deserialize<'de>,
        {
            type Value = Table<K, V, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} entries, sorted by key")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let count = seq.size_hint().unwrap_or(0);
                if count > MAX {
                    return Err(de::Error::custom("too many entries"));
                }
                // Grows as entries are really there: the count alone costs nothing.
                let mut entries: Vec<(K, V)> = Vec::new();
                while let Some(entry) = seq.next_element::<(K, V)>()? {
                    if entries.len() >= MAX || entries.last().is_some_and(|(last, _)| *last >= entry.0) {
                        return Err(de::Error::custom("too many entries, or out of order"));
                    }
                    entries.push(entry);
                }
                Ok(Table(entries))
            }
        }
        from.deserialize_seq(Sorted(PhantomData))
    }
}
