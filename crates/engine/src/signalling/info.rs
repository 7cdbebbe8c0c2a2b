//! Keys sent as SIP INFO: `application/dtmf-relay` and `application/dtmf`, which phones send and no RFC defines.

use earwitness_model::{Dtmf, DtmfVia, Leg, PacketTime, Pii};
use earwitness_wire::sip::{HeaderName, Message};

use crate::{
    limits::MAX_LISTED,
    presses::{Press, Seen},
};

/// INFO requests looked back on for repeats.
const LOOK_BACK: usize = 16;

/// The keys of a call that came by INFO, each request once.
#[derive(Debug, Default)]
pub(super) struct InfoKeys {
    listed: Vec<Press>,
    /// The CSeq numbers of the listed keys: what repeats one in its dialog is the same key press.
    numbers: Vec<u32>,
}

impl InfoKeys {
    /// Lists the key that `message`, which `leg` sent in the dialog at `place` of the call's names, carries, if it carries one
    /// and is no repeat.
    pub(super) fn add(&mut self, (leg, place): (Leg, usize), message: &Message<'_>, at: PacketTime) {
        let (Some((digit, ms)), Some(cseq)) = (key(message), message.cseq()) else { return };
        let mut before = self.listed.iter().zip(&self.numbers).rev().take(LOOK_BACK);
        let seen = Seen::Dialog(place);
        let is_repeat = before
            .any(|(listed, &number)| listed.key.leg == leg && listed.seen == seen && number == cseq.number);
        if !is_repeat && self.listed.len() < MAX_LISTED {
            let key = Dtmf { at, digit: Pii::new(digit), leg, via: DtmfVia::Info, ms };
            self.listed.push(Press { key, seen });
            self.numbers.push(cseq.number);
        }
    }

    /// What was listed.
    pub(super) fn into_listed(self) -> Vec<Press> {
        self.listed
    }
}

/// The key and its duration in ms, 0 where none is said.
fn key(message: &Message<'_>) -> Option<(char, u32)> {
    let kind = message.first(HeaderName::ContentType)?;
    let kind = kind.split(|&byte| byte == b';').next()?.trim_ascii();
    let body = message.body();
    if kind.eq_ignore_ascii_case(b"application/dtmf-relay") {
        let duration = field(body, b"Duration").and_then(number).unwrap_or(0);
        Some((digit(field(body, b"Signal")?)?, duration))
    } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
        Some((digit(field(body, b"Signal").unwrap_or_else(|| body.trim_ascii()))?, 0))
    } else {
        None
    }
}

/// The value of `Name=value` on a line of its own.
fn field<'b>(body: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    let mut lines = body.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.find_map(|line| {
        let at = line.iter().position(|&byte| byte == b'=')?;
        let (said, value) = (line[..at].trim_ascii(), line[at + 1..].trim_ascii());
        said.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A key as it is printed on the phone, or the number that RFC 4733 gives it.
fn digit(text: &[u8]) -> Option<char> {
    let key = match *text {
        [key] => key.to_ascii_uppercase(),
        [b'1', unit @ b'0'..=b'5'] => *b"*#ABCD".get(usize::from(unit - b'0'))?,
        _ => return None,
    };
    (key.is_ascii_digit() || b"*#ABCD".contains(&key)).then_some(char::from(key))
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: &str, body: &str, cseq: u32) -> String {
        let length = body.len();
        format!(
            "INFO sip:4001@10.1.0.9 SIP/2.0\r\nCSeq: {cseq} INFO\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n\
             {body}"
        )
    }

    #[test]
    fn a_key_is_read_as_phones_write_it() {
        let relay = "application/dtmf-relay";
        for (kind, body, expected) in [
            (relay, "Signal=*\r\nDuration=160\r\n", Some(('*', 160))),
            (relay, "Signal= 5\r\nDuration= 250", Some(('5', 250))),
            (relay, "signal=11\nduration=90\n", Some(('#', 90))),
            (relay, "Signal=d\r\n", Some(('D', 0))),
            (relay, "Duration=160\r\n", None),
            (relay, "Signal=16\r\n", None),
            (relay, "Signal=x\r\nDuration=160", None),
            ("Application/DTMF; charset=utf-8", "1", Some(('1', 0))),
            ("application/dtmf", "10\r\n", Some(('*', 0))),
            ("application/dtmf", "", None),
            ("application/media_control+xml", "1", None),
        ] {
            let message = info(kind, body, 2);
            assert_eq!(key(&Message::parse(message.as_bytes()).unwrap()), expected, "{kind} {body:?}");
        }
    }

    #[test]
    fn a_repeated_request_is_one_key_and_a_new_one_another() {
        let mut keys = InfoKeys::default();
        let (caller, callee) = (Leg::Caller, Leg::Callee);
        for (leg, place, cseq) in
            [(caller, 0, 2), (caller, 0, 2), (callee, 0, 2), (caller, 0, 3), (caller, 1, 3)]
        {
            let message = info("application/dtmf", "7", cseq);
            keys.add((leg, place), &Message::parse(message.as_bytes()).unwrap(), PacketTime::EPOCH);
        }
        let legs: Vec<Leg> = keys.into_listed().into_iter().map(|press| press.key.leg).collect();
        assert_eq!(legs, [caller, callee, caller, caller], "a number of another dialog repeats nothing");
    }
}
