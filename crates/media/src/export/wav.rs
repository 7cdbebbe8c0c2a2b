//! WAV (RIFF): left is the caller, right the callee, 8 kHz, the call's own time from answer to end.
//!
//! ```text
//!   0      4       8      12     16      20                 36 (+2)      (+12)          44 or 58
//!   +------+-------+------+------+-------+------------------+------------+------+-------+--------
//!   | RIFF | size  | WAVE | fmt  | 16/18 | tag … bits/sample | fact, 4, n | data | size | samples
//!   +------+-------+------+------+-------+------------------+------------+------+-------+--------
//!   tag 1 PCM, 16 bits; 6 A-law, 7 µ-law, 8 bits, with cbSize 0 and a fact chunk as their registration asks
//!   fact     samples per channel; not in PCM
//! ```
//!
//! (Microsoft Multimedia Data Standards Update, 1994, and RFC 2361 for the tags.) The sizes are known before the first
//! sample, so `out` need not seek.

use std::io::{self, Write};

use earwitness_model::{Leg, PayloadKind};
use g711::Law;

use super::{Counted, ExportError, Exported, NotDecoded};
use crate::{
    CallAudio,
    channel::{Channel, Sample},
    codec::{self, SAMPLE_RATE},
    timeline::{self, MAX_SAMPLES, Run, Span},
};

/// How the two parties are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Left the caller, right the callee.
    #[default]
    Stereo,
    /// Both in one channel: the sum, clipped. Speech takes turns, so a sum keeps each voice at its level.
    Mono,
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Samples {
    /// Linear, 16 bits, as G.711 expands them.
    #[default]
    Pcm16,
    /// The G.711 codes as they were captured.
    Native,
}

/// How a WAV is made. The default is stereo, PCM16, nothing concealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WavOptions {
    /// Channels.
    pub layout: Layout,
    /// Sample format.
    pub samples: Samples,
    /// Lost audio is replaced by a fading repetition of the last packet for up to 60 ms, instead of silence.
    pub conceal: bool,
}

/// Samples per channel that are in memory at a time: one second.
const WINDOW: u64 = SAMPLE_RATE as u64;

/// Writes the call as a WAV.
///
/// Hold, silence suppression, telephone-events, comfort noise, loss, audio of an encoding that is not decoded and a party
/// that sent nothing are silence of the right length. The timeline begins at the answer, or at the first packet that was
/// kept where that is earlier, and ends with the call, or with its last packet where that is later.
///
/// # Errors
/// Before anything is written: [`ExportError::NotDecoded`], [`ExportError::MixedLaws`], [`ExportError::NativeMono`],
/// [`ExportError::TooLong`], [`ExportError::TooLarge`]. Later: [`ExportError::Write`].
pub fn wav(call: &CallAudio, options: WavOptions, out: impl Write) -> Result<Exported, ExportError> {
    if (options.layout, options.samples) == (Layout::Mono, Samples::Native) {
        return Err(ExportError::NativeMono);
    }
    let runs: Vec<(Leg, Run<'_>)> = call
        .tracks
        .iter()
        .flat_map(|track| timeline::runs(track).into_iter().map(|run| (track.track.leg, run)))
        .collect();
    let not_decoded = not_decoded(call);
    if let (true, Some(first)) = (runs.is_empty(), not_decoded.first()) {
        return Err(ExportError::NotDecoded { codec: first.codec_name() });
    }
    let span = Span::of(call, &runs.iter().map(|(_, run)| run).collect::<Vec<_>>());
    if span.samples > MAX_SAMPLES {
        return Err(ExportError::TooLong {
            hours: (span.samples / 3600 / i64::from(SAMPLE_RATE)).unsigned_abs(),
        });
    }
    let channel = |leg| {
        let of_leg = runs.iter().filter(|(of, _)| *of == leg).map(|(_, run)| run).collect();
        Channel::place(of_leg, span.start, options.conceal)
    };
    let channels = [channel(Leg::Caller), channel(Leg::Callee)];
    let samples = span.samples.unsigned_abs();
    let mut out = Counted::new(out);
    match options.samples {
        Samples::Pcm16 => write_linear(channels, samples, options.layout, &mut out)?,
        Samples::Native => write_native(channels, samples, &mut out)?,
    }
    let packets = runs.iter().map(|(_, run)| run.packets.len() as u64).sum();
    Ok(Exported { bytes: out.finish()?, packets, samples, not_decoded, ..Exported::default() })
}

/// Streams that are silence for want of a decoder.
fn not_decoded(call: &CallAudio) -> Vec<NotDecoded> {
    call.streams_of(&[PayloadKind::Audio])
        .into_iter()
        .filter(|stream| stream.codec.as_ref().and_then(codec::law).is_none())
        .chain(call.streams_of(&[PayloadKind::Unknown]))
        .map(|stream| NotDecoded {
            leg: stream.of.leg,
            ssrc: stream.of.ssrc,
            payload_type: stream.payload_type,
            codec: stream.codec,
            packets: stream.packets,
        })
        .collect()
}

/// Format tag, channels and bytes of a sample.
#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    sample_bytes: u16,
}

/// The `WAVE_FORMAT_PCM` tag.
const PCM: u16 = 1;

impl Format {
    const fn native(law: Law) -> Self {
        let tag = match law {
            Law::A => 6,
            Law::Mu => 7,
        };
        Self { tag, channels: 2, sample_bytes: 1 }
    }

