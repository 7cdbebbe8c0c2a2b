//! Tunnels that others captured, against what tshark 4.0.17 sees in them.

mod corpus;

use std::collections::BTreeMap;

use corpus::{capture, frames};
use earwitness_model::{LinkType, PacketTime, RawFrame};
use earwitness_wire::{Carried, Encapsulation, Reassembled, Reassembler, ReassemblyLimits, decode};

/// What the frames of a capture carry in the end, fragments put together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    datagrams: usize,
    payload_bytes: usize,
    tcp: usize,
    icmp: usize,
    /// Frames that could not be read.
    errors: usize,
}

impl Counts {
    fn count(&mut self, carried: &Carried<'_>) {
        match carried {
            Carried::Udp(datagram) => {
                self.datagrams += 1;
                self.payload_bytes += datagram.payload.len() + datagram.cut as usize;
            }
            Carried::Tcp(_) => self.tcp += 1,
            Carried::Icmp => self.icmp += 1,
            Carried::Fragment(_) | Carried::OtherIp(_) | Carried::NotIp(_) => {}
        }
    }
}

/// Hands over what `frames` carry, one after the other; `None` where a frame could not be read.
fn each(frames: &[RawFrame<'_>], take: &mut dyn FnMut(Option<&Carried<'_>>)) {
    let mut reassembler = Reassembler::new(ReassemblyLimits::default());
    for frame in frames {
        match decode(frame) {
            Ok(Carried::Fragment(fragment)) => {
                if let Reassembled::Whole(carried) = reassembler.handle_fragment(&fragment, frame.time) {
                    take(Some(&carried));
                }
            }
            Ok(carried) => take(Some(&carried)),
            Err(_) => take(None),
        }
    }
}

#[test]
fn what_is_in_the_tunnels_is_what_tshark_sees_in_them() {
    // Innermost UDP outside ICMP, the sum of its last `udp.length - 8`, TCP, ICMP.
    let cases: &[(&str, [usize; 4])] = &[
        ("DanieleDeSensi+peafowl/mpls_two.pcap", [0, 0, 10, 5]),
        ("arkime+arkime/gre-erspan.pcap", [0, 0, 0, 4]),
        ("arkime+arkime/gtp-iphone.pcap", [40, 4_479, 58, 8]),
        ("irontec+sngrep/ipip.pcap", [0, 0, 4, 0]),
        ("the-tcpdump-group+tcpdump/erspan-type-i-4.pcap", [0, 0, 0, 80]),
        ("zeek+zeek/erspan.pcap", [48, 2_452, 106, 84]),
        ("zeek+zeek/erspanII.pcap", [0, 0, 0, 4]),
        ("zeek+zeek/erspanIII.pcap", [0, 0, 0, 2]),
        ("zeek+zeek/geneve.pcap", [0, 0, 0, 6]),
        ("zeek+zeek/gre-sample.pcap", [8, 354, 22, 10]),
        ("zeek+zeek/vxlan.pcap", [0, 0, 0, 8]),
    ];
    for (name, [datagrams, payload_bytes, tcp, icmp]) in cases.iter().copied() {
        let Some(file) = capture(name) else { return };
        let mut counts = Counts::default();
        each(&frames(&file), &mut |carried| match carried {
            Some(carried) => counts.count(carried),
            None => counts.errors += 1,
        });
        assert_eq!(counts, Counts { datagrams, payload_bytes, tcp, icmp, errors: 0 }, "{name}");
    }
}

/// The outermost tunnel and the number of all.
type Around = (Encapsulation, u8);

/// The flows of a capture's datagrams with their lengths, each with how often it comes, and the tunnels they come in.
fn flows(name: &str) -> Option<(Vec<String>, Vec<Around>)> {
    let file = capture(name)?;
    let (mut flows, mut tunnels) = (BTreeMap::new(), Vec::new());
    each(&frames(&file), &mut |carried| {
        if let Some(Carried::Udp(datagram)) = carried {
            let said = format!("{} {} {}", datagram.flow.src, datagram.flow.dst, datagram.payload.len() + 8);
            *flows.entry(said).or_insert(0) += 1;
            tunnels.extend(datagram.tunnel.map(|tunnel| (tunnel.kind, tunnel.layers)));
        }
    });
    tunnels.sort();
    tunnels.dedup();
    Some((flows.iter().map(|(flow, count)| format!("{count} {flow}")).collect(), tunnels))
}

#[test]
fn the_voice_of_a_mobile_phone_is_between_its_inner_addresses() {
    let Some((flows, tunnels)) = flows("arkime+arkime/gtp-iphone.pcap") else { return };
    let phone = "[fd00:183:1:1:1886:9040:8605:32b8]";
    let expected = [
        format!("14 [fd01::183]:19956 {phone}:49120 52"),
        format!("11 {phone}:49120 [fd01::183]:19956 52"),
        format!("2 {phone}:49120 [fd01::183]:19956 27"),
        format!("1 {phone}:5060 [fd01::183]:5060 766"),
        format!("1 {phone}:5060 [fd01::183]:5060 679"),
        format!("1 [fd01::183]:5060 {phone}:5060 477"),
        format!("1 [fd01::183]:5060 {phone}:5060 442"),
        "1 192.168.168.1:53 192.168.3.129:57801 262".to_owned(),
    ];
    for flow in &expected {
        assert!(flows.contains(flow), "{flow} is not in {flows:#?}");
    }
    assert_eq!(tunnels, [(Encapsulation::GtpU, 1)]);
}

