//! PPP over Ethernet (RFC 2516): what a site behind a leased xDSL line shows.

use super::{Inside, Span, ppp};
use crate::{Cause, Layer, WireError};

/// The EtherType of the stage that carries PPP; discovery has another, and no IP.
pub(crate) const ETHER_TYPE: u16 = 0x8864;

/// ```text
///  0      1      2             4             6              8
///  +------+------+-------------+-------------+--------------+-----------
///  | 1, 1 | code |     id      |   length    | PPP protocol | payload …
///  +------+------+-------------+-------------+--------------+-----------
/// ```
///
/// The length covers the PPP protocol and what follows it.
pub(crate) fn inside(header: Span<'_>) -> Result<Inside<'_>, WireError> {
    let Some(&[_, _, _, _, l0, l1, _, _]) = header.bytes.first_chunk::<8>() else {
        return Err(header.error(Layer::Link, Cause::Truncated));
    };
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    if len < 2 {
        return Err(header.error(Layer::Link, Cause::BadLength));
    }
    ppp::inside(header.after(6).limited(len))
}
