//! Made-up audio in place of what was said.
//!
//! It does not follow what it replaces: not in loudness, not in pauses. Equal packets become equal ones, so that copies stay
//! copies and a voice that an exchange sends on is the same voice on both sides of it; only what hardly varies (digital
//! silence) depends on its place in the stream, because its repetitions would tell pauses from speech.

use crate::masks::Masks;

/// Payloads with fewer values than this say by being equal that nobody speaks.
const VARIED: usize = 12;

/// The digit that stands for every digit that was pressed: a code stays as secret as it was, but for its length.
pub(crate) const DIGIT: u8 = 5;

/// How the payload of a dynamic payload type is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Key presses (RFC 4733).
    Events,
    /// Opus (RFC 6716), which says in its first byte how long it is.
    Opus,
    /// G.711 under a number of its own.
    Ulaw,
    Alaw,
}

/// What was said of the payload types of a capture: one call's types are taken for those of all.
#[derive(Debug)]
pub(crate) struct Formats {
    layouts: [Option<Layout>; 128],
}

impl Default for Formats {
    /// 101 is what nearly everybody gives to key presses.
    fn default() -> Self {
        let mut layouts = [None; 128];
        layouts[101] = Some(Layout::Events);
        Self { layouts }
    }
}

impl Formats {
    /// Learns that a dynamic payload type is of the encoding `name`.
    pub(crate) fn learn(&mut self, payload_type: u8, name: &[u8]) {
        const NAMES: [(&[u8], Layout); 4] = [
            (b"telephone-event", Layout::Events),
            (b"opus", Layout::Opus),
            (b"PCMU", Layout::Ulaw),
            (b"PCMA", Layout::Alaw),
        ];
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let (96.., Some(place)) = (payload_type, self.layouts.get_mut(usize::from(payload_type))) {
            *place = found.map(|(_, layout)| *layout);
        }
    }

    fn of(&self, payload_type: u8) -> Option<Layout> {
        match payload_type {
            0 => Some(Layout::Ulaw),
            8 => Some(Layout::Alaw),
            other => self.layouts.get(usize::from(other)).copied().flatten(),
        }
    }
}

/// The place of a packet in its stream: source, sequence number, timestamp, as they stand in the packet.
pub(crate) type Place<'b> = &'b [u8];

impl Masks {
    /// A payload of the same length in place of `old`, of the payload type `payload_type`.
    pub(crate) fn audio(&mut self, payload_type: u8, place: Place<'_>, old: &[u8]) -> Vec<u8> {
        let layout = self.formats.of(payload_type);
        if layout == Some(Layout::Events)
            && let Some(new) = events(old)
        {
            return new;
        }
        let place = if is_varied(old) { &[][..] } else { place };
        let mut noise = self.secret.noise("audio", &[place, old]);
        let mut new = vec![0; old.len()];
        noise.fill(&mut new);
        match layout {
            // Soft noise: any sign, the lowest segment (ITU-T G.711, tables 1 and 2).
            Some(Layout::Ulaw) => new.iter_mut().for_each(|byte| *byte |= 0x70),
            Some(Layout::Alaw) => new.iter_mut().for_each(|byte| *byte = *byte & 0x8f ^ 0x55),
            Some(Layout::Opus) => keep_shape_of_opus(old, &mut new),
            Some(Layout::Events) | None if payload_type == 13 => comfort(&mut new),
            Some(Layout::Events) | None => {}
        }
        new
    }
}

/// Whether `bytes` hold many different values.
fn is_varied(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() >= VARIED
}

/// Events with their times and without their digits; `None` for what is none.
///
/// ```text
///  0             1             2                           4
///  +-------------+-+-+---------+---------------------------+
///  |    event    |E|R| volume  |          duration         |
///  +-------------+-+-+---------+---------------------------+
/// ```
fn events(old: &[u8]) -> Option<Vec<u8>> {
    let (events, rest) = old.as_chunks::<4>();
    let is_plausible = events.iter().all(|[event, flags, ..]| *event <= 16 && flags & 0x40 == 0);
    if events.is_empty() || !rest.is_empty() || !is_plausible {
        return None;
    }
    let new = |[event, flags, d0, d1]: &[u8; 4]| {
        let event = if *event <= 9 { DIGIT } else { *event };
        [event, flags & 0x80 | 10, *d0, *d1]
    };
    Some(events.iter().flat_map(new).collect())
}

/// The first byte says how many frames of which length a packet holds; of two that are not alike, or more, another byte goes
/// with it (RFC 6716, section 3.2).
fn keep_shape_of_opus(old: &[u8], new: &mut [u8]) {
    let kept = match old.first().map(|first| first & 3) {
        Some(2 | 3) => 2,
        Some(_) => 1,
        None => 0,
    };
    new.iter_mut().zip(old).take(kept).for_each(|(new, old)| *new = *old);
}

/// Comfort noise (RFC 3389) of one level, whatever it was.
fn comfort(new: &mut [u8]) {
    new.fill(0);
    if let Some(level) = new.first_mut() {
        *level = 60;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn audio(payload_type: u8, place: &[u8], old: &[u8]) -> Vec<u8> {
        Masks::new(Secret::seeded(1)).audio(payload_type, place, old)
    }

    #[test]
    fn a_voice_becomes_soft_noise_that_is_the_same_wherever_it_is_sent_on() {
        let voice: Vec<u8> = (0..160).map(|at| (at * 7 % 251) as u8).collect();
        let new = audio(0, b"1", &voice);
        assert_eq!(new, audio(0, b"2", &voice));
        assert!(new.iter().all(|byte| byte & 0x70 == 0x70));
        assert!(audio(8, b"1", &voice).iter().all(|byte| (byte ^ 0x55) & 0x70 == 0));
        assert_ne!(new, voice);
    }

    #[test]
    fn silence_does_not_show() {
        let (first, second) = (audio(0, b"1", &[0xff; 160]), audio(0, b"2", &[0xff; 160]));
        assert_ne!(first, second);
        assert_eq!(first, audio(0, b"1", &[0xff; 160]));
    }

    #[test]
    fn keys_keep_their_times_and_lose_their_digits() {
        assert_eq!(audio(101, b"", &[7, 0x8a, 0x03, 0x20]), [DIGIT, 0x8a, 0x03, 0x20]);
        assert_eq!(audio(101, b"", &[11, 0x0a, 0, 0xa0]), [11, 0x0a, 0, 0xa0]);
        assert_ne!(audio(101, b"", &[77, 1, 2, 3]), [77, 1, 2, 3]);
    }

    #[test]
    fn a_dynamic_type_is_what_was_said_of_it() {
        let mut masks = Masks::new(Secret::seeded(1));
        masks.formats.learn(96, b"TELEPHONE-EVENT");
        masks.formats.learn(111, b"opus");
        assert_eq!(masks.audio(96, b"", &[3, 0x0a, 0, 80]), [DIGIT, 0x0a, 0, 80]);
        assert_eq!(masks.audio(111, b"", &[0x78, 1, 2, 3])[0], 0x78);
        masks.formats.learn(101, b"PCMU");
        assert!(masks.audio(101, b"", &[1, 2, 3, 4]).iter().all(|byte| byte & 0x70 == 0x70));
    }
}
