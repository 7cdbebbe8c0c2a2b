//! What stands in for lost audio where it is asked for: the last packet again, fading.
//!
//! A simple relative of G.711 Appendix I: the same 10 ms at full level and the same linear fade to nothing at 60 ms, but
//! the last packet is repeated whole, without the search for its pitch period.

/// Samples after which concealment is silence: 60 ms.
pub(crate) const fn longest(rate: u32) -> usize {
    (rate as usize) * 60 / 1000
}

/// The sample `since` samples after the end of a packet with the samples `last`, in a gap.
pub(crate) fn sample(last: &[i16], rate: u32, since: usize) -> i16 {
    let (longest, full_level) = (longest(rate), rate as usize / 100);
    if last.is_empty() || since >= longest {
        return 0;
    }
    let level = (longest - since.max(full_level)) as i32;
    (i32::from(last[since % last.len()]) * level / (longest - full_level) as i32) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_packet_repeats_at_full_level_and_fades_to_nothing_by_60_ms() {
        let last = [32_256, -32_256];
        let at = |since| sample(&last, 8_000, since);
        assert_eq!((at(0), at(1), at(80), at(81)), (32_256, -32_256, 32_256, -32_175));
        assert_eq!((at(280), at(479), at(480), at(usize::MAX)), (16_128, -80, 0, 0));
        assert_eq!((sample(&last, 48_000, 480), sample(&last, 48_000, 2_880)), (32_256, 0));
    }

    #[test]
    fn nothing_comes_of_an_empty_packet() {
        assert_eq!(sample(&[], 8_000, 0), 0);
    }
}
