//! Literal bytes of each encapsulation, and what is found in them.

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{Carried, Cause, Layer, TcpFlags, WireError, decode};

/// 10.1.0.5:5060 to 10.1.0.9:5061, TTL 64, payload `hello`.
const IPV4: &[u8] = &[
    0x45, 0, 0, 33, 0x12, 0x34, 0x40, 0, 64, 17, 0xbe, 0xef, 10, 1, 0, 5, 10, 1, 0,
    9, // IPv4, 33 bytes, DF, UDP
    0x13, 0xc4, 0x13, 0xc5, 0, 13, 0xde, 0xad, b'h', b'e', b'l', b'l', b'o', // UDP, 13 bytes
];

/// The same from 2001:db8::5 to 2001:db8::9, hop limit 63.
const IPV6: &[u8] = &[
    0x60, 0, 0, 0, 0, 13, 17, 63, // IPv6, 13 bytes, UDP
    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, // from
    0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // to
    0x13, 0xc4, 0x13, 0xc5, 0, 13, 0xde, 0xad, b'h', b'e', b'l', b'l', b'o',
];

const MACS: &[u8] = &[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 5];

fn frame(link: LinkType, bytes: &[u8]) -> RawFrame<'_> {
    let wire_len = u32::try_from(bytes.len()).expect("a frame of this test");
    RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Ethernet whose EtherType field and what follows are `parts`.
fn ethernet(parts: &[&[u8]]) -> Vec<u8> {
    [MACS, &parts.concat()].concat()
}

/// What `bytes` carry, in words: the datagram as `source>destination payload +cut ttl`.
fn said(link: LinkType, bytes: &[u8]) -> String {
    said_of(&frame(link, bytes))
}

