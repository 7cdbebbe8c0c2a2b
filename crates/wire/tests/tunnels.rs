//! Literal bytes of each tunnel, what is found in them, and what is no tunnel although it could be taken for one.

use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_testkit::wrap::{Wrap, fragments};
use earwitness_wire::{
    Carried, Cause, Layer, Reassembled, Reassembler, ReassemblyLimits, Tunnel, WireError, decode,
};
use proptest::prelude::*;

/// 10.1.0.5:5060 to 10.1.0.9:5061, TTL 64, payload `hello`; both checksums hold.
const HELLO: &[u8] = &[
    0x45, 0, 0, 33, 0x12, 0x34, 0x40, 0, 64, 17, 0x14, 0x89, 10, 1, 0, 5, 10, 1, 0,
    9, // IPv4, 33 bytes, DF, UDP
    0x13, 0xc4, 0x13, 0xc5, 0, 13, 0x80, 0x69, b'h', b'e', b'l', b'l', b'o', // UDP, 13 bytes
];
const MACS: &[u8] = &[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 5];

fn frame(link: LinkType, bytes: &[u8]) -> RawFrame<'_> {
    let wire_len = u32::try_from(bytes.len()).expect("a frame of this test");
    RawFrame { time: PacketTime::EPOCH, number: 1, link, wire_len, bytes }
}

fn ethernet(ether_type: u16, parts: &[&[u8]]) -> Vec<u8> {
    [MACS, &ether_type.to_be_bytes(), &parts.concat()].concat()
}

/// [`HELLO`] in Ethernet.
fn hello() -> Vec<u8> {
    ethernet(0x0800, &[HELLO])
}

