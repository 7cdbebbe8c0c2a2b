//! RTP packets (RFC 3550, section 5.1) and telephone events (RFC 4733, section 2.3).

/// The fixed header of a packet, without padding, extension and contributing sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The payload type, 7 bits.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// The 12 bytes of the header.
    #[must_use]
    pub fn bytes(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[0] = 0x80;
        bytes[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7f;
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }

    /// The packet that carries `payload`.
    #[must_use]
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        [&self.bytes()[..], payload].concat()
    }
}

/// The payload of a telephone event; `None` for a character that is no key.
///
/// `duration` is in timestamp units since the event began.
#[must_use]
pub fn telephone_event(digit: char, end: bool, duration: u16) -> Option<[u8; 4]> {
    const KEYS: &str = "0123456789*#ABCD";
    let event = KEYS.find(digit)? as u8;
    let [high, low] = duration.to_be_bytes();
    Some([event, u8::from(end) << 7 | 10, high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_these_bytes() {
        let header = Header {
            payload_type: 8,
            marker: true,
            sequence: 0x0102,
            timestamp: 0x0304_0506,
            ssrc: 0x0708_090a,
        };
        let expected = [0x80, 0x88, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xd5];
        assert_eq!(header.packet(&[0xd5]), expected);
    }

    #[test]
    fn keys_are_the_events_of_rfc_4733() {
        assert_eq!(telephone_event('*', false, 160), Some([10, 10, 0, 160]));
        assert_eq!(telephone_event('D', true, 1280), Some([15, 0x8a, 5, 0]));
        assert_eq!(telephone_event('x', true, 0), None);
    }
}
