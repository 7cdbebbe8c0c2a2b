//! WebSocket frames (RFC 6455, section 5.2).
//!
//! ```text
//!  0               1               2               4          10
//!  +-+-+-+-+-------+-+-------------+---------------+-- … --+--------------------+------------
//!  |F|R|R|R| opcode|M|     len     | 126: 16 bits, 127: 64 | masking key (if M) | payload …
//!  +-+-+-+-+-------+-+-------------+---------------+-- … --+--------------------+------------
//! ```
//!
//! One SIP message is one WebSocket message, in one frame or in several (RFC 7118, section 5).

use super::super::{StreamLimits, StreamLoss, StreamLosses};
use crate::sip::looks_like;

/// The longest payload of a control frame (RFC 6455, 5.5).
const MAX_CONTROL: u64 = 125;
/// So much of a message is uncovered to see whether it is SIP.
const LOOK: usize = 512;

/// What the frames of one direction have come to.
#[derive(Default)]
pub(in crate::stream) struct FrameReading {
    /// The payload of a message of which frames are missing.
    message: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the beginning of a message.
    #[default]
    Between,
    /// Within one.
    Within,
    /// Somewhere: the next segment that begins with a message is waited for.
    Lost,
}

/// What the bytes at the front are.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::stream) enum FrameStep {
    /// So many bytes that end a message, and the message.
    Message(usize, Vec<u8>),
    /// So many bytes that end none.
    Skip(usize),
    /// More bytes are needed.
    More,
}

/// The header of a frame.
struct Header {
    is_last: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    len: u64,
    header_len: usize,
}

impl FrameReading {
    /// Frames from somewhere on.
    pub(in crate::stream) const fn lost() -> Self {
        Self { message: Vec::new(), state: State::Lost }
    }

    /// Memory of it.
    pub(in crate::stream) const fn held(&self) -> usize {
        self.message.capacity()
    }

    /// Whether frames of a message are missing.
    pub(in crate::stream) fn is_within(&self) -> bool {
        self.state == State::Within
    }

    /// Looks at `bytes`, which begin where the last step ended.
    pub(in crate::stream) fn step(
        &mut self,
        bytes: &[u8],
        limits: &StreamLimits,
        losses: &mut StreamLosses,
    ) -> FrameStep {
        if self.state == State::Lost {
            if !begins_message(bytes) {
                return if bytes.is_empty() { FrameStep::More } else { FrameStep::Skip(bytes.len()) };
            }
            self.state = State::Between;
        }
        match self.frame(bytes, limits) {
            Ok(step) => step,
            Err(loss) => {
                losses.count(loss);
                *self = Self::lost();
                FrameStep::Skip(bytes.len())
            }
        }
    }

    fn frame(&mut self, bytes: &[u8], limits: &StreamLimits) -> Result<FrameStep, StreamLoss> {
        let Some(header) = Header::read(bytes)? else { return Ok(FrameStep::More) };
        let is_control = header.opcode >= 8;
        let in_turn = is_control || (header.opcode == 0) == (self.state == State::Within);
        if !in_turn || (is_control && (!header.is_last || header.len > MAX_CONTROL)) {
            return Err(StreamLoss::BadFrame);
        }
        let len = usize::try_from(header.len)
            .ok()
            .filter(|len| len.checked_add(self.message.len()).is_some_and(|all| all <= limits.message));
        let len = len.ok_or(StreamLoss::TooLong)?;
        let end = header.header_len + len;
        let Some(payload) = bytes.get(header.header_len..end) else { return Ok(FrameStep::More) };
        if is_control {
            return Ok(FrameStep::Skip(end));
        }
        uncover(payload, header.mask, &mut self.message);
        if !header.is_last {
            self.state = State::Within;
            return Ok(FrameStep::Skip(end));
        }
        self.state = State::Between;
        Ok(FrameStep::Message(end, std::mem::take(&mut self.message)))
    }
}

impl Header {
    /// `None`: it is not all there.
    fn read(bytes: &[u8]) -> Result<Option<Self>, StreamLoss> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & 0x40 != 0 {
            return Err(StreamLoss::Compressed);
        }
        let opcode = first & 0x0f;
        if first & 0x30 != 0 || !matches!(opcode, 0..=2 | 8..=10) {
            return Err(StreamLoss::BadFrame);
        }
        let (len, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk::<2>() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk::<8>() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk::<4>()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Self { is_last: first & 0x80 != 0, opcode, mask, len, header_len: bytes.len() - rest.len() }))
    }
}

/// Appends the payload without its mask (RFC 6455, 5.3).
fn uncover(payload: &[u8], mask: Option<[u8; 4]>, message: &mut Vec<u8>) {
    match mask {
        None => message.extend_from_slice(payload),
        Some(mask) => {
            message.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, key)| byte ^ key))
        }
    }
}