/// An IPv4 packet from 192.0.2.1 to 192.0.2.2.
fn ipv4(protocol: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let [l0, l1] = u16::try_from(20 + payload.len()).expect("a packet of this test").to_be_bytes();
    let header = [0x45, 0, l0, l1, 0, 0, 0, 0, 60, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    [&header[..], &payload].concat()
}

fn udp(port: u16, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let length = u16::try_from(8 + payload.len()).expect("a datagram of this test").to_be_bytes();
    ipv4(17, &[&[0x9c, 0x40], &port.to_be_bytes(), &length, &[0, 0], &payload])
}

/// What `bytes` carry, in words: the datagram as `source>destination payload, tunnel ends layers`.
fn said(link: LinkType, bytes: &[u8]) -> String {
    match decode(&frame(link, bytes)) {
        Ok(carried) => said_of(&carried),
        Err(error) => error.to_string(),
    }
}

fn said_of(carried: &Carried<'_>) -> String {
    let Carried::Udp(datagram) = carried else { return format!("{carried:?}") };
    let (flow, payload) = (datagram.flow, String::from_utf8_lossy(datagram.payload));
    let tunnel = datagram.tunnel.map(|Tunnel { kind, ends, layers }| {
        let ends = ends.map(|ends| format!(" {}>{}", ends.src, ends.dst)).unwrap_or_default();
        format!(", {kind}{ends} {layers}")
    });
    format!("{}>{} {payload}{}", flow.src, flow.dst, tunnel.unwrap_or_default())
}

const BARE: &str = "10.1.0.5:5060>10.1.0.9:5061 hello";

#[test]
fn every_tunnel_leads_to_the_datagram_and_is_named_with_its_ends() {
    let hello = &hello()[..];
    let gre = |parts: &[&[u8]]| ipv4(47, parts);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("IP in IP", ipv4(4, &[HELLO]), "IP in IP 192.0.2.1>192.0.2.2 1"),
        ("EtherIP", ipv4(97, &[&[0x30, 0], hello]), "EtherIP 192.0.2.1>192.0.2.2 1"),
        ("MPLS in IP", ipv4(137, &[&[0, 1, 1, 64], HELLO]), "MPLS 192.0.2.1>192.0.2.2 1"),
        ("GRE", gre(&[&[0, 0, 8, 0], HELLO]), "GRE 192.0.2.1>192.0.2.2 1"),
        ("GRE, checksum", gre(&[&[0x80, 0, 8, 0, 1, 2, 0, 0], HELLO]), "GRE 192.0.2.1>192.0.2.2 1"),
        ("GRE, key", gre(&[&[0x20, 0, 8, 0, 0, 0, 0, 7], HELLO]), "GRE 192.0.2.1>192.0.2.2 1"),
        (
            "GRE, all fields",
            gre(&[&[0xb0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1], HELLO]),
            "GRE 192.0.2.1>192.0.2.2 1",
        ),
        ("GRE, Ethernet", gre(&[&[0, 0, 0x65, 0x58], hello]), "GRE 192.0.2.1>192.0.2.2 1"),
        ("GRE, MPLS", gre(&[&[0, 0, 0x88, 0x47, 0, 1, 1, 64], HELLO]), "GRE 192.0.2.1>192.0.2.2 2"),
        ("GRE, PPP, short", gre(&[&[0, 0, 0x88, 0x0b, 0x21], HELLO]), "GRE 192.0.2.1>192.0.2.2 1"),
        (
            "GRE version 1, PPP, padding after it",
            gre(&[
                &[0x30, 0x81, 0x88, 0x0b, 0, 37, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 3, 0, 0x21],
                HELLO,
                &[7; 9],
            ]),
            "GRE 192.0.2.1>192.0.2.2 1",
        ),
        ("ERSPAN I", gre(&[&[0, 0, 0x88, 0xbe], hello]), "ERSPAN 192.0.2.1>192.0.2.2 1"),
        (
            "ERSPAN II",
            gre(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 100, 0, 7, 0, 0, 0, 3], hello]),
            "ERSPAN 192.0.2.1>192.0.2.2 1",
        ),
        (
            "ERSPAN III",
            gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 100, 0, 7, 0, 0, 0, 3, 0, 0, 0x80, 0], hello]),
            "ERSPAN 192.0.2.1>192.0.2.2 1",
        ),
        (
            "ERSPAN III, platform",
            gre(&[
                &[
                    0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 100, 0, 7, 0, 0, 0, 3, 0, 0, 0x80, 1, 9, 9, 9, 9,
                    9, 9, 9, 9,
                ],
                hello,
            ]),
            "ERSPAN 192.0.2.1>192.0.2.2 1",
        ),
        (
            "ERSPAN III, IP",
            gre(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 100, 0, 7, 0, 0, 0, 3, 0, 0, 0x08, 0], HELLO]),
            "ERSPAN 192.0.2.1>192.0.2.2 1",
        ),
        ("VXLAN", udp(4789, &[&[8, 0, 0, 0, 0, 1, 2, 0], hello]), "VXLAN 192.0.2.1>192.0.2.2 1"),
        ("VXLAN, old port", udp(8472, &[&[8, 0, 0, 0, 0, 1, 2, 0], hello]), "VXLAN 192.0.2.1>192.0.2.2 1"),
        ("VXLAN, group", udp(4789, &[&[0x88, 0, 0, 9, 0, 1, 2, 0], hello]), "VXLAN 192.0.2.1>192.0.2.2 1"),
        ("VXLAN-GPE, IPv4", udp(4790, &[&[12, 0, 0, 1, 0, 1, 2, 0], HELLO]), "VXLAN 192.0.2.1>192.0.2.2 1"),
        (
            "VXLAN-GPE, Ethernet",
            udp(4790, &[&[12, 0, 0, 3, 0, 1, 2, 0], hello]),
            "VXLAN 192.0.2.1>192.0.2.2 1",
        ),
        (
            "VXLAN-GPE, MPLS",
            udp(4790, &[&[14, 0, 0, 5, 0, 1, 2, 0, 0, 1, 1, 64], HELLO]),
            "VXLAN 192.0.2.1>192.0.2.2 2",
        ),
        ("GENEVE", udp(6081, &[&[0, 0, 0x65, 0x58, 0, 1, 2, 0], hello]), "GENEVE 192.0.2.1>192.0.2.2 1"),
        (
            "GENEVE, options, IPv4",
            udp(6081, &[&[2, 0x40, 8, 0, 0, 1, 2, 0, 1, 3, 5, 1, 9, 9, 9, 9], HELLO]),
            "GENEVE 192.0.2.1>192.0.2.2 1",
        ),
        ("GTP-U", udp(2152, &[&[0x30, 255, 0, 33, 0, 0, 0, 9], HELLO]), "GTP-U 192.0.2.1>192.0.2.2 1"),
        (
            "GTP-U, sequence number",
            udp(2152, &[&[0x32, 255, 0, 37, 0, 0, 0, 9, 0, 1, 0, 0x85], HELLO]),
            "GTP-U 192.0.2.1>192.0.2.2 1",
        ),
        (
            "GTP-U, two extensions",
            udp(2152, &[&[0x34, 255, 0, 45, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 9, 0xc0, 1, 0, 0, 0], HELLO]),
            "GTP-U 192.0.2.1>192.0.2.2 1",
        ),
        ("TZSP", udp(37_008, &[&[1, 0, 0, 1, 1], hello]), "TZSP 192.0.2.1>192.0.2.2 1"),
        (
            "TZSP, tags",
            udp(37_008, &[&[1, 1, 0, 1, 0, 10, 1, 0xd0, 41, 2, 0, 64, 1], hello]),
            "TZSP 192.0.2.1>192.0.2.2 1",
        ),
        ("ESP, tunnel", ipv4(50, &[&[0, 0, 1, 0, 0, 0, 0, 1], HELLO, &[1, 1, 4], &[0xaa; 12]]), ESP),
        (
            "ESP, padding and check value of 16",
            ipv4(50, &[&[0, 0, 1, 0, 0, 0, 0, 1], HELLO, &[1, 2, 3, 4, 5, 5, 4], &[0xaa; 16]]),
            ESP,
        ),
        ("ESP, no check value", ipv4(50, &[&[0, 0, 1, 0, 0, 0, 0, 1], HELLO, &[1, 1, 4]]), ESP),
        (
            "ESP, GMAC",
            ipv4(50, &[&[0, 0, 1, 0, 0, 0, 0, 1], &[0x77; 8], HELLO, &[1, 1, 4], &[0xaa; 16]]),
            ESP,
        ),
    ];
    for (name, packet, tunnel) in cases {
        assert_eq!(said(LinkType::Ipv4, packet), format!("{BARE}, {tunnel}"), "{name}");
    }
}

