//! WebSocket frames (RFC 6455, section 5) with messages in them.
//!
//! ```text
//!  0        1        2                    4
//!  +-+-+----+-+------+--------------------+----------------+-----------
//!  |F|RSV|op|M| len  | longer length, if len is 126 or 127 | key, if M  | payload …
//!  +-+-+----+-+------+--------------------+----------------+-----------
//! ```

use earwitness_wire::sip::looks_like;

use super::{
    lane::Mode,
    unit::{Judged, Unit},
};
use crate::{Dropped, masks::Masks, sip};

/// The longest message, and the most frames of one.
const MAX_MESSAGE: usize = 256 << 10;
const MAX_FRAMES: usize = 256;

/// A frame by its header.
#[derive(Debug, Clone, Copy)]
struct Head {
    is_last: bool,
    is_control: bool,
    is_plain: bool,
    key: [u8; 4],
    /// Of the header, and of the payload.
    len: usize,
    payload: usize,
}

impl Head {
    /// `None` where there is too little of it.
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, second] = bytes.first_chunk()?;
        let (payload, mut len) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (
                usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).unwrap_or(usize::MAX),
                10,
            ),
            len => (usize::from(len), 2),
        };
        let mut key = [0; 4];
        if second & 0x80 != 0 {
            key = *bytes.get(len..)?.first_chunk()?;
            len += 4;
        }
        let opcode = first & 0x0f;
        Some(Self {
            is_last: first & 0x80 != 0,
            is_control: opcode & 8 != 0,
            is_plain: first & 0x70 == 0 && matches!(opcode, 0 | 1 | 2 | 8..=10),
            key,
            len,
            payload,
        })
    }

    /// `bytes`, masked or unmasked.
    fn masked(&self, bytes: &[u8]) -> Vec<u8> {
        bytes.iter().zip(self.key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    }
}

/// Whether bytes that begin like a frame hold the beginning of a message.
pub(super) fn judge(bytes: &[u8]) -> Judged {
    let Some(head) = Head::read(bytes) else { return Judged::TooFew };
    let text = head.masked(bytes.get(head.len..).unwrap_or_default());
    let text = text.get(..head.payload).unwrap_or(&text);
    if !head.is_plain || head.payload > MAX_MESSAGE {
        Judged::Foreign(Dropped::OtherTcp)
    } else if looks_like(text) {
        Judged::Ours(Mode::Frames)
    } else if text.len() < head.payload.min(2048) && !text.contains(&b'\n') {
        Judged::TooFew
    } else {
        Judged::Foreign(Dropped::OtherTcp)
    }
}

/// The next message or frame that controls.
pub(super) fn next(raw: &[u8]) -> Unit {
    let mut at = 0;
    for _ in 0..MAX_FRAMES {
        let Some(head) = Head::read(raw.get(at..).unwrap_or_default()) else { return Unit::More };
        if !head.is_plain || head.payload > MAX_MESSAGE {
            return Unit::Junk(raw.len());
        }
        let is_first = at == 0;
        at += head.len + head.payload;
        if at > raw.len() {
            return if at > 2 * MAX_MESSAGE { Unit::Junk(raw.len()) } else { Unit::More };
        }
        if (head.is_control && is_first) || (head.is_last && !head.is_control) {
            return Unit::Frames(at);
        }
    }
    Unit::Junk(raw.len())
}

/// Frames with another message in them: of the same lengths, masked by the same keys. What controls, and what is no message,
/// holds nothing afterwards.
pub(super) fn replaced(masks: &mut Masks, old: &[u8]) -> Vec<u8> {
    let (mut heads, mut at, mut text) = (Vec::new(), 0, Vec::new());
    while let Some(head) = Head::read(old.get(at..).unwrap_or_default()) {
        let payload = old.get(at + head.len..).unwrap_or_default();
        let payload = payload.get(..head.payload).unwrap_or(payload);
        if !head.is_control {
            text.extend(head.masked(payload));
        }
        heads.push((at, head, payload.len()));
        at += head.len + payload.len();
    }
    let is_blank = text.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let text = match text {
        text if is_blank => text,
        text if looks_like(&text) => sip::message(masks, &text),
        text => vec![b'x'; text.len()],
    };
    let (mut new, mut rest) = (Vec::with_capacity(old.len()), &text[..]);
    for (at, head, len) in heads {
        new.extend_from_slice(old.get(at..at + head.len).unwrap_or_default());
        if head.is_control {
            new.extend(head.masked(&vec![0; len]));
        } else {
            let (own, after) = rest.split_at(len.min(rest.len()));
            new.extend(head.masked(own));
            rest = after;
        }
    }
    new.resize(old.len(), b'x');
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn frame(first: u8, key: Option<[u8; 4]>, text: &[u8]) -> Vec<u8> {
        let mask = if key.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![first, mask | 126];
        bytes.extend((text.len() as u16).to_be_bytes());
        bytes.extend(key.iter().flatten());
        bytes.extend(text.iter().zip(key.unwrap_or([0; 4]).iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    }

    #[test]
    fn a_message_in_two_frames_is_another_in_two_frames() {
        let message = b"OPTIONS sip:4001@10.1.0.5 SIP/2.0\r\nCall-ID: kim-1\r\n\r\n";
        let (a, b) = message.split_at(20);
        let old = [
            frame(0x01, Some([1, 2, 3, 4]), a),
            frame(0x89, None, b"ping of kim"),
            frame(0x80, Some([5, 6, 7, 8]), b),
        ]
        .concat();
        assert_eq!(judge(&old), Judged::Foreign(Dropped::OtherTcp));
        assert_eq!(judge(&frame(0x81, None, message)), Judged::Ours(Mode::Frames));
        assert_eq!(next(&old), Unit::Frames(old.len()));
        assert_eq!(next(&old[..old.len() - 1]), Unit::More);
        let mut masks = Masks::new(Secret::seeded(1));
        let new = replaced(&mut masks, &old);
        assert_eq!(new.len(), old.len());
        assert_eq!((&new[..8], next(&new)), (&old[..8], Unit::Frames(old.len())));
        let first = Head::read(&new).unwrap();
        assert_eq!(first.masked(&new[8..28]), sip::message(&mut masks, message)[..20]);
        assert!(!new.windows(3).any(|window| window == b"kim"));
    }
}
