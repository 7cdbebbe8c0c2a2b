//! A map that does not grow beyond its bound, and counts what it did not take.

use std::{cmp::Reverse, fmt, hash::Hash};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Keys come from the wire, so the hash is seeded at random and the size is bounded.
pub(crate) struct Bounded<K, V> {
    table: HashMap<K, V, RandomState>,
    most: usize,
    left_out: u64,
}

impl<K: Hash + Eq, V> Bounded<K, V> {
    /// Takes `most` keys.
    pub(crate) fn new(most: usize) -> Self {
        Self { table: HashMap::default(), most, left_out: 0 }
    }

    /// What there is of `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.table.get(key)
    }

    /// The value of `key`, where there is one.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.table.get_mut(key)
    }

    /// The value of `key`, made if it is new; `None`, counted, where there is no room for it.
    pub(crate) fn entry(&mut self, key: K, make: impl FnOnce() -> V) -> Option<&mut V> {
        if self.table.len() >= self.most && !self.table.contains_key(&key) {
            self.left_out += 1;
            return None;
        }
        Some(self.table.entry(key).or_insert_with(make))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.table.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.table.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How often a key was not taken.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl<K: Hash + Eq + Ord + Copy> Bounded<K, u64> {
    /// `count` more of `key`.
    pub(crate) fn add(&mut self, key: K, count: u64) {
        if let Some(sum) = self.entry(key, || 0) {
            *sum += count;
        }
    }

    /// What there is most of, first.
    pub(crate) fn by_count(&self) -> Vec<(K, u64)> {
        let mut all: Vec<_> = self.table.iter().map(|(key, count)| (*key, *count)).collect();
        all.sort_unstable_by_key(|(key, count)| (Reverse(*count), *key));
        all
    }
}

/// How much is in it; what is in it may be personal.
impl<K, V> fmt::Debug for Bounded<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("len", &self.table.len())
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_keeps_what_it_has_and_counts_the_rest() {
        let mut table = Bounded::new(2);
        for key in [1, 2, 3, 1, 4] {
            if let Some(count) = table.entry(key, || 0) {
                *count += 1;
            }
        }
        assert_eq!((table.len(), table.left_out()), (2, 2));
        assert_eq!(table.entry(1, || 0).copied(), Some(2));
        assert_eq!((table.get_mut(&2).copied(), table.get_mut(&3)), (Some(1), None));
    }

    #[test]
    fn counts_come_with_the_most_first_and_like_ones_in_order() {
        let mut table = Bounded::new(4);
        for (key, count) in [("b", 1), ("a", 1), ("c", 0), ("d", 2), ("c", 3), ("e", 9)] {
            table.add(key, count);
        }
        assert_eq!(table.by_count(), [("c", 3), ("d", 2), ("a", 1), ("b", 1)]);
        assert_eq!(table.left_out(), 1);
    }
}
