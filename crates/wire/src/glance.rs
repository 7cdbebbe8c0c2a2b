//! A glance at a frame: where its packet probably belongs, before anybody reads it.

use earwitness_model::{LinkType, RawFrame};

/// The addresses, ports and source of what is probably an RTP packet, as they lie in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// The sender's IPv4 address, then the receiver's.
    pub addresses: u64,
    /// The sender's port, then the receiver's.
    pub ports: u32,
    /// The synchronization source.
    pub ssrc: u32,
}

/// Bytes from the beginning of the IPv4 header to the end of the synchronization source.
const NEEDED: usize = 20 + 8 + 12;

/// What an Ethernet frame says at the places where IPv4 without options, UDP and RTP have it, behind one VLAN tag at the most. Nothing
/// is checked that does not lead there: it is for whoever fetches early what [`decode`](crate::decode()) will then ask for.
#[inline]
#[must_use]
pub fn glance(frame: &RawFrame<'_>) -> Option<Glance> {
    if frame.link != LinkType::Ethernet {
        return None;
    }
    let ip = match frame.bytes.get(12..14)? {
        [0x08, 0x00] => frame.bytes.get(14..)?,
        [0x81, 0x00] | [0x88, 0xa8] => frame.bytes.get(18..)?,
        _ => return None,
    };
    let ip = ip.first_chunk::<NEEDED>()?;
    // The first byte, and the ninth: version and length of the header, and what it carries.
    let [0x45, _, _, _, _, _, _, _, _, 17, _, _, a, b, c, d, e, f, g, h, rest @ ..] = ip else { return None };
    let [p, q, r, s, _, _, _, _, _, _, _, _, _, _, _, _, t, u, v, w] = rest;
    Some(Glance {
        addresses: u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        ports: u32::from_be_bytes([*p, *q, *r, *s]),
        ssrc: u32::from_be_bytes([*t, *u, *v, *w]),
    })
}

#[cfg(test)]
mod tests {
    use earwitness_model::PacketTime;

    use super::*;

    #[test]
    fn the_key_of_an_ordinary_packet_is_seen_behind_a_tag_too_and_of_nothing_else() {
        let mut ip = vec![0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        ip.extend([0x0f, 0xa0, 0x13, 0x88, 0, 180, 0, 0]);
        ip.extend([0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4]);
        let seen = |link, ether: &[u8], ip: &[u8]| {
            let bytes = [&[0; 12], ether, ip].concat();
            glance(&RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len: 214, bytes: &bytes })
        };
        let expected = Glance { addresses: 0x0a00_0001_0a00_0002, ports: 0x0fa0_1388, ssrc: 0x0102_0304 };
        assert_eq!(seen(LinkType::Ethernet, &[8, 0], &ip), Some(expected));
        assert_eq!(seen(LinkType::Ethernet, &[0x81, 0, 0, 7, 8, 0], &ip), Some(expected));
        assert_eq!(seen(LinkType::Ethernet, &[0x86, 0xdd], &ip), None);
        assert_eq!(seen(LinkType::RawIp, &[8, 0], &ip), None);
        assert_eq!(seen(LinkType::Ethernet, &[8, 0], &ip[..39]), None);
        ip[9] = 6;
        assert_eq!(seen(LinkType::Ethernet, &[8, 0], &ip), None);
    }
}
