//! The leak law: of whoever is in a capture, nothing is in the anonymised one.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
};

use earwitness_anonymise::Secret;
use earwitness_model::{Flow, PacketTime, RawFrame};
use earwitness_testkit::{Carriage, MORNING, Opening, SegmentOrder, datagram::Datagram, script, wrap::Wrap};
use earwitness_wire::{
    Carried, Protocol, Reassembled, Reassembler, ReassemblyLimits, decode, rtp,
    sip::{HeaderName, Message},
    stream::{StreamLimits, Streams},
};
use support::{Capture, Masked, corpus, scripts};

/// What is in a capture that is somebody's, found by another reader than the one that replaces it.
#[derive(Debug, Default)]
struct Found {
    addresses: BTreeSet<IpAddr>,
    /// Names, numbers, hosts, Call-IDs: text of at least six bytes that are not all of one kind of filler.
    texts: BTreeSet<Vec<u8>>,
    /// Users of any length.
    users: BTreeSet<Vec<u8>>,
    /// Eight bytes of audio in a row that do not repeat themselves.
    audio: HashSet<[u8; 8]>,
}

impl Found {
    fn in_capture(capture: &Capture) -> Self {
        let mut found = Self::default();
        let mut pieces = Reassembler::new(ReassemblyLimits::default());
        let mut streams = Streams::new(StreamLimits::default());
        for frame in capture.raw() {
            match decode(&frame) {
                Ok(Carried::Udp(datagram)) => found.datagram(datagram.flow, datagram.payload),
                Ok(Carried::Tcp(segment)) => {
                    streams.handle_segment(&segment, frame.time);
                }
                Ok(Carried::Fragment(piece)) => {
                    if let Reassembled::Whole(Carried::Udp(datagram)) =
                        pieces.handle_fragment(&piece, frame.time)
                    {
                        found.datagram(datagram.flow, datagram.payload);
                    }
                }
                Ok(Carried::Icmp | Carried::OtherIp(_) | Carried::NotIp(_)) | Err(_) => {}
            }
            while let Some(message) = streams.poll_message() {
                found.message(&message.bytes);
            }
        }
        streams.handle_time(PacketTime::from_nanos(i64::MAX / 2));
        while let Some(message) = streams.poll_message() {
            found.message(&message.bytes);
        }
        found
    }

    fn datagram(&mut self, flow: Flow, payload: &[u8]) {
        self.addresses.extend([flow.src.ip(), flow.dst.ip()]);
        match Protocol::of(payload) {
            Protocol::Sip => self.message(payload),
            Protocol::Rtp => {
                let payload = rtp::Packet::parse(payload).map(|packet| packet.payload()).unwrap_or_default();
                self.audio.extend(
                    payload.windows(8).filter_map(|window| window.first_chunk().copied()).filter(is_varied),
                );
            }
            Protocol::Rtcp | Protocol::Zrtp(_) | Protocol::Other => {}
        }
    }

    fn message(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else { return };
        let names = [
            HeaderName::From,
            HeaderName::To,
            HeaderName::Contact,
            HeaderName::PAssertedIdentity,
            HeaderName::PPreferredIdentity,
            HeaderName::Diversion,
            HeaderName::HistoryInfo,
            HeaderName::RemotePartyId,
            HeaderName::ReferTo,
            HeaderName::ReferredBy,
            HeaderName::Route,
            HeaderName::RecordRoute,
        ];
        for address in names.iter().flat_map(|name| message.addresses(*name)) {
            self.addresses.extend(address.uri().address());
            self.users.extend(address.uri().user.map(<[u8]>::to_vec));
            self.texts.extend(address.display().map(<[u8]>::to_vec));
            self.texts.extend(address.tag().map(<[u8]>::to_vec));
            if address.uri().address().is_none() {
                self.texts.extend(address.uri().host.map(<[u8]>::to_vec));
            }
        }
        self.users.extend(message.request_uri().and_then(|uri| uri.user).map(<[u8]>::to_vec));
        self.texts.extend(message.call_id().map(<[u8]>::to_vec));
        self.texts.extend(message.vias().filter_map(|via| via.branch).map(<[u8]>::to_vec));
        for other in [HeaderName::Subject, HeaderName::PChargingVector, HeaderName::Warning] {
            self.texts.extend(message.first(other).map(<[u8]>::to_vec));
        }
    }

