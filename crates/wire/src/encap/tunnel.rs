//! The doors of tunnels, by EtherType, IP protocol and UDP port, and what happens behind them.
//!
//! Nothing here is on the path of a bare frame but [`may_be_port`]. A door stays closed where the header behind it makes no
//! sense or announces nothing that leads to a datagram: then the frame is what it is without the door.
//!
//! Invariant: whatever goes through a door goes through [`enter`], which counts the layers; so what calls itself again
//! by [`through`] does so at most [`Tunnel::MAX_LAYERS`] deep.

use super::{
    Inside, Span, ah, backbone, esp, ether_ip, geneve, gre, gtp, hep, mpls,
    transport::{self, IpEnds},
    tzsp, vxlan,
};
use crate::{Carried, Cause, Encapsulation, Layer, Tunnel, TunnelEnds, WireError, decode::climb};

/// UDP ports that tunnels are sent to (IANA; 8472 is what Linux used before there was a number, 9060 is Homer's).
const PORTS: [u16; 7] =
    [gtp::PORT, vxlan::PORT, vxlan::GPE_PORT, geneve::PORT, vxlan::OLD_PORT, hep::PORT, tzsp::PORT];

/// A bit for each of [`PORTS`] modulo 64.
const RESIDUES: u64 = {
    let (mut residues, mut at) = (0, 0);
    while at < PORTS.len() {
        #[expect(
            clippy::indexing_slicing,
            reason = "`at` is below the length, and this runs in the compiler"
        )]
        let port = PORTS[at];
        residues |= 1 << (port % 64);
        at += 1;
    }
    residues
};

/// Whether [`in_udp`] is worth a call: one look tells nearly all datagrams from tunnels.
#[inline]
pub(crate) const fn may_be_port(port: u16) -> bool {
    RESIDUES >> (port % 64) & 1 != 0
}

/// What a frame of an EtherType carries that is neither IP nor a tag.
#[cold]
#[inline(never)]
pub(crate) fn in_link<'b>(
    ether_type: u16,
    span: Span<'b>,
    around: Option<&Tunnel>,
) -> Result<Carried<'b>, WireError> {
    let opened = match ether_type {
        mpls::UNICAST | mpls::MULTICAST => mpls::inside(span)?.map(|inside| (Encapsulation::Mpls, inside)),
        backbone::ETHER_TYPE => Some((Encapsulation::ProviderBackbone, backbone::inside(span)?)),
        _ => None,
    };
    match opened {
        Some((kind, inside)) => through(inside, &enter(around, kind, None, span)?),
        None => Ok(Carried::NotIp(ether_type)),
    }
}

/// What an IP packet carries whose protocol is neither UDP nor TCP nor ICMP.
#[cold]
#[inline(never)]
pub(crate) fn in_ip<'b>(
    protocol: u8,
    ends: IpEnds,
    span: Span<'b>,
    around: Option<&Tunnel>,
) -> Result<Carried<'b>, WireError> {
    let opened = match protocol {
        IPV4 | IPV6 => ip_in_ip(protocol, span).map(|inside| (Encapsulation::IpInIp, inside)),
        gre::PROTOCOL => gre::inside(span)?,
        esp::PROTOCOL => return in_esp(ends, span, around),
        // In IPv6 it was stepped over among the extension headers. A second one is nobody's.
        ah::PROTOCOL => match ah::inside(span, Layer::Ipv4)? {
            (ah::PROTOCOL, _) => None,
            (next, payload) => return transport::carried(next, ends, payload, around),
        },
        ether_ip::PROTOCOL => ether_ip::inside(span)?.map(|inside| (Encapsulation::EtherIp, inside)),
        mpls::PROTOCOL => mpls::inside(span)?.map(|inside| (Encapsulation::Mpls, inside)),
        _ => None,
    };
    match opened {
        Some((kind, inside)) => through(inside, &enter(around, kind, Some(ends), span)?),
        None => Ok(Carried::OtherIp(protocol)),
    }
}

/// What a datagram sent to `port` carries, if it is a tunnel.
#[cold]
#[inline(never)]
pub(crate) fn in_udp<'b>(
    port: u16,
    ends: IpEnds,
    payload: Span<'b>,
    around: Option<&Tunnel>,
) -> Option<Result<Carried<'b>, WireError>> {
    let (kind, inside) = match port {
        vxlan::PORT | vxlan::OLD_PORT => (Encapsulation::Vxlan, vxlan::inside(payload)?),
        vxlan::GPE_PORT => (Encapsulation::Vxlan, vxlan::inside_gpe(payload)?),
        geneve::PORT => (Encapsulation::Geneve, geneve::inside(payload)?),
        gtp::PORT => (Encapsulation::GtpU, gtp::inside(payload)?),
        tzsp::PORT => (Encapsulation::Tzsp, tzsp::inside(payload)?),
        hep::PORT => {
            let mut datagram = hep::datagram(payload, ends.hop_limit)?;
            return Some(enter(around, Encapsulation::Hep, Some(ends), payload).map(|tunnel| {
                datagram.tunnel = Some(tunnel);
                Carried::Udp(datagram)
            }));
        }
        _ => return None,
    };
    Some(enter(around, kind, Some(ends), payload).and_then(|tunnel| through(inside, &tunnel)))
}

/// IP protocol numbers of IP in IP (RFC 2003; RFC 4213, RFC 2473).
const IPV4: u8 = 4;
const IPV6: u8 = 41;

/// The version must be the one that the protocol number names.
fn ip_in_ip(protocol: u8, span: Span<'_>) -> Option<Inside<'_>> {
    let version = span.bytes.first()? >> 4;
    (version == if protocol == IPV4 { 4 } else { 6 }).then_some(Inside::Ip(span))
}

/// In tunnel mode ESP holds an IP packet, in transport mode what the packet around it carries.
fn in_esp<'b>(ends: IpEnds, span: Span<'b>, around: Option<&Tunnel>) -> Result<Carried<'b>, WireError> {
    let Some((next, payload)) = esp::inside(ends, span) else {
        return Ok(Carried::OtherIp(esp::PROTOCOL));
    };
    let tunnel = enter(around, Encapsulation::EspNull, Some(ends), span)?;
    match next {
        IPV4 | IPV6 => through(Inside::Ip(payload), &tunnel),
        _ => transport::carried(next, ends, payload, Some(&tunnel)),
    }
}

/// What lies in `tunnel`.
#[inline(never)]
fn through<'b>(inside: Inside<'b>, tunnel: &Tunnel) -> Result<Carried<'b>, WireError> {
    climb(inside, Some(tunnel))
}

/// One layer more; an error where there are too many.
fn enter(
    around: Option<&Tunnel>,
    kind: Encapsulation,
    ends: Option<IpEnds>,
    span: Span<'_>,
) -> Result<Tunnel, WireError> {
    let ends = ends.map(|IpEnds { src, dst, .. }| TunnelEnds { src, dst });
    Tunnel::within(around, kind, ends).ok_or_else(|| span.error(Layer::Tunnel, Cause::TooDeep))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_of_a_tunnel_is_looked_at_and_few_others_are() {
        assert!(PORTS.iter().all(|port| may_be_port(*port)));
        let others = (0..=u16::MAX).filter(|port| may_be_port(*port)).count();
        assert_eq!(others, PORTS.len() * 1024);
    }
}
