//! Where SIP messages begin and end in a stream: by Content-Length (RFC 3261, sections 7.5 and 18.3).

use memchr::memchr;

use super::{StreamLimits, StreamLoss, StreamLosses, begin::is_start};
use crate::sip::{HeaderName, Message, find_start, looks_like};

/// The longest head of a message, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// The longest line that is kept while a start line is looked for.
const MAX_LINE: usize = 4 << 10;

/// Where in a message the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SipFraming {
    /// Before a start line, which is looked for: something is missing, or is no SIP.
    Searching,
    /// At the beginning of a message, or of the line ends before it.
    Beginning,
    /// In the head, of which so many bytes hold no empty line.
    Head { scanned: usize },
    /// In a message of so many bytes.
    Message { len: usize },
}

/// What the bytes at the front are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SipStep {
    /// A message of so many bytes.
    Message(usize),
    /// So many bytes that belong to none; 0: look again.
    Skip(usize),
    /// More bytes are needed.
    More,
}

impl SipFraming {
    /// Looks at `bytes`, which begin where the last step ended.
    pub(super) fn step(&mut self, bytes: &[u8], limits: &StreamLimits, losses: &mut StreamLosses) -> SipStep {
        match *self {
            Self::Searching => self.search(bytes),
            Self::Beginning => self.begin(bytes, losses),
            Self::Head { scanned } => self.head(bytes, scanned, limits, losses),
            Self::Message { len } if bytes.len() < len => SipStep::More,
            Self::Message { len } => {
                *self = Self::Beginning;
                SipStep::Message(len)
            }
        }
    }

    /// Whether the head of the message is whole.
    pub(super) const fn is_in_body(self) -> bool {
        matches!(self, Self::Message { .. })
    }

    fn search(&mut self, bytes: &[u8]) -> SipStep {
        if let Some(at) = find_start(bytes) {
            let found = bytes.get(at..).unwrap_or_default();
            if is_start(found) {
                *self = Self::Beginning;
                return SipStep::Skip(at);
            }
            if let Some(line) = memchr(b'\n', found) {
                return SipStep::Skip(at + line + 1);
            }
        }
        let line = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        match bytes.len() - line {
            0..=MAX_LINE if line == 0 => SipStep::More,
            0..=MAX_LINE => SipStep::Skip(line),
            _ => SipStep::Skip(bytes.len()),
        }
    }

    /// Line ends before a message are skipped: a keep-alive is nothing else (RFC 3261, 7.5; RFC 5626, 3.5.1). So are NULs, with
    /// which some phones keep alive.
    fn begin(&mut self, bytes: &[u8], losses: &mut StreamLosses) -> SipStep {
        let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        if ends > 0 {
            return SipStep::Skip(ends);
        }
        let line = memchr(b'\n', bytes);
        if line.is_none() && bytes.len() <= MAX_LINE {
            return SipStep::More;
        }
        if line.is_some() && looks_like(bytes) {
            *self = Self::Head { scanned: 0 };
            return SipStep::Skip(0);
        }
        losses.count(StreamLoss::NotSip);
        *self = Self::Searching;
        // A line without an end may look like a start line: it is not to be found again.
        SipStep::Skip(if line.is_some() { 0 } else { bytes.len() })
    }

    fn head(
        &mut self,
        bytes: &[u8],
        scanned: usize,
        limits: &StreamLimits,
        losses: &mut StreamLosses,
    ) -> SipStep {
        let Some(head) = head_len(bytes, scanned) else {
            if bytes.len() <= MAX_HEAD {
                *self = Self::Head { scanned: bytes.len().saturating_sub(3) };
                return SipStep::More;
            }
            losses.count(StreamLoss::TooLong);
            *self = Self::Searching;
            return SipStep::Skip(bytes.len());
        };
        match message_len(bytes.get(..head).unwrap_or_default(), losses) {
            Some(len) if head <= MAX_HEAD && len <= limits.message => {
                *self = Self::Message { len };
                SipStep::Skip(0)
            }
            Some(_) | None => {
                losses.count(StreamLoss::TooLong);
                *self = Self::Searching;
                SipStep::Skip(head)
            }
        }
    }
}