    /// Texts that cannot be in an anonymised capture by chance.
    fn telling(&self) -> impl Iterator<Item = &Vec<u8>> {
        let nobody = ["anonymous", "unknown", "restricted", "unavailable", "private", "invalid", "localhost"];
        let is_telling = move |text: &&Vec<u8>| {
            let lower = text.to_ascii_lowercase();
            let (digits, letters) = (
                text.iter().filter(|byte| byte.is_ascii_digit()).collect::<BTreeSet<_>>().len(),
                text.iter().filter(|byte| byte.is_ascii_alphabetic()).collect::<BTreeSet<_>>().len(),
            );
            // Some call their parties by codecs, which are told anyway.
            let is_codec = lower.ends_with(b"/8000") || lower.ends_with(b"/48000/2");
            text.len() >= 7
                && !is_codec
                && (digits >= 3 || letters >= 5)
                && !nobody
                    .iter()
                    .any(|word| lower.windows(word.len()).any(|window| window == word.as_bytes()))
        };
        self.texts.iter().chain(&self.users).filter(is_telling)
    }
}

/// Whether eight bytes are hardly some that noise has by chance, or silence.
fn is_varied(window: &[u8; 8]) -> bool {
    let mut sorted = *window;
    sorted.sort_unstable();
    sorted.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 5
}

/// Where each text of at least four bytes that `texts` holds begins in `bytes`.
struct Index<'t> {
    by_start: BTreeMap<[u8; 4], Vec<&'t [u8]>>,
}

impl<'t> Index<'t> {
    fn of(texts: impl IntoIterator<Item = &'t [u8]>) -> Self {
        let mut by_start: BTreeMap<[u8; 4], Vec<&[u8]>> = BTreeMap::new();
        for text in texts {
            if let Some(start) = text.first_chunk() {
                by_start.entry(*start).or_default().push(text);
            }
        }
        Self { by_start }
    }

    fn find<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, &'t [u8])> + use<'b, 't> {
        bytes.windows(4).enumerate().flat_map(move |(at, start)| {
            let texts = start.first_chunk().and_then(|start| self.by_start.get(start));
            texts
                .into_iter()
                .flatten()
                .copied()
                .filter(move |text| bytes[at..].starts_with(text))
                .map(move |text| (at, text))
        })
    }
}

