//! Linux cooked capture: what libpcap writes for the `any` device.

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// `ARPHRD_NETLINK`: the protocol field holds a netlink family there, not an EtherType.
const NETLINK: u16 = 824;

/// LINKTYPE_LINUX_SLL.
///
/// ```text
///  0       2        4         6                    14         16
///  +-------+--------+---------+--------------------+----------+-----------
///  | type  | ARPHRD | addrlen |  address (8 bytes) | protocol | payload …
///  +-------+--------+---------+--------------------+----------+-----------
/// ```
pub(crate) fn inside(frame: Span<'_>) -> Result<Inside<'_>, WireError> {
    let Some(&[_, _, a0, a1, .., p0, p1]) = frame.bytes.first_chunk::<16>() else {
        return Err(frame.error(Layer::Link, Cause::Truncated));
    };
    Ok(payload(u16::from_be_bytes([a0, a1]), u16::from_be_bytes([p0, p1]), frame.after(16)))
}

/// LINKTYPE_LINUX_SLL2.
///
/// ```text
///  0          2         4          8        10     11        12                   20
///  +----------+---------+----------+--------+------+---------+--------------------+-----------
///  | protocol |    0    | if index | ARPHRD | type | addrlen |  address (8 bytes) | payload …
///  +----------+---------+----------+--------+------+---------+--------------------+-----------
/// ```
pub(crate) fn inside_v2(frame: Span<'_>) -> Result<Inside<'_>, WireError> {
    let Some(&[p0, p1, _, _, _, _, _, _, a0, a1, ..]) = frame.bytes.first_chunk::<20>() else {
        return Err(frame.error(Layer::Link, Cause::Truncated));
    };
    Ok(payload(u16::from_be_bytes([a0, a1]), u16::from_be_bytes([p0, p1]), frame.after(20)))
}

/// The protocol field is an EtherType from 0x0600 on; below, 4 says that an LLC header follows and all else (`ETH_P_*`
/// of CAN, of Novell's raw 802.3) has no IP inside.
fn payload(hardware: u16, protocol: u16, span: Span<'_>) -> Inside<'_> {
    match protocol {
        _ if hardware == NETLINK => Inside::NotIp,
        0x0004 => Inside::Llc(span),
        0x0600.. => Inside::EtherType(protocol, span),
        _ => Inside::NotIp,
    }
}
