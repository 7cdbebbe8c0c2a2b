//! What a datagram carries, told by its first bytes: ports are dealt by calls, and say nothing.

use crate::{rtcp, rtp, sip, zrtp};

/// A protocol of telephony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RTP (RFC 3550): nearly all there is.
    Rtp,
    /// SIP (RFC 3261).
    Sip,
    /// RTCP (RFC 3550, section 6).
    Rtcp,
    /// ZRTP (RFC 6189): keys for SRTP.
    Zrtp(zrtp::Kind),
    /// None of these.
    Other,
}

impl Protocol {
    /// That of a UDP payload. The commonest is looked for first.
    #[inline]
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        if rtp::looks_like(payload) {
            Self::Rtp
        } else if sip::looks_like(payload) {
            Self::Sip
        } else if rtcp::looks_like(payload) {
            Self::Rtcp
        } else {
            zrtp::kind(payload).map_or(Self::Other, Self::Zrtp)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_told_by_its_first_bytes() {
        let check = |payload: &[u8], expected| assert_eq!(Protocol::of(payload), expected, "{payload:?}");
        check(&[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xd5], Protocol::Rtp);
        check(b"INVITE sip:4001@10.1.0.9 SIP/2.0\r\n\r\n", Protocol::Sip);
        check(b"SIP/2.0 200 OK\r\n\r\n", Protocol::Sip);
        check(&[0x80, 201, 0, 1, 1, 2, 3, 4], Protocol::Rtcp);
        check(b"\x10\0\0\x01ZRTP\0\0\0\x01\x50\x5a\0\x03Confirm1", Protocol::Zrtp(zrtp::Kind::Confirmed));
        check(b"\r\n\r\n", Protocol::Other);
        check(b"", Protocol::Other);
    }
}