/// Everything of `capture` that is in `masked` and must not be.
fn leaks(capture: &Capture, masked: &Masked) -> Vec<String> {
    let found = Found::in_capture(capture);
    let mut leaks = Vec::new();
    let mut leak = |number: u64, what: &str, text: &[u8]| {
        if leaks.len() < 50 {
            leaks.push(format!("{}: frame {number}: {what} {}", capture.name, text.escape_ascii()));
        }
    };
    let replaced: BTreeMap<IpAddr, IpAddr> = masked.anonymiser.mapped_addresses().collect();
    let images: HashSet<IpAddr> = replaced.values().copied().collect();
    let is_everybodys =
        |ip: &IpAddr| ip.is_loopback() || ip.is_unspecified() || *ip == IpAddr::from([255; 4]);
    // An address may be the one that stands for another: then it tells nothing. Else it is nowhere.
    let addresses: Vec<IpAddr> = found.addresses.iter().copied().filter(|ip| !is_everybodys(ip)).collect();
    let gone = addresses.iter().filter(|ip| !images.contains(ip));
    let written: Vec<Vec<u8>> = gone
        .flat_map(|ip| {
            let binary = match ip {
                IpAddr::V4(ip) => [ip.octets().as_slice(), b""].concat(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            [ip.to_string().into_bytes(), binary]
        })
        .collect();
    // Four octets may be anything by chance: of those only headers are looked at, below.
    let texts = found
        .telling()
        .map(Vec::as_slice)
        .chain(written.iter().map(Vec::as_slice).filter(|text| text.len() > 8));
    let index = Index::of(texts);
    let all: Vec<&[u8]> = found.users.iter().map(Vec::as_slice).filter(|user| user.len() >= 3).collect();
    let users = Index::of(all.iter().copied());
    let before: BTreeMap<u64, &[u8]> =
        capture.frames.iter().map(|frame| (frame.number, &frame.bytes[..])).collect();
    for frame in masked.capture.raw() {
        for (_, text) in index.find(frame.bytes) {
            leak(frame.number, "has", text);
        }
        // Where a short user stood as one, it does not stand any more.
        let old = before[&frame.number];
        for (at, user) in users.find(old) {
            let is_part = |place: Option<&u8>| place.is_some_and(u8::is_ascii_alphanumeric);
            let is_user = matches!(old.get(at.wrapping_sub(1)), Some(b':' | b'"'))
                && !is_part(old.get(at + user.len()));
            let is_nobody = matches!(user, b"anonymous" | b"unknown" | b"unavailable" | b"invalid");
            let digits = user.iter().filter(|byte| **byte != b'0').count();
            if is_user
                && !is_nobody
                && digits > 0
                && frame.bytes[at..].starts_with(user)
                && is_sip_name(old, at)
            {
                leak(frame.number, "kept", user);
            }
        }
        audio_of(&frame, &mut |window| {
            if found.audio.contains(window) {
                leak(frame.number, "says", window);
            }
        });
        if let Ok(Carried::Udp(datagram)) = decode(&frame) {
            for ip in [datagram.flow.src.ip(), datagram.flow.dst.ip()] {
                if !images.contains(&ip) && !is_everybodys(&ip) {
                    leak(frame.number, "is of", ip.to_string().as_bytes());
                }
            }
        }
    }
    for (old, new) in &replaced {
        if old == new && !is_everybodys(old) {
            leak(0, "stays", old.to_string().as_bytes());
        }
    }
    leaks
}

/// Whether what stands at `at` is behind a scheme.
fn is_sip_name(old: &[u8], at: usize) -> bool {
    let before = old.get(at.saturating_sub(5)..at).unwrap_or_default();
    [&b"sip:"[..], b"sips:", b"tel:"].iter().any(|scheme| before.ends_with(scheme))
}

fn audio_of(frame: &RawFrame<'_>, visit: &mut dyn FnMut(&[u8; 8])) {
    if let Ok(Carried::Udp(datagram)) = decode(frame)
        && Protocol::of(datagram.payload) == Protocol::Rtp
        && let Ok(packet) = rtp::Packet::parse(datagram.payload)
    {
        packet.payload().windows(8).filter_map(|window| window.first_chunk()).for_each(visit);
    }
}

fn assert_nothing_leaks(captures: impl IntoIterator<Item = Capture>) -> usize {
    let (mut all, mut count) = (Vec::new(), 0);
    for capture in captures {
        count += capture.frames.len();
        all.extend(leaks(&capture, &capture.masked()));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    count
}

#[test]
fn what_was_not_replaced_is_found() {
    let capture =
        scripts().into_iter().find(|capture| capture.name == "transfer-attended").expect("a script");
    let masked = capture.masked();
    let untouched = Masked { capture: capture.clone(), ..masked };
    let found = leaks(&capture, &untouched).join("\n");
    for what in ["has", "kept", "is of"] {
        assert!(found.contains(what), "{what}: {found}");
    }
}

#[test]
fn nothing_of_a_told_call_is_left() {
    assert!(assert_nothing_leaks(scripts()) > 1000);
}

#[test]
fn nothing_is_left_in_any_wrap() {
    let chosen: Vec<Capture> = scripts()
        .into_iter()
        .filter(|capture| ["answered", "transfer-attended"].contains(&&capture.name[..]))
        .collect();
    assert_eq!(chosen.len(), 2);
    let wrapped = chosen.iter().flat_map(|capture| {
        Wrap::ALL.into_iter().map(|wrap| {
            let mut capture = Capture { name: format!("{} in {wrap:?}", capture.name), ..capture.clone() };
            for frame in &mut capture.frames {
                frame.bytes = wrap.frame(&frame.bytes);
                frame.wire_len = frame.bytes.len() as u32;
            }
            capture
        })
    });
    assert_nothing_leaks(wrapped);
}

#[test]
fn nothing_is_left_in_streams() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/calls/transfer-attended/script.call");
    #[expect(clippy::disallowed_methods, reason = "tests read fixtures")]
    let text = std::fs::read_to_string(path).expect("a script");
    let transports = [earwitness_model::SipTransport::Tcp, earwitness_model::SipTransport::Ws];
    let captures = transports.into_iter().flat_map(|transport| {
        [1460, 61].map(|largest| {
            let order = SegmentOrder::Random(3);
            let carriage = Carriage { transport, largest, order, opening: Opening::Seen };
            let frames = script::parse_over(&text, carriage).expect("a script").frames();
            Capture::of(&format!("{transport:?} {largest}"), frames)
        })
    });
    assert_nothing_leaks(captures);
}

/// Lines of a message, and what of them is somebody's: as long as a code, or where something else is expected.
const ASIDE: [(&str, &[&str]); 8] = [
    ("Retry-After: 60 (Kim 0312221111)", &["0312221111", "Kim"]),
    ("Retry-After: 18000;duration=60 (call 4711)", &["4711"]),
    ("Session-Expires: 1800;refresher=uac;x=0312221111", &["0312221111"]),
    ("From: 101;tag=a4001", &["101", "a4001"]),
    ("From: <101>;tag=a4001", &["101", "a4001"]),
    ("To: <tel:0312223333;ext=101>", &["0312223333", "=101"]),
    ("To: <tel:0312223333;isub=101;postd=202>", &["0312223333", "=101", "=202"]),
    ("P-Asserted-Identity: <sip:0312223333;ext=101@example.kr>", &["0312223333", "=101", "example"]),
];

#[test]
fn nothing_is_left_where_only_a_number_is_expected() {
    for (line, gone) in ASIDE {
        let text =
            format!("SIP/2.0 503 Service Unavailable\r\nCall-ID: 7\r\n{line}\r\nCSeq: 1 INVITE\r\n\r\n");
        let flow = Flow { src: ([10, 1, 0, 5], 5060).into(), dst: ([10, 1, 0, 41], 5060).into() };
        let bytes = Datagram::new(flow, text.as_bytes()).frame();
        let capture = Capture::of(line, [earwitness_testkit::Frame { time: MORNING, bytes }]);
        let masked = capture.masked().capture;
        let new = &masked.frames.first().expect("a frame").bytes;
        for gone in gone {
            assert!(line.contains(gone));
            assert!(!new.windows(gone.len()).any(|window| window == gone.as_bytes()), "{line}: {gone}");
        }
    }
}

#[test]
fn nothing_of_the_captures_of_the_world_is_left() {
    assert_nothing_leaks(corpus());
}

#[test]
fn two_runs_have_nothing_in_common_but_shapes() {
    let office =
        scripts().into_iter().find(|capture| capture.name == "demo-office").expect("the demo office");
    let (first, second) = (office.masked_by(Secret::seeded(1)), office.masked_by(Secret::seeded(2)));
    let mapped = |masked: &Masked| -> BTreeMap<String, String> {
        masked.anonymiser.mapped_users().map(|(old, new)| (old.to_owned(), new.to_owned())).collect()
    };
    let (one, other) = (mapped(&first), mapped(&second));
    assert!(one.len() >= 2 && one.keys().eq(other.keys()));
    assert!(one.iter().filter(|(old, new)| other[*old] == **new).count() <= one.len() / 4);
    assert_eq!(first.capture.frames, office.masked_by(Secret::seeded(1)).capture.frames);
}
