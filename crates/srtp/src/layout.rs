//! Where the parts of an SRTP packet lie (RFC 3711, 3.1; RFC 7714, 8.2).
//!
//! ```text
//!  with HMAC                                       with an AEAD
//!  +----------------+ ─┐                           +----------------+ ─┐
//!  | RTP header     |  │                           | RTP header     |  │ authenticated
//!  | CSRC, extension|  │ authenticated,            | CSRC, extension| ─┘
//!  +----------------+  │ then the rollover         +----------------+ ─┐
//!  | payload,       |  │ counter                   | payload,       |  │ encrypted and
//!  | encrypted      |  │                           | encrypted      |  │ authenticated
//!  +----------------+ ─┘                           | tag, 16 bytes  | ─┘
//!  | MKI            |                              +----------------+
//!  | tag            |                              | MKI            |
//!  +----------------+                              +----------------+
//! ```

/// Bytes of the tag of AES-GCM (RFC 7714, 5.2).
pub(crate) const AEAD_TAG: usize = 16;

/// The parts of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout<'b> {
    /// Fixed header, contributing sources and extension: in clear.
    pub(crate) header: &'b [u8],
    /// The payload with its padding, encrypted.
    pub(crate) body: &'b [u8],
    /// Which key, where keys have an identifier.
    pub(crate) mki: &'b [u8],
    /// The tag.
    pub(crate) tag: &'b [u8],
}

/// What a packet's header says that is needed to open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of all of it.
    pub(crate) len: usize,
    pub(crate) sequence: u16,
    pub(crate) ssrc: [u8; 4],
}

impl Header {
    /// `None` when it is no RTP version 2, or does not lie within `packet`.
    pub(crate) fn parse(packet: &[u8]) -> Option<Self> {
        let &[first, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = packet.first_chunk::<12>()?;
        (first >> 6 == 2).then_some(())?;
        let mut len = 12 + usize::from(first & 0x0f) * 4;
        if first & 0x10 != 0 {
            let &[_, _, l0, l1] = packet.get(len..)?.first_chunk::<4>()?;
            len += 4 + usize::from(u16::from_be_bytes([l0, l1])) * 4;
        }
        let header = Self { len, sequence: u16::from_be_bytes([s0, s1]), ssrc: [c0, c1, c2, c3] };
        (len <= packet.len()).then_some(header)
    }
}

impl<'b> Layout<'b> {
    /// With HMAC: the tag comes last.
    pub(crate) fn with_hmac(packet: &'b [u8], header: Header, tag: usize, mki: usize) -> Option<Self> {
        let (header, rest) = packet.split_at_checked(header.len)?;
        let (rest, tag) = rest.split_at_checked(rest.len().checked_sub(tag)?)?;
        let (body, mki) = rest.split_at_checked(rest.len().checked_sub(mki)?)?;
        Some(Self { header, body, mki, tag })
    }

    /// With an AEAD: the identifier comes last.
    pub(crate) fn with_aead(packet: &'b [u8], header: Header, mki: usize) -> Option<Self> {
        let (header, rest) = packet.split_at_checked(header.len)?;
        let (rest, mki) = rest.split_at_checked(rest.len().checked_sub(mki)?)?;
        let (body, tag) = rest.split_at_checked(rest.len().checked_sub(AEAD_TAG)?)?;
        Some(Self { header, body, mki, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_long_as_its_sources_and_its_extension_make_it() {
        let packet = |first: u8, rest: &[u8]| [&[first, 8, 1, 2, 0, 0, 0, 0, 9, 8, 7, 6][..], rest].concat();
        let len = |bytes: &[u8]| Header::parse(bytes).map(|header| header.len);
        assert_eq!(len(&packet(0x80, &[])), Some(12));
        assert_eq!(len(&packet(0x82, &[0; 8])), Some(20));
        assert_eq!(len(&packet(0x82, &[0; 7])), None);
        assert_eq!(len(&packet(0x90, &[0xbe, 0xde, 0, 1, 0, 0, 0, 0, 5])), Some(20));
        assert_eq!(len(&packet(0x90, &[0xbe, 0xde, 0, 2, 0, 0, 0, 0, 5])), None);
        assert_eq!(len(&packet(0x40, &[])), None, "version 1");
        assert_eq!(len(&[0x80; 11]), None);
        let header = Header::parse(&packet(0x80, &[])).unwrap();
        assert_eq!((header.sequence, header.ssrc), (0x0102, [9, 8, 7, 6]));
    }

    #[test]
    fn tag_and_identifier_change_places_in_an_aead() {
        let mut packet = vec![0x80; 12];
        packet.extend(0..40);
        let header = Header { len: 12, sequence: 0, ssrc: [0; 4] };
        let hmac = Layout::with_hmac(&packet, header, 10, 2).unwrap();
        assert_eq!((hmac.body.len(), hmac.mki, hmac.tag), (28, &[28, 29][..], &packet[42..]));
        let aead = Layout::with_aead(&packet, header, 2).unwrap();
        assert_eq!((aead.body.len(), aead.mki, aead.tag), (22, &[38, 39][..], &packet[34..50]));
        assert_eq!(Layout::with_hmac(&packet[..23], header, 10, 2), None);
        assert_eq!(Layout::with_aead(&packet[..29], header, 2), None);
    }
}
