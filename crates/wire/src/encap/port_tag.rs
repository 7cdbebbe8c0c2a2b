//! Tags that a switch puts on frames for its own use, and that a mirror inside of it shows: VN-Tag and 802.1BR, which name
//! ports of extenders, and Cisco's metadata, which names groups.

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

const VN_TAG: u16 = 0x8926;
const E_TAG: u16 = 0x893f;
const METADATA: u16 = 0x8909;

/// Bytes of the tag that an EtherType announces, up to the next EtherType; `None` where it announces none of these, or the
/// bytes that say it were not captured.
///
/// ```text
///  0             2             4             6             8
///  +-------------+-------------+-------------+
///  |  D, P, destination, source of a VN-Tag  |  type …          0x8926
///  +-------------+-------------+-------------+-------------+
///  |        priority, ports of an 802.1BR E-Tag            |  type …          0x893f (6 bytes)
///  +------+------+-------------+-------------+-------------+
///  |  1   | len  |   option    |    value    |  len times    type …          0x8909
///  +------+------+-------------+-------------+
/// ```
pub(crate) fn len(ether_type: u16, tag: Span<'_>) -> Option<usize> {
    match (ether_type, tag.bytes) {
        (VN_TAG, _) => Some(4),
        (E_TAG, _) => Some(6),
        (METADATA, [1, options, ..]) => Some(2 + 4 * usize::from(*options)),
        _ => None,
    }
}

/// The frame behind the tag that an EtherType announces; `None` where it announces none of these.
pub(crate) fn inside(ether_type: u16, tag: Span<'_>) -> Result<Option<Inside<'_>>, WireError> {
    let Some(len) = len(ether_type, tag) else { return Ok(None) };
    let rest = tag.after(len);
    let kind = rest.bytes.first_chunk().ok_or_else(|| tag.error(Layer::Vlan, Cause::Truncated))?;
    Ok(Some(Inside::EtherType(u16::from_be_bytes(*kind), rest.after(2))))
}
