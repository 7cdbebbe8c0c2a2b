//! Which encodings can be decoded, and by what.

use earwitness_model::Codec;
use g711::Law;

/// Samples per second of every encoding that [`law`] knows, and of the WAV files made of them.
pub(crate) const SAMPLE_RATE: u32 = 8000;

/// Nanoseconds per sample: 125,000, without rest.
pub(crate) const SAMPLE_NANOS: i64 = 1_000_000_000 / SAMPLE_RATE as i64;

/// The law that decodes `codec`; `None` for what this version keeps and exports but does not decode.
///
/// What is decoded today has one octet per sample and an RTP clock of [`SAMPLE_RATE`] (RFC 3551, 4.5.14), which is what
/// `timeline` counts in.
pub(crate) const fn law(codec: &Codec) -> Option<Law> {
    match codec {
        Codec::Pcma => Some(Law::A),
        Codec::Pcmu => Some(Law::Mu),
        Codec::G722 | Codec::G729 | Codec::Gsm | Codec::Other { .. } => None,
    }
}
