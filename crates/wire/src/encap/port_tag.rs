//! Tags that a switch puts on frames for its own use, and that a mirror inside of it shows: VN-Tag and 802.1BR, which name
//! ports of extenders, and Cisco's metadata, which names groups.

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

const VN_TAG: u16 = 0x8926;
const E_TAG: u16 = 0x893f;
const METADATA: u16 = 0x8909;

/// Whether an EtherType announces one of these.
pub(crate) const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, VN_TAG | E_TAG | METADATA)
}

/// The frame behind the tag that an EtherType announces; `None` where it announces none of these.
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
pub(crate) fn inside(ether_type: u16, tag: Span<'_>) -> Result<Option<Inside<'_>>, WireError> {
    let truncated = || tag.error(Layer::Vlan, Cause::Truncated);
    let len = match ether_type {
        VN_TAG => 4,
        E_TAG => 6,
        METADATA => {
            let &[version, options] = tag.bytes.first_chunk().ok_or_else(truncated)?;
            if version != 1 {
                return Ok(None);
            }
            2 + 4 * usize::from(options)
        }
        _ => return Ok(None),
    };
    let rest = tag.after(len);
    let kind = rest.bytes.first_chunk().ok_or_else(truncated)?;
    Ok(Some(Inside::EtherType(u16::from_be_bytes(*kind), rest.after(2))))
}