/// Whether a segment begins with a frame that begins a SIP message.
pub(in crate::stream) fn begins_message(bytes: &[u8]) -> bool {
    let Ok(Some(header)) = Header::read(bytes) else { return false };
    if !matches!(header.opcode, 1 | 2) {
        return false;
    }
    let payload = bytes.get(header.header_len..).unwrap_or_default();
    let len = payload.len().min(LOOK).min(usize::try_from(header.len).unwrap_or(LOOK));
    let key = |at: usize| header.mask.and_then(|mask| mask.get(at % 4).copied()).unwrap_or(0);
    let mut seen = [0; LOOK];
    for (at, (place, byte)) in seen.iter_mut().zip(payload.iter().take(len)).enumerate() {
        *place = byte ^ key(at);
    }
    looks_like(seen.get(..len).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIP: &[u8] = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n";

    /// A frame with a small payload.
    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first, payload.len() as u8 | if mask.is_some() { 0x80 } else { 0 }];
        frame.extend(mask.into_iter().flatten());
        uncover(payload, mask, &mut frame);
        frame
    }

    /// The messages in `stream`, fed as far as `step` asks for, and what was counted.
    fn check(stream: &[u8], expected: &[&[u8]], lost: &[StreamLoss]) {
        let (mut reading, mut losses) = (FrameReading::default(), StreamLosses::default());
        let (mut rest, mut found) = (stream, Vec::new());
        loop {
            match reading.step(rest, &StreamLimits::default(), &mut losses) {
                FrameStep::Message(len, message) => {
                    found.push(message);
                    rest = &rest[len..];
                }
                FrameStep::Skip(len) => rest = &rest[len..],
                FrameStep::More => break,
            }
        }
        assert_eq!(found, expected, "{stream:?}");
        let counted: Vec<_> = losses.iter().filter(|(_, count)| *count > 0).map(|(loss, _)| loss).collect();
        assert_eq!(counted, lost, "{stream:?}");
    }

    #[test]
    fn masked_and_bare_frames_fragments_and_control_frames_are_read() {
        let mask = Some([1, 2, 3, 4]);
        let stream = [
            frame(0x81, None, SIP),
            frame(0x89, mask, b"ping"),
            frame(0x01, mask, &SIP[..7]),
            frame(0x8a, None, b""),
            frame(0x00, mask, &SIP[7..9]),
            frame(0x80, None, &SIP[9..]),
            frame(0x88, None, b"\x03\xe8"),
        ];
        check(&stream.concat(), &[SIP, SIP], &[]);
    }

    #[test]
    fn lengths_of_16_and_64_bits_are_read() {
        let long = [b'x'; 300];
        let short = [&[0x82, 126, 1, 44][..], &long].concat();
        let wide = [&[0x82, 127, 0, 0, 0, 0, 0, 0, 1, 44][..], &long].concat();
        check(&[short, wide].concat(), &[&long, &long], &[]);
    }

    #[test]
    fn what_the_rfc_forbids_is_counted_and_the_next_segment_with_a_message_goes_on() {
        let ours = frame(0x81, None, SIP);
        for (bad, loss) in [
            (frame(0x83, None, b"x"), StreamLoss::BadFrame),
            (frame(0x91, None, b"x"), StreamLoss::BadFrame),
            (frame(0x80, None, b"x"), StreamLoss::BadFrame),
            (frame(0x09, None, b"x"), StreamLoss::BadFrame),
            (frame(0xc1, None, b"x"), StreamLoss::Compressed),
            (vec![0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], StreamLoss::TooLong),
            (vec![0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255], StreamLoss::TooLong),
        ] {
            check(&[ours.clone(), bad.clone()].concat(), &[SIP], &[loss]);
            let (mut reading, mut losses) = (FrameReading::default(), StreamLosses::default());
            let mut step = |bytes: &[u8]| reading.step(bytes, &StreamLimits::default(), &mut losses);
            assert_eq!(step(&bad), FrameStep::Skip(bad.len()));
            assert_eq!(step(b"the rest of it"), FrameStep::Skip(14));
            assert_eq!(step(&ours), FrameStep::Message(ours.len(), SIP.to_vec()));
        }
    }

    #[test]
    fn a_segment_that_begins_with_a_sip_frame_is_known() {
        assert!(begins_message(&frame(0x81, Some([9, 8, 7, 6]), SIP)));
        assert!(begins_message(&frame(0x02, None, SIP)));
        for other in [frame(0x81, None, b"{\"json\": 1}"), frame(0x89, None, SIP), vec![0x81], SIP.to_vec()] {
            assert!(!begins_message(&other), "{other:?}");
        }
    }
}
