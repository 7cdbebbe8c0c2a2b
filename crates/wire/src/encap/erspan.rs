//! ERSPAN: what a switch sends that mirrors to an address (draft-foschiano-erspan).

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// The GRE payload type of types I and II. Type I has no header, and GRE has no sequence number then.
pub(crate) const TYPE_I_OR_II: u16 = 0x88be;
/// The GRE payload type of type III.
pub(crate) const TYPE_III: u16 = 0x22eb;

/// Type II has version 1 and the first two lines; type III has version 2 and all, the last one only if O says so.
///
/// ```text
///  0             1             2                           4
///  +------+--------------------+-----+----+-+--------------+
///  |  ver |      VLAN id       | COS |BSO |T|  session id  |
///  +------+--------------------+-----+----+-+--------------+
///  |       reserved and port index, or time stamp          |
///  +---------------------------+-+-------+-----+-+---+-----+
///  |   security group (III)    |P|  type |hw id|D|gra|  O  |
///  +---------------------------+-+-------+-----+-+---+-----+
///  |          platform's own, 8 bytes, if O (III)          |
///  +-------------------------------------------------------+
/// ```
///
/// The frame type of type III is 0 for Ethernet and 2 for IP; others are closed, and so are other versions.
pub(crate) fn inside(span: Span<'_>) -> Result<Option<Inside<'_>>, WireError> {
    const ETHERNET: u8 = 0;
    const IP: u8 = 2;
    let truncated = || span.error(Layer::Tunnel, Cause::Truncated);
    match span.bytes.first().ok_or_else(truncated)? >> 4 {
        1 => Ok(Some(Inside::Ethernet(span.checked_after(8).ok_or_else(truncated)?))),
        2 => {
            let &[.., kind, options] = span.bytes.first_chunk::<12>().ok_or_else(truncated)?;
            let len = if options & 1 == 0 { 12 } else { 20 };
            let payload = span.checked_after(len).ok_or_else(truncated)?;
            Ok(match kind >> 2 & 0x1f {
                ETHERNET => Some(Inside::Ethernet(payload)),
                IP => Some(Inside::Ip(payload)),
                _ => None,
            })
        }
        _ => Ok(None),
    }
}
