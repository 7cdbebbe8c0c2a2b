//! The torture messages of RFC 4475 and RFC 5118: each with the defects that its section says it has, and every fact
//! compared with what tshark read.
//!
//! The messages are not part of this repository: EARWITNESS_CORPUS names the folder that holds `rfc4475` and `rfc5118`,
//! each with an EXPECTED.json.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "what a test cannot read fails it")]
#![expect(clippy::disallowed_methods, reason = "tests read fixtures")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use earwitness_wire::{
    sdp,
    sip::{Defect, Message, StartLine, Transport, looks_like},
};
use serde_json::Value;

/// File, its class in the RFC, and every defect that is to be found in it.
const ROWS: [(&str, &str, &[Defect]); 46] = [
    ("rfc4475/badbranch.dat", "transaction layer", &[]),
    // The Date is in EST. A recorder has the frame's time and does not read it.
    ("rfc4475/baddate.dat", "invalid", &[]),
    ("rfc4475/baddn.dat", "invalid", &[Defect::NoBlankLine, Defect::BadFrom, Defect::BadTo]),
    ("rfc4475/badinv01.dat", "invalid", &[Defect::BadVia]),
    ("rfc4475/badvers.dat", "invalid", &[Defect::BadVersion, Defect::BadVia]),
    ("rfc4475/bcast.dat", "application layer", &[]),
    ("rfc4475/bext01.dat", "application layer", &[]),
    ("rfc4475/clerr.dat", "invalid", &[Defect::BodyShort]),
    ("rfc4475/cparam01.dat", "application layer", &[]),
    ("rfc4475/esc01.dat", "valid", &[]),
    ("rfc4475/esc02.dat", "valid", &[]),
    ("rfc4475/escruri.dat", "invalid", &[Defect::BadRequestUri]),
    ("rfc4475/insuf.dat", "application layer", &[Defect::NoCallId, Defect::BadFrom, Defect::BadTo]),
    ("rfc4475/intmeth.dat", "valid", &[]),
    ("rfc4475/invut.dat", "application layer", &[]),
    ("rfc4475/ltgtruri.dat", "invalid", &[Defect::BadRequestUri]),
    ("rfc4475/lwsdisp.dat", "valid", &[]),
    ("rfc4475/lwsruri.dat", "invalid", &[Defect::BadStartLine, Defect::BadRequestUri]),
    ("rfc4475/lwsstart.dat", "invalid", &[Defect::BadStartLine]),
    ("rfc4475/mcl01.dat", "application layer", &[Defect::RepeatedHeader, Defect::BadContentLength]),
    ("rfc4475/mismatch01.dat", "invalid", &[Defect::CseqMethodMismatch]),
    ("rfc4475/multi01.dat", "application layer", &[Defect::RepeatedHeader]),
    ("rfc4475/ncl.dat", "invalid", &[Defect::BadContentLength]),
    ("rfc4475/noreason.dat", "valid", &[]),
    ("rfc4475/novelsc.dat", "application layer", &[]),
    ("rfc4475/quotbal.dat", "invalid", &[Defect::BadTo]),
    ("rfc4475/regaut01.dat", "application layer", &[]),
    ("rfc4475/regescrt.dat", "application layer", &[]),
    ("rfc4475/scalar02.dat", "invalid", &[Defect::BadCSeq]),
    ("rfc4475/scalarlg.dat", "invalid", &[Defect::BadCSeq]),
    ("rfc4475/semiuri.dat", "valid", &[]),
    ("rfc4475/transports.dat", "valid", &[]),
    ("rfc4475/trws.dat", "invalid", &[Defect::BadStartLine]),
    ("rfc4475/unkscm.dat", "application layer", &[]),
    ("rfc4475/unksm2.dat", "application layer", &[]),
    ("rfc4475/wsinv.dat", "valid", &[]),
    ("rfc4475/zeromf.dat", "application layer", &[]),
    // The Content-Length that RFC 5118 prints is smaller than the body that it prints.
    ("rfc5118/ipv4-mapped-ipv6", "valid", &[Defect::BodyLong]),
    ("rfc5118/ipv6-bad", "invalid", &[Defect::BadRequestUri]),
    ("rfc5118/ipv6-correct-abnf-2-colons", "valid", &[]),
    ("rfc5118/ipv6-good", "valid", &[]),
    // The same.
    ("rfc5118/ipv6-in-sdp", "valid", &[Defect::BodyLong]),
    ("rfc5118/mult-ip-in-header", "valid", &[]),
    ("rfc5118/port-ambiguous", "ambiguous/lenient", &[]),
    ("rfc5118/port-unambiguous", "valid", &[]),
    ("rfc5118/via-received-param-with-delim", "ambiguous/lenient", &[]),
];