const ESP: &str = "ESP without encryption 192.0.2.1>192.0.2.2 1";

#[test]
fn tunnels_of_the_link_have_no_ends_and_tags_are_none() {
    let hello = &hello()[..];
    let tag = &[0x81, 0, 0, 100][..];
    let tagged = |before: &[u8]| [MACS, before, &hello[12..]].concat();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("MPLS", ethernet(0x8847, &[&[0, 1, 1, 64], HELLO]), ", MPLS 1"),
        (
            "MPLS, three labels",
            ethernet(0x8847, &[&[0, 1, 0, 64, 0, 7, 0, 64, 0, 0, 0x11, 64], HELLO]),
            ", MPLS 1",
        ),
        ("MPLS, upstream", ethernet(0x8848, &[&[0, 1, 1, 64], HELLO]), ", MPLS 1"),
        ("control word", ethernet(0x8847, &[&[0, 1, 1, 64, 0, 0, 0, 0], hello]), ", MPLS 1"),
        ("no control word", ethernet(0x8847, &[&[0, 1, 1, 64], hello]), ", MPLS 1"),
        (
            "no control word, an address that begins like IPv4",
            ethernet(0x8847, &[&[0, 1, 1, 64], &[0x44], &hello[1..]]),
            ", MPLS 1",
        ),
        (
            "no control word, an address that begins like IPv6",
            ethernet(0x8847, &[&[0, 1, 1, 64], &[0x60], &hello[1..]]),
            ", MPLS 1",
        ),
        ("PBB", ethernet(0x88e7, &[&[0, 0, 1, 0], hello]), ", PBB (802.1ah) 1"),
        (
            "PBB behind its own tag",
            ethernet(0x88a8, &[&[0, 9, 0x88, 0xe7, 0, 0, 1, 0], hello]),
            ", PBB (802.1ah) 1",
        ),
        (
            "four tags around PBB and four in it",
            [MACS, &tag.repeat(4), &[0x88, 0xe7, 0, 0, 1, 0], MACS, &tag.repeat(4), &hello[12..]].concat(),
            ", PBB (802.1ah) 1",
        ),
        (
            "PPPoE, MPLS",
            ethernet(0x8864, &[&[0x11, 0, 0, 9, 0, 39, 2, 0x81, 0, 1, 1, 64], HELLO]),
            ", MPLS 1",
        ),
        (
            "PPPoE, address and control",
            ethernet(0x8864, &[&[0x11, 0, 0, 9, 0, 37, 0xff, 3, 0, 0x21], HELLO]),
            "",
        ),
        ("VN-Tag", tagged(&[0x89, 0x26, 0x80, 5, 0, 7]), ""),
        ("E-Tag", tagged(&[0x89, 0x3f, 0xe0, 0, 0x10, 0x64, 0, 0]), ""),
        ("metadata", tagged(&[0x89, 9, 1, 1, 0, 1, 0, 9]), ""),
        (
            "metadata of two options in a VLAN",
            tagged(&[0x81, 0, 0, 9, 0x89, 9, 1, 2, 0, 1, 0, 9, 0, 2, 0, 7]),
            "",
        ),
    ];
    for (name, bytes, tunnel) in cases {
        assert_eq!(said(LinkType::Ethernet, bytes), format!("{BARE}{tunnel}"), "{name}");
    }
}

