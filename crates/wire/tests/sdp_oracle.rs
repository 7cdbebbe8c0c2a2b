//! Well-formed descriptions, read by us and by `sdp-types`.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use std::fmt::Write as _;

use earwitness_wire::sdp::{MediaDirection, Session};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Section {
    kind: &'static str,
    port: u16,
    ports: Option<u16>,
    protocol: &'static str,
    types: Vec<u8>,
    address: Option<std::net::IpAddr>,
    direction: Option<&'static str>,
    maps: Vec<(u8, String, u32, Option<u8>)>,
    ptime: Option<u32>,
}

fn address() -> impl Strategy<Value = std::net::IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
        any::<[u16; 8]>().prop_map(std::net::IpAddr::from),
    ]
}

fn section() -> impl Strategy<Value = Section> {
    let kind = prop::sample::select(vec!["audio", "video", "text", "application", "message"]);
    let protocol = prop::sample::select(vec!["RTP/AVP", "RTP/SAVP", "RTP/AVPF", "RTP/SAVPF"]);
    let direction = prop::sample::select(vec!["sendrecv", "sendonly", "recvonly", "inactive"]);
    let map = (0..128u8, "[A-Za-z][A-Za-z0-9-]{0,12}", 1..200_000u32, prop::option::of(1..9u8));
    let line =
        (kind, any::<u16>(), prop::option::of(1..9u16), protocol, prop::collection::vec(0..128u8, 1..6));
    let rest = (
        prop::option::of(address()),
        prop::option::of(direction),
        prop::collection::vec(map, 0..4),
        prop::option::of(1..200u32),
    );
    (line, rest).prop_map(|((kind, port, ports, protocol, types), (address, direction, maps, ptime))| {
        Section { kind, port, ports, protocol, types, address, direction, maps, ptime }
    })
}

fn connection_line(address: std::net::IpAddr) -> String {
    format!("c=IN {} {address}\r\n", if address.is_ipv4() { "IP4" } else { "IP6" })
}

fn written(address: Option<std::net::IpAddr>, direction: Option<&str>, sections: &[Section]) -> String {
    let mut text = "v=0\r\no=- 3904 1 IN IP4 10.1.0.41\r\ns=-\r\n".to_owned();
    text.extend(address.map(connection_line));
    text.push_str("t=0 0\r\n");
    text.extend(direction.map(|direction| format!("a={direction}\r\n")));
    for section in sections {
        let ports = section.ports.map(|ports| format!("/{ports}")).unwrap_or_default();
        let types: Vec<_> = section.types.iter().map(u8::to_string).collect();
        let Section { kind, port, protocol, .. } = section;
        writeln!(text, "m={kind} {port}{ports} {protocol} {}\r", types.join(" ")).unwrap();
        text.extend(section.address.map(connection_line));
        for (number, name, rate, channels) in &section.maps {
            let channels = channels.map(|channels| format!("/{channels}")).unwrap_or_default();
            writeln!(text, "a=rtpmap:{number} {name}/{rate}{channels}\r").unwrap();
        }
        text.extend(section.ptime.map(|ms| format!("a=ptime:{ms}\r\n")));
        text.extend(section.direction.map(|direction| format!("a={direction}\r\n")));
    }
    text
}

/// The value that sdp-types has for the first attribute called `name`.
fn value<'s>(attributes: &'s [sdp_types::Attribute], name: &str) -> Option<&'s str> {
    attributes
        .iter()
        .find(|attribute| attribute.attribute == name)
        .map(|found| found.value.as_deref().unwrap_or(""))
}

fn direction(attributes: &[sdp_types::Attribute]) -> Option<&str> {
    let names = ["sendrecv", "sendonly", "recvonly", "inactive"];
    attributes.iter().map(|found| found.attribute.as_str()).find(|name| names.contains(name))
}

fn direction_name(direction: MediaDirection) -> &'static str {
    match direction {
        MediaDirection::SendRecv => "sendrecv",
        MediaDirection::SendOnly => "sendonly",
        MediaDirection::RecvOnly => "recvonly",
        MediaDirection::Inactive => "inactive",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_well_formed_description_reads_as_sdp_types_reads_it(
        address in prop::option::of(address()),
        way in prop::option::of(prop::sample::select(vec!["sendonly", "inactive", "recvonly"])),
        sections in prop::collection::vec(section(), 0..5),
    ) {
        let text = written(address, way, &sections);
        let ours = Session::parse(text.as_bytes()).unwrap();
        let theirs = sdp_types::Session::parse(text.as_bytes()).unwrap();
        let session_address = theirs.connection.as_ref().map(|line| line.connection_address.clone());
        prop_assert_eq!(ours.connection().map(|address| address.to_string()), session_address.clone());
        let origin = ours.origin().unwrap();
        prop_assert_eq!(std::str::from_utf8(origin.id).unwrap(), &theirs.origin.sess_id);
        prop_assert_eq!(ours.media().count(), theirs.medias.len());
        for (our, their) in ours.media().zip(&theirs.medias) {
            prop_assert_eq!(format!("{:?}", our.kind()).to_lowercase(), &their.media[..]);
            prop_assert_eq!(our.port(), their.port);
            prop_assert_eq!(our.port_count(), their.num_ports.unwrap_or(1));
            let formats: Vec<_> = our.formats().map(|format| std::str::from_utf8(format).unwrap()).collect();
            prop_assert_eq!(formats.join(" "), &their.fmt[..]);
            let own = their.connections.first().map(|line| line.connection_address.clone());
            prop_assert_eq!(our.connection().map(|address| address.to_string()), own.or_else(|| session_address.clone()));
            let way = direction(&their.attributes).or_else(|| direction(&theirs.attributes));
            prop_assert_eq!(direction_name(our.direction()), way.unwrap_or("sendrecv"));
            let ptime = value(&their.attributes, "ptime").map(str::to_owned);
            prop_assert_eq!(our.ptime().map(|ms| ms.to_string()), ptime);
            for number in 0..128u8 {
                let prefix = format!("{number} ");
                let expected = their
                    .attributes
                    .iter()
                    .filter(|found| found.attribute == "rtpmap")
                    .find_map(|found| found.value.as_deref()?.strip_prefix(&prefix));
                let found = our.rtpmap(number).map(|map| {
                    let channels = map.channels.map(|count| format!("/{count}")).unwrap_or_default();
                    format!("{}/{}{channels}", map.name, map.clock_rate)
                });
                prop_assert_eq!(found.as_deref(), expected);
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"vocma=:/ \r\n0189".to_vec())], 0..300),
    ) {
        if let Ok(session) = Session::parse(&bytes) {
            let sections = session.media().count();
            let lines = bytes.windows(2).filter(|pair| pair == b"m=").count();
            prop_assert!(sections <= lines, "{} sections of {} m=", sections, lines);
            for media in session.media() {
                let types: Vec<_> = media.payload_types().collect();
                prop_assert!(types.iter().all(|number| *number < 128));
                let _read = (media.connection(), media.direction(), media.rtcp(), media.ptime(), media.fingerprint());
                prop_assert!(media.crypto().count() <= bytes.len() / 2);
            }
        }
    }
}
