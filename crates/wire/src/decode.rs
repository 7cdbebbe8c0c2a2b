//! From a frame to the datagram in it.

use std::{fmt, net::IpAddr};

use earwitness_model::{Flow, LinkType, RawFrame};

use crate::{
    Cause, Layer, TcpSegment, Tunnel, WireError,
    encap::{
        Inside, Span, ethernet, hep, ipv4, ipv6, loopback, port_tag, pppoe, sll,
        transport::{self, IpEnds},
        tunnel, vlan,
    },
};

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried<'b> {
    /// A whole UDP datagram, as far as it was captured.
    Udp(Datagram<'b>),
    /// A piece of an IP packet, the first one included: for the [`Reassembler`](crate::Reassembler).
    Fragment(Fragment<'b>),
    /// A TCP segment, as far as it was captured.
    Tcp(TcpSegment<'b>),
    /// ICMP or ICMPv6. What it quotes was not sent by those it names, and is not looked at.
    Icmp,
    /// Another IP protocol, by its number: one that is not read, or a tunnel that leads to nothing that is.
    OtherIp(u8),
    /// No IP, by its EtherType; 0 where there is none.
    NotIp(u16),
}

/// A UDP datagram.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'b> {
    /// From where to where.
    pub flow: Flow,
    /// What UDP carries: never padding of the link layer.
    pub payload: &'b [u8],
    /// Bytes of the payload that the lengths in the headers promise and the capture does not have, mostly because of
    /// its snap length.
    pub cut: u32,
    /// IPv4 TTL or IPv6 hop limit, as captured.
    pub hop_limit: u8,
    /// The outermost tunnel that it came in; `None` for one that came bare.
    pub tunnel: Option<Tunnel>,
}

/// A piece of an IP packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fragment<'b> {
    /// The sender.
    pub src: IpAddr,
    /// The receiver, of the same address family.
    pub dst: IpAddr,
    /// The IP protocol of the whole; in IPv6 the number of the header after the fragment header, and only the first
    /// fragment's counts.
    pub protocol: u8,
    /// The identification that the pieces have in common: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Where this piece belongs, in bytes from the start of the fragmentable part.
    pub offset: u16,
    /// Whether other pieces follow it.
    pub more: bool,
    /// The piece.
    pub bytes: &'b [u8],
    /// Bytes of it that were not captured.
    pub cut: u32,
    /// IPv4 TTL or IPv6 hop limit, as captured.
    pub hop_limit: u8,
    /// The outermost tunnel that it came in; `None` for one that came bare.
    pub tunnel: Option<Tunnel>,
}

/// Finds the datagram, the fragment or the other protocol in `frame`, through tags and tunnels. Allocates nothing.
///
/// Tunnels are followed [`Tunnel::MAX_LAYERS`] deep. One that is made of UDP is told by the port that it is sent to and by a
/// header that makes sense; else it is a datagram like any other.
///
/// Lengths in the headers win over the length captured where they are smaller, so that padding is never payload; where
/// they are larger, what is there is kept and the rest is counted in `cut`. Checksums are not looked at.
///
/// # Errors
///
/// Where a header is cut off, contradicts itself, or is of a link type that is not read.
#[inline]
pub fn decode<'b>(frame: &RawFrame<'b>) -> Result<Carried<'b>, WireError> {
    let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    let span = Span { bytes: frame.bytes, offset: 0, cut: frame.wire_len.saturating_sub(captured) };
    let inside = match frame.link {
        LinkType::Ethernet => ethernet::inside(span)?,
        LinkType::LinuxSll => sll::inside(span)?,
        LinkType::LinuxSll2 => sll::inside_v2(span)?,
        LinkType::Null | LinkType::Loop => loopback::inside(span)?,
        LinkType::RawIp => Inside::Ip(span),
        LinkType::Ipv4 => Inside::EtherType(ethernet::IPV4, span),
        LinkType::Ipv6 => Inside::EtherType(ethernet::IPV6, span),
        LinkType::Hep => return hep::carried(span),
        LinkType::Other(_) => return Err(span.error(Layer::Link, Cause::Unsupported)),
    };
    climb(inside, None)
}

