//! Where a frame, datagram, message or packet stopped making sense.

use std::fmt;

/// The protocol layer that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Ethernet, Linux cooked, BSD loopback, LLC: what the link type of the capture promises.
    Link,
    /// An IEEE 802.1Q or 802.1ad tag.
    Vlan,
    /// What carries frames or packets in others: MPLS, GRE, ERSPAN and the like.
    Tunnel,
    /// An IPv4 header (RFC 791).
    Ipv4,
    /// An IPv6 header or one of its extension headers (RFC 8200).
    Ipv6,
    /// A UDP header (RFC 768).
    Udp,
    /// A TCP header (RFC 9293).
    Tcp,
    /// A SIP message (RFC 3261).
    Sip,
    /// A HEP packet of version 3.
    Hep,
    /// An SDP body (RFC 8866).
    Sdp,
    /// An RTP packet (RFC 3550, section 5).
    Rtp,
    /// An RTCP packet (RFC 3550, section 6).
    Rtcp,
}

/// Why it could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The bytes end before the structure does.
    Truncated,
    /// The version field holds another version than the layer's.
    BadVersion,
    /// A length field contradicts itself or what encloses it.
    BadLength,
    /// The text breaks the grammar.
    BadSyntax,
    /// Something that the grammar requires is absent.
    Missing,
    /// Nested or repeated more often than this crate follows.
    TooDeep,
    /// Well-formed as far as can be seen, but of a kind that is not read here.
    Unsupported,
}

/// What could not be read, where and why: small and `Copy`, so that it is counted by kind instead of logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WireError {
    /// The layer that could not be read.
    pub layer: Layer,
    /// Where, in bytes from the start of what was given to the parser: of the frame for [`decode`](crate::decode()), of
    /// the datagram's payload for the layers above UDP.
    pub offset: u32,
    /// Why.
    pub cause: Cause,
}

impl WireError {
    /// An error of `layer` at `offset`; an offset beyond 4 GiB is given as the largest number there is.
    #[must_use]
    pub fn new(layer: Layer, offset: usize, cause: Cause) -> Self {
        Self { layer, offset: u32::try_from(offset).unwrap_or(u32::MAX), cause }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link layer",
            Self::Vlan => "VLAN tag",
            Self::Tunnel => "tunnel",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Sip => "SIP",
            Self::Hep => "HEP",
            Self::Sdp => "SDP",
            Self::Rtp => "RTP",
            Self::Rtcp => "RTCP",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end too early",
            Self::BadVersion => "another version",
            Self::BadLength => "a length that cannot be",
            Self::BadSyntax => "not the grammar",
            Self::Missing => "a required part is missing",
            Self::TooDeep => "nested too deeply",
            Self::Unsupported => "a kind that is not read",
        })
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.layer, self.offset, self.cause)
    }
}

impl std::error::Error for WireError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_layer_place_and_cause() {
        let error = WireError::new(Layer::Ipv4, 14, Cause::BadVersion);
        assert_eq!(error.to_string(), "IPv4 at byte 14: another version");
        assert_eq!(WireError::new(Layer::Rtp, usize::MAX, Cause::Truncated).offset, u32::MAX);
    }
}
