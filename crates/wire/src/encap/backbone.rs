//! Provider backbone bridges, MAC in MAC (IEEE 802.1ah; 802.1Q, 9.7).

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// The EtherType of the service instance tag. The backbone's own tag before it is an ordinary one.
pub(crate) const ETHER_TYPE: u16 = 0x88e7;

/// ```text
///  0          1                    4
///  +----------+--------------------+------------------------------
///  | priority |  service instance  | the customer's Ethernet frame …
///  +----------+--------------------+------------------------------
/// ```
pub(crate) fn inside(span: Span<'_>) -> Result<Inside<'_>, WireError> {
    span.checked_after(4).map(Inside::Ethernet).ok_or_else(|| span.error(Layer::Tunnel, Cause::Truncated))
}
