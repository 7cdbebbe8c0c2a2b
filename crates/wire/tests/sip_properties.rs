//! Laws of the SIP reader: any bytes, any damage, any way of writing the same thing.
#![expect(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use earwitness_wire::{
    sdp,
    sip::{HeaderName, Message, Method, looks_like},
};
use proptest::prelude::*;

const GOOD: [&[u8]; 6] = [
    include_bytes!("../../../fixtures/messages/invite-from-an-extension.sip"),
    include_bytes!("../../../fixtures/messages/invite-multipart-isup.sip"),
    include_bytes!("../../../fixtures/messages/invite-folded-with-bare-line-feeds.sip"),
    include_bytes!("../../../fixtures/messages/invite-diverted.sip"),
    include_bytes!("../../../fixtures/messages/refer-attended.sip"),
    include_bytes!("../../../fixtures/messages/bye-with-two-reasons.sip"),
];

/// Reads everything that can be read, and gives every slice that came out.
fn slices(datagram: &[u8]) -> Vec<&[u8]> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    let mut out = Vec::new();
    let names =
        [HeaderName::Via, HeaderName::Contact, HeaderName::Supported, HeaderName::CallId, HeaderName::Route];
    for name in names {
        out.extend(message.first(name));
        out.extend(message.values(name));
    }
    for header in message.headers() {
        out.extend([header.name, header.value]);
    }
    let parties = [message.from(), message.to(), message.refer_to(), message.contact()].into_iter().flatten();
    for party in parties.chain(message.asserted()).chain(message.diversions()).chain(message.history()) {
        let uri = party.uri();
        out.extend(
            [party.display(), party.tag(), uri.user, uri.host, uri.headers, Some(uri.raw)]
                .into_iter()
                .flatten(),
        );
        out.extend(party.params().iter().chain(uri.params.iter()).map(|param| param.name));
    }
    for via in message.vias() {
        out.extend([Some(via.host), via.branch, via.received].into_iter().flatten());
    }
    out.extend(message.reasons().flat_map(|reason| [Some(reason.protocol), reason.text]).flatten());
    out.extend(message.replaces().map(|replaces| replaces.call_id));
    out.extend(message.request_uri().map(|uri| uri.raw));
    out.extend([message.body(), message.trailing()]);
    out.extend(message.sdp());
    let _judged = message.defects();
    if let Some(Ok(session)) = message.sdp().map(sdp::Session::parse) {
        out.extend(session.media().flat_map(|media| media.formats()));
    }
    out
}

