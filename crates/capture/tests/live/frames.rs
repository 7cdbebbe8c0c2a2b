//! Frames as they come off a mirror port.

/// A VLAN tag: its EtherType and its number.
pub(crate) type Tag = (u16, u16);

/// The tag of IEEE 802.1Q.
pub(crate) const C_TAG: u16 = 0x8100;
/// The outer tag of IEEE 802.1ad.
pub(crate) const S_TAG: u16 = 0x88a8;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// An Ethernet frame, from one phone to another, behind `tags`.
pub(crate) fn ethernet(tags: &[Tag], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1];
    for (kind, number) in tags {
        frame.extend(kind.to_be_bytes());
        frame.extend(number.to_be_bytes());
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A UDP datagram over IPv4, between the ports of `flow`, with `payload` bytes of content.
pub(crate) fn udp(tags: &[Tag], flow: (u16, u16), payload: usize) -> Vec<u8> {
    let mut datagram = udp_header(flow, payload).to_vec();
    datagram.resize(8 + payload, b'x');
    let addresses = if flow.0 < flow.1 { [1, 2] } else { [2, 1] };
    ethernet(tags, IPV4, &ipv4(0, addresses, &datagram))
}

/// The second fragment of a datagram: no port is in it.
pub(crate) fn later_fragment(tags: &[Tag]) -> Vec<u8> {
    ethernet(tags, IPV4, &ipv4(185, [1, 2], &[b'y'; 40]))
}

/// The two fragments of a datagram between hosts with these last bytes: only the first names its ports.
pub(crate) fn fragments(hosts: [u8; 2], flow: (u16, u16)) -> [Vec<u8>; 2] {
    let mut first = udp_header(flow, 40).to_vec();
    first.resize(32, b'f');
    // More Fragments is the third bit of the field.
    let packets = [ipv4(0x2000, hosts, &first), ipv4(4, hosts, &[b's'; 16])];
    packets.map(|packet| ethernet(&[], IPV4, &packet))
}

/// A fragment over IPv6: its fragment header stands between the ports and the IP header.
pub(crate) fn ipv6_fragment(tags: &[Tag], flow: (u16, u16)) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 24, 44, 64];
    packet.extend([0xfd; 16]);
    packet.extend([0xfc; 16]);
    packet.extend([17, 0, 0, 1, 0, 0, 0, 7]);
    packet.extend(udp_header(flow, 1400));
    packet.extend([b'z'; 8]);
    ethernet(tags, IPV6, &packet)
}

fn udp_header(flow: (u16, u16), payload: usize) -> [u8; 8] {
    let length = u16::try_from(8 + payload).expect("a datagram").to_be_bytes();
    let (from, to) = (flow.0.to_be_bytes(), flow.1.to_be_bytes());
    [from[0], from[1], to[0], to[1], length[0], length[1], 0, 0]
}

/// `offset` is that of a fragment, in units of 8 bytes, below its flags; `hosts` are the last bytes of the two addresses.
fn ipv4(offset: u16, hosts: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).expect("a packet").to_be_bytes();
    let offset = offset.to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 7, offset[0], offset[1], 64, 17, 0, 0];
    packet.extend([10, 0, 0, hosts[0], 10, 0, 0, hosts[1]]);
    packet.extend(payload);
    packet
}
