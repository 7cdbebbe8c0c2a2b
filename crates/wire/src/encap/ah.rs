//! The authentication header (RFC 4302): what follows it is in clear.

use etherparse::{IpAuthHeaderSlice, err::ip_auth::HeaderSliceError};

use super::Span;
use crate::{Cause, Layer, WireError};

/// The IP protocol number, and that of the extension header.
pub(crate) const PROTOCOL: u8 = 51;

/// ```text
///  0             1             2                           4
///  +-------------+-------------+---------------------------+
///  | next header | length/4 -2 |             0             |
///  +-------------+-------------+---------------------------+
///  |     parameters index, sequence number, check value …  |
///  +-------------------------------------------------------+
/// ```
///
/// The next header and where it begins. An error is one of `layer`, in which the header lies.
pub(crate) fn inside(header: Span<'_>, layer: Layer) -> Result<(u8, Span<'_>), WireError> {
    let read = IpAuthHeaderSlice::from_slice(header.bytes).map_err(|error| match error {
        HeaderSliceError::Len(_) => header.error(layer, Cause::Truncated),
        HeaderSliceError::Content(_) => header.error(layer, Cause::BadLength),
    })?;
    Ok((read.next_header().0, header.after(read.slice().len())))
}
