//! `payload_sha256`: what a stream's payload hashes to, read back from the vault.

use std::io::{self, Write};

use earwitness_media::{CallAudio, export};
use earwitness_model::TrackIndex;
use sha2::{Digest, Sha256};

/// SHA-256 over the audio payload of one stream's unique packets in sequence order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PayloadDigest {
    pub(crate) track: TrackIndex,
    pub(crate) payload_type: u8,
    pub(crate) sha256: [u8; 32],
}

/// The digest of each audio stream of a call.
pub(crate) fn payload_digests(audio: &CallAudio) -> Vec<PayloadDigest> {
    let digest = |stream: earwitness_media::Stream| {
        let mut hashed = Hashed(Sha256::new());
        export::payload(audio, (stream.track, stream.payload_type), &mut hashed).ok()?;
        let (track, payload_type, sha256) = (stream.track, stream.payload_type, hashed.0.finalize().into());
        Some(PayloadDigest { track, payload_type, sha256 })
    };
    // A stream that the call names is there, and a hash takes every byte: none is left out.
    audio.streams().into_iter().filter_map(digest).collect()
}

struct Hashed(Sha256);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