fn said_of(frame: &RawFrame<'_>) -> String {
    match decode(frame) {
        Ok(Carried::Udp(datagram)) => {
            let (flow, payload) = (datagram.flow, String::from_utf8_lossy(datagram.payload));
            format!("{}>{} {payload} +{} ttl {}", flow.src, flow.dst, datagram.cut, datagram.hop_limit)
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

const HELLO_4: &str = "10.1.0.5:5060>10.1.0.9:5061 hello +0 ttl 64";
const HELLO_6: &str = "[2001:db8::5]:5060>[2001:db8::9]:5061 hello +0 ttl 63";

#[test]
fn every_link_type_leads_to_the_datagram() {
    let sll = |protocol: [u8; 2]| joined(&[&[0, 0, 0, 1, 0, 6], &[0; 8], &protocol]);
    let sll2 = |protocol: [u8; 2]| joined(&[&protocol, &[0, 0, 0, 0, 0, 2, 0, 1, 0, 6], &[0; 8]]);
    let tag = &[0x81, 0, 0, 100][..];
    let cases: &[(&str, LinkType, Vec<u8>, &str)] = &[
        ("Ethernet, IPv4", LinkType::Ethernet, ethernet(&[&[8, 0], IPV4]), HELLO_4),
        ("Ethernet, IPv6", LinkType::Ethernet, ethernet(&[&[0x86, 0xdd], IPV6]), HELLO_6),
        ("802.1Q", LinkType::Ethernet, ethernet(&[tag, &[8, 0], IPV4]), HELLO_4),
        ("QinQ 88a8", LinkType::Ethernet, ethernet(&[&[0x88, 0xa8, 0, 7], tag, &[8, 0], IPV4]), HELLO_4),
        ("QinQ 9100", LinkType::Ethernet, ethernet(&[&[0x91, 0, 0, 7], tag, &[0x86, 0xdd], IPV6]), HELLO_6),
        ("four tags", LinkType::Ethernet, ethernet(&[tag, tag, tag, tag, &[8, 0], IPV4]), HELLO_4),
        (
            "SNAP",
            LinkType::Ethernet,
            ethernet(&[&[0, 41, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], IPV4, &[0; 7]]),
            HELLO_4,
        ),
        (
            "SNAP in a tag",
            LinkType::Ethernet,
            ethernet(&[tag, &[0, 41, 0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0], IPV4]),
            HELLO_4,
        ),
        (
            "PPPoE, IPv4",
            LinkType::Ethernet,
            ethernet(&[&[0x88, 0x64, 0x11, 0, 0, 9, 0, 35, 0, 0x21], IPV4, &[0x55; 5]]),
            HELLO_4,
        ),
        (
            "PPPoE, IPv6 in a tag",
            LinkType::Ethernet,
            ethernet(&[tag, &[0x88, 0x64, 0x11, 0, 0, 9, 0, 55, 0, 0x57], IPV6]),
            HELLO_6,
        ),
        ("SLL, IPv4", LinkType::LinuxSll, joined(&[&sll([8, 0]), IPV4]), HELLO_4),
        ("SLL, IPv6", LinkType::LinuxSll, joined(&[&sll([0x86, 0xdd]), IPV6]), HELLO_6),
        ("SLL, tag", LinkType::LinuxSll, joined(&[&sll([0x81, 0]), &[0, 100, 8, 0], IPV4]), HELLO_4),
        (
            "SLL, LLC",
            LinkType::LinuxSll,
            joined(&[&sll([0, 4]), &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], IPV4]),
            HELLO_4,
        ),
        ("SLL2, IPv4", LinkType::LinuxSll2, joined(&[&sll2([8, 0]), IPV4]), HELLO_4),
        (
            "SLL2, tag",
            LinkType::LinuxSll2,
            joined(&[&sll2([0x88, 0xa8]), &[0, 100, 0x86, 0xdd], IPV6]),
            HELLO_6,
        ),
        ("NULL, little end first", LinkType::Null, joined(&[&[2, 0, 0, 0], IPV4]), HELLO_4),
        ("NULL, big end first", LinkType::Null, joined(&[&[0, 0, 0, 2], IPV4]), HELLO_4),
        ("NULL, Linux IPv6", LinkType::Null, joined(&[&[10, 0, 0, 0], IPV6]), HELLO_6),
        ("NULL, NetBSD IPv6", LinkType::Null, joined(&[&[24, 0, 0, 0], IPV6]), HELLO_6),
        ("NULL, FreeBSD IPv6", LinkType::Null, joined(&[&[0, 0, 0, 28], IPV6]), HELLO_6),
        ("NULL, Darwin IPv6", LinkType::Null, joined(&[&[30, 0, 0, 0], IPV6]), HELLO_6),
        ("LOOP", LinkType::Loop, joined(&[&[0, 0, 0, 2], IPV4]), HELLO_4),
        ("raw IPv4", LinkType::RawIp, IPV4.to_vec(), HELLO_4),
        ("raw IPv6", LinkType::RawIp, IPV6.to_vec(), HELLO_6),
        ("LINKTYPE_IPV4", LinkType::Ipv4, IPV4.to_vec(), HELLO_4),
        ("LINKTYPE_IPV6", LinkType::Ipv6, IPV6.to_vec(), HELLO_6),
    ];
    for (name, link, bytes, expected) in cases {
        assert_eq!(said(*link, bytes), *expected, "{name}");
    }
}

#[test]
fn what_is_not_ip_is_named_by_its_ethertype() {
    let netlink = joined(&[&[0, 0, 3, 56, 0, 0], &[0; 8], &[8, 0], IPV4]);
    let cases: &[(&str, LinkType, Vec<u8>, u16)] = &[
        ("ARP", LinkType::Ethernet, ethernet(&[&[8, 6], &[0; 28]]), 0x0806),
        ("ARP in a tag", LinkType::Ethernet, ethernet(&[&[0x81, 0, 0, 1, 8, 6], &[0; 28]]), 0x0806),
        ("spanning tree", LinkType::Ethernet, ethernet(&[&[0, 38, 0x42, 0x42, 3], &[0; 43]]), 0),
        (
            "Cisco SNAP",
            LinkType::Ethernet,
            ethernet(&[&[0, 60, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0], &[0; 52]]),
            0,
        ),
        ("between length and type", LinkType::Ethernet, ethernet(&[&[5, 0xff], IPV4]), 0x05ff),
        (
            "PPP's own control",
            LinkType::Ethernet,
            ethernet(&[&[0x88, 0x64, 0x11, 0, 0, 9, 0, 10, 0xc0, 0x21, 9], &[0; 7]]),
            0,
        ),
        (
            "PPPoE discovery",
            LinkType::Ethernet,
            ethernet(&[&[0x88, 0x63, 0x11, 9, 0, 0, 0, 4], &[0; 4]]),
            0x8863,
        ),
        ("netlink in SLL", LinkType::LinuxSll, netlink, 0),
        ("CAN in SLL", LinkType::LinuxSll, joined(&[&[0, 0, 1, 24, 0, 0], &[0; 8], &[0, 12], &[0; 16]]), 0),
        ("AppleTalk in NULL", LinkType::Null, joined(&[&[16, 0, 0, 0], IPV4]), 0),
    ];
    for (name, link, bytes, ether_type) in cases {
        assert_eq!(decode(&frame(*link, bytes)), Ok(Carried::NotIp(*ether_type)), "{name}");
    }
}

#[test]
fn other_protocols_of_ip_are_told_apart_and_icmp_stays_closed() {
    let with_protocol = |protocol| {
        let mut packet = IPV4.to_vec();
        packet[9] = protocol;
        packet
    };
    let icmp_quoting_sip = joined(&[
        &[0x45, 0, 0, 61, 0, 0, 0, 0, 64, 1, 0, 0, 10, 1, 0, 9, 10, 1, 0, 5, 3, 3, 0, 0, 0, 0, 0, 0],
        IPV4,
    ]);
    assert_eq!(decode(&frame(LinkType::RawIp, &icmp_quoting_sip)), Ok(Carried::Icmp));
    assert_eq!(decode(&frame(LinkType::RawIp, &with_protocol(58))), Ok(Carried::Icmp));
    assert_eq!(decode(&frame(LinkType::RawIp, &with_protocol(47))), Ok(Carried::OtherIp(47)));
}

#[test]
fn a_tcp_segment_has_its_place_its_flags_and_no_padding() {
    let segment = |header_words: u8| {
        let mut packet = vec![0x45, 0, 0, 20 + 24 + 3, 0, 0, 0, 0, 61, 6, 0, 0, 10, 1, 0, 5, 10, 1, 0, 9];
        packet.extend([
            0x13,
            0xc4,
            0x13,
            0xc5,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            header_words << 4,
            0x13,
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
        packet.extend(*b"\x01\x01\x01\x01hi!padding");
        packet
    };
    let whole = segment(6);
    let Ok(Carried::Tcp(read)) = decode(&frame(LinkType::RawIp, &whole)) else { panic!("a segment") };
    assert_eq!((read.flow.src.port(), read.flow.dst.port()), (5060, 5061));
    assert_eq!((read.sequence, read.acknowledged, read.hop_limit), (0x0102_0304, Some(0x0506_0708), 61));
    assert_eq!(read.flags, TcpFlags { syn: true, fin: true, rst: false });
    assert_eq!((read.payload, read.cut), (&b"hi!"[..], 0));

    let Ok(Carried::Tcp(read)) = decode(&frame(LinkType::RawIp, &whole[..46])) else { panic!("a segment") };
    assert_eq!((read.payload, read.cut), (&b"hi"[..], 1));

    let error = |cause| Err(WireError { layer: Layer::Tcp, offset: 20, cause });
    assert_eq!(decode(&frame(LinkType::RawIp, &whole[..39])), error(Cause::Truncated));
    assert_eq!(decode(&frame(LinkType::RawIp, &segment(4))), error(Cause::BadLength));
    assert_eq!(decode(&frame(LinkType::RawIp, &segment(9))), error(Cause::Truncated));
}

#[test]
fn ethernet_padding_is_never_payload() {
    let padded = ethernet(&[&[8, 0], IPV4, &[0x55; 13]]);
    assert_eq!(said(LinkType::Ethernet, &padded), HELLO_4);
    let padded = ethernet(&[&[0x86, 0xdd], IPV6, &[0x55; 13]]);
    assert_eq!(said(LinkType::Ethernet, &padded), HELLO_6);
}

#[test]
fn ipv4_lengths_decide_what_is_payload() {
    let with = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = IPV4.to_vec();
        edit(&mut packet);
        said(LinkType::Ipv4, &packet)
    };
    let hello = |rest: &str| format!("10.1.0.5:5060>10.1.0.9:5061 {rest} ttl 64");
    let cases: &[(&str, String, String)] = &[
        ("total length of offload", with(&|p| p[3] = 0), hello("hello +0")),
        ("total length beyond the capture", with(&|p| p[3] = 43), hello("hello +0")),
        ("total length below UDP's", with(&|p| p[3] = 31), hello("hel +2")),
        ("UDP length 0", with(&|p| p[25] = 0), hello("hello +0")),
        ("UDP length below IP's", with(&|p| p[25] = 11), hello("hel +0")),
        ("UDP length beyond IP's", with(&|p| p[25] = 113), hello("hello +100")),
        ("UDP without payload", with(&|p| p[25] = 8), hello(" +0")),
        (
            "total length below its header",
            with(&|p| p[3] = 19),
            "IPv4 at byte 0: a length that cannot be".into(),
        ),
        (
            "UDP length below its header",
            with(&|p| p[25] = 7),
            "UDP at byte 20: a length that cannot be".into(),
        ),
        (
            "header length of four words",
            with(&|p| p[0] = 0x44),
            "IPv4 at byte 0: a length that cannot be".into(),
        ),
        ("version 5", with(&|p| p[0] = 0x55), "IPv4 at byte 0: another version".into()),
        ("both lengths of offload", with(&|p| (p[3], p[25]) = (0, 0)), hello("hello +0")),
    ];
    for (name, said, expected) in cases {
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn ipv4_options_are_stepped_over() {
    let mut packet = joined(&[&IPV4[..20], &[7, 4, 0, 0, 1, 1, 1, 0], &IPV4[20..]]);
    (packet[0], packet[3]) = (0x47, 41);
    assert_eq!(said(LinkType::Ipv4, &packet), HELLO_4);
}

#[test]
fn ipv6_extension_headers_are_followed_to_udp() {
    let with = |next: u8, extensions: &[u8]| {
        let mut packet = joined(&[&IPV6[..40], extensions, &IPV6[40..]]);
        packet[5] += u8::try_from(extensions.len()).unwrap();
        packet[6] = next;
        said(LinkType::Ipv6, &packet)
    };
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let long_options = |next: u8| joined(&[&[next, 1, 1, 12], &[0; 12]]);
    let atomic = |next: u8| [next, 0, 0, 0, 1, 2, 3, 4];
    let authentication = |next: u8| joined(&[&[next, 2], &[0; 14]]);
    assert_eq!(with(0, &options(17)), HELLO_6, "hop-by-hop");
    assert_eq!(with(43, &long_options(17)), HELLO_6, "routing");
    assert_eq!(with(60, &options(17)), HELLO_6, "destination options");
    assert_eq!(with(51, &authentication(17)), HELLO_6, "authentication");
    assert_eq!(with(44, &atomic(17)), HELLO_6, "an atomic fragment is whole");
    assert_eq!(
        with(0, &joined(&[&options(43), &long_options(60), &options(44), &atomic(17)])),
        HELLO_6,
        "a chain"
    );
    assert_eq!(with(0, &options(59)), "OtherIp(59)");
    assert_eq!(with(0, &options(6)), "TCP at byte 48: the bytes end too early");
    assert_eq!(with(60, &options(60).repeat(12)), "IPv6 at byte 136: nested too deeply");
    assert_eq!(with(60, &[17, 200, 0, 0, 0, 0, 0, 0]), "IPv6 at byte 40: the bytes end too early");
}

#[test]
fn ipv6_payload_length_0_means_what_was_captured() {
    let mut packet = IPV6.to_vec();
    packet[5] = 0;
    assert_eq!(said(LinkType::Ipv6, &packet), HELLO_6);
}

#[test]
fn bytes_that_the_snap_length_cut_are_counted() {
    let whole = ethernet(&[&[8, 0], IPV4]);
    for kept in 42..whole.len() {
        let frame = RawFrame { bytes: &whole[..kept], ..frame(LinkType::Ethernet, &whole) };
        let payload = &"hello"[..kept - 42];
        assert_eq!(
            said_of(&frame),
            format!("10.1.0.5:5060>10.1.0.9:5061 {payload} +{} ttl 64", 5 - payload.len())
        );
    }
    let mut lengthless = ethernet(&[&[8, 0], IPV4]);
    (lengthless[17], lengthless[39]) = (0, 0);
    let cut = RawFrame { wire_len: 147, ..frame(LinkType::Ethernet, &lengthless) };
    assert_eq!(said_of(&cut), "10.1.0.5:5060>10.1.0.9:5061 hello +100 ttl 64");
}

#[test]
fn a_frame_cut_in_a_header_says_which() {
    let bytes = ethernet(&[&[0x81, 0, 0, 100, 8, 0], IPV4]);
    for kept in 0..46 {
        let (layer, offset) = match kept {
            0..14 => (Layer::Link, 0),
            14..18 => (Layer::Vlan, 14),
            18..38 => (Layer::Ipv4, 18),
            _ => (Layer::Udp, 38),
        };
        let expected = Err(WireError { layer, offset, cause: Cause::Truncated });
        assert_eq!(decode(&frame(LinkType::Ethernet, &bytes[..kept])), expected, "{kept} bytes");
    }
}

#[test]
fn a_fifth_tag_is_too_deep() {
    let bytes = ethernet(&[&[0x81, 0, 0, 1].repeat(5), &[8, 0], IPV4]);
    let expected = WireError { layer: Layer::Vlan, offset: 30, cause: Cause::TooDeep };
    assert_eq!(decode(&frame(LinkType::Ethernet, &bytes)), Err(expected));
}

#[test]
fn links_that_are_not_read_say_so() {
    let link = |cause| Err(WireError { layer: Layer::Link, offset: 0, cause });
    assert_eq!(decode(&frame(LinkType::Other(147), IPV4)), link(Cause::Unsupported));
    assert_eq!(decode(&frame(LinkType::RawIp, &[0x50; 40])), link(Cause::BadVersion));
    assert_eq!(decode(&frame(LinkType::RawIp, &[])), link(Cause::Truncated));
    let pppoe = |rest: &[u8]| said(LinkType::Ethernet, &ethernet(&[&[0x88, 0x64, 0x11, 0, 0, 9], rest]));
    assert_eq!(pppoe(&[0, 35, 0]), "link layer at byte 14: the bytes end too early");
    assert_eq!(pppoe(&[0, 1, 0, 0x21, 0x45]), "link layer at byte 14: a length that cannot be");
    assert_eq!(decode(&frame(LinkType::LinuxSll, &[0; 15])), link(Cause::Truncated));
    assert_eq!(decode(&frame(LinkType::LinuxSll2, &[0; 19])), link(Cause::Truncated));
    assert_eq!(decode(&frame(LinkType::Null, &[2, 0, 0])), link(Cause::Truncated));
}

#[test]
fn the_first_fragment_of_a_datagram_is_a_fragment() {
    let mut packet = IPV4.to_vec();
    packet[6] = 0x20;
    let Ok(Carried::Fragment(fragment)) = decode(&frame(LinkType::Ipv4, &packet)) else {
        panic!("more fragments follow");
    };
    assert_eq!((fragment.src.to_string(), fragment.dst.to_string()), ("10.1.0.5".into(), "10.1.0.9".into()));
    assert_eq!((fragment.protocol, fragment.id, fragment.offset, fragment.more), (17, 0x1234, 0, true));
    assert_eq!((fragment.bytes, fragment.cut, fragment.hop_limit), (&IPV4[20..], 0, 64));
}

#[test]
fn a_later_fragment_says_where_it_belongs() {
    let mut packet = joined(&[&IPV6[..40], &[17, 0, 0x05, 0xa8, 1, 2, 3, 4], b"rest"]);
    (packet[5], packet[6]) = (12, 44);
    let Ok(Carried::Fragment(fragment)) = decode(&frame(LinkType::Ipv6, &packet)) else {
        panic!("its offset is not 0");
    };
    assert_eq!((fragment.protocol, fragment.id), (17, 0x0102_0304));
    assert_eq!((fragment.offset, fragment.more, fragment.bytes), (1448, false, &b"rest"[..]));
}

#[test]
fn what_is_printed_holds_no_address_and_no_payload() {
    let bytes = ethernet(&[&[8, 0], IPV4]);
    let carried = decode(&frame(LinkType::Ethernet, &bytes)).unwrap();
    assert_eq!(
        format!("{carried:?}"),
        "Udp(Datagram { payload_len: 5, cut: 0, hop_limit: 64, tunnel: None, .. })"
    );
}
