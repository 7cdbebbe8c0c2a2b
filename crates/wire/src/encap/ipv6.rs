//! IPv6 and its extension headers (RFC 8200).

use std::net::IpAddr;

use etherparse::{
    Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice, err::ipv6::HeaderSliceError,
};

use super::{
    Span, ah,
    transport::{self, IpEnds},
};
use crate::{Carried, Cause, Fragment, Layer, Tunnel, WireError};

/// Extension headers that are followed in one packet; RFC 8200, section 4.1, knows of seven.
const MAX_EXTENSIONS: usize = 12;

/// ```text
///  0             1             2             3             4
///  +------+------+-------------+---------------------------+
///  |  6   |  traffic class     |        flow label         |
///  +------+------+-------------+-------------+-------------+
///  |      payload length       | next header |  hop limit  |
///  +---------------------------+-------------+-------------+
///  |                  source (16 bytes)                    |
///  |                destination (16 bytes)                 |
///  +-------------------------------------------------------+
/// ```
///
/// A payload length of 0 (jumbograms of RFC 2675, segmentation offload) means all that was captured.
#[inline]
pub(crate) fn carried<'b>(span: Span<'b>, around: Option<&Tunnel>) -> Result<Carried<'b>, WireError> {
    let header = Ipv6HeaderSlice::from_slice(span.bytes).map_err(|error| {
        span.error(
            Layer::Ipv6,
            match error {
                HeaderSliceError::Len(_) => Cause::Truncated,
                HeaderSliceError::Content(_) => Cause::BadVersion,
            },
        )
    })?;
    let after = span.after(40);
    let payload = match usize::from(header.payload_length()) {
        0 => after,
        len => after.limited(len),
    };
    let ends = IpEnds {
        src: IpAddr::V6(header.source_addr()),
        dst: IpAddr::V6(header.destination_addr()),
        hop_limit: header.hop_limit(),
    };
    after_header(header.next_header().0, ends, payload, around)
}

/// Whether a packet begins here, where only its first four bits say so: its length is possible. What was not captured of it
/// does not speak against it.
pub(crate) fn is_likely(span: Span<'_>) -> bool {
    let Some(&[_, _, _, _, l0, l1]) = span.bytes.first_chunk() else { return true };
    usize::from(u16::from_be_bytes([l0, l1])) + 40 <= span.promised()
}

/// Follows the chain of extension headers from the one that `next` names to the payload or to a fragment.
///
/// All but two have one shape; AH (RFC 4302) counts in other units and the fragment header has no length:
///
/// ```text
///  0             1             2             3             4
///  +-------------+-------------+---------------------------+
///  | next header | length/8 -1 |        …                  |
///  +-------------+-------------+---------------------------+
///  | next header |      0      |  fragment offset / 8  |0|M|
///  +-------------+-------------+---------------------------+
///  |                   identification                      |
///  +-------------------------------------------------------+
/// ```
///
/// A fragment header that says "first and last" is an atomic fragment, to be read as if it were not there (RFC 6946).
#[inline]
pub(crate) fn after_header<'b>(
    mut next: u8,
    ends: IpEnds,
    mut span: Span<'b>,
    around: Option<&Tunnel>,
) -> Result<Carried<'b>, WireError> {
    for _ in 0..MAX_EXTENSIONS {
        let truncated = |_| span.error(Layer::Ipv6, Cause::Truncated);
        let (following, len) = match next {
            // Hop-by-hop, routing, destination options, mobility, HIP, Shim6.
            0 | 43 | 60 | 135 | 139 | 140 => {
                let header = Ipv6RawExtHeaderSlice::from_slice(span.bytes).map_err(truncated)?;
                (header.next_header().0, header.slice().len())
            }
            44 => {
                let header = Ipv6FragmentHeaderSlice::from_slice(span.bytes).map_err(truncated)?;
                if header.is_fragmenting_payload() {
                    let piece = fragment(&header, ends, span.after(8));
                    return Ok(Carried::Fragment(Fragment { tunnel: around.copied(), ..piece }));
                }
                (header.next_header().0, 8)
            }
            ah::PROTOCOL => {
                (next, span) = ah::inside(span, Layer::Ipv6)?;
                continue;
            }
            _ => return transport::carried(next, ends, span, around),
        };
        span = span.after(len);
        next = following;
    }
    Err(span.error(Layer::Ipv6, Cause::TooDeep))
}

fn fragment<'b>(header: &Ipv6FragmentHeaderSlice<'_>, ends: IpEnds, payload: Span<'b>) -> Fragment<'b> {
    Fragment {
        src: ends.src,
        dst: ends.dst,
        protocol: header.next_header().0,
        id: header.identification(),
        offset: header.fragment_offset().byte_offset(),
        more: header.more_fragments(),
        bytes: payload.bytes,
        cut: payload.cut,
        hop_limit: ends.hop_limit,
        tunnel: None,
    }
}
