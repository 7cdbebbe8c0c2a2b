//! UDP datagrams in IPv4 or IPv6 in Ethernet, with VLAN tags, fragments and checksums that hold.

use std::net::{IpAddr, SocketAddr};

use earwitness_model::Flow;

/// A UDP datagram and how it travels.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// From where to where; both addresses are of one family.
    pub flow: Flow,
    /// VLAN identifiers, outermost first: the first of two is an IEEE 802.1ad service tag.
    pub vlans: &'a [u16],
    /// The IP identification, which only fragments need.
    pub identification: u16,
    /// What it carries: at most 65,507 bytes, or the lengths in the headers are too small.
    pub payload: &'a [u8],
}

/// From `src` to `dst`.
#[must_use]
pub const fn flow(src: SocketAddr, dst: SocketAddr) -> Flow {
    Flow { src, dst }
}

/// The IP protocol number of TCP (IANA).
pub const TCP: u8 = 6;
/// That of UDP.
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IPV6_FRAGMENT: u8 = 44;

impl Datagram<'_> {
    /// An untagged datagram.
    #[must_use]
    pub const fn new(flow: Flow, payload: &[u8]) -> Datagram<'_> {
        Datagram { flow, vlans: &[], identification: 0, payload }
    }

    /// The Ethernet frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(14 + 8 + 40 + UDP_HEADER + self.payload.len());
        self.frame_into(&mut frame);
        frame
    }

    /// Appends the Ethernet frame to `frame`, which should be empty.
    pub fn frame_into(&self, frame: &mut Vec<u8>) {
        self.ethernet(frame);
        let length = UDP_HEADER + self.payload.len();
        match (self.flow.src.ip(), self.flow.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let addresses = (src.octets(), dst.octets());
                frame.extend(ipv4(UDP, (self.identification, 0), length, addresses));
            }
            _ => frame.extend(ipv6(UDP, length, self.flow)),
        }
        self.udp(frame);
    }

    /// The Ethernet frames of the datagram's IP fragments: none carries more than `room` bytes of it, rounded down to a
    /// multiple of 8, but at least 8.
    #[must_use]
    pub fn fragments(&self, room: usize) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        self.udp(&mut whole);
        let room = (room / 8 * 8).max(8);
        let count = whole.len().div_ceil(room);
        whole
            .chunks(room)
            .enumerate()
            .map(|(index, part)| {
                let more = u16::from(index + 1 < count);
                let eighths = (index * room / 8) as u16;
                let mut frame = Vec::new();
                self.ethernet(&mut frame);
                match (self.flow.src.ip(), self.flow.dst.ip()) {
                    (IpAddr::V4(src), IpAddr::V4(dst)) => {
                        let field = more << 13 | eighths;
                        let addresses = (src.octets(), dst.octets());
                        frame.extend(ipv4(UDP, (self.identification, field), part.len(), addresses));
                    }
                    _ => {
                        frame.extend(ipv6(IPV6_FRAGMENT, 8 + part.len(), self.flow));
                        frame.extend([UDP, 0]);
                        frame.extend((eighths << 3 | more).to_be_bytes());
                        frame.extend(u32::from(self.identification).to_be_bytes());
                    }
                }
                frame.extend(part);
                frame
            })
            .collect()
    }

    fn ethernet(&self, frame: &mut Vec<u8>) {
        ethernet(self.flow, self.vlans, frame);
    }

    /// The UDP header (RFC 768) and the payload.
    fn udp(&self, frame: &mut Vec<u8>) {
        let length = (UDP_HEADER + self.payload.len()) as u16;
        let mut header = [0; UDP_HEADER];
        header[0..2].copy_from_slice(&self.flow.src.port().to_be_bytes());
        header[2..4].copy_from_slice(&self.flow.dst.port().to_be_bytes());
        header[4..6].copy_from_slice(&length.to_be_bytes());
        let mut total = sum(&header) + sum(self.payload) + u64::from(length) + u64::from(UDP);
        for address in [self.flow.src.ip(), self.flow.dst.ip()] {
            total += match address {
                IpAddr::V4(ip) => sum(&ip.octets()),
                IpAddr::V6(ip) => sum(&ip.octets()),
            };
        }
        // A sum of 0 travels as its other form: 0 says that there is none.
        let checksum = match fold(total) {
            0 => 0xffff,
            checksum => checksum,
        };
        header[6..8].copy_from_slice(&checksum.to_be_bytes());
        frame.extend(header);
        frame.extend(self.payload);
    }
}

/// Appends the header of Ethernet, with its tags.
pub fn ethernet(flow: Flow, vlans: &[u16], frame: &mut Vec<u8>) {
    frame.extend(hardware(flow.dst.ip()));
    frame.extend(hardware(flow.src.ip()));
    for (index, vlan) in vlans.iter().enumerate() {
        let kind: u16 = if index + 1 < vlans.len() { 0x88a8 } else { 0x8100 };
        frame.extend(kind.to_be_bytes());
        frame.extend((vlan & 0x0fff).to_be_bytes());
    }
    frame.extend(if flow.src.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] });
}

