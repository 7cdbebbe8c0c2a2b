//! What stands on the outside of a HEP packet: who vouches for it, and when it was sent.

use std::fmt;

/// Chunks of a packet that are looked at; agents send about fifteen.
const MOST_CHUNKS: usize = 64;
const HEADER: usize = 6;
/// Chunk types of the general vendor.
const SECONDS: u16 = 9;
const MICROS: u16 = 10;
const KEY: u16 = 14;

/// What agents and recorder both know. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct HepKey(Box<[u8]>);

impl HepKey {
    /// The key, as it stands in a file: blanks and line ends around it are not part of it. `None` when there is nothing else.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let key = text.trim_ascii();
        (!key.is_empty()).then(|| Self(key.into()))
    }

    /// Whether the packet carries it. How long that takes tells the length of the key and nothing else of it.
    pub(super) fn is_in(&self, envelope: &Envelope<'_>) -> bool {
        let Some(said) = envelope.key.filter(|said| said.len() == self.0.len()) else { return false };
        let differs = said.iter().zip(&self.0).fold(0, |differs, (said, key)| differs | (said ^ key));
        std::hint::black_box(differs) == 0
    }
}

impl fmt::Debug for HepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HepKey(‹secret›)")
    }
}

/// The outside of a packet.
#[derive(Clone, Copy, Default)]
pub(super) struct Envelope<'b> {
    /// Chunk 0x000e.
    pub(super) key: Option<&'b [u8]>,
    /// Chunks 9 and 10: when the agent saw it, in ns since 1970 by the agent's clock.
    pub(super) sent_ns: Option<i64>,
}

impl<'b> Envelope<'b> {
    /// Reads a whole packet as far as it makes sense; whoever reads what is in it says what does not.
    pub(super) fn read(packet: &'b [u8]) -> Self {
        let (mut key, mut seconds, mut micros) = (None, None, 0);
        let mut rest = packet.get(HEADER..).unwrap_or_default();
        for _ in 0..MOST_CHUNKS {
            let Some(&[v0, v1, t0, t1, l0, l1]) = rest.first_chunk::<HEADER>() else { break };
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            let Some((chunk, after)) = rest.split_at_checked(length).filter(|_| length >= HEADER) else {
                break;
            };
            let value = chunk.get(HEADER..).unwrap_or_default();
            let word = || value.first_chunk().map(|word| i64::from(u32::from_be_bytes(*word)));
            match (u16::from_be_bytes([v0, v1]), u16::from_be_bytes([t0, t1])) {
                (0, SECONDS) => seconds = word(),
                (0, MICROS) => micros = word().unwrap_or(0),
                (0, KEY) => key = Some(value),
                _ => {}
            }
            rest = after;
        }
        Self { key, sent_ns: seconds.map(|seconds| seconds * 1_000_000_000 + micros * 1_000) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
        [&[0, 0], &kind.to_be_bytes()[..], &(6 + value.len() as u16).to_be_bytes(), value].concat()
    }

    fn packet(chunks: &[Vec<u8>]) -> Vec<u8> {
        let body = chunks.concat();
        [b"HEP3", &(6 + body.len() as u16).to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn the_outside_is_read_wherever_it_stands() {
        let bytes = packet(&[
            chunk(10, &250_000_u32.to_be_bytes()),
            chunk(15, b"INVITE"),
            chunk(14, b"secret"),
            chunk(9, &1_795_219_200_u32.to_be_bytes()),
        ]);
        let envelope = Envelope::read(&bytes);
        assert_eq!((envelope.key, envelope.sent_ns), (Some(&b"secret"[..]), Some(1_795_219_200_250_000_000)));
        let empty = Envelope::read(b"HEP3\0\x06");
        assert_eq!((empty.key, empty.sent_ns), (None, None));
    }

    #[test]
    fn a_key_is_compared_whole() {
        let key = HepKey::new(b"  secret\r\n").unwrap();
        for (said, expected) in
            [(&b"secret"[..], true), (b"secreT", false), (b"secret ", false), (b"secre", false), (b"", false)]
        {
            let bytes = packet(&[chunk(14, said)]);
            assert_eq!(key.is_in(&Envelope::read(&bytes)), expected, "{said:?}");
        }
        assert!(!key.is_in(&Envelope::default()) && HepKey::new(b" \n").is_none());
        assert_eq!(format!("{key:?}"), "HepKey(‹secret›)");
    }

    #[test]
    fn lengths_that_contradict_themselves_end_the_reading() {
        let mut bytes = packet(&[chunk(9, &[0; 4]), chunk(14, b"secret")]);
        bytes[11] = 5;
        assert!(Envelope::read(&bytes).key.is_none());
        bytes[11] = 200;
        assert!(Envelope::read(&bytes).key.is_none());
    }
}
