//! VXLAN (RFC 7348), with group policy (draft-smith-vxlan-group-policy) and as generic protocol extension
//! (draft-ietf-nvo3-vxlan-gpe).

use super::{Inside, Span, ethernet, mpls};

/// The UDP port of VXLAN.
pub(crate) const PORT: u16 = 4789;
/// What Linux sends to unless told otherwise.
pub(crate) const OLD_PORT: u16 = 8472;
/// The UDP port of the generic protocol extension.
pub(crate) const GPE_PORT: u16 = 4790;

/// Bits of the flags: group policy, instance, next protocol, operations (not for us).
const GROUP: u8 = 0x80;
const INSTANCE: u8 = 0x08;
const NEXT_PROTOCOL: u8 = 0x04;
const BROADCAST: u8 = 0x02;

/// ```text
///  0             1             2             3             4
///  +-------------+-------------+-------------+-------------+
///  |G|0|0|0|I|P|B|O|  0 or group policy      | 0 or next   |
///  +-------------+-------------+-------------+-------------+
///  |          network identifier             |      0      |
///  +-----------------------------------------+-------------+
/// ```
///
/// Anyone may send anything to this port, RTP too: all that must be 0 has to be, I must be set, and an Ethernet header must
/// fit. `G` and `I` are the first byte of an RTP packet with eight sources, so that an EtherType must be known there too.
pub(crate) fn inside(payload: Span<'_>) -> Option<Inside<'_>> {
    let &[flags, g0, g1, g2, _, _, _, last] = payload.bytes.first_chunk()?;
    let frame = payload.after(8);
    match flags {
        _ if last != 0 || frame.promised() < ethernet::HEADER => None,
        INSTANCE if [g0, g1, g2] == [0; 3] => Some(Inside::Ethernet(frame)),
        _ if flags == GROUP | INSTANCE && ethernet::is_likely(frame) => Some(Inside::Ethernet(frame)),
        _ if flags == INSTANCE | NEXT_PROTOCOL => inside_gpe(payload),
        _ => None,
    }
}

/// The generic extension: P says that the fourth byte names the payload.
pub(crate) fn inside_gpe(payload: Span<'_>) -> Option<Inside<'_>> {
    const IPV4: u8 = 1;
    const IPV6: u8 = 2;
    const ETHERNET: u8 = 3;
    const MPLS: u8 = 5;
    let &[flags, 0, 0, next, _, _, _, 0] = payload.bytes.first_chunk()? else { return None };
    let inner = payload.after(8);
    if flags & !BROADCAST == INSTANCE && next == 0 && inner.promised() >= ethernet::HEADER {
        return Some(Inside::Ethernet(inner));
    }
    if flags & !BROADCAST != INSTANCE | NEXT_PROTOCOL {
        return None;
    }
    match next {
        IPV4 => Some(Inside::EtherType(ethernet::IPV4, inner)),
        IPV6 => Some(Inside::EtherType(ethernet::IPV6, inner)),
        ETHERNET => Some(Inside::Ethernet(inner)),
        MPLS => Some(Inside::EtherType(mpls::UNICAST, inner)),
        _ => None,
    }
}