/// A locally administered hardware address that belongs to `ip`.
fn hardware(ip: IpAddr) -> [u8; 6] {
    let [a, b, c, d] = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => *ip.octets().last_chunk().expect("16 bytes have a last 4"),
    };
    [0x02, 0x00, a, b, c, d]
}

/// A header of IPv4 (RFC 791): the protocol, identification and fragment field, the length of what follows, the addresses.
#[must_use]
pub fn ipv4(
    protocol: u8,
    (identification, fragment): (u16, u16),
    length: usize,
    (src, dst): ([u8; 4], [u8; 4]),
) -> [u8; 20] {
    let mut header = [0x45, 0xb8, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[2..4].copy_from_slice(&((20 + length) as u16).to_be_bytes());
    header[4..6].copy_from_slice(&identification.to_be_bytes());
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    header[12..16].copy_from_slice(&src);
    header[16..20].copy_from_slice(&dst);
    let checksum = fold(sum(&header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    header
}

/// A header of IPv6 (RFC 8200): the next header, the length of what follows, the addresses.
#[must_use]
pub fn ipv6(next: u8, length: usize, flow: Flow) -> [u8; 40] {
    let octets = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    let mut header = [0; 40];
    header[0] = 0x60;
    header[4..6].copy_from_slice(&(length as u16).to_be_bytes());
    header[6] = next;
    header[7] = 64;
    header[8..24].copy_from_slice(&octets(flow.src));
    header[24..40].copy_from_slice(&octets(flow.dst));
    header
}

/// The sum of the 16-bit words of `bytes` (RFC 1071), to be folded; words are taken four at a time, which folds to the
/// same.
#[must_use]
pub fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        total += u64::from(u32::from_be_bytes(last));
    }
    total
}

/// The ones' complement of the sum in 16 bits.
#[must_use]
pub const fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    !(total as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(src: &str, dst: &str) -> Flow {
        flow(src.parse().unwrap(), dst.parse().unwrap())
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(!fold(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0xddf2);
        assert_eq!(!fold(sum(&[0xff, 0xff, 0x01])), 0x0100);
    }

    #[test]
    fn an_ipv4_datagram_is_these_bytes() {
        let datagram = Datagram::new(between("10.1.0.5:5060", "10.1.0.9:4000"), b"hi!");
        let expected = [
            0x02, 0x00, 10, 1, 0, 9, 0x02, 0x00, 10, 1, 0, 5, 0x08, 0x00, 0x45, 0xb8, 0, 31, 0, 0, 0, 0, 64,
            17, 0x66, 0x04, 10, 1, 0, 5, 10, 1, 0, 9, 0x13, 0xc4, 0x0f, 0xa0, 0, 11, 0x3f, 0x03, b'h', b'i',
            b'!',
        ];
        let frame = datagram.frame();
        assert_eq!(frame.len(), expected.len());
        assert_eq!(fold(sum(&frame[14..34])), 0, "IPv4 header checksum");
        let pseudo = sum(&frame[26..34]) + 17 + 11;
        assert_eq!(fold(pseudo + sum(&frame[34..])), 0, "UDP checksum");
        assert_eq!(frame[..24], expected[..24]);
        assert_eq!(frame[26..40], expected[26..40]);
        assert_eq!(frame[42..], expected[42..]);
    }

    #[test]
    fn tags_stand_before_the_ethertype_outermost_first() {
        let mut datagram = Datagram::new(between("[2001:db8::1]:1", "[2001:db8::2]:2"), b"");
        datagram.vlans = &[100, 7];
        let frame = datagram.frame();
        assert_eq!(frame[12..22], [0x88, 0xa8, 0, 100, 0x81, 0x00, 0, 7, 0x86, 0xdd]);
        assert_eq!(frame.len(), 22 + 40 + 8);
    }

    #[test]
    fn fragments_put_together_are_the_datagram() {
        let payload: Vec<u8> = (0..1000).map(|n| (n % 251) as u8).collect();
        for (flow, header) in [
            (between("10.0.0.1:1", "10.0.0.2:2"), 34),
            (between("[2001:db8::1]:1", "[2001:db8::2]:2"), 54 + 8),
        ] {
            let datagram = Datagram { flow, vlans: &[], identification: 77, payload: &payload };
            let fragments = datagram.fragments(300);
            assert_eq!(fragments.len(), 4);
            let whole: Vec<u8> = fragments.iter().flat_map(|frame| &frame[header..]).copied().collect();
            assert_eq!(whole.len(), 1008);
            assert_eq!(whole[8..], payload);
        }
        let first = Datagram {
            flow: between("10.0.0.1:1", "10.0.0.2:2"),
            vlans: &[],
            identification: 77,
            payload: &payload,
        };
        let fields: Vec<_> = first.fragments(300).iter().map(|frame| [frame[20], frame[21]]).collect();
        assert_eq!(fields, [[0x20, 0], [0x20, 37], [0x20, 74], [0, 111]]);
    }
}
