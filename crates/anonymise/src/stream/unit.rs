//! What a stream is made of: the next thing in it that can be replaced by itself.

use earwitness_wire::sip::{Message, Method, find_start, looks_like};

use super::{lane::Mode, websocket};
use crate::Dropped;

/// The longest message; what seems longer is none.
const MAX_MESSAGE: usize = 256 << 10;
/// The longest first line that is waited for.
const MAX_LINE: usize = 4 << 10;
/// The longest head of a handshake.
const MAX_HANDSHAKE: usize = 16 << 10;

/// The next thing in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Line ends of so many bytes.
    Blank(usize),
    /// A message.
    Message(usize),
    /// A head that opens a WebSocket.
    Handshake(usize),
    /// WebSocket frames that are one message, or one that controls.
    Frames(usize),
    /// So many bytes that are none of these.
    Junk(usize),
    /// More bytes are needed to say.
    More,
}

/// What a stream turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    Ours(Mode),
    TooFew,
    Foreign(Dropped),
}

/// What `bytes`, the first of a stream or of what was seen of it, make it.
pub(super) fn judge(bytes: &[u8]) -> Judged {
    let blanks = blanks(bytes);
    let text = bytes.get(blanks..).unwrap_or_default();
    match text {
        [] if bytes.len() <= MAX_LINE => return Judged::TooFew,
        [0x16, ..] => return Judged::Foreign(Dropped::Tls),
        [0x01 | 0x02 | 0x81 | 0x82, ..] if blanks == 0 => return websocket::judge(bytes),
        _ => {}
    }
    let is_token =
        |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'(' | b')' | b'<' | b'>' | b'@');
    let word = text.iter().take(65).take_while(|byte| is_token(byte)).count();
    match text.get(word) {
        None if word <= 64 => Judged::TooFew,
        Some(b' ' | b'\t') if text.starts_with(b"GET ") || text.starts_with(b"HTTP/1.1 ") => {
            Judged::Ours(Mode::Handshake)
        }
        Some(b' ' | b'\t') if text.contains(&b'\n') && looks_like(text) => Judged::Ours(Mode::Sip),
        Some(b' ' | b'\t') if !text.contains(&b'\n') && text.len() <= MAX_LINE => Judged::TooFew,
        Some(_) | None => Judged::Foreign(Dropped::OtherTcp),
    }
}

/// Line ends where they were, and nothing else.
pub(super) fn blotted(old: &[u8]) -> Vec<u8> {
    old.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { *byte } else { b'x' }).collect()
}

/// How many bytes of `raw`, which begins nothing, are to be stepped over: its first line at least, and all of what has none.
pub(super) fn junk(raw: &[u8]) -> usize {
    let Some(feed) = raw.iter().position(|byte| *byte == b'\n') else { return raw.len() };
    let behind = raw.get(feed + 1..).unwrap_or_default();
    feed + 1 + find_start(behind).unwrap_or(0)
}

/// What begins in the middle of a connection: only what is no chance.
pub(super) fn begins(bytes: &[u8]) -> Option<Mode> {
    match bytes.first()? {
        0x01 | 0x02 | 0x81 | 0x82 => match websocket::judge(bytes) {
            Judged::Ours(mode) => Some(mode),
            Judged::TooFew | Judged::Foreign(_) => None,
        },
        b'G' | b'H' => {
            let is_whole = handshake_len(bytes).and_then(|len| bytes.get(..len)).is_some_and(opens_websocket);
            is_whole.then_some(Mode::Handshake)
        }
        _ => is_start(bytes).then_some(Mode::Sip),
    }
}

fn is_start(bytes: &[u8]) -> bool {
    let method = Message::parse(bytes).ok().and_then(|message| message.method());
    looks_like(bytes) && method != Some(Method::Other)
}

/// Line ends and NULs at the beginning.
pub(super) fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count()
}

