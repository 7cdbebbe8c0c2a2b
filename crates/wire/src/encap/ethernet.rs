//! Ethernet II and IEEE 802.3 (802.2 LLC, SNAP).

use etherparse::Ethernet2HeaderSlice;

use super::{Inside, Span};
use crate::{Cause, Layer, WireError};

/// Up to here the two bytes after the addresses are a length (IEEE 802.3, 3.2.6), from 0x0600 on an EtherType.
pub(crate) const MAX_802_3_LENGTH: u16 = 1500;

/// ```text
///  0                 6                12        14
///  +-----------------+-----------------+---------+-----------
///  |   destination   |     source      |  type   | payload …
///  +-----------------+-----------------+---------+-----------
/// ```
#[inline]
pub(crate) fn inside(frame: Span<'_>) -> Result<Inside<'_>, WireError> {
    let header = Ethernet2HeaderSlice::from_slice(frame.bytes)
        .map_err(|_| frame.error(Layer::Link, Cause::Truncated))?;
    Ok(Inside::EtherType(header.ether_type().0, frame.after(14)))
}

/// LLC is opened only where a SNAP header with an EtherType follows (RFC 1042; 802.1H for the second OUI).
///
/// ```text
///  0      1      2      3             6         8
///  +------+------+------+-------------+---------+-----------
///  |  AA  |  AA  |  03  |     OUI     |  type   | payload …
///  +------+------+------+-------------+---------+-----------
/// ```
pub(crate) fn inside_llc(llc: Span<'_>) -> Result<Inside<'_>, WireError> {
    const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
    const RFC_1042: [u8; 3] = [0, 0, 0];
    const IEEE_802_1H: [u8; 3] = [0, 0, 0xf8];
    if !llc.bytes.starts_with(&SNAP) {
        return Ok(Inside::NotIp);
    }
    let Some(&[_, _, _, o0, o1, o2, t0, t1]) = llc.bytes.first_chunk::<8>() else {
        return Err(llc.error(Layer::Link, Cause::Truncated));
    };
    let ether_type = u16::from_be_bytes([t0, t1]);
    match [o0, o1, o2] {
        RFC_1042 | IEEE_802_1H if ether_type > MAX_802_3_LENGTH => {
            Ok(Inside::EtherType(ether_type, llc.after(8)))
        }
        _ => Ok(Inside::NotIp),
    }
}
