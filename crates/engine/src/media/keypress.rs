//! Keys sent as telephone-events (RFC 4733): one key is one RTP timestamp, in however many packets.

use earwitness_model::RtpTime;

/// A telephone-event payload (RFC 4733, section 2.3).
///
/// ```text
///    0                   1                   2                   3
///    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///   |     event     |E|R| volume    |          duration             |
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyEvent {
    pub(crate) digit: char,
    /// In units of the RTP clock.
    pub(crate) duration: u16,
}

impl KeyEvent {
    /// The key in `payload`; `None` for events that are not keys (flash, fax tones, a gateway's own).
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let [event, _, high, low, ..] = *payload else { return None };
        let digit = char::from(*b"0123456789*#ABCD".get(usize::from(event))?);
        Some(Self { digit, duration: u16::from_be_bytes([high, low]) })
    }
}

/// The key of a track that is being pressed: its timestamp and its place in the call's list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pressed {
    pub(crate) rtp_time: RtpTime,
    pub(crate) place: usize,
}

impl Pressed {
    /// Whether a packet with `rtp_time` belongs to a key before this one: it came late, or the mirror showed it late.
    pub(crate) const fn is_straggler(self, rtp_time: RtpTime) -> bool {
        const FIVE_SECONDS: i32 = 5 * 8000;
        let behind = self.rtp_time.since(rtp_time);
        0 < behind && behind < FIVE_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_events_0_to_15_and_nothing_else() {
        assert_eq!(KeyEvent::parse(&[10, 0x8a, 0x03, 0x20]), Some(KeyEvent { digit: '*', duration: 800 }));
        assert_eq!(KeyEvent::parse(&[15, 0, 0, 0]).map(|k| k.digit), Some('D'));
        for other in [&[16, 0, 0, 0][..], &[194, 0, 0, 0], &[1, 0, 0], &[]] {
            assert_eq!(KeyEvent::parse(other), None);
        }
    }
}
