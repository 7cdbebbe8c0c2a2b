//! ZRTP (RFC 6189): phones that agree on keys for SRTP inside the media. Only what a listener needs: which message it is.
//!
//! ```text
//!  +--------+-----------------+--------------+------+--------+--------+--------------+-------------+------
//!  | 0x10   | sequence number | cookie: ZRTP | SSRC | 0x505a | length | type, 8 text | body …      | CRC
//!  +--------+-----------------+--------------+------+--------+--------+--------------+-------------+------
//!  0        2                 4              8      12       14       16             24
//! ```

/// A ZRTP message, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `Confirm1`, `Confirm2` or `Conf2ACK`: its sender has the keys (RFC 6189, 4.6).
    Confirmed,
    /// `ClearACK`: from here on the media is in clear again (RFC 6189, 4.7.2).
    Clear,
    /// Any other.
    Other,
}

/// Which message a datagram's payload is; `None` when it is no ZRTP. Its checksum is not looked at.
#[must_use]
pub fn kind(payload: &[u8]) -> Option<Kind> {
    let [0x10, _, _, _, b'Z', b'R', b'T', b'P', _, _, _, _, rest @ ..] = payload else { return None };
    let [0x50, 0x5a, _, _, kind @ ..] = rest else { return Some(Kind::Other) };
    Some(match kind.first_chunk::<8>() {
        Some(b"Confirm1" | b"Confirm2" | b"Conf2ACK") => Kind::Confirmed,
        Some(b"ClearACK") => Kind::Clear,
        Some(_) | None => Kind::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_by_their_types() {
        let packet =
            |kind: &str| [&b"\x10\0\0\x01ZRTP\0\0\0\x01\x50\x5a\0\x03"[..], kind.as_bytes()].concat();
        let check = |text: &str, expected| assert_eq!(kind(&packet(text)), Some(expected), "{text}");
        ["Confirm1", "Confirm2", "Conf2ACK..."].into_iter().for_each(|text| check(text, Kind::Confirmed));
        check("ClearACK", Kind::Clear);
        let others = ["Hello   ", "HelloACK", "Commit  ", "GoClear ", "Conf", ""];
        others.into_iter().for_each(|text| check(text, Kind::Other));
        assert_eq!(kind(b"\x10\0\0\x01ZRTP\0\0\0\x01"), Some(Kind::Other));
        assert_eq!(kind(b"\x10\0\0\x01ZRTQ\0\0\0\x01\x50\x5a\0\x03Confirm1"), None);
        assert_eq!(kind(b"\x80\0\0\x01ZRTP\0\0\0\x01\x50\x5a\0\x03Confirm1"), None);
        assert_eq!(kind(b""), None);
    }
}
