//! The secret of a run, and what is made of it: noise, and orders of sets that nobody else knows.

use std::fmt;

use blake3::{Hasher, OutputReader};

/// What replacements are made with. Whoever has it can undo some of them: it is made for one run and kept nowhere.
#[derive(Clone)]
pub struct Secret {
    key: [u8; 32],
}

impl Secret {
    /// The secret with this key, from a source of randomness.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A secret that everybody can make again: for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { key: *blake3::hash(&seed.to_le_bytes()).as_bytes() }
    }

    /// Bytes that only this secret gives for `parts`.
    pub(crate) fn noise(&self, realm: &str, parts: &[&[u8]]) -> Noise {
        Noise(self.hasher(realm, parts).finalize_xof())
    }

    /// An order of the numbers below `size`, at most 2⁶⁴, which is this secret's for `context`.
    pub(crate) fn order(&self, realm: &str, context: &[u8], size: u128) -> Order {
        let bits = u128::BITS - size.saturating_sub(1).leading_zeros();
        let key = *self.hasher(realm, &[context, &size.to_le_bytes()]).finalize().as_bytes();
        Order { key, size, half: bits.div_ceil(2).max(1) }
    }

    fn hasher(&self, realm: &str, parts: &[&[u8]]) -> Hasher {
        let mut hasher = Hasher::new_keyed(&self.key);
        for part in [realm.as_bytes()].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher
    }
}

/// Nothing of it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// Bytes without end.
pub(crate) struct Noise(OutputReader);

impl Noise {
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    /// A number below `size`.
    pub(crate) fn below(&mut self, size: usize) -> usize {
        let mut four = [0; 4];
        self.0.fill(&mut four);
        u32::from_le_bytes(four) as usize % size.max(1)
    }
}

/// A secret cyclic order of the numbers below `size`: one cycle through all of them, so that of two or more none is followed
/// by itself and no two by the same.
///
/// It is that of the numbers themselves, seen through a Feistel network whose values beyond `size` are walked over.
pub(crate) struct Order {
    key: [u8; 32],
    size: u128,
    half: u32,
}

impl Order {
    const ROUNDS: u8 = 8;

    /// The number after `value`, which is below the size.
    pub(crate) fn next(&self, value: u128) -> u128 {
        if self.size < 2 || value >= self.size {
            return value;
        }
        let place = self.walk(value, Self::forward);
        self.walk((place + 1) % self.size, Self::backward)
    }

    fn walk(&self, mut value: u128, step: fn(&Self, u128) -> u128) -> u128 {
        loop {
            value = step(self, value);
            if value < self.size {
                return value;
            }
        }
    }

    fn forward(&self, value: u128) -> u128 {
        let (mut left, mut right) = (value >> self.half, value & self.mask());
        for round in 0..Self::ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        left << self.half | right
    }

    fn backward(&self, value: u128) -> u128 {
        let (mut left, mut right) = (value >> self.half, value & self.mask());
        for round in (0..Self::ROUNDS).rev() {
            (left, right) = (right ^ self.round(round, left), left);
        }
        left << self.half | right
    }

    const fn mask(&self) -> u128 {
        (1 << self.half) - 1
    }

    fn round(&self, round: u8, half: u128) -> u128 {
        let mut input = [round; 17];
        input[1..].copy_from_slice(&half.to_le_bytes());
        let hash = blake3::keyed_hash(&self.key, &input);
        let word: [u8; 8] = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        u128::from(u64::from_le_bytes(word)) & self.mask()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_order_goes_through_all_of_a_set_before_it_comes_back() {
        for size in [2_u128, 3, 7, 10, 90, 100, 156, 1000] {
            let order = Secret::seeded(7).order("test", b"", size);
            let mut seen = BTreeSet::from([0]);
            let mut value = order.next(0);
            while value != 0 {
                assert!(value < size && seen.insert(value), "{size}: {value}");
                value = order.next(value);
            }
            assert_eq!(seen.len() as u128, size);
        }
    }

    #[test]
    fn another_secret_or_context_is_another_order() {
        let next = |seed, context: &[u8]| Secret::seeded(seed).order("test", context, 1 << 40).next(5);
        assert_eq!(next(1, b"a"), next(1, b"a"));
        assert_ne!(next(1, b"a"), next(1, b"b"));
        assert_ne!(next(1, b"a"), next(2, b"a"));
    }

    proptest! {
        #[test]
        fn of_large_sets_too_no_number_is_followed_by_itself(size in 2_u128..1 << 64, value in any::<u64>()) {
            let value = u128::from(value) % size;
            let next = Secret::seeded(3).order("test", b"", size).next(value);
            prop_assert!(next < size && next != value);
        }
    }
}
