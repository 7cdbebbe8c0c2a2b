//! Ethernet in IP (RFC 3378).

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// The IP protocol number.
pub(crate) const PROTOCOL: u8 = 97;

/// ```text
///  0      1      2
///  +---+---------+-----------------
///  | 3 |    0    | Ethernet frame …
///  +---+---------+-----------------
/// ```
pub(crate) fn inside(span: Span<'_>) -> Result<Option<Inside<'_>>, WireError> {
    match span.bytes.first_chunk::<2>() {
        Some([0x30, 0]) => Ok(Some(Inside::Ethernet(span.after(2)))),
        Some(_) => Ok(None),
        None => Err(span.error(Layer::Tunnel, Cause::Truncated)),
    }
}