#[test]
fn datagrams_in_gre_have_the_addresses_that_tshark_sees() {
    let Some((gre, tunnels)) = flows("zeek+zeek/gre-sample.pcap") else { return };
    assert_eq!(
        gre,
        [
            "1 129.170.17.4:123 66.59.111.190:123 56",
            "1 18.26.4.105:123 66.59.111.190:123 56",
            "1 66.59.111.182:123 66.59.111.190:123 56",
            "1 66.59.111.190:123 129.170.17.4:123 56",
            "1 66.59.111.190:123 18.26.4.105:123 56",
            "1 66.59.111.190:123 66.59.111.182:123 56",
            "2 66.59.111.190:37675 172.28.2.3:53 41",
        ]
    );
    assert_eq!(tunnels, [(Encapsulation::Gre, 1)]);
    let Some((erspan, tunnels)) = flows("zeek+zeek/erspan.pcap") else { return };
    assert_eq!(
        erspan,
        [
            "1 192.168.69.10:52788 192.168.69.2:53 51",
            "1 192.168.69.10:52789 192.168.69.2:53 47",
            "1 192.168.69.10:52790 192.168.69.2:53 47",
            "1 192.168.69.10:52791 192.168.69.2:53 38",
            "1 192.168.69.10:52792 192.168.69.2:53 38",
            "30 192.168.69.2:137 192.168.69.255:137 58",
            "1 192.168.69.2:53 192.168.69.10:52788 51",
            "1 192.168.69.2:53 192.168.69.10:52789 108",
            "1 192.168.69.2:53 192.168.69.10:52790 108",
            "1 192.168.69.2:53 192.168.69.10:52791 38",
            "1 192.168.69.2:53 192.168.69.10:52792 38",
            "2 192.168.69.2:54418 224.0.0.252:5355 30",
            "2 [fe80::34f7:703d:ac05:43d6]:51328 [ff02::1:3]:5355 30",
            "4 [fe80::34f7:703d:ac05:43d6]:546 [ff02::1:2]:547 103",
        ]
    );
    // Its frames are mirrored by GRE alone, whatever the file is called.
    assert_eq!(tunnels, [(Encapsulation::Gre, 1)]);
}

#[test]
fn the_response_in_ppp_in_gre_of_version_1_is_between_the_inner_addresses() {
    let Some(file) = capture("ntop+nDPI/gre.pcapng") else { return };
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    // The one enhanced packet block of a pcapng file, first byte least.
    let mut at = 0;
    while word(at) != 6 {
        at += word(at + 4);
    }
    let bytes = &file[at + 28..][..word(at + 20)];
    let (time, link) = (PacketTime::EPOCH, LinkType::Ethernet);
    let frame = RawFrame { time, number: 1, link, wire_len: word(at + 24) as u32, bytes };
    let Ok(Carried::Udp(datagram)) = decode(&frame) else { panic!("a datagram") };
    let ends = (datagram.flow.src.to_string(), datagram.flow.dst.to_string());
    assert_eq!(ends, ("192.168.10.210:5060".into(), "192.168.103.40:5060".into()));
    assert!(datagram.payload.starts_with(b"SIP/2.0 100 Trying\r\n"));
    // `udp.length` 306, by tshark.
    assert_eq!((datagram.payload.len(), datagram.cut), (298, 0));
    let tunnel = datagram.tunnel.expect("GRE");
    assert_eq!((tunnel.kind, tunnel.layers), (Encapsulation::Gre, 1));
    assert_eq!(tunnel.ends.map(|ends| ends.dst.to_string()), Some("10.177.98.84".into()));
}

#[test]
fn expected_json_and_decode_name_the_same_tunnels() {
    let Some(expected) = capture("EXPECTED.json") else { return };
    let truth: serde_json::Value = serde_json::from_slice(&expected).expect("it is JSON");
    let mut compared = 0;
    for (name, facts) in truth["captures"].as_object().expect("captures by name") {
        let tunnels = &facts["oddities"]["tunnels"];
        let Some(file) = capture(name).filter(|file| file.starts_with(&[0xd4, 0xc3, 0xb2, 0xa1])) else {
            continue;
        };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        each(&frames(&file), &mut |carried| {
            if let Some(Carried::Udp(datagram)) = carried
                && let Some(tunnel) = datagram.tunnel
            {
                *seen.entry(tunnel.kind.to_string()).or_default() += 1;
            }
        });
        // A capture without tunnels has none for us either; IP in IP is `nested_ip` alone there.
        let is_tunnelled = !tunnels.is_null() || !facts["oddities"]["nested_ip"].is_null();
        assert!(is_tunnelled || seen.is_empty(), "{name}: {seen:?}");
        for (kind, count) in seen {
            let named = match kind.as_str() {
                "GTP-U" => "gtp",
                "GRE" => "gre",
                other => panic!("{name}: {other}"),
            };
            assert!(
                tunnels[named].as_u64().is_some_and(|n| n as usize >= count),
                "{name}: {kind} {count}, {tunnels}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 3);
}
