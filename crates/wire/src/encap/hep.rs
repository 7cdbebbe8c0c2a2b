//! HEP from a capture agent, to a collector that is not us or to us: the message in it, as if it had been seen where the
//! agent saw it.

use super::Span;
use crate::{
    Carried, Datagram, Encapsulation, Tunnel, WireError,
    hep::{Content, Packet},
};

/// The UDP port that collectors listen at.
pub(crate) const PORT: u16 = 9060;

/// The SIP message or RTP packet in a HEP packet; `None` for what else agents tell (RTCP, reports, logs), and for what is no
/// HEP. SIP over TCP comes as whole messages here, and so as a datagram each.
pub(crate) fn datagram(payload: Span<'_>, hop_limit: u8) -> Option<Datagram<'_>> {
    let packet = Packet::parse(payload.bytes).ok()?;
    match packet.content {
        Content::Sip | Content::Rtp => Some(Datagram {
            flow: packet.flow,
            payload: packet.payload,
            cut: packet.cut,
            hop_limit,
            tunnel: None,
        }),
        Content::Rtcp | Content::Other(_) => None,
    }
}

/// What a packet carries that an agent sent to this machine. Reports and logs carry nothing that is read.
///
/// # Errors
///
/// Where it is no HEP, or does not say what it holds and between whom it was seen.
#[cold]
pub(crate) fn carried(span: Span<'_>) -> Result<Carried<'_>, WireError> {
    let packet = Packet::parse(span.bytes)?;
    Ok(match packet.content {
        Content::Sip | Content::Rtp | Content::Rtcp => Carried::Udp(Datagram {
            flow: packet.flow,
            payload: packet.payload,
            cut: packet.cut,
            hop_limit: 0,
            tunnel: Tunnel::within(None, Encapsulation::Hep, None),
        }),
        Content::Other(_) => Carried::NotIp(0),
    })
}
