//! The opening handshake (RFC 6455, section 4): HTTP, until it says otherwise.

use crate::{
    sip::{HeaderLines, split_header},
    stream::sip::head_len,
};

/// What the head of an HTTP message makes of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stream) enum Handshake {
    /// Frames with SIP follow in this direction.
    Sip,
    /// Frames follow, of a protocol that is not named: the other direction may have named it.
    Unnamed,
    /// Frames with SIP follow, compressed.
    Compressed,
    /// No WebSocket, or one for something else.
    Other,
}

/// Whether `bytes` hold a whole head that opens a WebSocket for SIP.
pub(in crate::stream) fn is_handshake(bytes: &[u8]) -> bool {
    let begins = bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/1.1 101");
    let head = begins.then(|| head_len(bytes, 0)).flatten().and_then(|len| bytes.get(..len));
    head.is_some_and(|head| matches!(judge(head), Handshake::Sip | Handshake::Compressed))
}

/// Reads a head: a request that asks for `websocket` and the subprotocol `sip`, or the answer 101 that grants them
/// (RFC 7118, section 4.1). What the answer does not compress is in clear, whatever was asked for.
pub(in crate::stream) fn judge(head: &[u8]) -> Handshake {
    let is_answer = head.starts_with(b"HTTP/");
    if is_answer && !head.starts_with(b"HTTP/1.1 101") {
        return Handshake::Other;
    }
    let first = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
    let (mut is_websocket, mut is_compressed, mut protocol) = (false, false, None);
    for header in HeaderLines::new(head, first).filter_map(split_header) {
        let is = |name: &[u8]| header.name.eq_ignore_ascii_case(name);
        if is(b"upgrade") {
            is_websocket |= lists(header.value, b"websocket");
        } else if is(b"sec-websocket-protocol") {
            protocol = Some(protocol.unwrap_or(false) || lists(header.value, b"sip"));
        } else if is(b"sec-websocket-extensions") {
            is_compressed |= is_answer && lists(header.value, b"permessage-deflate");
        }
    }
    match protocol {
        _ if !is_websocket => Handshake::Other,
        Some(true) if is_compressed => Handshake::Compressed,
        Some(true) => Handshake::Sip,
        None if is_answer => Handshake::Unnamed,
        Some(false) | None => Handshake::Other,
    }
}

/// Whether `word` is among those that commas part, each up to its parameters.
fn lists(value: &[u8], word: &[u8]) -> bool {
    let mut parts = value.split(|&byte| byte == b',');
    parts.any(|part| {
        let name = part.split(|&byte| byte == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_websocket_for_sip_is_ours() {
        let request = |protocol: &str| {
            format!("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n")
        };
        let answer =
            |more: &str| format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n{more}\r\n");
        let cases = [
            (request("sip"), Handshake::Sip),
            (request("xmpp, SIP"), Handshake::Sip),
            (request("xmpp"), Handshake::Other),
            (request("sips"), Handshake::Other),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".into(), Handshake::Other),
            (answer("Sec-WebSocket-Protocol: sip\r\n"), Handshake::Sip),
            (answer(""), Handshake::Unnamed),
            (answer("Sec-WebSocket-Protocol: chat\r\n"), Handshake::Other),
            (
                answer(
                    "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\n",
                ),
                Handshake::Compressed,
            ),
            ("HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n".into(), Handshake::Other),
        ];
        for (head, expected) in cases {
            assert_eq!(judge(head.as_bytes()), expected, "{head}");
            let is_ours = matches!(expected, Handshake::Sip | Handshake::Compressed);
            assert_eq!(is_handshake(head.as_bytes()), is_ours, "{head}");
            assert!(!is_handshake(&head.as_bytes()[..head.len() - 1]), "{head}");
        }
        let offers =
            request("sip").replace("Upgrade", "Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade");
        assert_eq!(judge(offers.as_bytes()), Handshake::Sip, "what is offered is not granted yet");
    }
}
