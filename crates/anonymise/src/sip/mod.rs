//! SIP messages with other people in them, byte for byte as long.

mod body;
mod params;
mod sdp;
mod uri;
mod value;
mod words;

use earwitness_wire::sip::{Message, Method, StartLine, looks_like};

use crate::{masks::Masks, sheet::Sheet};

/// How many messages in a message, and parts in a part, are followed.
const DEPTH: u8 = 4;

/// A message, or as much of one as there is.
pub(crate) fn message(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    nested(masks, old, DEPTH)
}

fn nested(masks: &mut Masks, old: &[u8], depth: u8) -> Vec<u8> {
    let mut sheet = Sheet::filled(old, b'x');
    keep_line_ends(&mut sheet, old, 0);
    let Ok(message) = Message::parse(old) else { return sheet.into_new() };
    start_line(masks, &mut sheet, &message, old);
    let (mut content_type, mut encoding) = (None, None);
    for header in message.headers() {
        head_line(masks, &mut sheet, (header.name, header.value));
        let is = |long: &str, short: &str| {
            header.name.eq_ignore_ascii_case(long.as_bytes())
                || header.name.eq_ignore_ascii_case(short.as_bytes())
        };
        if is("content-type", "c") {
            content_type = content_type.or(Some(header.value));
        }
        if is("content-encoding", "e") {
            encoding = encoding.or(Some(header.value));
        }
    }
    let is_plain = encoding.is_none_or(|value| value.is_empty() || value.eq_ignore_ascii_case(b"identity"));
    let body = message.body();
    let new = if is_plain { body::body(masks, content_type, body, depth) } else { masks.filler(body) };
    sheet.replace(body, &new);
    let trailing = message.trailing();
    if depth > 0 && looks_like(trailing) {
        let new = nested(masks, trailing, depth - 1);
        sheet.replace(trailing, &new);
    }
    sheet.into_new()
}

/// Everything that ends lines, and NUL, which some pad with.
fn keep_line_ends(sheet: &mut Sheet<'_>, old: &[u8], from: usize) {
    for (at, _) in old.iter().enumerate().skip(from).filter(|(_, byte)| matches!(byte, b'\r' | b'\n' | 0)) {
        sheet.keep(at, 1);
    }
}

/// The name and the value of a header, and what stands between them.
fn head_line(masks: &mut Masks, sheet: &mut Sheet<'_>, (name, old): (&[u8], &[u8])) {
    if value::is_name_kept(name) {
        sheet.keep_part(name);
    } else {
        let new = masks.text(name);
        sheet.replace(name, &new);
    }
    if let Some(at) = sheet.place(name).map(|at| at + name.len()) {
        // White space and the colon, also before a value that is empty and on the lines that are folded.
        let between = sheet
            .old(at, usize::MAX)
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b':' | b'\r' | b'\n'));
        let len = sheet
            .place(old)
            .filter(|value| !old.is_empty() && *value >= at)
            .map_or_else(|| between.count(), |value| value - at);
        let is_between =
            sheet.old(at, len).iter().all(|byte| matches!(byte, b' ' | b'\t' | b':' | b'\r' | b'\n'));
        if is_between {
            sheet.keep(at, len);
        }
    }
    let new = value::value(masks, name, old);
    sheet.replace(old, &new);
    if let Some(end) = sheet.place(old).map(|at| at + old.len()) {
        let spaces =
            sheet.old(end, usize::MAX).iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let len = spaces.count();
        sheet.keep(end, len);
    }
}

fn start_line(masks: &mut Masks, sheet: &mut Sheet<'_>, message: &Message<'_>, old: &[u8]) {
    match message.start_line() {
        StartLine::Request { method, method_name, uri } => {
            if method == Method::Other {
                let new = masks.text(method_name);
                sheet.replace(method_name, &new);
            } else {
                sheet.keep_part(method_name);
            }
            let (before, inner) = match uri.strip_prefix(b"<") {
                Some(inner) => (1, inner.strip_suffix(b">").unwrap_or(inner)),
                None => (0, uri),
            };
            let new = uri::uri(masks, inner);
            sheet.keep_part(uri.get(..before).unwrap_or_default());
            sheet.replace(inner, &new);
            if let Some(end) = sheet.place(inner).map(|at| at + inner.len()) {
                keep_rest_of_line(masks, sheet, end);
            }
            if let Some(at) = sheet.place(method_name).map(|at| at + method_name.len()) {
                let len = sheet.place(uri).map_or(0, |uri| uri.saturating_sub(at));
                sheet.keep(at, len);
            }
        }
        StartLine::Status { .. } => {
            // Lines before it are none of a message.
            let mut at = 0;
            for line in old.split_inclusive(|byte| *byte == b'\n') {
                let text = line.trim_ascii_start();
                if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
                    keep_rest_of_line(masks, sheet, at + line.len() - text.len());
                    break;
                }
                at += line.len();
            }
        }
    }
}

