//! Ethernet, IPv4 or IPv6, and UDP or TCP around a payload, as a mirror would have shown them.
//!
//! Addresses, ports and payload are those that were captured; the rest of the headers is made here: MAC addresses are
//! fixed and locally administered, the TTL is 64, checksums are right. What IP can carry is one frame, however
//! long: files have no MTU.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use earwitness_model::Flow;

/// Receiver, sender (second-lowest bit of the first octet: locally administered) of every rebuilt frame.
const MACS: [u8; 12] = [0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01];
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const TTL: u8 = 64;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const IPV4_HEADER: usize = 20;

/// The longest payload of a segment that every version of IP carries, in bytes.
pub(super) const MOST_SEGMENT: usize = 65_535 - TCP_HEADER - IPV4_HEADER;

/// What carries the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// UDP.
    Udp,
    /// TCP, at this place of the connection.
    Tcp {
        /// The number of the payload's first byte.
        sequence: u32,
        /// The number of the byte that is expected from the other side.
        acknowledged: u32,
    },
}

/// A payload that does not fit the 16-bit lengths of UDP and IP: 65,507 bytes over IPv4, 65,527 over IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oversized;

/// Replaces `frame` by the frame in which `carrier` carries `payload` along `flow`.
pub(crate) fn rebuild(
    flow: Flow,
    carrier: Carrier,
    payload: &[u8],
    frame: &mut Vec<u8>,
) -> Result<(), Oversized> {
    let (protocol, header) = match carrier {
        Carrier::Udp => (PROTOCOL_UDP, UDP_HEADER),
        Carrier::Tcp { .. } => (PROTOCOL_TCP, TCP_HEADER),
    };
    let inside = Inside { protocol, length: header + payload.len() };
    frame.clear();
    frame.extend_from_slice(&MACS);
    let pseudo_header = match (flow.src.ip(), flow.dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ipv4(src, dst, inside, frame)?,
        (src, dst) => ipv6(in_ipv6(src), in_ipv6(dst), inside, frame)?,
    };
    let at = frame.len();
    frame.extend_from_slice(&flow.src.port().to_be_bytes());
    frame.extend_from_slice(&flow.dst.port().to_be_bytes());
    match carrier {
        Carrier::Udp => {
            frame.extend_from_slice(&(inside.length as u16).to_be_bytes());
            frame.extend_from_slice(&[0, 0]);
        }
        Carrier::Tcp { sequence, acknowledged } => {
            frame.extend_from_slice(&sequence.to_be_bytes());
            frame.extend_from_slice(&acknowledged.to_be_bytes());
            // Five words of header, PSH and ACK (RFC 9293, 3.1), the largest window, no urgent data.
            frame.extend_from_slice(&[0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        }
    }
    frame.extend_from_slice(payload);
    let sum = checksum(pseudo_header + sum_of(&frame[at..]));
    let (place, sum) = match (carrier, sum) {
        // RFC 768: a computed zero travels as all ones, because zero says that there is none.
        (Carrier::Udp, 0) => (at + 6, 0xffff),
        (Carrier::Udp, sum) => (at + 6, sum),
        (Carrier::Tcp { .. }, sum) => (at + 16, sum),
    };
    frame[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    Ok(())
}

/// What IP carries: which protocol, and how many bytes with its header.
#[derive(Debug, Clone, Copy)]
struct Inside {
    protocol: u8,
    length: usize,
}

/// Appends EtherType and header (RFC 791, 3.1), and sums the pseudo-header (RFC 768, RFC 9293, 3.1).
fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, inside: Inside, frame: &mut Vec<u8>) -> Result<u64, Oversized> {
    let total = u16::try_from(inside.length + IPV4_HEADER).map_err(|_| Oversized)?;
    frame.extend_from_slice(&ETHERTYPE_IPV4);
    let mut header = [0; IPV4_HEADER];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[6] = 0x40;
    header[8] = TTL;
    header[9] = inside.protocol;
    header[12..16].copy_from_slice(&src.octets());
    header[16..20].copy_from_slice(&dst.octets());
    let sum = checksum(sum_of(&header));
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend_from_slice(&header);
    Ok(sum_of(&header[12..20]) + u64::from(inside.protocol) + inside.length as u64)
}

/// Appends EtherType and header (RFC 8200, 3), and sums the pseudo-header (8.1).
fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, inside: Inside, frame: &mut Vec<u8>) -> Result<u64, Oversized> {
    let length = u16::try_from(inside.length).map_err(|_| Oversized)?;
    frame.extend_from_slice(&ETHERTYPE_IPV6);
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&[inside.protocol, TTL]);
    frame.extend_from_slice(&src.octets());
    frame.extend_from_slice(&dst.octets());
    let addresses = sum_of(&src.octets()) + sum_of(&dst.octets());
    Ok(addresses + u64::from(inside.protocol) + inside.length as u64)
}

