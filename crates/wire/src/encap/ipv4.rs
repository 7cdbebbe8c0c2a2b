//! IPv4 (RFC 791).

use std::net::IpAddr;

use etherparse::{
    Ipv4HeaderSlice,
    err::ipv4::{HeaderError, HeaderSliceError},
};

use super::{
    Span,
    transport::{self, IpEnds},
};
use crate::{Carried, Cause, Fragment, Layer, Tunnel, WireError};

/// ```text
///  0             1             2             3             4
///  +------+------+-------------+---------------------------+
///  |  4   | IHL  |     TOS     |       total length        |
///  +------+------+-------------+---+-----------------------+
///  |      identification       |DF MF|  fragment offset / 8 |
///  +-------------+-------------+---+-----------------------+
///  |     TTL     |  protocol   |      header checksum      |
///  +-------------+-------------+---------------------------+
///  |                        source                         |
///  |                      destination                      |
///  |               options up to IHL · 4 bytes             |
///  +-------------------------------------------------------+
/// ```
///
/// The total length ends the payload, so that Ethernet's padding to 60 bytes is never part of it; 0 is what segmentation
/// offload leaves there, and means all that was captured. The checksum is not looked at.
#[inline(always)]
pub(crate) fn carried<'b>(span: Span<'b>, around: Option<&Tunnel>) -> Result<Carried<'b>, WireError> {
    let header = Ipv4HeaderSlice::from_slice(span.bytes).map_err(|error| unreadable(span, &error))?;
    let header_len = header.slice().len();
    let packet = match usize::from(header.total_len()) {
        0 => span,
        total if total < header_len => return Err(span.error(Layer::Ipv4, Cause::BadLength)),
        total => span.limited(total),
    };
    let payload = packet.after(header_len);
    let ends = IpEnds {
        src: IpAddr::V4(header.source_addr()),
        dst: IpAddr::V4(header.destination_addr()),
        hop_limit: header.ttl(),
    };
    if header.is_fragmenting_payload() {
        return Ok(Carried::Fragment(Fragment {
            src: ends.src,
            dst: ends.dst,
            protocol: header.protocol().0,
            id: u32::from(header.identification()),
            offset: header.fragments_offset().byte_offset(),
            more: header.more_fragments(),
            bytes: payload.bytes,
            cut: payload.cut,
            hop_limit: ends.hop_limit,
            tunnel: around.copied(),
        }));
    }
    transport::carried(header.protocol().0, ends, payload, around)
}

/// Whether a packet begins here, where only its first four bits say so: its lengths are possible. What was not captured of
/// them does not speak against it.
pub(crate) fn is_likely(span: Span<'_>) -> bool {
    let Some(&[first, _, t0, t1]) = span.bytes.first_chunk() else { return true };
    let (header, total) = (usize::from(first & 0x0f) * 4, usize::from(u16::from_be_bytes([t0, t1])));
    header >= 20 && (total == 0 || (header..=span.promised()).contains(&total))
}

#[cold]
fn unreadable(span: Span<'_>, error: &HeaderSliceError) -> WireError {
    let cause = match error {
        HeaderSliceError::Len(_) => Cause::Truncated,
        HeaderSliceError::Content(HeaderError::UnexpectedVersion { .. }) => Cause::BadVersion,
        HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { .. }) => Cause::BadLength,
    };
    span.error(Layer::Ipv4, cause)
}