#[test]
fn backbones_in_one_another_are_known_where_only_an_ether_type_tells() {
    let backbones = (0..4).fold(Wrap::Vlan.frame(&hello()), |bytes, _| Wrap::ProviderBackbone.frame(&bytes));
    for wrap in [Wrap::VxlanGroup, Wrap::Pseudowire, Wrap::PseudowireBare] {
        let said = said(LinkType::Ethernet, &wrap.frame(&backbones));
        assert!(said.starts_with(BARE) && said.ends_with(" 5"), "{wrap:?}: {said}");
    }
}

#[test]
fn ipv6_in_ipv4_and_ipv4_in_ipv6_are_read() {
    let mut inner = vec![0x60, 0, 0, 0, 0, 13, 17, 63];
    inner.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    inner.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    inner.extend(&HELLO[20..]);
    assert_eq!(
        said(LinkType::Ipv4, &ipv4(41, &[&inner])),
        "[2001:db8::5]:5060>[2001:db8::9]:5061 hello, IP in IP 192.0.2.1>192.0.2.2 1"
    );
    let mut outer = [&inner[..40], HELLO].concat();
    (outer[5], outer[6]) = (33, 4);
    assert_eq!(said(LinkType::Ipv6, &outer), format!("{BARE}, IP in IP 2001:db8::5>2001:db8::9 1"));
}

#[test]
fn what_follows_an_authentication_header_is_read_in_ipv4_too() {
    let header = |next: u8| [&[next, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0xaa; 12]].concat();
    assert_eq!(
        said(LinkType::Ipv4, &ipv4(51, &[&header(17), &HELLO[20..]])),
        "192.0.2.1:5060>192.0.2.2:5061 hello"
    );
    let tunnel = ipv4(51, &[&header(4), HELLO]);
    assert_eq!(said(LinkType::Ipv4, &tunnel), format!("{BARE}, IP in IP 192.0.2.1>192.0.2.2 1"));
    let many = ipv4(51, &[&header(51).repeat(1000), HELLO]);
    assert_eq!(said(LinkType::Ipv4, &many), "OtherIp(51)");
    assert_eq!(
        said(LinkType::Ipv4, &ipv4(51, &[&[17, 200, 0, 0], HELLO])),
        "IPv4 at byte 20: the bytes end too early"
    );
}

#[test]
fn the_outermost_tunnel_is_told_with_the_number_of_all() {
    let vxlan = udp(4789, &[&[8, 0, 0, 0, 0, 1, 2, 0], &hello()]);
    let erspan = ipv4(47, &[&[0, 0, 0x88, 0xbe], &ethernet(0x0800, &[&vxlan])]);
    let mpls = ethernet(0x8847, &[&[0, 1, 1, 64], &erspan]);
    assert_eq!(said(LinkType::Ipv4, &erspan), format!("{BARE}, ERSPAN 192.0.2.1>192.0.2.2 2"));
    assert_eq!(said(LinkType::Ethernet, &mpls), format!("{BARE}, MPLS 3"));
}

#[test]
fn the_ninth_layer_is_too_deep_whatever_the_layers_are() {
    let nested = |layers: usize| (0..layers).fold(HELLO.to_vec(), |packet, _| ipv4(4, &[&packet]));
    assert_eq!(said(LinkType::Ipv4, &nested(8)), format!("{BARE}, IP in IP 192.0.2.1>192.0.2.2 8"));
    assert_eq!(
        decode(&frame(LinkType::Ipv4, &nested(9))),
        Err(WireError { layer: Layer::Tunnel, offset: 180, cause: Cause::TooDeep })
    );
    assert_eq!(said(LinkType::Ipv4, &nested(3000)), "tunnel at byte 180: nested too deeply");
    let mixed = (0..3).fold(hello(), |bytes, _| {
        let vxlan = udp(4789, &[&[8, 0, 0, 0, 0, 1, 2, 0], &bytes]);
        ethernet(0x8847, &[&[0, 1, 1, 64], &ipv4(47, &[&[0, 0, 8, 0], &vxlan])])
    });
    assert!(said(LinkType::Ethernet, &mixed).starts_with("tunnel at byte "));
    let labels = [0, 1, 0, 64].repeat(17);
    assert_eq!(
        said(LinkType::Ethernet, &ethernet(0x8847, &[&labels])),
        "tunnel at byte 78: nested too deeply"
    );
}

