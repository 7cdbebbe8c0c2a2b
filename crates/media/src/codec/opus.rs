//! Opus (RFC 6716, RFC 7587), at 48 kHz and in one channel: its decoder mixes stereo packets itself.

use opus_pure::OpusDecoder;

/// Samples per second of what is decoded, and of the RTP clock (RFC 7587, 4.1).
pub(crate) const RATE: u32 = 48_000;
/// The longest packet: 120 ms.
const LONGEST: usize = 5_760;
/// The longest frame, and thus the most that is concealed at a time: 60 ms.
const LONGEST_FRAME: usize = 2_880;

/// The decoder's state between packets.
pub(crate) struct Decoder {
    decoder: Option<OpusDecoder>,
    pcm: Vec<i16>,
}

/// Samples that a packet becomes, by its first octets (RFC 6716, 3.1 and 3.2); 0 when it is none.
pub(crate) fn samples(payload: &[u8]) -> usize {
    let Some((&toc, rest)) = payload.split_first() else { return 0 };
    let frame = match toc >> 3 {
        configuration @ 0..12 => [480, 960, 1_920, 2_880][configuration as usize & 3],
        configuration @ 12..16 => [480, 960][configuration as usize & 1],
        configuration => [120, 240, 480, 960][configuration as usize & 3],
    };
    let frames = match (toc & 3, rest) {
        (0, _) => 1,
        (1 | 2, _) => 2,
        (_, [count, ..]) => (*count & 0x3f) as usize,
        (_, []) => 0,
    };
    if frame * frames > LONGEST { 0 } else { frame * frames }
}

impl Decoder {
    pub(crate) fn new() -> Self {
        // There is nothing to refuse in 48 kHz and one channel.
        Self { decoder: OpusDecoder::new(RATE as i32, 1).ok(), pcm: vec![0; LONGEST] }
    }

    /// Appends [`samples`] samples; a packet that is damaged inside is silence.
    pub(crate) fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        let samples = samples(payload);
        if samples == 0 {
            return;
        }
        let decoded =
            self.decoder.as_mut().and_then(|it| it.decode_s16(payload, LONGEST, &mut self.pcm).ok());
        let heard = self.pcm.get(..decoded.unwrap_or(0).min(samples)).unwrap_or_default();
        out.extend_from_slice(heard);
        out.resize(out.len() + samples - heard.len(), 0);
    }

    /// Appends `count` samples that stand in for lost ones, by the decoder's own concealment (RFC 6716, 4.4).
    pub(crate) fn conceal(&mut self, count: usize, out: &mut Vec<i16>) {
        let end = out.len() + count;
        // Frames are whole multiples of 2.5 ms.
        let frame = count.next_multiple_of(120).min(LONGEST_FRAME);
        while out.len() < end {
            let concealed =
                self.decoder.as_mut().and_then(|it| it.decode_s16(&[], frame, &mut self.pcm).ok());
            let Some(heard) = concealed.filter(|&n| n > 0).and_then(|n| self.pcm.get(..n)) else { break };
            out.extend_from_slice(&heard[..heard.len().min(end - out.len())]);
        }
        out.resize(end, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_how_long_it_is() {
        for (payload, expected) in [
            (&[0x70u8, 0][..], 480),
            (&[0x08, 0], 960),
            (&[0x18], 2_880),
            (&[0x80, 1], 120),
            (&[0xf8, 1], 960),
            (&[0xf9, 1], 1_920),
            (&[0xfb, 3, 1], 2_880),
            (&[0xfb, 0x86, 1], 5_760),
            (&[0xfb, 7, 1], 0),
            (&[0x1b, 2, 1], 5_760),
            (&[0x1b], 0),
            (&[], 0),
        ] {
            assert_eq!(samples(payload), expected, "{payload:x?}");
        }
    }

    #[test]
    fn a_damaged_packet_is_silence_of_its_length() {
        let mut out = Vec::new();
        // Code 3 with a frame count and nothing for the frames to be made of but a wrong length.
        Decoder::new().decode(&[0xfb, 0x82, 0xff], &mut out);
        assert_eq!(out, [0; 1_920]);
    }
}
