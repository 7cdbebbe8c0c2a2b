//! Reproducible randomness: SplitMix64 (Steele, Lea and Flood, 2014), small enough to be the same for ever.

/// A stream of numbers that its key alone decides.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of `key`.
    #[must_use]
    pub const fn new(key: u64) -> Self {
        Self(key)
    }

    /// The stream of several numbers together, order included.
    #[must_use]
    pub fn keyed(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0x6561_7277_6974, |key, part| mix(key ^ mix(part.wrapping_add(GOLDEN)))))
    }

    /// The next 64 bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// The next number below `limit`; 0 if that is 0. The bias is below `limit` / 2⁶⁴.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// True in `percent` of 100 cases.
    pub fn happens(&mut self, percent: f64) -> bool {
        percent > 0.0 && (self.bits() >> 11) as f64 / (1_u64 << 53) as f64 * 100.0 < percent
    }

    /// Fills `bytes`; a shorter buffer gets the beginning of what a longer one gets.
    #[inline]
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for word in words {
            *word = self.bits().to_le_bytes();
        }
        if !rest.is_empty() {
            rest.copy_from_slice(&self.bits().to_le_bytes()[..rest.len()]);
        }
    }
}

/// 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_key_is_that_of_the_reference_code() {
        let mut random = Random::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423_u64];
        assert_eq!([random.bits(), random.bits(), random.bits()], expected);
    }

    #[test]
    fn a_shorter_buffer_is_the_beginning_of_a_longer_one() {
        let (mut long, mut short) = ([0; 240], [0; 157]);
        Random::keyed(&[1, 2]).fill(&mut long);
        Random::keyed(&[1, 2]).fill(&mut short);
        assert_eq!(long[..157], short);
        assert_ne!(Random::keyed(&[1, 2]).bits(), Random::keyed(&[2, 1]).bits());
    }

    #[test]
    fn percentages_are_kept() {
        let mut random = Random::new(7);
        let happened = (0..100_000).filter(|_| random.happens(3.0)).count();
        assert!((2_850..3_150).contains(&happened), "{happened} of 100,000 at 3 %");
        assert!((0..1_000).all(|_| !random.happens(0.0) && random.happens(100.0)));
    }
}