/// The next thing in `raw`, which is not empty, of a stream of this mode.
pub(super) fn next(mode: Mode, raw: &[u8]) -> Unit {
    match mode {
        Mode::Sip => message(raw),
        Mode::Frames => websocket::next(raw),
        Mode::Handshake => match handshake_len(raw) {
            Some(len) => Unit::Handshake(len),
            None if raw.len() > MAX_HANDSHAKE => Unit::Junk(raw.len()),
            None => Unit::More,
        },
    }
}

fn message(raw: &[u8]) -> Unit {
    match blanks(raw) {
        0 => {}
        blanks => return Unit::Blank(blanks),
    }
    if !raw.contains(&b'\n') {
        return if raw.len() <= MAX_LINE { Unit::More } else { Unit::Junk(raw.len()) };
    }
    if !looks_like(raw) {
        return Unit::Junk(junk(raw));
    }
    let Some(head) = head_len(raw) else {
        return if raw.len() <= MAX_MESSAGE { Unit::More } else { Unit::Junk(raw.len()) };
    };
    let said =
        raw.get(..head).and_then(|head| Message::parse(head).ok()).and_then(|head| head.content_length());
    let len = said.and_then(|len| usize::try_from(len).ok()).unwrap_or(0).saturating_add(head);
    match len {
        len if len > MAX_MESSAGE => Unit::Message(head),
        len if len > raw.len() => Unit::More,
        len => Unit::Message(len),
    }
}

/// Up to and with the empty line.
fn head_len(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return Some(at);
        }
    }
    None
}

fn handshake_len(raw: &[u8]) -> Option<usize> {
    head_len(raw).filter(|len| *len <= MAX_HANDSHAKE)
}

/// Whether a head opens a WebSocket for SIP, uncompressed.
pub(super) fn opens_websocket(head: &[u8]) -> bool {
    let text = head.to_ascii_lowercase();
    let has = |name: &str, word: &str| {
        text.split(|byte| *byte == b'\n').any(|line| {
            let value = line.strip_prefix(name.as_bytes()).map(<[u8]>::trim_ascii_start);
            value.and_then(|value| value.strip_prefix(b":")).is_some_and(|value| {
                value
                    .split(|byte| matches!(byte, b',' | b';'))
                    .any(|part| part.trim_ascii() == word.as_bytes())
            })
        })
    };
    let is_answer = text.starts_with(b"http/1.1 ");
    let is_granted =
        text.starts_with(b"http/1.1 101") && !has("sec-websocket-extensions", "permessage-deflate");
    has("upgrade", "websocket") && has("sec-websocket-protocol", "sip") && (is_granted || !is_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_its_messages_end() {
        let one = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(next(Mode::Sip, one), Unit::Message(one.len()));
        assert_eq!(next(Mode::Sip, &one[..one.len() - 1]), Unit::More);
        assert_eq!(next(Mode::Sip, &[&b"\r\n\r\n"[..], one].concat()), Unit::Blank(4));
        assert_eq!(next(Mode::Sip, &[&b"rest of a body\r\n"[..], one].concat()), Unit::Junk(16));
        assert_eq!(next(Mode::Sip, &[&one[..], one].concat()), Unit::Message(one.len()));
    }

    #[test]
    fn a_stream_shows_early_that_it_is_none_of_ours() {
        assert_eq!(judge(b"\x16\x03\x01\x02\x00\x01"), Judged::Foreign(Dropped::Tls));
        for other in [&b"EHLO mail\r\n"[..], b"SSH-2.0-x y\r\n", b"\x00\x01", b"POST /x HTTP/1.1\r\n"] {
            assert_eq!(judge(other), Judged::Foreign(Dropped::OtherTcp));
        }
        assert_eq!(judge(b"INVI"), Judged::TooFew);
        assert_eq!(judge(b"SIP/2.0 200 OK\r\n"), Judged::Ours(Mode::Sip));
        assert_eq!(judge(b"GET /"), Judged::Ours(Mode::Handshake));
    }
}
