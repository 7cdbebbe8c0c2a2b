//! What stands in for lost audio where it is asked for: the last packet again, fading.
//!
//! A simple relative of G.711 Appendix I: the same 10 ms at full level and the same linear fade to nothing at 60 ms, but
//! the last packet is repeated whole, without the search for its pitch period.

use g711::{Law, decode_sample};

/// Samples after which concealment is silence: 60 ms.
pub(crate) const LONGEST: usize = 480;
/// Samples before the fade begins: 10 ms.
const FULL_LEVEL: usize = 80;

/// The sample `since` samples after the end of a packet with `payload`, in a gap.
pub(crate) fn sample(law: Law, payload: &[u8], since: usize) -> i16 {
    if payload.is_empty() || since >= LONGEST {
        return 0;
    }
    let last = i32::from(decode_sample(law, payload[since % payload.len()]));
    let level = (LONGEST - since.max(FULL_LEVEL)) as i32;
    (last * level / (LONGEST - FULL_LEVEL) as i32) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_packet_repeats_at_full_level_and_fades_to_nothing_by_60_ms() {
        let payload = [0xaa, 0x2a];
        let at = |since| sample(Law::A, &payload, since);
        assert_eq!((at(0), at(1), at(80), at(81)), (32_256, -32_256, 32_256, -32_175));
        assert_eq!((at(280), at(479), at(480), at(usize::MAX)), (16_128, -80, 0, 0));
    }

    #[test]
    fn nothing_comes_of_an_empty_packet() {
        assert_eq!(sample(Law::Mu, &[], 0), 0);
    }
}