#[test]
fn what_is_no_tunnel_for_us_stays_closed() {
    let hello = &hello()[..];
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("version 5 in IP in IP", ipv4(4, &[&[0x55; 40]]), "OtherIp(4)"),
        ("IPv4 under IPv6's number", ipv4(41, &[HELLO]), "OtherIp(41)"),
        ("EtherIP version 2", ipv4(97, &[&[0x20, 0], hello]), "OtherIp(97)"),
        ("GRE with source routes", ipv4(47, &[&[0x40, 0, 8, 0], HELLO]), "OtherIp(47)"),
        ("GRE version 2", ipv4(47, &[&[0, 2, 8, 0], HELLO]), "OtherIp(47)"),
        ("GRE of wireless access points", ipv4(47, &[&[0, 0, 0x82, 0], HELLO]), "OtherIp(47)"),
        (
            "PPTP that only acknowledges",
            ipv4(47, &[&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 2]]),
            "OtherIp(47)",
        ),
        ("ERSPAN version 7", ipv4(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x70], &[0; 40]]), "OtherIp(47)"),
        (
            "ERSPAN III of another frame type",
            ipv4(47, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0], hello]),
            "OtherIp(47)",
        ),
        ("L2TP", ipv4(115, &[hello]), "OtherIp(115)"),
        (
            "ARP in VXLAN",
            udp(4789, &[&[8, 0, 0, 0, 0, 1, 2, 0], &ethernet(0x0806, &[&[0; 28]])]),
            "NotIp(2054)",
        ),
        ("PPP's own control in GRE", ipv4(47, &[&[0, 0, 0x88, 0x0b, 0xc0, 0x21, 9, 0, 0, 8]]), "NotIp(0)"),
        ("TCP in GTP-U", udp(2152, &[&[0x30, 255, 0, 40, 0, 0, 0, 9], &ipv4(6, &[SEGMENT])]), TCP),
    ];
    for (name, packet, expected) in cases {
        assert_eq!(said(LinkType::Ipv4, packet), *expected, "{name}");
    }
    let channel = ethernet(0x8847, &[&[0, 1, 1, 64, 0x10, 0, 0, 7], &[0; 40]]);
    assert_eq!(said(LinkType::Ethernet, &channel), "NotIp(34887)", "a pseudowire's own channel");
    let strange = ethernet(0x8909, &[&[2, 1, 0, 1, 0, 9, 8, 0], HELLO]);
    assert_eq!(said(LinkType::Ethernet, &strange), "NotIp(35081)", "metadata of version 2");
}

/// A TCP header with ACK, and what is said of it behind GTP-U.
const SEGMENT: &[u8] = &[0x13, 0xc4, 0x13, 0xc5, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0];
const TCP: &str = "Tcp(TcpSegment { sequence: 1, flags: TcpFlags { syn: false, fin: false, rst: false }, \
    payload_len: 0, cut: 0, tunnel: Some(Tunnel { kind: GtpU, layers: 1, .. }), .. })";

#[test]
fn a_tunnel_cut_in_its_header_says_so() {
    let cases: &[(&str, Vec<u8>)] = &[
        ("GRE", ipv4(47, &[&[0, 0, 8]])),
        ("GRE, key", ipv4(47, &[&[0x20, 0, 8, 0, 0, 0, 0]])),
        ("ERSPAN II", ipv4(47, &[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0]])),
        ("MPLS", ipv4(137, &[&[0, 1, 0, 64, 0, 1, 1]])),
        ("EtherIP", ipv4(97, &[&[0x30]])),
    ];
    for (name, packet) in cases {
        let Err(error) = decode(&frame(LinkType::Ipv4, packet)) else { panic!("{name}") };
        assert_eq!((error.layer, error.cause), (Layer::Tunnel, Cause::Truncated), "{name}");
    }
}

/// Ports that tunnels are sent to.
const PORTS: [u16; 7] = [2152, 4789, 4790, 6081, 8472, 9060, 37_008];

