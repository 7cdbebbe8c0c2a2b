//! The TaZmen Sniffer Protocol: what wireless sensors and MikroTik routers mirror by.

use super::{Inside, Span};

/// The UDP port.
pub(crate) const PORT: u16 = 37_008;

/// Tags that are followed; the known ones are a dozen.
const MAX_TAGS: usize = 32;

/// ```text
///  0      1      2             4
///  +------+------+-------------+------+------+---------------+------+
///  |  1   | type |  protocol   | tag  | len  |       …       |  1   |
///  +------+------+-------------+------+------+---------------+------+
/// ```
///
/// Types 0 and 1 carry a packet, protocol 1 is Ethernet. Tag 0 is padding and tag 1 the end: these have no length.
pub(crate) fn inside(payload: Span<'_>) -> Option<Inside<'_>> {
    let [1, 0 | 1, 0, 1] = payload.bytes.first_chunk()? else { return None };
    let mut rest = payload.after(4);
    for _ in 0..MAX_TAGS {
        rest = match *rest.bytes {
            [0, ..] => rest.after(1),
            [1, ..] => return Some(Inside::Ethernet(rest.after(1))),
            [_, len, ..] => rest.after(2 + usize::from(len)),
            _ => return None,
        };
    }
    None
}
