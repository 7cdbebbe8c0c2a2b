//! WAV files of earlier recorders, as packets of twenty milliseconds: nothing is decoded, nothing resampled.
//!
//! RIFF WAVE with one `fmt ` before one `data` chunk: PCM of 16 bits (1), A-law (6), µ-law (7), or one of these as an extensible
//! format (0xFFFE); 8 or 16 kHz, one channel or two. Of two, the left one is the caller's, as `export` writes them.

use earwitness_model::Codec;

/// A file that is larger is no telephone call: 4 hours of two channels at 16 kHz.
pub(super) const MOST_BYTES: u64 = 1 << 30;
const PER_SECOND: u32 = 50;

/// Audio as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wave {
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    /// Samples per second.
    pub(super) rate: u32,
    /// The payload of each channel: A-law, µ-law, or L16 (RFC 3551, 4.5.11), which is big-endian.
    pub(super) channels: Vec<Vec<u8>>,
    bytes_per_sample: usize,
}

/// Why a file is not one that can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotKept {
    #[error("is no WAV file")]
    NotWave,
    #[error("ends before the audio that it says it has")]
    Cut,
    #[error("is neither PCM of 16 bits nor A-law nor µ-law")]
    Format,
    #[error("has neither 8 nor 16 kHz")]
    Rate,
    #[error("has neither one channel nor two")]
    Channels,
    #[error("has no audio")]
    Empty,
}

impl Wave {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, NotKept> {
        let rest = bytes.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..)).ok_or(NotKept::NotWave)?;
        let mut rest = rest.strip_prefix(b"WAVE").ok_or(NotKept::NotWave)?;
        let mut format = None;
        while let Some((head, tail)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, length @ ..] = *head;
            let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| NotKept::Cut)?;
            match [a, b, c, d] {
                [b'f', b'm', b't', b' '] => {
                    format = Some(Format::read(tail.get(..length).ok_or(NotKept::Cut)?)?)
                }
                [b'd', b'a', b't', b'a'] => {
                    let format = format.ok_or(NotKept::NotWave)?;
                    return format.wave(tail.get(..length).ok_or(NotKept::Cut)?);
                }
                _ => {}
            }
            // A chunk of odd length is followed by a byte of padding.
            rest = tail.get(length + length % 2..).ok_or(NotKept::Cut)?;
        }
        Err(NotKept::NotWave)
    }

    /// Bytes of one packet of a channel.
    pub(super) fn packet_bytes(&self) -> usize {
        self.packet_samples() as usize * self.bytes_per_sample
    }

    /// Samples of one packet.
    pub(super) const fn packet_samples(&self) -> u32 {
        self.rate / PER_SECOND
    }

    pub(super) fn nanos(&self) -> i64 {
        let samples = self.channels.iter().map(|channel| channel.len() / self.bytes_per_sample).max();
        let samples = i64::try_from(samples.unwrap_or(0)).unwrap_or(i64::MAX);
        samples.saturating_mul(1_000_000_000 / i64::from(self.rate))
    }
}

#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: usize,
    rate: u32,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Self, NotKept> {
        let short = |at: usize| Some(u16::from_le_bytes([*chunk.get(at)?, *chunk.get(at + 1)?]));
        let field = |at| short(at).ok_or(NotKept::Cut);
        let tag = match field(0)? {
            // The first half of the sub-format's GUID is the tag.
            0xfffe => field(24)?,
            tag => tag,
        };
        let rate = u32::from(field(4)?) | u32::from(field(6)?) << 16;
        let (channels, bits) = (usize::from(field(2)?), field(14)?);
        match (tag, bits) {
            (1, 16) | (6 | 7, 8) => {}
            _ => return Err(NotKept::Format),
        }
        match (rate, channels) {
            (8_000 | 16_000, 1 | 2) => Ok(Self { tag, channels, rate }),
            (8_000 | 16_000, _) => Err(NotKept::Channels),
            _ => Err(NotKept::Rate),
        }
    }

    fn wave(self, audio: &[u8]) -> Result<Wave, NotKept> {
        let bytes_per_sample = if self.tag == 1 { 2 } else { 1 };
        let frame = bytes_per_sample * self.channels;
        if audio.len() < frame {
            return Err(NotKept::Empty);
        }
        if !audio.len().is_multiple_of(frame) {
            return Err(NotKept::Cut);
        }
        let mut channels = vec![Vec::with_capacity(audio.len() / self.channels); self.channels];
        for samples in audio.chunks_exact(frame) {
            for (channel, sample) in channels.iter_mut().zip(samples.chunks_exact(bytes_per_sample)) {
                // WAV is little-endian, L16 is not; a byte is a byte.
                channel.extend(sample.iter().rev());
            }
        }
        let (codec, payload_type) = match (self.tag, self.rate) {
            (6, 8_000) => (Codec::Pcma, 8),
            (7, 8_000) => (Codec::Pcmu, 0),
            // RFC 3551 knows G.711 at other rates only by name.
            (6, rate) => (Codec::from_rtpmap("PCMA", rate, None), 96),
            (7, rate) => (Codec::from_rtpmap("PCMU", rate, None), 96),
            (_, rate) => (Codec::from_rtpmap("L16", rate, None), 96),
        };
        Ok(Wave { codec, payload_type, rate: self.rate, channels, bytes_per_sample })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(tag: u16, (channels, rate, bits): (u16, u32, u16), audio: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend([0; 6]);
        bytes.extend(bits.to_le_bytes());
        // A chunk that nobody asked for, of odd length.
        bytes.extend(b"LIST\x03\0\0\0abc\0data");
        bytes.extend(u32::try_from(audio.len()).unwrap().to_le_bytes());
        bytes.extend(audio);
        bytes
    }

    #[test]
    fn each_channel_keeps_its_samples() {
        let read = Wave::read(&file(1, (2, 16_000, 16), &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        assert_eq!(read.channels, [[2, 1, 6, 5], [4, 3, 8, 7]]);
        assert_eq!((read.packet_bytes(), read.packet_samples()), (640, 320));
        let read = Wave::read(&file(6, (1, 8_000, 8), &[0xd5; 160])).unwrap();
        assert_eq!((read.codec, read.payload_type, read.channels), (Codec::Pcma, 8, vec![vec![0xd5; 160]]));
    }

    #[test]
    fn what_cannot_be_kept_says_why() {
        for (bytes, why) in [
            (b"RIFX".to_vec(), NotKept::NotWave),
            (file(1, (1, 8_000, 8), &[0; 4]), NotKept::Format),
            (file(2, (1, 8_000, 16), &[0; 4]), NotKept::Format),
            (file(1, (1, 44_100, 16), &[0; 4]), NotKept::Rate),
            (file(1, (3, 8_000, 16), &[0; 6]), NotKept::Channels),
            (file(1, (1, 8_000, 16), &[]), NotKept::Empty),
            (file(1, (2, 8_000, 16), &[0; 6]), NotKept::Cut),
        ] {
            assert_eq!(Wave::read(&bytes), Err(why));
        }
        let whole = file(1, (1, 8_000, 16), &[0; 40]);
        for cut in 0..whole.len() {
            assert!(Wave::read(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_audio_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Wave::read(&[b"RIFF\0\0\0\0WAVE".as_slice(), &bytes].concat()).is_err() || !bytes.is_empty());
        }
    }
}
