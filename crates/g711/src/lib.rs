//! ITU-T G.711 (11/1988) A-law and µ-law: const tables and whole-buffer functions.
//!
//! This crate never allocates, never panics on any input, holds no state and does no I/O. It does not conceal loss,
//! resample or mix; that is `media`.
//!
//! Conventions, the same as those of the ITU-T Software Tool Library (G.191) and its test vectors:
//!
//! - A code is the octet as it travels in RTP (RFC 3551, 4.5.14): A-law with its even bits inverted (silence is
//!   `0xD5`), µ-law with all bits inverted (silence is `0xFF`).
//! - A linear sample is 16 bits, left-justified: the 13 bits of A-law in the upper 13 (±32,256), the 14 bits of µ-law in
//!   the upper 14 (±32,124). The unused low bits are 0 after decoding and ignored by encoding.
//! - Encoding takes the magnitude of a negative sample by ones' complement, as G.191 does: −1 is in the first negative
//!   interval, and the code of a sample never depends on the bits below its interval.
#![forbid(unsafe_code)]

mod alaw;
mod ulaw;

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law, RTP payload type 8 (PCMA).
    A,
    /// µ-law, RTP payload type 0 (PCMU).
    Mu,
}

impl Law {
    /// The code of silence: what decodes to the smallest positive sample, and the pattern of an idle channel.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::A => 0xd5,
            Self::Mu => 0xff,
        }
    }

    /// The 256 linear samples, indexed by code.
    #[must_use]
    pub const fn table(self) -> &'static [i16; 256] {
        match self {
            Self::A => &alaw::EXPANDED,
            Self::Mu => &ulaw::EXPANDED,
        }
    }
}

/// The linear sample of one code: G.711 tables 1 and 2 read from code to "quantized value", left-justified in 16 bits.
#[must_use]
pub const fn decode_sample(law: Law, code: u8) -> i16 {
    law.table()[code as usize]
}

/// The code of one linear sample: G.711 tables 1 and 2 read from decision value to code.
#[must_use]
pub const fn encode_sample(law: Law, sample: i16) -> u8 {
    match law {
        Law::A => alaw::compress(sample),
        Law::Mu => ulaw::compress(sample),
    }
}

/// Decodes as many codes as both slices hold and returns how many that was.
pub fn decode(law: Law, codes: &[u8], out: &mut [i16]) -> usize {
    let table = law.table();
    for (sample, &code) in out.iter_mut().zip(codes) {
        *sample = table[usize::from(code)];
    }
    codes.len().min(out.len())
}

/// Encodes as many samples as both slices hold and returns how many that was.
pub fn encode(law: Law, samples: &[i16], out: &mut [u8]) -> usize {
    // One loop per law: the choice is made once per buffer, not once per sample.
    match law {
        Law::A => out.iter_mut().zip(samples).for_each(|(code, &sample)| *code = alaw::compress(sample)),
        Law::Mu => out.iter_mut().zip(samples).for_each(|(code, &sample)| *code = ulaw::compress(sample)),
    }
    samples.len().min(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sign, segment and interval of G.711 table 1a and 1b, worked by hand.
    #[test]
    fn a_law_codes_have_the_values_of_the_table() {
        for (code, sample) in
            [(0xd5, 8), (0x55, -8), (0xaa, 32_256), (0x2a, -32_256), (0x80, 5_504), (0xff, 848), (0xc5, 264)]
        {
            assert_eq!(decode_sample(Law::A, code), sample, "{code:#04x}");
            assert_eq!(encode_sample(Law::A, sample), code, "{sample}");
        }
    }

    /// Sign, segment and interval of G.711 table 2a and 2b, worked by hand.
    #[test]
    fn mu_law_codes_have_the_values_of_the_table() {
        for (code, sample) in
            [(0xff, 0), (0x80, 32_124), (0x00, -32_124), (0xfe, 8), (0x7e, -8), (0xef, 132), (0x6f, -132)]
        {
            assert_eq!(decode_sample(Law::Mu, code), sample, "{code:#04x}");
            assert_eq!(encode_sample(Law::Mu, sample), code, "{sample}");
        }
        assert_eq!(decode_sample(Law::Mu, 0x7f), 0, "µ-law has two zeros");
    }

    #[test]
    fn the_silence_code_is_the_positive_sample_nearest_zero() {
        assert_eq!(decode_sample(Law::A, Law::A.silence()), 8);
        assert_eq!(decode_sample(Law::Mu, Law::Mu.silence()), 0);
        for law in [Law::A, Law::Mu] {
            assert_eq!(encode_sample(law, 0), law.silence());
        }
    }

    #[test]
    fn extremes_of_sixteen_bits_clip_to_the_outermost_codes() {
        assert_eq!((encode_sample(Law::A, i16::MAX), encode_sample(Law::A, i16::MIN)), (0xaa, 0x2a));
        assert_eq!((encode_sample(Law::Mu, i16::MAX), encode_sample(Law::Mu, i16::MIN)), (0x80, 0x00));
    }

    #[test]
    fn every_code_but_the_second_zero_of_mu_law_survives_decode_and_encode() {
        for law in [Law::A, Law::Mu] {
            let changed: Vec<u8> =
                (0..=255).filter(|&code| encode_sample(law, decode_sample(law, code)) != code).collect();
            assert_eq!(changed, if law == Law::A { vec![] } else { vec![0x7f] });
        }
    }

    #[test]
    fn encoding_never_decreases_with_the_sample() {
        for law in [Law::A, Law::Mu] {
            let decoded: Vec<i16> =
                (i16::MIN..=i16::MAX).map(|sample| decode_sample(law, encode_sample(law, sample))).collect();
            assert!(decoded.is_sorted());
        }
    }

    #[test]
    fn buffers_of_unequal_length_are_worked_to_the_shorter() {
        let mut samples = [1i16; 4];
        assert_eq!(decode(Law::A, &[0xd5, 0x55, 0xaa], &mut samples), 3);
        assert_eq!(samples, [8, -8, 32_256, 1]);
        assert_eq!(decode(Law::Mu, &[0x80; 9], &mut samples[..2]), 2);
        assert_eq!(samples, [32_124, 32_124, 32_256, 1]);
        let mut codes = [7u8; 3];
        assert_eq!(encode(Law::A, &[8, -8], &mut codes), 2);
        assert_eq!(codes, [0xd5, 0x55, 7]);
        assert_eq!(encode(Law::Mu, &[0, -32_124, 8, 8], &mut codes), 3);
        assert_eq!(codes, [0xff, 0x00, 0xfe]);
        assert_eq!(decode(Law::Mu, &[], &mut samples), 0);
    }
}