/// The address, or the one that stands for it in IPv6 (RFC 4291, 2.5.5.2).
pub(super) const fn in_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

/// The sum of big-endian 16-bit words, an odd last byte being the upper half of one.
fn sum_of(bytes: &[u8]) -> u64 {
    let (words, odd) = bytes.as_chunks::<2>();
    let sum: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    sum + odd.first().map_or(0, |&byte| u64::from(byte) << 8)
}

/// The Internet checksum (RFC 1071) of a sum of words.
const fn checksum(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(src: &str, dst: &str) -> Flow {
        Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() }
    }

    /// Checks the bytes before the UDP header and that the one's complement sums come out as receivers expect.
    fn check(flow: Flow, payload: &[u8], headers: &[u8]) {
        let mut frame = vec![7; 3];
        assert_eq!(rebuild(flow, Carrier::Udp, payload, &mut frame), Ok(()));
        assert_eq!(&frame[..headers.len()], headers);
        let (ip, udp) = frame[14..].split_at(headers.len() - 14);
        let addresses = if ip[0] == 0x45 { &ip[12..20] } else { &ip[8..40] };
        if ip[0] == 0x45 {
            assert_eq!(checksum(sum_of(ip)), 0);
        }
        assert_eq!(checksum(sum_of(addresses) + 17 + udp.len() as u64 + sum_of(udp)), 0);
        assert_eq!(usize::from(u16::from_be_bytes([udp[4], udp[5]])), udp.len());
        assert_eq!((&udp[..2], &udp[2..4]), (&[0x13, 0xc4][..], &[0x0f, 0xa0][..]));
        assert_eq!(&udp[8..], payload);
    }

    #[test]
    fn ipv4_datagrams_get_headers_with_right_sums() {
        #[rustfmt::skip]
        let headers = [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
            0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0x26, 0xc1, 10, 0, 0, 5, 10, 0, 0, 9,
        ];
        check(flow("10.0.0.5:5060", "10.0.0.9:4000"), b"odd", &headers);
    }

    #[test]
    fn ipv6_datagrams_and_mixed_families_get_headers_with_right_sums() {
        let mut headers = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 12, 17, 64];
        let (src, dst): (Ipv6Addr, Ipv6Addr) =
            ("2001:db8::5".parse().unwrap(), "2001:db8::9".parse().unwrap());
        headers.extend(src.octets());
        headers.extend(dst.octets());
        check(flow("[2001:db8::5]:5060", "[2001:db8::9]:4000"), b"even", &headers);

        headers.truncate(22);
        headers.extend(Ipv4Addr::new(10, 0, 0, 5).to_ipv6_mapped().octets());
        headers.extend(dst.octets());
        check(flow("10.0.0.5:5060", "[2001:db8::9]:4000"), b"even", &headers);
    }

    #[test]
    fn a_segment_has_its_place_and_a_right_sum() {
        let carrier = Carrier::Tcp { sequence: 0x0102_0304, acknowledged: 0x0506_0708 };
        for (flow, ip) in
            [(flow("10.0.0.5:5060", "10.0.0.9:4000"), 20), (flow("[::1]:5060", "[::2]:4000"), 40)]
        {
            let mut frame = Vec::new();
            rebuild(flow, carrier, b"odd", &mut frame).unwrap();
            let (ip, tcp) = frame[14..].split_at(ip);
            let addresses = if ip.len() == 20 { &ip[12..20] } else { &ip[8..40] };
            assert_eq!(tcp[..12], [0x13, 0xc4, 0x0f, 0xa0, 1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!((&tcp[12..14], &tcp[20..]), (&[0x50, 0x18][..], &b"odd"[..]));
            assert_eq!(checksum(sum_of(addresses) + 6 + tcp.len() as u64 + sum_of(tcp)), 0);
            assert_eq!(rebuild(flow, carrier, &vec![0; MOST_SEGMENT], &mut frame), Ok(()));
        }
    }

    #[test]
    fn a_sum_of_zero_travels_as_all_ones() {
        let flow = flow("0.0.0.0:0", "0.0.0.0:0");
        let mut frame = Vec::new();
        // Pseudo-header 17 + 10, length 10, and this word: 0xffff.
        rebuild(flow, Carrier::Udp, &(0xffffu16 - 17 - 10 - 10).to_be_bytes(), &mut frame).unwrap();
        assert_eq!(&frame[40..42], &[0xff, 0xff]);
    }

    #[test]
    fn what_ip_cannot_carry_is_refused_to_the_byte() {
        let mut frame = Vec::new();
        for (flow, longest) in
            [(flow("10.0.0.5:1", "10.0.0.9:2"), 65_507), (flow("[::1]:1", "[::2]:2"), 65_527)]
        {
            assert_eq!(rebuild(flow, Carrier::Udp, &vec![0; longest], &mut frame), Ok(()));
            assert_eq!(rebuild(flow, Carrier::Udp, &vec![0; longest + 1], &mut frame), Err(Oversized));
        }
    }
}
