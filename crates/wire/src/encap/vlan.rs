//! VLAN tags: IEEE 802.1Q, 802.1ad (`QinQ`) and what came before the latter.

use etherparse::SingleVlanHeaderSlice;

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// Tags that are followed into one frame. A mirror adds one or two to the two a provider network has.
pub(crate) const MAX_TAGS: usize = 4;

/// Whether an EtherType announces a tag: 802.1Q, 802.1ad, or the 0x9100 of switches older than 802.1ad.
#[inline]
pub(crate) const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100)
}

/// ```text
///  0                 2                 4
///  +---+-+-----------+-----------------+-----------
///  |PCP|D|  VLAN id  |      type       | payload …
///  +---+-+-----------+-----------------+-----------
/// ```
#[inline]
pub(crate) fn inside(tag: Span<'_>) -> Result<Inside<'_>, WireError> {
    let header =
        SingleVlanHeaderSlice::from_slice(tag.bytes).map_err(|_| tag.error(Layer::Vlan, Cause::Truncated))?;
    Ok(Inside::EtherType(header.ether_type().0, tag.after(4)))
}
