//! What a stream is, by its first bytes. Most of what a mirror shows is none of ours: that is to be seen at once.

use std::ops::RangeInclusive;

use earwitness_tls::{Role, hello_of};
use memchr::memchr;

use super::websocket;
use crate::sip::{METHOD_BOUND, Message, Method, looks_like};

/// Ports on which TLS is taken for SIP: 5061 by RFC 3261, 19.1.2, the others by habit.
pub const SIP_PORTS: RangeInclusive<u16> = 5060..=5090;

/// The longest first line that is waited for.
const MAX_LINE: usize = 4 << 10;

/// What a stream of ours speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// SIP messages.
    Sip,
    /// HTTP, as far as it has gone: a WebSocket may come of it (RFC 6455, section 4).
    Handshake,
    /// WebSocket frames with SIP in them.
    Frames,
    /// Records of TLS, from the hello of this party on.
    Tls(Role),
}

/// What the first bytes of a stream say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is ours.
    Ours(Beginning),
    /// There are too few of them to say.
    TooFew,
    /// A hello of TLS (RFC 8446, 4.1.2 and 4.1.3).
    Tls(Role),
    /// It is none of ours.
    Other,
}

/// Judges the first bytes of a connection.
pub(super) fn judge(bytes: &[u8]) -> Judged {
    let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let text = bytes.get(ends..).unwrap_or_default();
    match text {
        [] if bytes.len() <= MAX_LINE => return Judged::TooFew,
        // A record of type handshake, and in it a hello.
        [0x16, rest @ ..] => {
            return match (hello_of(text), rest) {
                (Some(role), _) => Judged::Tls(role),
                (None, [] | [3] | [3, _] | [3, _, _] | [3, _, _, _]) => Judged::TooFew,
                (None, _) => Judged::Other,
            };
        }
        _ => {}
    }
    let is_token =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'(' | b')' | b'<' | b'>' | b'@');
    let word = text.iter().take(METHOD_BOUND + 1).take_while(|byte| is_token(byte)).count();
    match text.get(word) {
        None if word <= METHOD_BOUND => Judged::TooFew,
        Some(b' ' | b'\t') if word > 0 => judge_line(text),
        Some(_) | None => Judged::Other,
    }
}

/// Judges text that begins with a word.
fn judge_line(text: &[u8]) -> Judged {
    if text.starts_with(b"GET ") || text.starts_with(b"HTTP/1.1 ") {
        return Judged::Ours(Beginning::Handshake);
    }
    match memchr(b'\n', text) {
        Some(_) if looks_like(text) => Judged::Ours(Beginning::Sip),
        None if text.len() <= MAX_LINE => Judged::TooFew,
        Some(_) | None => Judged::Other,
    }
}

/// What a segment shows of a connection whose beginning was not seen: only what begins with it is known for ours.
#[inline]
pub(super) fn judge_anywhere(bytes: &[u8]) -> Option<Beginning> {
    match bytes.first()? {
        0x01 | 0x02 | 0x81 | 0x82 => websocket::begins_message(bytes).then_some(Beginning::Frames),
        b'G' | b'H' if websocket::is_handshake(bytes) => Some(Beginning::Handshake),
        _ => is_start(bytes).then_some(Beginning::Sip),
    }
}

/// Whether `bytes` begin with a start line that is no chance: in the middle of a stream the end of a body and a start line
/// behind it are one line, that of a method which nobody knows.
#[inline]
pub(super) fn is_start(bytes: &[u8]) -> bool {
    let method = |line| Message::parse(line).ok().and_then(|message| message.method());
    looks_like(bytes) && method(first_line(bytes)) != Some(Method::Other)
}

/// The first line that is not empty, with the line ends before it.
fn first_line(bytes: &[u8]) -> &[u8] {
    let text = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0)).unwrap_or(bytes.len());
    let line = bytes.get(text..).unwrap_or_default();
    let end = text + memchr(b'\n', line).map_or(line.len(), |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Whether a segment begins a TLS connection.
#[inline]
pub(super) const fn is_client_hello(bytes: &[u8]) -> bool {
    matches!(hello_of(bytes), Some(Role::Client))
}

/// Whether a segment begins with the server's hello.
pub(super) const fn is_server_hello(bytes: &[u8]) -> bool {
    matches!(hello_of(bytes), Some(Role::Server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_judged_by_its_first_bytes_however_few_come_at_a_time() {
        let cases: &[(&[u8], Judged)] = &[
            (b"INVITE sip:4001@10.1.0.9 SIP/2.0\r\n", Judged::Ours(Beginning::Sip)),
            (b"\r\n\r\nSIP/2.0 200 OK\r\n", Judged::Ours(Beginning::Sip)),
            (b"GET ", Judged::Ours(Beginning::Handshake)),
            (b"HTTP/1.1 ", Judged::Ours(Beginning::Handshake)),
            (b"\x16\x03\x01\x02\x00\x01", Judged::Tls(Role::Client)),
            (b"\x16\x03\x03\x00\x7a\x02", Judged::Tls(Role::Server)),
            (b"\x16\x03\x03\x00\x7a\x0b", Judged::Other),
            (b"EHLO mail.example\r\n", Judged::Other),
            (b"POST /x HTTP/1.1\r\n", Judged::Other),
            (b"SSH-2.0-OpenSSH_9.6 x\r\n", Judged::Other),
        ];
        for (bytes, expected) in cases {
            for len in 0..bytes.len() {
                let early = judge(&bytes[..len]);
                assert!(early == Judged::TooFew || early == *expected, "{len} of {bytes:?}: {early:?}");
            }
            assert_eq!(judge(bytes), *expected, "{bytes:?}");
        }
        for binary in [&b"\x00"[..], b"\x16\x02", b"\xff\xff", b"SMB\x00", &[b'a'; 65]] {
            assert_eq!(judge(binary), Judged::Other, "{binary:?}");
        }
    }

    #[test]
    fn in_the_middle_only_what_begins_with_the_segment_is_ours() {
        assert_eq!(judge_anywhere(b"SIP/2.0 180 Ringing\r\nVia: x"), Some(Beginning::Sip));
        for other in [
            &b""[..],
            b"Via: x\r\n",
            b"xxxINVITE sip:x SIP/2.0\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x81\x05hello",
            b"HTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert_eq!(judge_anywhere(other), None, "{other:?}");
        }
    }
}
