//! The payload bytes of one stream, nothing else: what `payload_blake3` is the hash of.

use std::io::Write;

use earwitness_model::{PayloadKind, TrackIndex};

use super::{Counted, ExportError, Exported};
use crate::CallAudio;

/// Writes the audio payload of the stream's unique packets in sequence order. Telephone-events and comfort noise are not
/// audio, whatever their payload type.
///
/// # Errors
/// [`ExportError::NoSuchStream`] before anything is written; [`ExportError::Write`].
pub fn payload(call: &CallAudio, stream: (TrackIndex, u8), out: impl Write) -> Result<Exported, ExportError> {
    let (index, payload_type) = stream;
    let absent = ExportError::NoSuchStream { track: index, payload_type };
    let Some(track) = call.tracks.get(usize::from(index.0)) else { return Err(absent) };
    let mut out = Counted::new(out);
    let mut packets = 0;
    for packet in track.packets() {
        if packet.kind == PayloadKind::Audio && packet.payload_type == payload_type {
            out.put(track.payload(packet))?;
            packets += 1;
        }
    }
    if packets == 0 {
        return Err(absent);
    }
    Ok(Exported { bytes: out.finish()?, packets, ..Exported::default() })
}
