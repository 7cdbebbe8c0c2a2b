//! GTP-U, the user plane of mobile networks (3GPP TS 29.281, section 5).

use super::{Inside, Span};

/// The UDP port that user packets are sent to, whatever port they come from.
pub(crate) const PORT: u16 = 2152;

/// Extension headers that are followed; 5G uses one or two.
const MAX_EXTENSIONS: usize = 8;

/// ```text
///  0             1             2                           4
///  +-----+-+-+-+-+-+-----------+---------------------------+
///  |  1  |1|0|E|S|N| 255: G-PDU|           length          |
///  +-----+-+-+-+-+-+-----------+---------------------------+
///  |               tunnel endpoint identifier              |
///  +---------------------------+-------------+-------------+
///  |      sequence number      | N-PDU number| next header |   if E, S or N
///  +-------------+-------------+-------------+-------------+
///  | length / 4  |                …          | next header |   while a next header is not 0
///  +-------------+---------------------------+-------------+
/// ```
///
/// The length is that of all after the first 8 bytes, and must be what UDP carries. Inside is an IP packet; an Ethernet
/// frame, which a 5G network may carry, is not told from noise, and stays closed.
pub(crate) fn inside(payload: Span<'_>) -> Option<Inside<'_>> {
    const VERSION_1: u8 = 0x30;
    const OPTIONAL: u8 = 0x07;
    let &[flags, 255, l0, l1, _, _, _, _] = payload.bytes.first_chunk()? else { return None };
    let mut rest = payload.after(8);
    let is_whole = rest.promised() == usize::from(u16::from_be_bytes([l0, l1]));
    if flags & !OPTIONAL != VERSION_1 || !is_whole {
        return None;
    }
    if flags & OPTIONAL != 0 {
        let &[_, _, _, next] = rest.bytes.first_chunk()?;
        // The field counts only where E says so.
        let has_extension = flags & 0x04 != 0;
        rest = after_extensions(if has_extension { next } else { 0 }, rest.after(4))?;
    }
    matches!(rest.bytes.first()? >> 4, 4 | 6).then_some(Inside::Ip(rest))
}

fn after_extensions(mut next: u8, mut rest: Span<'_>) -> Option<Span<'_>> {
    for _ in 0..MAX_EXTENSIONS {
        if next == 0 {
            return Some(rest);
        }
        let len = 4 * usize::from(*rest.bytes.first()?);
        next = *rest.bytes.get(len.checked_sub(1)?)?;
        rest = rest.after(len);
    }
    None
}
