//! Multiprotocol label switching (RFC 3032), and Ethernet over it (RFC 4448).

use super::{Inside, Span, ethernet, ipv4, ipv6};
use crate::{Cause, Layer, WireError};

/// EtherTypes; the second was multicast's, and is now that of labels which the upstream router assigns (RFC 5332).
pub(crate) const UNICAST: u16 = 0x8847;
pub(crate) const MULTICAST: u16 = 0x8848;
/// The number of MPLS directly in IP (RFC 4023).
pub(crate) const PROTOCOL: u8 = 137;

/// Labels that are followed in one stack: transport, entropy, service and fast reroute are six.
const MAX_LABELS: usize = 16;

/// ```text
///  0                           2             3             4
///  +---------------------------+------+---+-+--------------+
///  |                label             |TC |S|     TTL      |   … until S is 1
///  +----------------------------------+---+-+--------------+
/// ```
pub(crate) fn inside(span: Span<'_>) -> Result<Option<Inside<'_>>, WireError> {
    let mut rest = span;
    for _ in 0..MAX_LABELS {
        let &[_, _, bottom, _] =
            rest.bytes.first_chunk().ok_or_else(|| rest.error(Layer::Tunnel, Cause::Truncated))?;
        rest = rest.after(4);
        if bottom & 1 == 1 {
            return Ok(payload(rest));
        }
    }
    Err(rest.error(Layer::Tunnel, Cause::TooDeep))
}

/// What lies under the stack is said by nobody. IP shows in its first four bits (RFC 4928, section 3) and must fit; a
/// pseudowire with a control word begins with four bits of 0 (RFC 4385, section 3), and one without with an address of the
/// customer's, which may begin with anything: there an EtherType that is known decides.
fn payload(span: Span<'_>) -> Option<Inside<'_>> {
    const CONTROL_WORD: usize = 4;
    match span.bytes.first()? >> 4 {
        4 if ipv4::is_likely(span) => Some(Inside::Ip(span)),
        6 if ipv6::is_likely(span) => Some(Inside::Ip(span)),
        0 if ethernet::is_likely(span.after(CONTROL_WORD)) => {
            Some(Inside::Ethernet(span.after(CONTROL_WORD)))
        }
        _ if ethernet::is_likely(span) => Some(Inside::Ethernet(span)),
        _ => None,
    }
}

/// Whether a label stack begins here, where only an EtherType says so that may be none: under a label that is the last lies
/// what begins like IP or like a pseudowire.
pub(crate) fn is_likely(span: Span<'_>) -> bool {
    match *span.bytes {
        [_, _, bottom, _, next, ..] => bottom & 1 == 0 || matches!(next >> 4, 0 | 4 | 6),
        _ => false,
    }
}