/// Goes up from a link layer, or from what lies in the tunnel `around`, through at most [`vlan::MAX_TAGS`] tags, to IP.
///
/// Inlined, like what it calls, in two places: for bare frames, where `around` is known to be `None` and costs nothing, and
/// behind the doors of tunnels.
#[inline(always)]
pub(crate) fn climb<'b>(mut inside: Inside<'b>, around: Option<&Tunnel>) -> Result<Carried<'b>, WireError> {
    let mut tags = 0;
    loop {
        inside = match inside {
            Inside::EtherType(ethernet::IPV4, span) => return ipv4::carried(span, around),
            Inside::EtherType(ethernet::IPV6, span) => return ipv6::carried(span, around),
            Inside::EtherType(tag, span) if vlan::is_tag(tag) => {
                tags += 1;
                if tags > vlan::MAX_TAGS {
                    return Err(span.error(Layer::Vlan, Cause::TooDeep));
                }
                vlan::inside(span)?
            }
            Inside::EtherType(pppoe::ETHER_TYPE, span) => pppoe::inside(span)?,
            Inside::EtherType(len @ ..=ethernet::MAX_802_3_LENGTH, span) => {
                Inside::Llc(span.limited(usize::from(len)))
            }
            Inside::EtherType(other, span) => match port_tag::inside(other, span)? {
                Some(inside) if tags < vlan::MAX_TAGS => {
                    tags += 1;
                    inside
                }
                Some(_) => return Err(span.error(Layer::Vlan, Cause::TooDeep)),
                None => return tunnel::in_link(other, span, around),
            },
            Inside::Ethernet(span) => ethernet::inside(span)?,
            Inside::Llc(span) => ethernet::inside_llc(span)?,
            Inside::Ip(span) => match span.bytes.first().map(|first| first >> 4) {
                Some(4) => Inside::EtherType(ethernet::IPV4, span),
                Some(6) => Inside::EtherType(ethernet::IPV6, span),
                Some(_) => return Err(span.error(Layer::Link, Cause::BadVersion)),
                None => return Err(span.error(Layer::Link, Cause::Truncated)),
            },
            Inside::NotIp => return Ok(Carried::NotIp(0)),
        }
    }
}

/// Reads the fragmentable part of an IP packet that was put together from `first` and the pieces after it.
pub(crate) fn decode_reassembled<'r>(
    first: &FirstFragment,
    bytes: &'r [u8],
) -> Result<Carried<'r>, WireError> {
    let FirstFragment { ends, protocol, tunnel } = first;
    let span = Span { bytes, offset: 0, cut: 0 };
    match ends.src {
        IpAddr::V4(_) => transport::carried(*protocol, *ends, span, tunnel.as_ref()),
        IpAddr::V6(_) => ipv6::after_header(*protocol, *ends, span, tunnel.as_ref()),
    }
}

/// What the first fragment says of the whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstFragment {
    /// Addresses and hop limit.
    pub(crate) ends: IpEnds,
    /// The protocol number that starts the fragmentable part.
    pub(crate) protocol: u8,
    /// The tunnel that the pieces came in.
    pub(crate) tunnel: Option<Tunnel>,
}

/// Lengths, and no address: those are personal.
impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("payload_len", &self.payload.len())
            .field("cut", &self.cut)
            .field("hop_limit", &self.hop_limit)
            .field("tunnel", &self.tunnel)
            .finish_non_exhaustive()
    }
}

/// Lengths and places, and no address: those are personal.
impl fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment")
            .field("protocol", &self.protocol)
            .field("offset", &self.offset)
            .field("more", &self.more)
            .field("len", &self.bytes.len())
            .field("cut", &self.cut)
            .field("tunnel", &self.tunnel)
            .finish_non_exhaustive()
    }
}
