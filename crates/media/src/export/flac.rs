//! FLAC (RFC 9639): the samples of the WAV, sample for sample, in about half the room.
//!
//! The stream's header has the length and the MD5 of all samples before the first of them is written, and `out` need not
//! seek: so the call is decoded twice, once for the sum and once to be written. A day at 48 kHz fits; memory is one second.

use std::{fmt, io::Write};

use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, Stream, StreamInfo},
    config,
    error::{Verified, Verify},
    source::{Context, Fill, FrameBuf},
};

use super::{Counted, ExportError, Exported, Layout};
use crate::{CallAudio, stage::Stage, voicing::Linear};

/// Samples per channel of a frame: what encoders use for music and speech alike.
const BLOCK: usize = 4_096;
const SAMPLE_BITS: usize = 16;

/// How a FLAC is made. The default is stereo, nothing concealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlacOptions {
    /// Channels.
    pub layout: Layout,
    /// As in [`WavOptions`](super::WavOptions).
    pub conceal: bool,
}

/// Writes the call as a FLAC of 16 bits, on the timeline and at the rate of [`wav()`](super::wav()).
///
/// # Errors
/// Before anything is written: [`ExportError::TooLong`]. Later: [`ExportError::Write`], [`ExportError::Encoder`].
pub fn flac(call: &CallAudio, options: FlacOptions, out: impl Write) -> Result<Exported, ExportError> {
    let stage = Stage::of(call)?;
    let channels = usize::from(options.layout.channels());
    let mut sum = Context::new(SAMPLE_BITS, channels);
    each_block(&stage, options, |block| sum.fill_interleaved(block).map_err(failed))?;

    let mut header = StreamInfo::new(stage.rate() as usize, channels, SAMPLE_BITS).map_err(failed)?;
    header.set_block_sizes(BLOCK, BLOCK).map_err(failed)?;
    // Sizes of frames are not known yet: 0 says so (RFC 9639, 8.2).
    header.set_frame_sizes(0, 0).map_err(failed)?;
    header.set_total_samples(usize::try_from(stage.samples()).map_err(failed)?);
    header.set_md5_digest(&sum.md5_digest());
    let mut out = Counted::new(out);
    let mut sink = ByteSink::new();
    Stream::with_stream_info(header.clone()).write(&mut sink).map_err(failed)?;
    out.put(sink.as_slice())?;

    let encoder: Verified<config::Encoder> =
        config::Encoder::default().into_verified().map_err(|(_, error)| failed(error))?;
    let mut frame = FrameBuf::with_size(channels, BLOCK).map_err(failed)?;
    let mut number = 0;
    each_block(&stage, options, |block| {
        frame.fill_interleaved(block).map_err(failed)?;
        let encoded = flacenc::encode_fixed_size_frame(&encoder, &frame, number, &header).map_err(failed)?;
        number += 1;
        sink.clear();
        encoded.write(&mut sink).map_err(failed)?;
        Ok(out.put(sink.as_slice())?)
    })?;
    Ok(Exported { bytes: out.finish()?, ..stage.exported() })
}

/// Shows `take` the interleaved samples, block by block; the last one may be shorter.
fn each_block(
    stage: &Stage<'_>,
    options: FlacOptions,
    mut take: impl FnMut(&[i32]) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let length = BLOCK * usize::from(options.layout.channels());
    let mut waiting: Vec<i32> = Vec::new();
    stage.paint::<Linear>((0, options.conceal), |caller, callee| {
        options.layout.mixed(caller, callee, |sample| waiting.push(i32::from(sample)));
        let whole = waiting.len() / length * length;
        waiting[..whole].chunks_exact(length).try_for_each(&mut take)?;
        waiting.drain(..whole);
        Ok(())
    })?;
    if waiting.is_empty() { Ok(()) } else { take(&waiting) }
}

fn failed(cause: impl fmt::Display) -> ExportError {
    ExportError::Encoder { cause: cause.to_string() }
}
