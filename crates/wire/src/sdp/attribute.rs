//! The attributes that a recorder reads.

use crate::sip::scan::{cut, decimal, first_word};

/// Which way media flows, seen from whoever sent the description (RFC 8866, 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MediaDirection {
    /// Both ways; what a description says that says nothing.
    #[default]
    SendRecv,
    /// The describer sends only: it has put the other side on hold.
    SendOnly,
    /// The describer receives only: it is held.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl MediaDirection {
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], MediaDirection); 4] = [
            (b"sendrecv", MediaDirection::SendRecv),
            (b"sendonly", MediaDirection::SendOnly),
            (b"recvonly", MediaDirection::RecvOnly),
            (b"inactive", MediaDirection::Inactive),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, direction)| *direction)
    }
}

/// What a payload type means: `a=rtpmap:96 opus/48000/2` (RFC 8866, 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpMap<'b> {
    /// The encoding's name, compared without case.
    pub name: &'b str,
    /// The RTP clock rate in Hz.
    pub clock_rate: u32,
    /// Channels, when they are given.
    pub channels: Option<u8>,
}

impl<'b> RtpMap<'b> {
    /// Reads what follows the payload type; `None` without a name or a clock rate.
    pub(crate) fn parse(encoding: &'b [u8]) -> Option<Self> {
        let (name, rest) = cut(encoding, b'/')?;
        let (rate, channels) = match cut(rest, b'/') {
            Some((rate, channels)) => (rate, decimal(first_word(channels).0)),
            None => (first_word(rest).0, None),
        };
        let name = std::str::from_utf8(name.trim_ascii()).ok().filter(|name| !name.is_empty())?;
        Some(Self {
            name,
            clock_rate: u32::try_from(decimal(rate.trim_ascii())?).ok()?,
            channels: channels.and_then(|channels| u8::try_from(channels).ok()),
        })
    }
}

/// A key for SRTP: `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…` (RFC 4568).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Crypto<'b> {
    /// Its number in the offer.
    pub tag: u32,
    /// The suite.
    pub suite: &'b [u8],
    /// The key parameters: `inline:` and a secret. Never print them.
    pub key_params: &'b [u8],
    /// What follows them.
    pub session_params: &'b [u8],
}

impl<'b> Crypto<'b> {
    pub(crate) fn parse(value: &'b [u8]) -> Option<Self> {
        let (tag, rest) = first_word(value);
        let (suite, rest) = first_word(rest);
        let (key_params, session_params) = first_word(rest);
        (!key_params.is_empty()).then_some(())?;
        Some(Self { tag: u32::try_from(decimal(tag)?).ok()?, suite, key_params, session_params })
    }
}

impl std::fmt::Debug for Crypto<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crypto").field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// The hash of a certificate: `a=fingerprint:sha-256 4A:AD:…` (RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint<'b> {
    /// The hash function.
    pub function: &'b [u8],
    /// The hash, in hexadecimal with colons.
    pub hash: &'b [u8],
}

impl<'b> Fingerprint<'b> {
    pub(crate) fn parse(value: &'b [u8]) -> Option<Self> {
        let (function, rest) = first_word(value);
        let (hash, _) = first_word(rest);
        (!hash.is_empty()).then_some(Self { function, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rtpmap_needs_a_name_and_a_rate() {
        let map = |name, clock_rate, channels| Some(RtpMap { name, clock_rate, channels });
        assert_eq!(RtpMap::parse(b"opus/48000/2"), map("opus", 48000, Some(2)));
        assert_eq!(RtpMap::parse(b"PCMA/8000"), map("PCMA", 8000, None));
        assert_eq!(RtpMap::parse(b"PCMA / 8000 / 1 junk"), map("PCMA", 8000, Some(1)));
        assert_eq!(RtpMap::parse(b"L16/44100/900"), map("L16", 44100, None));
        for bad in ["LPC", "/8000", "PCMA/", "PCMA/fast", "\u{0}"] {
            assert_eq!(RtpMap::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(RtpMap::parse(b"\xff/8000"), None);
    }

    #[test]
    fn a_crypto_line_does_not_print_its_key() {
        let crypto = Crypto::parse(b"1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4 KDR=1").unwrap();
        assert_eq!((crypto.tag, crypto.suite), (1, &b"AES_CM_128_HMAC_SHA1_80"[..]));
        assert_eq!(crypto.key_params, b"inline:c2VjcmV0|2^20|1:4");
        assert_eq!(crypto.session_params, b"KDR=1");
        assert_eq!(format!("{crypto:?}"), "Crypto { tag: 1, .. }");
        assert_eq!(Crypto::parse(b"1 AES_CM_128_HMAC_SHA1_80"), None);
        assert_eq!(Crypto::parse(b"x AES_CM_128_HMAC_SHA1_80 inline:a"), None);
    }
}