/// The length of the message with this head; `None` where it does not fit. Without a Content-Length, which a stream must
/// have (RFC 3261, 20.14), there is no body; nor is there with one that is no number.
fn message_len(head: &[u8], losses: &mut StreamLosses) -> Option<usize> {
    let Ok(message) = Message::parse(head) else { return Some(head.len()) };
    match message.content_length() {
        Some(body) => head.len().checked_add(usize::try_from(body).ok()?),
        None => {
            if message.first(HeaderName::ContentLength).is_some() {
                losses.count(StreamLoss::BadLength);
            }
            Some(head.len())
        }
    }
}

/// The length of a head: up to its empty line, and with it. The first `scanned` bytes are known to hold none.
pub(super) fn head_len(bytes: &[u8], scanned: usize) -> Option<usize> {
    let mut at = scanned;
    loop {
        at += memchr(b'\n', bytes.get(at..)?)? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages in `stream`, fed whole, and what was counted.
    fn check(stream: &str, expected: &[&str], lost: &[StreamLoss]) {
        let (mut framing, mut losses) = (SipFraming::Beginning, StreamLosses::default());
        let (mut rest, mut found) = (stream.as_bytes(), Vec::new());
        loop {
            match framing.step(rest, &StreamLimits::default(), &mut losses) {
                SipStep::Message(len) => {
                    found.push(String::from_utf8_lossy(&rest[..len]).into_owned());
                    rest = &rest[len..];
                }
                SipStep::Skip(len) => rest = &rest[len..],
                SipStep::More => break,
            }
        }
        assert_eq!(found, expected);
        let counted: Vec<_> = losses.iter().filter(|(_, count)| *count > 0).map(|(loss, _)| loss).collect();
        assert_eq!(counted, lost, "{stream:?}");
    }

    const A: &str = "OPTIONS sip:a SIP/2.0\r\nCall-ID: a\r\nl: 3\r\n\r\nabc";
    const B: &str = "SIP/2.0 200 OK\nCall-ID: b\n\n";

    #[test]
    fn messages_end_where_their_lengths_say_with_line_ends_between() {
        check(&format!("\r\n\r\n{A}{B}\r\n\r\n{A}\r\n"), &[A, B, A], &[]);
        check(&format!("\0\0\n\n{A}\0\0\0\n\n{B}"), &[A, B], &[]);
        check(&A[..A.len() - 1], &[], &[]);
    }

    #[test]
    fn what_is_no_message_is_skipped_up_to_the_next_start_line() {
        check(&format!("{A}junk\r\nmore junk: 5\r\n{B}"), &[A, B], &[StreamLoss::NotSip]);
    }

    #[test]
    fn a_length_that_is_none_makes_no_body_and_one_beyond_the_bound_no_message() {
        let bad = A.replace("l: 3", "l: x");
        let head = &bad[..bad.len() - 3];
        check(&format!("{bad}\n{B}"), &[head, B], &[StreamLoss::NotSip, StreamLoss::BadLength]);
        let huge = A.replace("l: 3", "l: 4294967295");
        check(&format!("{huge}\n{B}"), &[B], &[StreamLoss::TooLong]);
        let beyond = A.replace("l: 3", "l: 99999999999999999999");
        check(
            &format!("{beyond}\n{B}"),
            &[&beyond[..beyond.len() - 3], B],
            &[StreamLoss::NotSip, StreamLoss::BadLength],
        );
    }

    #[test]
    fn a_head_without_end_is_given_up_at_the_bound() {
        let endless = format!("INVITE sip:a SIP/2.0\r\n{}", "X: y\r\n".repeat(20_000));
        check(&format!("{endless}{B}"), &[], &[StreamLoss::TooLong]);
    }
}
