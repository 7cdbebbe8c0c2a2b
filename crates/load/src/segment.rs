//! TCP segments in IPv4 or IPv6 in Ethernet, with VLAN tags and checksums that hold.

use std::net::IpAddr;

use earwitness_model::Flow;

use crate::datagram::{TCP, ethernet, fold, ipv4, ipv6, sum};

/// SYN (RFC 9293, 3.1).
pub const SYN: u8 = 0x02;
/// PSH: the sender pushes what it has.
pub const PSH: u8 = 0x08;
/// ACK.
pub const ACK: u8 = 0x10;

const TCP_HEADER: usize = 20;

/// A TCP segment and how it travels.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// From where to where; both addresses are of one family.
    pub flow: Flow,
    /// VLAN identifiers, outermost first.
    pub vlans: &'a [u16],
    /// The number of its first byte, or of its SYN.
    pub sequence: u32,
    /// What is expected from the other side.
    pub acknowledged: u32,
    /// [`SYN`], [`PSH`], [`ACK`].
    pub flags: u8,
    /// What it carries: at most 65,495 bytes, or the lengths in the headers are too small.
    pub payload: &'a [u8],
}

impl Segment<'_> {
    /// The Ethernet frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(14 + 8 + 40 + TCP_HEADER + self.payload.len());
        ethernet(self.flow, self.vlans, &mut frame);
        let length = TCP_HEADER + self.payload.len();
        let addresses = match (self.flow.src.ip(), self.flow.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                frame.extend(ipv4(TCP, (0, 0), length, (src.octets(), dst.octets())));
                sum(&src.octets()) + sum(&dst.octets())
            }
            (src, dst) => {
                frame.extend(ipv6(TCP, length, self.flow));
                [src, dst].iter().map(|ip| if let IpAddr::V6(ip) = ip { sum(&ip.octets()) } else { 0 }).sum()
            }
        };
        let mut header = [0; TCP_HEADER];
        header[0..2].copy_from_slice(&self.flow.src.port().to_be_bytes());
        header[2..4].copy_from_slice(&self.flow.dst.port().to_be_bytes());
        header[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        header[8..12].copy_from_slice(&self.acknowledged.to_be_bytes());
        header[12..16].copy_from_slice(&[5 << 4, self.flags, 0xff, 0xff]);
        let total = addresses + u64::from(TCP) + length as u64 + sum(&header) + sum(self.payload);
        header[16..18].copy_from_slice(&fold(total).to_be_bytes());
        frame.extend(header);
        frame.extend(self.payload);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_its_numbers_and_sums_that_hold() {
        let flow = Flow { src: "10.1.0.5:40000".parse().unwrap(), dst: "10.1.0.9:5060".parse().unwrap() };
        let segment = Segment {
            flow,
            vlans: &[],
            sequence: 0x0102_0304,
            acknowledged: 0x0506_0708,
            flags: PSH | ACK,
            payload: b"odd",
        };
        let frame = segment.frame();
        assert_eq!(frame[14..18], [0x45, 0xb8, 0, 43]);
        assert_eq!(frame[34..48], [0x9c, 0x40, 0x13, 0xc4, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18]);
        assert_eq!(fold(sum(&frame[14..34])), 0, "IPv4 header checksum");
        assert_eq!(fold(sum(&frame[26..34]) + 6 + 23 + sum(&frame[34..])), 0, "TCP checksum");
        assert_eq!(frame[54..], *b"odd");
    }
}
