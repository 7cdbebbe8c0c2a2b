//! The point-to-point protocol (RFC 1661), in `PPPoE` and in GRE.

use super::{Inside, Span, mpls};
use crate::{Cause, Layer, WireError};

/// ```text
///  0      1      2              4
///  +------+------+--------------+-----------
///  |  FF  |  03  |   protocol   | payload …
///  +------+------+--------------+-----------
/// ```
///
/// Address and control (RFC 1662, section 3.1) may be left out, and so may a first byte of the protocol that is 0 (RFC 1661,
/// section 6.5): the second is odd, and no first one is.
pub(crate) fn inside(frame: Span<'_>) -> Result<Inside<'_>, WireError> {
    let frame = if frame.bytes.starts_with(&[0xff, 0x03]) { frame.after(2) } else { frame };
    let (protocol, payload) = match *frame.bytes {
        [short, ..] if short & 1 == 1 => (u16::from(short), frame.after(1)),
        [p0, p1, ..] => (u16::from_be_bytes([p0, p1]), frame.after(2)),
        _ => return Err(frame.error(Layer::Link, Cause::Truncated)),
    };
    Ok(match protocol {
        0x0021 | 0x0057 => Inside::Ip(payload),
        0x0281 => Inside::EtherType(mpls::UNICAST, payload),
        0x0283 => Inside::EtherType(mpls::MULTICAST, payload),
        _ => Inside::NotIp,
    })
}