fn lies_in(slice: &[u8], datagram: &[u8]) -> bool {
    let (whole, part) = (datagram.as_ptr_range(), slice.as_ptr_range());
    slice.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

#[derive(Debug, Clone)]
enum Damage {
    Overwrite(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let mark = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n \t:;,<>\"\\@=/[]?&%-\0v".to_vec()),];
    prop_oneof![
        (any::<usize>(), mark.clone()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        (any::<usize>(), mark).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        any::<usize>().prop_map(Damage::Remove),
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), 1usize..200).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match *damage {
        Damage::Overwrite(at, byte) => bytes[at % length] = byte,
        Damage::Insert(at, byte) => bytes.insert(at % length, byte),
        Damage::Remove(at) => {
            bytes.remove(at % length);
        }
        Damage::Cut(at) => bytes.truncate(at % length),
        Damage::Repeat(at, count) => {
            let at = at % length;
            let piece = bytes[at..(at + count).min(length)].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_read_within_their_bounds(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(slices(&bytes).iter().all(|slice| lies_in(slice, &bytes)));
        if looks_like(&bytes) {
            prop_assert!(Message::parse(&bytes).is_ok());
        }
    }

    #[test]
    fn a_damaged_message_is_refused_or_read_within_its_bounds(
        which in 0..GOOD.len(),
        damages in prop::collection::vec(damage(), 1..8),
    ) {
        let mut bytes = GOOD[which].to_vec();
        damages.iter().for_each(|damage| apply(&mut bytes, damage));
        let once = slices(&bytes);
        prop_assert!(once.iter().all(|slice| lies_in(slice, &bytes)));
        prop_assert_eq!(once, slices(&bytes), "twice the same");
        if looks_like(&bytes) {
            prop_assert!(Message::parse(&bytes).is_ok());
        }
    }

    #[test]
    fn a_message_means_the_same_however_it_is_written(message in written()) {
        let plain = facts(&message.text("\r\n", Spelling::Long, ""));
        prop_assert_eq!(&plain.call_id, &message.call_id);
        prop_assert_eq!(plain.cseq, Some((message.cseq, Method::Invite)));
        prop_assert_eq!(&plain.from, &(Some(message.display.clone()).filter(|name| !name.is_empty()), message.user.clone(), message.tag.clone()));
        prop_assert_eq!(&plain, &facts(&message.text("\n", Spelling::Long, "")));
        prop_assert_eq!(&plain, &facts(&message.text("\r\n", Spelling::Compact, "")));
        prop_assert_eq!(&plain, &facts(&message.text("\r\n", Spelling::Shouted, "\r\n ")));
        prop_assert_eq!(&plain, &facts(&message.text("\n", Spelling::Compact, "\n\t")));
    }
}

/// The law that makes a cut frame harmless: what is still read of it is what the whole message says.
#[test]
fn a_truncated_message_says_nothing_that_the_whole_one_does_not() {
    for whole in [GOOD[0], GOOD[3], GOOD[4], GOOD[5]] {
        let full = Message::parse(whole).unwrap();
        for length in 0..whole.len() {
            let Ok(part) = Message::parse(&whole[..length]) else {
                let line = whole.iter().position(|&byte| byte == b'\n').unwrap();
                assert!(length < line, "{length} bytes have the start line and were refused");
                continue;
            };
            let same = |found: Option<&[u8]>, full: Option<&[u8]>| found.is_none() || found == full;
            assert!(same(part.call_id(), full.call_id()), "Call-ID in {length} bytes");
            assert!(part.cseq().is_none() || part.cseq() == full.cseq(), "CSeq in {length} bytes");
            assert!(part.from().is_none() || part.from() == full.from(), "From in {length} bytes");
            assert!(part.to().is_none() || part.to() == full.to(), "To in {length} bytes");
            assert!(part.top_via().is_none() || part.top_via() == full.top_via(), "Via in {length} bytes");
            assert!(full.body().starts_with(part.body()), "body in {length} bytes");
            let ports = media_ports(&full);
            assert!(ports.starts_with(&media_ports(&part)), "media in {length} bytes");
        }
    }
}

fn media_ports(message: &Message<'_>) -> Vec<(u16, Vec<u8>)> {
    let session = message.sdp().and_then(|body| sdp::Session::parse(body).ok());
    let media = session.iter().flat_map(sdp::Session::media);
    media.map(|media| (media.port(), media.payload_types().collect())).collect()
}

#[derive(Debug, Clone)]
struct Written {
    call_id: String,
    cseq: u32,
    display: String,
    user: String,
    tag: String,
}

#[derive(Clone, Copy)]
enum Spelling {
    Long,
    Compact,
    Shouted,
}

impl Written {
    /// The message with `end` as its line end; `fold` is put where white space may stand.
    fn text(&self, end: &str, spelling: Spelling, fold: &str) -> Vec<u8> {
        let [via, from, to, call_id] = match spelling {
            Spelling::Long => ["Via", "From", "To", "Call-ID"],
            Spelling::Compact => ["v", "f", "t", "i"],
            Spelling::Shouted => ["VIA  ", "FROM\t", "TO", "CALL-ID "],
        };
        let Self { call_id: id, cseq, display, user, tag } = self;
        format!(
            "INVITE sip:4002@example.kr SIP/2.0{end}{via}: SIP/2.0/UDP{fold} 10.1.0.41;{fold}branch=z9hG4bK1{end}\
             {from}:{fold}\"{display}\"{fold}<sip:{user}@example.kr>{fold};tag={fold}{tag}{end}\
             {to}: <sip:4002@example.kr>{end}{call_id}:{fold}{id}{end}CSeq: {cseq} {fold}INVITE{end}{end}"
        )
        .into_bytes()
    }
}

fn written() -> impl Strategy<Value = Written> {
    let display = r#"([a-zA-Z0-9 가-힣,;<>@.-]|\\"|\\\\){0,12}"#;
    let parts = ("[!-9;-~]{1,40}", 0..1u32 << 31, display, "[a-z0-9+_.%-]{1,20}", "[a-zA-Z0-9.-]{1,20}");
    parts.prop_map(|(call_id, cseq, display, user, tag)| Written { call_id, cseq, display, user, tag })
}

#[derive(Debug, PartialEq, Eq)]
struct Facts {
    call_id: String,
    cseq: Option<(u32, Method)>,
    from: (Option<String>, String, String),
    branch: String,
    defects: String,
}

fn facts(datagram: &[u8]) -> Facts {
    let message = Message::parse(datagram).unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let from = message.from().unwrap();
    let display = from.display().map(|display| text(Some(display)));
    Facts {
        call_id: text(message.call_id()),
        cseq: message.cseq().map(|cseq| (cseq.number, cseq.method)),
        from: (display, text(from.uri().user), text(from.tag())),
        branch: text(message.top_via().unwrap().branch),
        defects: format!("{:?}", message.defects()),
    }
}