#[test]
fn media_and_signalling_sent_to_a_tunnels_port_are_media_and_signalling() {
    for port in PORTS {
        // Every beginning that RTP and RTCP can have: padding, extension, sources; marker, payload type.
        for first in 0x80..=0xbf_u8 {
            for second in 0..=255_u8 {
                let packet = [&[first, second, 0x12, 0x34][..], &[0; 4], &[0x5e; 4], &[0xd5; 160]].concat();
                let bytes = udp(port, &[&packet]);
                let Ok(Carried::Udp(datagram)) = decode(&frame(LinkType::Ipv4, &bytes)) else {
                    panic!("{port}: {first:02x} {second:02x}");
                };
                assert_eq!(
                    (datagram.payload, datagram.flow.dst.port(), datagram.tunnel),
                    (&packet[..], port, None)
                );
            }
        }
        for text in
            ["INVITE sip:4001@10.1.0.9 SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n", "\r\n\r\n", "0", "HEP3"]
        {
            let bytes = udp(port, &[text.as_bytes()]);
            assert_eq!(said(LinkType::Ipv4, &bytes), format!("192.0.2.1:40000>192.0.2.2:{port} {text}"));
        }
        // STUN (RFC 8489), and noise.
        for bytes in
            [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12][..], &[0; 60]]
        {
            let packet = udp(port, &[bytes]);
            let Ok(Carried::Udp(datagram)) = decode(&frame(LinkType::Ipv4, &packet)) else {
                panic!("{port}")
            };
            // GENEVE of all zeros announces the protocol 0, which is none.
            assert_eq!((datagram.payload, datagram.tunnel), (bytes, None), "{port}");
        }
    }
}

#[test]
fn a_udp_tunnel_whose_header_makes_no_sense_is_a_datagram() {
    let hello = &hello()[..];
    let cases: &[(&str, u16, Vec<u8>)] = &[
        ("VXLAN without its flag", 4789, [&[0, 0, 0, 0, 0, 1, 2, 0], hello].concat()),
        ("VXLAN with a reserved byte", 4789, [&[8, 0, 1, 0, 0, 1, 2, 0], hello].concat()),
        ("VXLAN with a last byte", 4789, [&[8, 0, 0, 0, 0, 1, 2, 3], hello].concat()),
        ("VXLAN too short for a frame", 4789, [&[8, 0, 0, 0, 0, 1, 2, 0], &hello[..13]].concat()),
        ("VXLAN, group, no known type", 4789, [&[0x88, 0, 0, 9, 0, 1, 2, 0], &[0xd5; 160][..]].concat()),
        ("VXLAN-GPE, operations", 4790, [&[0x0d, 0, 0, 3, 0, 1, 2, 0], hello].concat()),
        ("VXLAN-GPE, another protocol", 4790, [&[0x0c, 0, 0, 9, 0, 1, 2, 0], hello].concat()),
        ("GENEVE version 1", 6081, [&[0x40, 0, 0x65, 0x58, 0, 1, 2, 0], hello].concat()),
        ("GENEVE control", 6081, [&[0, 0x80, 0x65, 0x58, 0, 1, 2, 0], hello].concat()),
        ("GENEVE options beyond the end", 6081, [&[0x3f, 0, 0x65, 0x58, 0, 1, 2, 0], hello].concat()),
        ("GENEVE of another type", 6081, [&[0, 0, 0x12, 0x34, 0, 1, 2, 0], hello].concat()),
        ("GTP-U echo", 2152, vec![0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]),
        ("GTP-U of another length", 2152, [&[0x30, 255, 0, 34, 0, 0, 0, 9], HELLO].concat()),
        ("GTP version 2", 2152, [&[0x48, 255, 0, 33, 0, 0, 0, 9], HELLO].concat()),
        ("GTP prime", 2152, [&[0x20, 255, 0, 33, 0, 0, 0, 9], HELLO].concat()),
        (
            "GTP-U with an extension of length 0",
            2152,
            [&[0x34, 255, 0, 41, 0, 0, 0, 9, 0, 0, 0, 0x85, 0, 0, 0, 0], HELLO].concat(),
        ),
        ("GTP-U with Ethernet", 2152, [&[0x30, 255, 0, 47, 0, 0, 0, 9], hello].concat()),
        ("TZSP keep-alive", 37_008, vec![1, 4, 0, 0, 1]),
        ("TZSP of 802.11", 37_008, [&[1, 0, 0, 18, 1], hello].concat()),
        ("TZSP without an end of tags", 37_008, [1, 0, 0, 1, 10, 1, 0].to_vec()),
        ("a log line in HEP", 9060, hep(100, b"something happened")),
        ("RTCP in HEP", 9060, hep(5, b"{\"sender_information\":{}}")),
    ];
    for (name, port, payload) in cases {
        let packet = udp(*port, &[payload]);
        let Ok(Carried::Udp(datagram)) = decode(&frame(LinkType::Ipv4, &packet)) else { panic!("{name}") };
        assert_eq!((datagram.payload, datagram.tunnel), (&payload[..], None), "{name}");
    }
}

