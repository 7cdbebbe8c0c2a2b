//! GENEVE (RFC 8926).

use super::{Inside, Span, ethernet, mpls};

/// The UDP port.
pub(crate) const PORT: u16 = 6081;

/// ```text
///  0             1             2                           4
///  +---+---------+-+-+---------+---------------------------+
///  | 0 | options |O|C|    0    |       protocol type       |
///  +---+---------+-+-+---------+-------------+-------------+
///  |          network identifier             |      0      |
///  +-----------------------------------------+-------------+
///  |            options, in units of 4 bytes               |
///  +-------------------------------------------------------+
/// ```
///
/// What must be 0 has to be, and the options must fit. A control packet (O) carries nothing for us. Options, critical ones
/// (C) too, tell a tunnel's end how to treat the payload, and not where it is.
pub(crate) fn inside(payload: Span<'_>) -> Option<Inside<'_>> {
    const ETHERNET: u16 = 0x6558;
    let &[version_options, flags, t0, t1, _, _, _, 0] = payload.bytes.first_chunk()? else { return None };
    let options = 4 * usize::from(version_options & 0x3f);
    if version_options >> 6 != 0 || flags & !0x40 != 0 {
        return None;
    }
    let inner = payload.checked_after(8 + options)?;
    match u16::from_be_bytes([t0, t1]) {
        ETHERNET => Some(Inside::Ethernet(inner)),
        kind @ (ethernet::IPV4 | ethernet::IPV6 | mpls::UNICAST | mpls::MULTICAST) => {
            Some(Inside::EtherType(kind, inner))
        }
        _ => None,
    }
}