/// Facts in which tshark is not followed: file, field, what stands here instead, and why.
const EXCEPTIONS: [(&str, &str, &str, &str); 4] = [
    ("rfc4475/scalar02.dat", "sip.CSeq.seq", "", "tshark clamps 36893488147419103232 to 32 bits"),
    ("rfc4475/scalar02.dat", "sip.CSeq.method", "", "a CSeq without a number is none"),
    ("rfc4475/scalarlg.dat", "sip.CSeq.seq", "", "tshark clamps 9292394834772304023312 to 32 bits"),
    ("rfc4475/scalarlg.dat", "sip.CSeq.method", "", "a CSeq without a number is none"),
];

fn corpus() -> Option<PathBuf> {
    let corpus = env::var_os("EARWITNESS_CORPUS").map(PathBuf::from);
    if corpus.is_none() {
        println!("left out: EARWITNESS_CORPUS is not set");
    }
    corpus
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The facts of a message under tshark's names.
fn facts(message: &Message<'_>) -> BTreeMap<&'static str, String> {
    let mut facts = BTreeMap::new();
    match message.start_line() {
        StartLine::Request { method_name, uri, .. } => {
            facts.insert("sip.Method", text(method_name));
            facts.insert("sip.r-uri", text(uri));
        }
        StartLine::Status { code, .. } => {
            facts.insert("sip.Status-Code", code.to_string());
        }
    }
    facts.extend(message.call_id().map(|id| ("sip.Call-ID", text(id))));
    facts.extend(message.cseq().map(|cseq| ("sip.CSeq.seq", cseq.number.to_string())));
    let parties = [
        (message.from(), ["sip.from.user", "sip.from.host", "sip.from.tag"]),
        (message.to(), ["sip.to.user", "sip.to.host", "sip.to.tag"]),
    ];
    for (party, names) in parties {
        let Some(party) = party else { continue };
        let values = [party.uri().user, party.uri().host, party.tag()];
        facts.extend(names.into_iter().zip(values).filter_map(|(name, value)| Some((name, text(value?)))));
    }
    facts.extend(message.sdp().map(|body| ("sdp.media", media_lines(body))));
    facts
}

fn media_lines(body: &[u8]) -> String {
    let session = sdp::Session::parse(body).unwrap();
    let lines = session.media().map(|media| {
        let formats: Vec<_> = media.payload_types().map(|number| number.to_string()).collect();
        let kind = format!("{:?}", media.kind()).to_lowercase();
        assert_eq!(media.protocol(), sdp::Protocol::RtpAvp);
        format!("{kind} {} RTP/AVP {}", media.port(), formats.join(" "))
    });
    lines.collect::<Vec<_>>().join("|")
}

#[test]
fn every_torture_message_has_the_defects_of_its_section_and_no_other() {
    let Some(corpus) = corpus() else { return };
    for (file, class, expected) in ROWS {
        let datagram = fs::read(corpus.join(file)).unwrap();
        assert!(looks_like(&datagram), "{file}");
        let message = Message::parse(&datagram).unwrap();
        let found: Vec<_> = message.defects().iter().collect();
        assert_eq!(found, expected, "{file} is {class}");
        let clean = expected.iter().all(|defect| *defect == Defect::BodyLong);
        match class {
            "valid" => assert!(clean, "{file}"),
            "invalid" => assert!(!clean || file.ends_with("baddate.dat"), "{file}"),
            _ => {}
        }
    }
}

#[test]
fn the_table_has_every_file_and_the_class_that_the_corpus_gives_it() {
    let Some(corpus) = corpus() else { return };
    let mut listed = 0;
    for folder in ["rfc4475", "rfc5118"] {
        for (file, entry) in expectations(&corpus, folder) {
            let name = format!("{folder}/{file}");
            let row = ROWS.iter().find(|row| row.0 == name).expect("a file without a row");
            assert_eq!(entry["rfc_class"], row.1, "{name}");
            listed += 1;
        }
    }
    assert_eq!(listed, ROWS.len());
}

fn expectations(corpus: &std::path::Path, folder: &str) -> serde_json::Map<String, Value> {
    let json = fs::read_to_string(corpus.join(folder).join("EXPECTED.json")).unwrap();
    let Value::Object(mut root) = serde_json::from_str(&json).unwrap() else { panic!("no object") };
    let Some(Value::Object(messages)) = root.remove("messages") else { panic!("no messages") };
    messages
}

#[test]
fn facts_are_those_that_tshark_read() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for folder in ["rfc4475", "rfc5118"] {
        for (file, entry) in expectations(&corpus, folder) {
            let name = format!("{folder}/{file}");
            let datagram = fs::read(corpus.join(&name)).unwrap();
            let message = Message::parse(&datagram).unwrap();
            let ours = facts(&message);
            for (field, value) in entry["tshark"].as_object().unwrap() {
                let Some(expected) = comparable(field, value.as_str().unwrap()) else { continue };
                let exception = EXCEPTIONS.iter().find(|row| row.0 == name && row.1 == field);
                let expected = exception.map_or(expected, |row| row.2);
                let found = ours.get(field.as_str()).map_or("", String::as_str);
                assert_eq!(found, expected, "{name} {field}");
                compared += 1;
            }
        }
    }
    assert!(compared > 350, "only {compared} facts compared");
}

/// What tshark's field is compared with: of repeated headers the first counts here.
fn comparable<'v>(field: &str, value: &'v str) -> Option<&'v str> {
    match field {
        "frame.protocols" | "_ws.malformed" | "sip.Content-Type" | "sip.CSeq.method" => None,
        "sdp.media" => Some(value),
        _ => Some(value.split('|').next().unwrap_or_default()),
    }
}