/// A HEP packet from 10.1.0.5:5060 to 10.1.0.9:5061 of a protocol type.
fn hep(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(6 + payload.len()).expect("a payload of this test");
    let chunks: &[&[u8]] = &[
        &[0, 0, 0, 1, 0, 7, 2],
        &[0, 0, 0, 2, 0, 7, 17],
        &[0, 0, 0, 3, 0, 10, 10, 1, 0, 5],
        &[0, 0, 0, 4, 0, 10, 10, 1, 0, 9],
        &[0, 0, 0, 7, 0, 8, 0x13, 0xc4],
        &[0, 0, 0, 8, 0, 8, 0x13, 0xc5],
        // A vendor's own, with the number of a payload.
        &[0, 9, 0, 15, 0, 9, b'n', b'o', b't'],
        &[0, 0, 0, 11, 0, 7, protocol],
        &[0, 0, 0, 15, 0, length],
        payload,
    ];
    let body = chunks.concat();
    let [l0, l1] = u16::try_from(6 + body.len()).expect("a packet of this test").to_be_bytes();
    [&[b'H', b'E', b'P', b'3', l0, l1], &body[..]].concat()
}

#[test]
fn a_message_in_hep_is_between_those_whom_the_agent_saw() {
    let expected = format!("{BARE}, HEP 192.0.2.1>192.0.2.2 1");
    for protocol in [1, 4] {
        assert_eq!(said(LinkType::Ipv4, &udp(9060, &[&hep(protocol, b"hello")])), expected);
    }
    let bytes = udp(9060, &[&hep(1, b"hello")]);
    let cut = RawFrame { bytes: &bytes[..bytes.len() - 2], ..frame(LinkType::Ipv4, &bytes) };
    let Ok(Carried::Udp(datagram)) = decode(&cut) else { panic!("what is there is kept") };
    assert_eq!((datagram.payload, datagram.cut, datagram.hop_limit), (&b"hel"[..], 2, 60));
}

#[test]
fn esp_is_opened_only_when_everything_in_it_fits() {
    let opened = [&[0, 0, 1, 0, 0, 0, 0, 1], HELLO, &[1, 1, 4], &[0xaa; 12]].concat();
    assert_eq!(said(LinkType::Ipv4, &ipv4(50, &[&opened])), format!("{BARE}, {ESP}"));
    // The inner header, its lengths and the trailer; and not the addresses of a transport that nobody sums up here.
    for place in (8..28).chain(41..44) {
        for bit in 0..8 {
            let mut other = opened.clone();
            other[place] ^= 1 << bit;
            assert_eq!(said(LinkType::Ipv4, &ipv4(50, &[&other])), "OtherIp(50)", "{place} {bit}");
        }
    }
    let packet = ipv4(50, &[&opened]);
    let cut = RawFrame { bytes: &packet[..packet.len() - 1], ..frame(LinkType::Ipv4, &packet) };
    assert_eq!(decode(&cut), Ok(Carried::OtherIp(50)));
}

#[test]
fn esp_in_transport_mode_is_opened_when_the_checksum_of_what_it_holds_holds() {
    let hello = [MACS, &[8, 0], HELLO].concat();
    let wrapped = Wrap::EspTransport.frame(&hello);
    assert_eq!(
        said(LinkType::Ethernet, &wrapped),
        format!("{BARE}, ESP without encryption 10.1.0.5>10.1.0.9 1")
    );
    let mut other = wrapped.clone();
    other[14 + 20 + 8 + 8] ^= 1;
    assert_eq!(said(LinkType::Ethernet, &other), "OtherIp(50)");
    // A checksum of 0 says that there is none.
    other[14 + 20 + 8 + 6..][..2].fill(0);
    assert_eq!(
        said(LinkType::Ethernet, &other),
        "10.1.0.5:5060>10.1.0.9:5061 iello, ESP without encryption 10.1.0.5>10.1.0.9 1"
    );
}

/// What comes of frames that may be fragments, one after the other.
fn put_together(frames: &[Vec<u8>]) -> Vec<String> {
    let mut reassembler = Reassembler::new(ReassemblyLimits::default());
    let mut found = Vec::new();
    for bytes in frames {
        match decode(&frame(LinkType::Ethernet, bytes)) {
            Ok(Carried::Fragment(fragment)) => {
                match reassembler.handle_fragment(&fragment, PacketTime::EPOCH) {
                    Reassembled::Whole(carried) => found.push(said_of(&carried)),
                    Reassembled::Pending => {}
                    Reassembled::Refused(loss) => found.push(format!("{loss:?}")),
                }
            }
            other => found.push(other.map_or_else(|error| error.to_string(), |carried| said_of(&carried))),
        }
    }
    assert_eq!(reassembler.waiting(), 0);
    found
}

