//! The start line, and the cheap test for it that any datagram of any port is put to.

use memchr::memchr;

use super::{
    Defect, Defects, Method, SipCause,
    scan::{cut_at, is_token},
};

/// The longest method name that is taken for one, in bytes.
pub const METHOD_BOUND: usize = 64;

/// Lines that are looked at for a start line when the first is none.
const JUNK_LINES: usize = 8;

/// The first line of a message (RFC 3261, 7.1 and 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'b> {
    /// `METHOD uri SIP/2.0`
    Request {
        /// The method.
        method: Method,
        /// The method as it was written.
        method_name: &'b [u8],
        /// The Request-URI as it was written, trimmed; [`Message::request_uri`](super::Message::request_uri) reads it.
        uri: &'b [u8],
    },
    /// `SIP/2.0 code reason`
    Status {
        /// 100 to 999.
        code: u16,
        /// The reason phrase, trimmed; it may be empty, and it is UTF-8 by the RFC only.
        reason: &'b [u8],
    },
}

/// Whether a datagram begins like a SIP message, for any port.
///
/// Line ends and NUL before the start line are skipped. RTP, RTCP, DTLS, STUN and T.38 are told by their first byte or
/// two, which is no token character; only text is looked at further.
#[must_use]
pub fn looks_like(datagram: &[u8]) -> bool {
    let text = datagram.get(padding(datagram)..).unwrap_or_default();
    begins_like_a_start_line(text) && StartLine::parse(first_line(text)).is_ok()
}

/// The offset of the first line in `bytes` that is a start line; where a TCP flow is picked up after a gap.
#[must_use]
pub fn find_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let at_text = at + padding(rest);
        if looks_like(rest) {
            return Some(at_text);
        }
        at = at_text + memchr(b'\n', bytes.get(at_text..)?)? + 1;
    }
}

/// How many line ends and NULs stand at the beginning.
fn padding(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0)).unwrap_or(bytes.len())
}

fn begins_like_a_start_line(text: &[u8]) -> bool {
    let word = text.iter().take(METHOD_BOUND + 1).position(|&byte| !(is_token(byte) || byte == b'/'));
    word.is_some_and(|end| end > 0 && matches!(text.get(end), Some(b' ' | b'\t')))
}

/// Up to the first line feed, without it and without the carriage return before it.
fn first_line(text: &[u8]) -> &[u8] {
    let line = memchr(b'\n', text).and_then(|end| text.get(..end)).unwrap_or(text);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A start line, where the line after it begins, and what is wrong with it.
pub(crate) struct Start<'b> {
    pub(crate) line: StartLine<'b>,
    pub(crate) next: usize,
    pub(crate) defects: Defects,
}

impl<'b> Start<'b> {
    /// Finds the start line: the first line that is not empty, or one of the few after it.
    pub(crate) fn find(datagram: &'b [u8]) -> Result<Self, (usize, SipCause)> {
        let first = padding(datagram);
        if first == datagram.len() {
            return Err((0, SipCause::Empty));
        }
        let mut at = first;
        let mut refused = None;
        for _ in 0..JUNK_LINES {
            let text = datagram.get(at..).unwrap_or_default();
            let line = first_line(text);
            match StartLine::parse(line) {
                Ok((start, mut defects)) => {
                    let padded = datagram.get(..first).is_some_and(|padding| memchr(0, padding).is_some());
                    defects.insert_if(padded || refused.is_some(), Defect::JunkBeforeStartLine);
                    let next = at + memchr(b'\n', text).map_or(text.len(), |end| end + 1);
                    return Ok(Self { line: start, next, defects });
                }
                Err(cause) => refused = refused.or(Some((first, cause))),
            }
            let Some(end) = memchr(b'\n', text) else { break };
            at += end + 1;
            at += padding(datagram.get(at..).unwrap_or_default());
        }
        Err(refused.unwrap_or((first, SipCause::NoVersion)))
    }
}

impl<'b> StartLine<'b> {
    /// Reads one line without its end, laxly about white space.
    pub(crate) fn parse(line: &'b [u8]) -> Result<(Self, Defects), SipCause> {
        if is_version(line) { parse_status(line) } else { parse_request(line) }
    }
}

fn parse_request(line: &[u8]) -> Result<(StartLine<'_>, Defects), SipCause> {
    let at = line.iter().position(|&byte| !is_token(byte)).ok_or(SipCause::NoUri)?;
    let (method_name, rest) = line.split_at_checked(at).ok_or(SipCause::NoUri)?;
    if method_name.is_empty() || at > METHOD_BOUND || !matches!(rest.first(), Some(b' ' | b'\t')) {
        return Err(SipCause::BadMethod);
    }
    let rest = rest.trim_ascii();
    let at = memchr::memrchr2(b' ', b'\t', rest).ok_or(SipCause::NoVersion)?;
    let (uri, version) = cut_at(rest, at).ok_or(SipCause::NoVersion)?;
    if !is_version(version) {
        return Err(SipCause::NoVersion);
    }
    let uri = uri.trim_ascii();
    if uri.is_empty() {
        return Err(SipCause::NoUri);
    }
    let mut defects = Defects::NONE;
    let tight = method_name.len() + uri.len() + version.len() + 2 == line.len();
    defects.insert_if(!tight || uri.iter().any(u8::is_ascii_whitespace), Defect::BadStartLine);
    defects.insert_if(!version.eq_ignore_ascii_case(b"SIP/2.0"), Defect::BadVersion);
    Ok((StartLine::Request { method: Method::from_name(method_name), method_name, uri }, defects))
}

fn parse_status(line: &[u8]) -> Result<(StartLine<'_>, Defects), SipCause> {
    let at = memchr::memchr2(b' ', b'\t', line).ok_or(SipCause::BadStatus)?;
    let (version, rest) = cut_at(line, at).ok_or(SipCause::BadStatus)?;
    let trimmed = rest.trim_ascii_start();
    let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', ref tail @ ..] = trimmed else {
        return Err(SipCause::BadStatus);
    };
    if !matches!(tail.first(), None | Some(b' ' | b'\t')) {
        return Err(SipCause::BadStatus);
    }
    let digit = |byte: u8| u16::from(byte - b'0');
    let mut defects = Defects::NONE;
    defects.insert_if(trimmed.len() != rest.len() || tail.is_empty(), Defect::BadStartLine);
    defects.insert_if(!version.eq_ignore_ascii_case(b"SIP/2.0"), Defect::BadVersion);
    let code = digit(a) * 100 + digit(b) * 10 + digit(c);
    Ok((StartLine::Status { code, reason: tail.trim_ascii() }, defects))
}

/// `SIP/` and something after it, without case (RFC 3261, 7.1).
fn is_version(bytes: &[u8]) -> bool {
    matches!(bytes, [b'S' | b's', b'I' | b'i', b'P' | b'p', b'/', b'0'..=b'9', ..])
}
