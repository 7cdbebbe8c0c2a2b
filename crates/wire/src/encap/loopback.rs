//! BSD loopback: four bytes of address family before the IP packet.

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// LINKTYPE_NULL and LINKTYPE_LOOP. The first is in the byte order of the machine that captured and the second in that
/// of the network, but files exist that say one and hold the other; no family that is read here is one of the others
/// turned round, so both orders are tried.
///
/// ```text
///  0                 4
///  +-----------------+-----------
///  | address family  | payload …
///  +-----------------+-----------
/// ```
pub(crate) fn inside(frame: Span<'_>) -> Result<Inside<'_>, WireError> {
    let Some(family) = frame.bytes.first_chunk::<4>() else {
        return Err(frame.error(Layer::Link, Cause::Truncated));
    };
    // AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
    let is_ip = |family| matches!(family, 2 | 10 | 24 | 28 | 30);
    if is_ip(u32::from_le_bytes(*family)) || is_ip(u32::from_be_bytes(*family)) {
        Ok(Inside::Ip(frame.after(4)))
    } else {
        Ok(Inside::NotIp)
    }
}