#[test]
fn fragments_around_tunnels_and_in_them_are_put_together() {
    let hello = [MACS, &[8, 0], HELLO].concat();
    // The last `l` of the greeting ends one piece: 8 bytes of UDP header and so on.
    let inner: Vec<Vec<u8>> = fragments(&hello, 8, 1).iter().map(|piece| Wrap::Gre.frame(piece)).collect();
    assert_eq!(put_together(&inner), [format!("{BARE}, GRE 198.51.100.1>198.51.100.2 1")]);
    let outer = fragments(&Wrap::Vxlan.frame(&hello), 16, 2);
    assert_eq!(put_together(&outer), [format!("{BARE}, VXLAN 198.51.100.1>198.51.100.2 1")]);
    let both: Vec<Vec<u8>> = fragments(&hello, 8, 3)
        .iter()
        .zip(4..)
        .flat_map(|(piece, id)| fragments(&Wrap::GreEthernet.frame(piece), 24, id))
        .collect();
    assert_eq!(both.len(), 5);
    assert_eq!(put_together(&both), [format!("{BARE}, GRE 198.51.100.1>198.51.100.2 1")]);
    let reversed: Vec<Vec<u8>> = both.iter().rev().cloned().collect();
    assert_eq!(put_together(&reversed), [format!("{BARE}, GRE 198.51.100.1>198.51.100.2 1")]);
    let doubled: Vec<Vec<u8>> = both.iter().flat_map(|piece| [piece.clone(), piece.clone()]).collect();
    assert_eq!(put_together(&doubled), [format!("{BARE}, GRE 198.51.100.1>198.51.100.2 1")]);
}

#[test]
fn fragments_in_fragments_end_at_the_bound_of_layers() {
    // Each layer is GRE around the pieces of the one before it.
    let nested = |layers: usize| {
        let hello = [MACS, &[8, 0], HELLO].concat();
        (0..layers).fold(fragments(&hello, 8, 1), |pieces, layer| {
            let id = u16::try_from(layer * 1000 + 100).unwrap();
            let wrapped = pieces.iter().map(|piece| Wrap::GreEthernet.frame(piece)).zip(id..);
            wrapped.flat_map(|(piece, id)| fragments(&piece, piece.len() / 2, id)).collect()
        })
    };
    assert_eq!(put_together(&nested(8)), [format!("{BARE}, GRE 198.51.100.1>198.51.100.2 8")]);
    assert_eq!(put_together(&nested(9)), ["Unreadable", "Unreadable"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_wrap_in_any_order_gives_the_same_datagram(
        wraps in prop::collection::vec(prop::sample::select(&Wrap::ALL[..]), 0..5),
    ) {
        let hello = [MACS, &[8, 0], HELLO].concat();
        let bytes = wraps.iter().fold(hello, |bytes, wrap| wrap.frame(&bytes));
        let Ok(Carried::Udp(datagram)) = decode(&frame(LinkType::Ethernet, &bytes)) else {
            return Err(TestCaseError::fail("the datagram is gone"));
        };
        prop_assert_eq!(datagram.payload, b"hello");
        prop_assert_eq!((datagram.flow.src.port(), datagram.flow.dst.port(), datagram.cut), (5060, 5061, 0));
    }

    #[test]
    fn what_the_snap_length_cut_is_counted_through_every_wrap(
        wraps in prop::collection::vec(prop::sample::select(&Wrap::ALL[..]), 0..5),
        cut in 0_usize..=5,
    ) {
        // ESP is not opened without its end.
        let wraps = wraps.into_iter().filter(|wrap| !matches!(wrap, Wrap::EspTunnel | Wrap::EspTransport));
        let bytes = wraps.fold(hello(), |bytes, wrap| wrap.frame(&bytes));
        let whole = frame(LinkType::Ethernet, &bytes);
        let Ok(Carried::Udp(datagram)) = decode(&RawFrame { bytes: &bytes[..bytes.len() - cut], ..whole }) else {
            return Err(TestCaseError::fail("what is there is gone"));
        };
        let kept = 5_usize.saturating_sub(cut);
        prop_assert_eq!((datagram.payload, datagram.cut as usize), (&b"hello"[..kept], 5 - kept));
    }

    #[test]
    fn encrypted_esp_is_never_opened(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let packet = ipv4(50, &[&bytes]);
        prop_assert_eq!(decode(&frame(LinkType::Ipv4, &packet)), Ok(Carried::OtherIp(50)));
    }
}