#[test]
fn what_tshark_does_not_dissect_is_read_as_the_rfc_describes_it() {
    let Some(corpus) = corpus() else { return };
    let check = |file: &str, expected: [&str; 5]| {
        let datagram = fs::read(corpus.join("rfc4475").join(file)).unwrap();
        let ours = facts(&Message::parse(&datagram).unwrap());
        let names = ["sip.Method", "sip.r-uri", "sip.Call-ID", "sip.from.user", "sip.to.user"];
        let found = names.map(|name| ours.get(name).map_or("", String::as_str));
        assert_eq!(found, expected, "{file}");
    };
    check(
        "badvers.dat",
        ["OPTIONS", "sip:t.watson@example.org", "badvers.31417@c.example.com", "a.g.bell", "t.watson"],
    );
    check(
        "lwsruri.dat",
        [
            "INVITE",
            "sip:user@example.com; lr",
            "lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423",
            "caller",
            "user",
        ],
    );
    check(
        "lwsstart.dat",
        [
            "INVITE",
            "sip:user@example.com",
            "lwsstart.dfknq234oi243099adsdfnawe3@example.com",
            "caller",
            "user",
        ],
    );
    check(
        "trws.dat",
        [
            "OPTIONS",
            "sip:remote-target@example.com",
            "trws.oicu34958239neffasdhr2345r",
            "local-resource",
            "remote-target",
        ],
    );
    check("quotbal.dat", ["INVITE", "sip:user@example.com", "quotbal.aksdj", "caller", "j.user"]);
    check(
        "wsinv.dat",
        [
            "INVITE",
            "sip:vivekg@chair-dnrc.example.com;unknownparam",
            "wsinv.ndaksdj@192.0.2.1",
            "jdrosen",
            "vivekg",
        ],
    );
}

#[test]
fn the_folded_vias_of_wsinv_are_three_hops() {
    let Some(corpus) = corpus() else { return };
    let datagram = fs::read(corpus.join("rfc4475/wsinv.dat")).unwrap();
    let message = Message::parse(&datagram).unwrap();
    let vias: Vec<_> =
        message.vias().map(|via| (via.transport, text(via.host), via.branch.map(text))).collect();
    let hop = |transport, host: &str, branch: &str| (transport, host.to_owned(), Some(branch.to_owned()));
    assert_eq!(
        vias,
        [
            hop(Transport::Udp, "192.0.2.2", "390skdjuw"),
            hop(Transport::Tcp, "spindle.example.com", "z9hG4bK9ikj8"),
            hop(Transport::Udp, "192.168.255.111", "z9hG4bK30239"),
        ]
    );
    assert_eq!(message.from().unwrap().tag(), Some(&b"98asjd8"[..]));
    assert_eq!(message.to().unwrap().tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.cseq().map(|cseq| cseq.number), Some(9));
}

#[test]
fn addresses_in_brackets_are_addresses_and_ports_outside_them_ports() {
    let Some(corpus) = corpus() else { return };
    let uri = |file: &str| {
        let datagram = fs::read(corpus.join("rfc5118").join(file)).unwrap();
        let uri = Message::parse(&datagram).unwrap().request_uri().unwrap();
        (uri.address().map(|address| address.to_string()), uri.port)
    };
    assert_eq!(uri("ipv6-good"), (Some("2001:db8::10".to_owned()), None));
    assert_eq!(uri("port-unambiguous"), (Some("2001:db8::10".to_owned()), Some(5070)));
    assert_eq!(uri("port-ambiguous"), (Some("2001:db8::10:5070".to_owned()), None));
    assert_eq!(uri("ipv6-bad"), (None, None));
}
