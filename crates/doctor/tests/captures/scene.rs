//! What a mirror shows: frames made from call scripts, and what faulty equipment does to them.

use earwitness_model::{LinkType, PacketTime, SipTransport};
use earwitness_testkit::{Carriage, Frame, Opening, SegmentOrder, script};

/// A frame as it was captured.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) time: PacketTime,
    pub(crate) wire_len: u32,
    pub(crate) bytes: Vec<u8>,
}

impl From<Frame> for Shot {
    fn from(frame: Frame) -> Self {
        Self { time: frame.time, wire_len: frame.bytes.len() as u32, bytes: frame.bytes }
    }
}

/// The frames of a script.
pub(crate) fn play(text: &str) -> Vec<Shot> {
    script::parse(text).unwrap().frames().into_iter().map(Shot::from).collect()
}

/// The signalling of a call of four seconds from `a` to `b`, at `port`.
pub(crate) fn signalling(name: &str, a: &str, b: &str, port: u16) -> String {
    let (to, back) = (format!("{a}:{port} > {b}:{port}"), format!("{b}:{port} > {a}:{port}"));
    format!(
        "at 0.000 {to} INVITE {name} from=0312221111 to=4001 sdp={a}:4000/G729\n\
         at 0.010 {back} 100 {name}\n\
         at 0.100 {back} 180 {name}\n\
         at 0.500 {back} 200 {name} sdp={b}:4002/G729\n\
         at 0.510 {to} ACK {name}\n\
         at 4.000 {to} BYE {name}\n\
         at 4.010 {back} 200 {name}\n"
    )
}

/// Both directions of its media, with more said of each packet run.
pub(crate) fn media(name: &str, caller: &str, callee: &str) -> String {
    format!("rtp {name} caller from=0.6 to=2.6 {caller}\nrtp {name} callee from=0.61 to=2.61 {callee}\n")
}

/// A whole call between two phones.
pub(crate) fn call() -> String {
    signalling("c", "10.1.0.5", "10.1.0.9", 5060) + &media("c", "", "")
}

/// Bytes from `at` to `at + 2` as a number.
pub(crate) fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// An Ethernet frame around an IPv4 packet of `protocol`.
pub(crate) fn ipv4(protocol: u8, ends: [[u8; 4]; 2], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45, 0];
    frame.extend(((payload.len() + 20) as u16).to_be_bytes());
    frame.extend([0, 7, 0, 0, 64, protocol, 0, 0]);
    frame.extend(ends.concat());
    frame.extend(payload);
    frame
}

/// A TCP segment with the ports and the payload.
pub(crate) fn tcp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut segment: Vec<u8> = ports.into_iter().flat_map(u16::to_be_bytes).collect();
    segment.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// A UDP datagram with the ports and the payload.
pub(crate) fn udp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut datagram: Vec<u8> = ports.into_iter().flat_map(u16::to_be_bytes).collect();
    datagram.extend((payload.len() as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// The frames of a script whose messages come over TCP, in segments of 400 bytes of connections that were open before.
pub(crate) fn play_over_tcp(text: &str) -> Vec<Shot> {
    let carriage = Carriage {
        transport: SipTransport::Tcp,
        largest: 400,
        order: SegmentOrder::AsSent,
        opening: Opening::Before,
    };
    let script = script::parse_over(text, carriage).unwrap();
    script.frames().into_iter().map(Shot::from).collect()
}

/// The frame in GRE (RFC 2784; transparent Ethernet bridging).
pub(crate) fn in_gre(shot: &Shot) -> Shot {
    let payload = [&[0, 0, 0x65, 0x58][..], &shot.bytes].concat();
    let frame = ipv4(47, [[10, 9, 0, 1], [10, 9, 0, 2]], &payload);
    Shot { time: shot.time, wire_len: frame.len() as u32, bytes: frame }
}

/// The packet of the frame in L2TP (RFC 2661) with PPP.
pub(crate) fn in_l2tp(shot: &Shot) -> Shot {
    let packet = [&[0, 2, 0, 1, 0, 2, 0xff, 0x03, 0x00, 0x21][..], &shot.bytes[14..]].concat();
    let length = (packet.len() as u16 + 8).to_be_bytes();
    let datagram = [&[0x06, 0xa5, 0x06, 0xa5][..], &length, &[0, 0], &packet].concat();
    let frame = ipv4(17, [[10, 9, 0, 1], [10, 9, 0, 2]], &datagram);
    Shot { time: shot.time, wire_len: frame.len() as u32, bytes: frame }
}

/// A VLAN tag more on the outside.
pub(crate) fn tagged(shot: &Shot, vlan: u16) -> Shot {
    let tag = [[0x81, 0x00], vlan.to_be_bytes()].concat();
    let bytes = [&shot.bytes[..12], &tag, &shot.bytes[12..]].concat();
    Shot { time: shot.time, wire_len: bytes.len() as u32, bytes }
}

/// Up to the first `snap` bytes.
pub(crate) fn cut(shot: &Shot, snap: usize) -> Shot {
    Shot { bytes: shot.bytes[..shot.bytes.len().min(snap)].to_vec(), ..shot.clone() }
}

/// What receive offloading makes of the packets of one stream: one datagram with all of their payloads.
pub(crate) fn joined(shots: &[Shot]) -> Shot {
    let mut bytes = shots[0].bytes.clone();
    for shot in &shots[1..] {
        bytes.extend(&shot.bytes[42..]);
    }
    let (ip, udp) = ((bytes.len() - 14) as u16, (bytes.len() - 34) as u16);
    bytes[16..18].copy_from_slice(&ip.to_be_bytes());
    bytes[38..40].copy_from_slice(&udp.to_be_bytes());
    Shot { time: shots[shots.len() - 1].time, wire_len: bytes.len() as u32, bytes }
}

/// The bytes of a pcap file, with what was on the wire beside what was captured.
pub(crate) fn pcap(shots: &[Shot]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1] {
        file.extend(word.to_le_bytes());
    }
    for shot in shots {
        let nanos = shot.time.nanos();
        let times = [nanos / 1_000_000_000, nanos % 1_000_000_000].map(|part| part as u32);
        for word in [times[0], times[1], shot.bytes.len() as u32, shot.wire_len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(&shot.bytes);
    }
    assert_eq!(earwitness_testkit::pcap::link_number(LinkType::Ethernet), 1);
    file
}
