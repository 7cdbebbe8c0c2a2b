//! WAV (RIFF): left is the caller, right the callee, the call's own time from answer to end.
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

use std::io::Write;

use g711::Law;

use super::{Counted, ExportError, Exported};
use crate::{
    CallAudio,
    stage::Stage,
    voicing::{Codes, Linear},
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

impl Layout {
    pub(super) const fn channels(self) -> u16 {
        match self {
            Self::Stereo => 2,
            Self::Mono => 1,
        }
    }

    /// Shows `put` the samples of two voices in the order in which they are written.
    pub(super) fn mixed(self, caller: &[i16], callee: &[i16], mut put: impl FnMut(i16)) {
        for (&left, &right) in caller.iter().zip(callee) {
            match self {
                Self::Stereo => {
                    put(left);
                    put(right);
                }
                Self::Mono => put(left.saturating_add(right)),
            }
        }
    }
}

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Samples {
    /// Linear, 16 bits, as the decoder made them.
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
    /// Lost audio is replaced for up to 60 ms, instead of silence: by the decoder where it has a way to (Opus), else by a
    /// fading repetition of the last packet.
    pub conceal: bool,
}

/// Writes the call as a WAV.
///
/// Hold, silence suppression, telephone-events, comfort noise, loss, audio of an encoding that is not decoded and a party
/// that sent nothing are silence of the right length. The timeline begins at the answer, or at the first packet that was
/// kept where that is earlier, and ends with the call, or with its last packet where that is later. What comes more than
/// 400 ms after a party hung up is left out, and counted in [`Exported::sent_on`]. Its rate is the highest of what is decoded,
/// 8 kHz at least; what has a lower one is raised to it.
///
/// # Errors
/// Before anything is written: [`ExportError::MixedLaws`], [`ExportError::NotG711`], [`ExportError::NativeMono`],
/// [`ExportError::TooLong`], [`ExportError::TooLarge`]. Later: [`ExportError::Write`].
pub fn wav(call: &CallAudio, options: WavOptions, out: impl Write) -> Result<Exported, ExportError> {
    if (options.layout, options.samples) == (Layout::Mono, Samples::Native) {
        return Err(ExportError::NativeMono);
    }
    let stage = Stage::of(call)?;
    let mut out = Counted::new(out);
    match options.samples {
        Samples::Pcm16 => write_linear(&stage, options, &mut out)?,
        Samples::Native => write_native(&stage, options, &mut out)?,
    }
    Ok(Exported { bytes: out.finish()?, ..stage.exported() })
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
    fn header(self, samples: u64, rate: u32) -> Result<Vec<u8>, ExportError> {
        let block = self.channels * self.sample_bytes;
        let bytes = samples.saturating_mul(u64::from(block));
        let mut chunks = b"WAVEfmt ".to_vec();
        chunks.extend_from_slice(&if self.tag == PCM { 16u32 } else { 18 }.to_le_bytes());
        chunks.extend_from_slice(&self.tag.to_le_bytes());
        chunks.extend_from_slice(&self.channels.to_le_bytes());
        chunks.extend_from_slice(&rate.to_le_bytes());
        chunks.extend_from_slice(&(rate * u32::from(block)).to_le_bytes());
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
    stage: &Stage<'_>,
    options: WavOptions,
    out: &mut Counted<impl Write>,
) -> Result<(), ExportError> {
    let count = options.layout.channels();
    out.put(&Format { tag: PCM, channels: count, sample_bytes: 2 }.header(stage.samples(), stage.rate())?)?;
    let mut bytes = Vec::new();
    stage.paint::<Linear>((0, options.conceal), |caller, callee| {
        bytes.clear();
        options.layout.mixed(caller, callee, |sample| bytes.extend(sample.to_le_bytes()));
        Ok(out.put(&bytes)?)
    })
}

fn write_native(
    stage: &Stage<'_>,
    options: WavOptions,
    out: &mut Counted<impl Write>,
) -> Result<(), ExportError> {
    let law = stage.law()?;
    out.put(&Format::native(law).header(stage.samples(), stage.rate())?)?;
    let mut bytes = Vec::new();
    stage.paint::<Codes>((law.silence(), options.conceal), |caller, callee| {
        bytes.clear();
        bytes.extend(caller.iter().zip(callee).flat_map(|(&l, &r)| [l, r]));
        Ok(out.put(&bytes)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_32_bits_are_refused_to_the_byte() {
        let stereo = Format { tag: PCM, channels: 2, sample_bytes: 2 };
        // 36 bytes of the header count towards the RIFF size.
        let most = (u64::from(u32::MAX) - 36) / 4;
        assert_eq!(stereo.header(most, 8_000).unwrap()[40..], (most as u32 * 4).to_le_bytes());
        for samples in [most + 1, u64::MAX] {
            assert!(matches!(stereo.header(samples, 8_000), Err(ExportError::TooLarge { .. })), "{samples}");
        }
        assert!(matches!(Format::native(Law::A).header(1 << 31, 8_000), Err(ExportError::TooLarge { .. })));
    }

    #[test]
    fn the_longest_timeline_of_8_khz_fits_a_riff_file() {
        let stereo = Format { tag: PCM, channels: 2, sample_bytes: 2 };
        let day = u64::from(crate::MAX_HOURS) * 3_600 * 8_000;
        assert_eq!(stereo.header(day, 8_000).unwrap().len(), 44);
    }
}