    /// Everything before the samples.
    fn header(self, samples: u64) -> Result<Vec<u8>, ExportError> {
        let block = self.channels * self.sample_bytes;
        let bytes = samples.saturating_mul(u64::from(block));
        let mut chunks = b"WAVEfmt ".to_vec();
        chunks.extend_from_slice(&if self.tag == PCM { 16u32 } else { 18 }.to_le_bytes());
        chunks.extend_from_slice(&self.tag.to_le_bytes());
        chunks.extend_from_slice(&self.channels.to_le_bytes());
        chunks.extend_from_slice(&SAMPLE_RATE.to_le_bytes());
        chunks.extend_from_slice(&(SAMPLE_RATE * u32::from(block)).to_le_bytes());
        chunks.extend_from_slice(&block.to_le_bytes());
        chunks.extend_from_slice(&(self.sample_bytes * 8).to_le_bytes());
        let too_large = |_| ExportError::TooLarge { bytes };
        if self.tag != PCM {
            chunks.extend_from_slice(&0u16.to_le_bytes());
            chunks.extend_from_slice(b"fact\x04\0\0\0");
            chunks.extend_from_slice(&u32::try_from(samples).map_err(too_large)?.to_le_bytes());
        }
        chunks.extend_from_slice(b"data");
        chunks.extend_from_slice(&u32::try_from(bytes).map_err(too_large)?.to_le_bytes());
        let riff = u32::try_from(chunks.len() as u64 + bytes).map_err(too_large)?;
        let mut header = b"RIFF".to_vec();
        header.extend_from_slice(&riff.to_le_bytes());
        header.append(&mut chunks);
        Ok(header)
    }
}

fn write_linear(
    channels: [Channel<'_>; 2],
    samples: u64,
    layout: Layout,
    out: &mut Counted<impl Write>,
) -> Result<(), ExportError> {
    let count = match layout {
        Layout::Stereo => 2,
        Layout::Mono => 1,
    };
    out.put(&Format { tag: PCM, channels: count, sample_bytes: 2 }.header(samples)?)?;
    let silence = Silence { sample: 0i16, samples };
    silence.painted_by(channels, |caller, callee, bytes| {
        let pairs = caller.iter().zip(callee);
        match layout {
            Layout::Stereo => bytes.extend(pairs.flat_map(|(l, r)| {
                let ([l0, l1], [r0, r1]) = (l.to_le_bytes(), r.to_le_bytes());
                [l0, l1, r0, r1]
            })),
            Layout::Mono => bytes.extend(pairs.flat_map(|(l, r)| l.saturating_add(*r).to_le_bytes())),
        }
        out.put(bytes)
    })
}

fn write_native(
    channels: [Channel<'_>; 2],
    samples: u64,
    out: &mut Counted<impl Write>,
) -> Result<(), ExportError> {
    let first = channels.iter().filter_map(Channel::first_law).min_by_key(|&(start, _)| start);
    // A call without audio is silence in either law; A is the one of international circuits.
    let law = first.map_or(Law::A, |(_, law)| law);
    if channels.iter().any(|channel| channel.has_other_than(law)) {
        return Err(ExportError::MixedLaws { first: law });
    }
    out.put(&Format::native(law).header(samples)?)?;
    let silence = Silence { sample: law.silence(), samples };
    silence.painted_by(channels, |caller, callee, bytes| {
        bytes.extend(caller.iter().zip(callee).flat_map(|(&l, &r)| [l, r]));
        out.put(bytes)
    })
}

/// A timeline on which nothing is painted yet.
struct Silence<S> {
    sample: S,
    /// Per channel.
    samples: u64,
}

impl<S: Sample> Silence<S> {
    /// Shows `write` one window after the other: caller, callee, and an empty buffer for the bytes that they become.
    fn painted_by(
        &self,
        [mut left, mut right]: [Channel<'_>; 2],
        mut write: impl FnMut(&[S], &[S], &mut Vec<u8>) -> io::Result<()>,
    ) -> Result<(), ExportError> {
        let mut voices = [vec![self.sample; WINDOW as usize], vec![self.sample; WINDOW as usize]];
        let mut bytes = Vec::new();
        for start in (0..self.samples).step_by(WINDOW as usize) {
            let window = start..self.samples.min(start + WINDOW);
            let length = (window.end - window.start) as usize;
            let [caller, callee] = voices.each_mut().map(|voice| &mut voice[..length]);
            caller.fill(self.sample);
            callee.fill(self.sample);
            left.paint(window.clone(), caller);
            right.paint(window, callee);
            bytes.clear();
            write(caller, callee, &mut bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_32_bits_are_refused_to_the_byte() {
        let stereo = Format { tag: PCM, channels: 2, sample_bytes: 2 };
        // 36 bytes of the header count towards the RIFF size.
        let most = (u64::from(u32::MAX) - 36) / 4;
        assert_eq!(stereo.header(most).unwrap()[40..], (most as u32 * 4).to_le_bytes());
        for samples in [most + 1, u64::MAX] {
            assert!(matches!(stereo.header(samples), Err(ExportError::TooLarge { .. })), "{samples}");
        }
        assert!(matches!(Format::native(Law::A).header(1 << 31), Err(ExportError::TooLarge { .. })));
    }

    #[test]
    fn the_longest_timeline_fits_a_riff_file() {
        let stereo = Format { tag: PCM, channels: 2, sample_bytes: 2 };
        assert_eq!(stereo.header(MAX_SAMPLES.unsigned_abs()).unwrap().len(), 44);
    }
}
