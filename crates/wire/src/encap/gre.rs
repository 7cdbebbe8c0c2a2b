//! Generic routing encapsulation.

use super::{Inside, Span, erspan, ethernet, mpls, ppp};
use crate::{Cause, Encapsulation, Layer, WireError};

/// The IP protocol number.
pub(crate) const PROTOCOL: u8 = 47;

/// Bits of the first byte: what follows the four bytes that are always there.
const CHECKSUM: u8 = 0x80;
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;
/// A bit of the second byte, in version 1 only.
const ACKNOWLEDGMENT: u8 = 0x80;

/// The payload type of PPP.
const PPP: u16 = 0x880b;

/// Version 0 (RFC 2784, section 2; RFC 2890, section 2), and version 1 with PPP (RFC 2637, section 4.1).
///
/// ```text
///  0             1             2             4
///  +-+-+-+-+-----+-+-----+-----+-------------+
///  |C|R|K|S| … 0 |A|  0  | ver |    type     |
///  +-+-+-+-+-----+-+-----+-----+-------------+
///  |  checksum and reserved, if C            |
///  |  key, if K; in version 1 length and id  |
///  |  sequence number, if S                  |
///  |  acknowledged, if A (version 1)         |
///  +-----------------------------------------+
/// ```
///
/// The source routes of RFC 1701 (R) are history, and closed; so is a payload type that is none of those below.
pub(crate) fn inside(span: Span<'_>) -> Result<Option<(Encapsulation, Inside<'_>)>, WireError> {
    let truncated = || span.error(Layer::Tunnel, Cause::Truncated);
    let &[flags, more_flags, t0, t1] = span.bytes.first_chunk().ok_or_else(truncated)?;
    let kind = u16::from_be_bytes([t0, t1]);
    let fields = |bits: u8| 4 * (flags & bits).count_ones() as usize;
    match more_flags & 0x07 {
        0 if flags & ROUTING == 0 => {
            let len = 4 + fields(CHECKSUM | KEY | SEQUENCE);
            let payload = span.checked_after(len).ok_or_else(truncated)?;
            inside_type(kind, payload, flags & SEQUENCE != 0)
        }
        1 if kind == PPP && flags & (KEY | SEQUENCE) == KEY | SEQUENCE => {
            let len = 4 + fields(KEY | SEQUENCE) + if more_flags & ACKNOWLEDGMENT == 0 { 0 } else { 4 };
            let &[_, _, _, _, l0, l1] = span.bytes.first_chunk().ok_or_else(truncated)?;
            let payload = span.checked_after(len).ok_or_else(truncated)?;
            let frame = payload.limited(usize::from(u16::from_be_bytes([l0, l1])));
            Ok(Some((Encapsulation::Gre, ppp::inside(frame)?)))
        }
        _ => Ok(None),
    }
}

/// The payload of version 0, by its type: an EtherType, or one of GRE's own.
fn inside_type(
    kind: u16,
    payload: Span<'_>,
    has_sequence: bool,
) -> Result<Option<(Encapsulation, Inside<'_>)>, WireError> {
    const ETHERNET: u16 = 0x6558;
    let inside = match kind {
        ETHERNET => Inside::Ethernet(payload),
        PPP => ppp::inside(payload)?,
        ethernet::IPV4
        | ethernet::IPV6
        | ethernet::ARP
        | 0x8100
        | 0x88a8
        | mpls::UNICAST
        | mpls::MULTICAST => Inside::EtherType(kind, payload),
        erspan::TYPE_I_OR_II if !has_sequence => {
            return Ok(Some((Encapsulation::Erspan, Inside::Ethernet(payload))));
        }
        erspan::TYPE_I_OR_II | erspan::TYPE_III => {
            return Ok(erspan::inside(payload)?.map(|inside| (Encapsulation::Erspan, inside)));
        }
        _ => return Ok(None),
    };
    Ok(Some((Encapsulation::Gre, inside)))
}
