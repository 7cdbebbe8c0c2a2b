//! L16: linear samples of 16 bits, the most significant octet first (RFC 3551, 4.5.11).

/// Samples per channel that so many octets become: whole ones of all channels only.
pub(crate) const fn samples(octets: usize, channels: usize) -> usize {
    octets / (2 * channels)
}

/// Appends [`samples`] samples: the mean of the channels.
pub(crate) fn decode(payload: &[u8], channels: usize, out: &mut Vec<i16>) {
    let sample = |word: &[u8; 2]| i32::from(i16::from_be_bytes(*word));
    out.extend(payload.chunks_exact(2 * channels).map(|all| {
        let sum: i32 = all.as_chunks::<2>().0.iter().map(sample).sum();
        (sum / channels as i32) as i16
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_big_endian_and_channels_become_one() {
        let check = |payload: &[u8], channels, expected: &[i16]| {
            let mut out = Vec::new();
            decode(payload, channels, &mut out);
            assert_eq!(out, expected);
            assert_eq!(samples(payload.len(), channels), expected.len());
        };
        check(&[0x01, 0x02, 0xff, 0xfe, 0x7f], 1, &[0x0102, -2]);
        check(&[0x7f, 0xff, 0x7f, 0xff, 0x80, 0, 0x80, 0, 0, 3, 0, 5, 9, 9], 2, &[32_767, -32_768, 4]);
        check(&[], 2, &[]);
    }
}
