//! What IP carries. UDP and TCP are opened, and tunnels are by [`tunnel`]; a datagram quoted by ICMP was not sent by those
//! it names, and stays closed.

use std::net::{IpAddr, SocketAddr};

use earwitness_model::Flow;
use etherparse::UdpHeaderSlice;

use super::{Span, tunnel};
use crate::{Carried, Cause, Datagram, Layer, TcpSegment, Tunnel, WireError};

/// IP protocol numbers (IANA) that are told apart.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// What the IP header says of the datagram inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IpEnds {
    /// The sender.
    pub(crate) src: IpAddr,
    /// The receiver.
    pub(crate) dst: IpAddr,
    /// TTL or hop limit.
    pub(crate) hop_limit: u8,
}

/// The payload of an unfragmented IP packet, which itself lies in `around`.
#[inline(always)]
pub(crate) fn carried<'b>(
    protocol: u8,
    ends: IpEnds,
    span: Span<'b>,
    around: Option<&Tunnel>,
) -> Result<Carried<'b>, WireError> {
    match protocol {
        UDP => udp(ends, span, around),
        TCP => TcpSegment::read(ends, span, around).map(Carried::Tcp),
        ICMP | ICMPV6 => Ok(Carried::Icmp),
        other => tunnel::in_ip(other, ends, span, around),
    }
}

/// ```text
///  0             2             4             6             8
///  +-------------+-------------+-------------+-------------+-----------
///  | source port | destination |   length    |  checksum   | payload …
///  +-------------+-------------+-------------+-------------+-----------
/// ```
///
/// A length of 0 means up to the end of the IP packet (RFC 2675, section 4, and offloading stacks). The checksum is not
/// looked at: mirrors show packets before the sender's network card has filled it in. A datagram that a tunnel is made of is
/// not one that a phone sent: what is in the tunnel takes its place.
#[inline(always)]
fn udp<'b>(ends: IpEnds, span: Span<'b>, around: Option<&Tunnel>) -> Result<Carried<'b>, WireError> {
    let header =
        UdpHeaderSlice::from_slice(span.bytes).map_err(|_| span.error(Layer::Udp, Cause::Truncated))?;
    let whole = match usize::from(header.length()) {
        0 => span,
        1..8 => return Err(span.error(Layer::Udp, Cause::BadLength)),
        len => span.limited(len),
    };
    let payload = whole.after(8);
    let port = header.destination_port();
    if tunnel::may_be_port(port)
        && let Some(carried) = tunnel::in_udp(port, ends, payload, around)
    {
        return carried;
    }
    Ok(Carried::Udp(Datagram {
        flow: Flow {
            src: SocketAddr::new(ends.src, header.source_port()),
            dst: SocketAddr::new(ends.dst, port),
        },
        payload: payload.bytes,
        cut: payload.cut,
        hop_limit: ends.hop_limit,
        tunnel: around.copied(),
    }))
}
