//! Ethernet II and IEEE 802.3 (802.2 LLC, SNAP).

use etherparse::Ethernet2HeaderSlice;

use super::{Inside, Span, backbone, ipv4, ipv6, mpls, port_tag, pppoe, vlan};
use crate::{Cause, Layer, WireError};

/// Up to here the two bytes after the addresses are a length (IEEE 802.3, 3.2.6), from 0x0600 on an EtherType.
pub(crate) const MAX_802_3_LENGTH: u16 = 1500;

/// Addresses and type.
pub(crate) const HEADER: usize = 14;

/// EtherTypes that are looked through, one behind the other, where a frame is only guessed at: tags and backbones are no
/// end of it, and whoever goes through them counts them.
const MAX_TYPES: usize = 64;

/// EtherTypes that more than one encapsulation may announce.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;

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
    Ok(Inside::EtherType(header.ether_type().0, frame.after(HEADER)))
}

/// Whether a frame begins here, where nothing else says so: behind its tags, a backbone included, is an EtherType that leads to IP or resolves its
/// addresses, and what follows begins as it must.
pub(crate) fn is_likely(frame: Span<'_>) -> bool {
    let mut rest = frame.after(12);
    for _ in 0..MAX_TYPES {
        let Some(&[t0, t1, next]) = rest.bytes.first_chunk() else { return false };
        let ether_type = u16::from_be_bytes([t0, t1]);
        let inside = rest.after(2);
        match ether_type {
            IPV4 => return next >> 4 == 4 && ipv4::is_likely(inside),
            IPV6 => return next >> 4 == 6 && ipv6::is_likely(inside),
            // Of Ethernet addresses.
            ARP => return inside.bytes.starts_with(&[0, 1]),
            mpls::UNICAST | mpls::MULTICAST => return mpls::is_likely(inside),
            // Version and type, code 0.
            pppoe::ETHER_TYPE => return inside.bytes.starts_with(&[0x11, 0]),
            backbone::ETHER_TYPE => rest = inside.after(4 + 12),
            tag if vlan::is_tag(tag) => rest = inside.after(2),
            tag => match port_tag::len(tag, inside) {
                Some(len) => rest = inside.after(len),
                None => return false,
            },
        }
    }
    false
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