/// Words of the protocol up to the end of the line: the version, a code, a reason.
fn keep_rest_of_line(masks: &mut Masks, sheet: &mut Sheet<'_>, at: usize) {
    let rest = sheet.old(at, usize::MAX);
    let line = rest.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let new = words::words(masks, words::SMALL, line);
    sheet.replace(line, &new);
}

/// The head that opens a WebSocket (RFC 6455, section 4), with other names in it.
pub(crate) fn handshake(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    const KEPT: [&str; 6] = [
        "upgrade",
        "connection",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "sec-websocket-extensions",
        "content-length",
    ];
    let mut new = Vec::with_capacity(old.len());
    for (index, line) in old.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let end = line.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
        let (name, rest) = line.split_at(end);
        let bare = name.strip_suffix(b":").unwrap_or_default().trim_ascii().to_ascii_lowercase();
        if value::is_name_kept(&bare) {
            new.extend_from_slice(name);
        } else {
            new.extend(masks.text(name));
        }
        if index == 0 || KEPT.iter().any(|kept| kept.as_bytes() == bare) {
            new.extend(words::words(masks, words::SMALL, rest));
        } else {
            new.extend(masks.filler(rest));
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn new(old: &[u8]) -> Vec<u8> {
        message(&mut Masks::new(Secret::seeded(1)), old)
    }

    const INVITE: &str = "INVITE sip:0312221111@example.kr;user=phone SIP/2.0\r\n\
        Via : SIP/2.0/UDP 10.1.0.41:5060\r\n ;branch=z9hG4bK-4001-1\r\n\
        From: \"민원실 김\" <sip:4001@example.kr>;tag=a4001\r\nTo: <sip:0312221111@example.kr>\r\n\
        Call-ID: 7d1f0e62@10.1.0.41\r\nCSeq: 1234567890 INVITE\r\nSubject:\r\nX-Secret: 4001 calls\r\n\
        no header at all\r\n\
        Content-Type: application/sdp\r\nContent-Length: 118\r\n\r\n\
        v=0\r\no=kim 3904 1 IN IP4 10.1.0.41\r\ns=Kim calls\r\nc=IN IP4 10.1.0.41\r\nt=0 0\r\nm=audio 16384 RTP/AVP 8 101\r\na=sendrecv\r\n";

    #[test]
    fn a_message_is_the_same_message_of_other_people() {
        let text = new(INVITE.as_bytes());
        let (old, message) = (Message::parse(INVITE.as_bytes()).unwrap(), Message::parse(&text).unwrap());
        assert_eq!((message.method(), message.cseq()), (old.method(), old.cseq()));
        assert_eq!(message.content_length(), old.content_length());
        assert_eq!(message.defects(), old.defects());
        let (own, other) = (message.request_uri().unwrap(), message.from().unwrap());
        assert_eq!(own.user.unwrap()[0], b'0');
        assert_eq!(other.uri().user.unwrap().len(), 4);
        assert_eq!(message.to().unwrap().uri().user, own.user);
        assert_eq!(
            message.top_via().unwrap().branch.map(<[u8]>::len),
            old.top_via().unwrap().branch.map(<[u8]>::len)
        );
        let sdp = earwitness_wire::sdp::Session::parse(message.sdp().unwrap()).unwrap();
        let media = sdp.media().next().unwrap();
        assert_eq!((media.port(), media.payload_types().collect::<Vec<_>>()), (16384, vec![8, 101]));
        let via = message.top_via().unwrap();
        assert_eq!(media.connection().unwrap().to_string().as_bytes(), via.host);
        for gone in [
            "4001",
            "312221111",
            "example",
            "10.1.0.41",
            "kim",
            "Kim",
            "7d1f0e62",
            "no header",
            "calls",
            "민",
        ] {
            assert!(!text.windows(gone.len()).any(|window| window == gone.as_bytes()), "{gone}");
        }
    }

    #[test]
    fn a_reason_keeps_the_words_that_everybody_uses() {
        let text = new(b"SIP/2.0 480 Temporarily Unavailable: Kim\r\nCall-ID: a\r\n\r\n");
        assert!(text.starts_with(b"SIP/2.0 480 Temporarily Unavailable: "));
        assert!(!text.windows(3).any(|window| window == b"Kim"));
    }

    #[test]
    fn a_handshake_still_opens_a_websocket() {
        let old = b"GET /kim HTTP/1.1\r\nHost: pbx.example.kr\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\nOrigin: https://kim\r\n\r\n";
        let text = handshake(&mut Masks::new(Secret::seeded(1)), old);
        assert_eq!(text.len(), old.len());
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("GET /") && text.contains(" HTTP/1.1\r\n") && text.ends_with("\r\n\r\n"));
        assert!(text.contains("Upgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n"), "{text}");
        assert!(!text.contains("kim") && !text.contains("example"));
    }

    proptest! {
        #[test]
        fn any_cut_and_any_byte_keeps_its_length(cut in 0_usize..700, at in 0_usize..600, byte in any::<u8>()) {
            let mut old = INVITE.as_bytes().to_vec();
            if let Some(place) = old.get_mut(at) {
                *place = byte;
            }
            old.truncate(cut);
            prop_assert_eq!(new(&old).len(), old.len());
        }
    }
}
