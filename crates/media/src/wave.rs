//! The shape of both voices, for a picture.

use earwitness_model::PacketTime;

use crate::{CallAudio, export::ExportError, stage::Stage, voicing::Linear};

/// The lowest and the highest sample of each voice in columns of equal length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// When the first column begins.
    pub start: PacketTime,
    /// When the last ends.
    pub end: PacketTime,
    /// Caller and callee; both have as many columns.
    pub voices: [Vec<(i16, i16)>; 2],
}

/// The shape of a call's audio in at most `columns` columns: fewer when there are fewer samples.
///
/// # Errors
/// [`ExportError::TooLong`].
pub fn wave(call: &CallAudio, columns: usize) -> Result<Wave, ExportError> {
    let stage = Stage::of(call)?;
    let (samples, rate) = (stage.samples(), u64::from(stage.rate()));
    let columns = (columns as u64).min(samples);
    let mut voices = [vec![(0, 0); columns as usize], vec![(0, 0); columns as usize]];
    let mut at = 0;
    stage.paint::<Linear>((0, false), |caller, callee| {
        for (voice, heard) in voices.iter_mut().zip([caller, callee]) {
            for (place, &sample) in (at..).zip(heard) {
                // No more than 24 h at 48 kHz: far from an overflow.
                let (low, high) = &mut voice[(place * columns / samples) as usize];
                (*low, *high) = ((*low).min(sample), (*high).max(sample));
            }
        }
        at += caller.len() as u64;
        Ok(())
    })?;
    let nanos = i64::try_from(samples * 1_000_000_000 / rate).unwrap_or(i64::MAX);
    Ok(Wave { start: stage.start(), end: stage.start().plus_nanos(nanos), voices })
}
