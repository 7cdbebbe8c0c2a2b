//! What leaves: formats of one call, each written into an `impl Write` from front to back.

mod connections;
mod ethernet;
mod flac;
mod hep;
mod name;
mod payload;
mod pcapng;
mod wav;

use std::{fmt, io, str::FromStr};

use earwitness_model::{Codec, Leg, TrackIndex};
use g711::Law;
use thiserror::Error;

pub(crate) use ethernet::{Carrier, rebuild};
pub use flac::{FlacOptions, flac};
pub use hep::hep;
pub use name::{NameFields, NameTemplate, TemplateError};
pub use payload::payload;
pub(crate) use pcapng::{ENHANCED_PACKET, EPB_PACKETID, INTERFACE_DESCRIPTION, PacketPlace, SECTION_HEADER};
pub use pcapng::{pcapng, placed_pcapng};
pub use wav::{Layout, Samples, WavOptions, wav};

/// The formats of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// Audio of both parties, [`wav()`].
    Wav,
    /// The same without loss in half the room, [`flac()`].
    Flac,
    /// The payload bytes of one stream, [`payload()`].
    Payload,
    /// The call's frames, rebuilt, [`pcapng()`].
    Pcapng,
    /// The call's messages, for a collector of Homer's, [`hep()`].
    Hep,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Wav, Self::Flac, Self::Payload, Self::Pcapng, Self::Hep];

    /// Its name on the command line and its file extension.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Payload => "payload",
            Self::Pcapng => "pcapng",
            Self::Hep => "hep",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no export format is called {0:?}; there are wav, flac, payload, pcapng and hep")]
pub struct UnknownFormat(pub String);

impl FromStr for ExportFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let named = Self::ALL.into_iter().find(|format| format.name() == name);
        named.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exported {
    /// Bytes, headers included.
    pub bytes: u64,
    /// Media packets that are in it.
    pub packets: u64,
    /// SIP messages that are in it.
    pub messages: u64,
    /// Samples per channel of a WAV or FLAC; 0 for other formats.
    pub samples: u64,
    /// Samples per second of a WAV or FLAC; 0 for other formats.
    pub rate: u32,
    /// Packets that did not come and whose audio is in it because later packets carried it again (RFC 2198).
    pub recovered: u64,
    /// Audio that is silence in a WAV or FLAC because this version cannot decode it.
    pub not_decoded: Vec<NotDecoded>,
    /// Packets of audio that came more than 400 ms after a party hung up: not in a WAV or FLAC, which end with the call, and
    /// in the payload and a pcapng.
    pub sent_on: u64,
    /// Packets and messages too long for the IP datagram that a pcapng needs around them, or for a packet of HEP.
    pub oversized: u64,
}

/// A stream that is silence in a WAV or FLAC.
#[derive(Debug, Clone, PartialEq)]
pub struct NotDecoded {
    /// Whose voice.
    pub leg: Leg,
    /// Its synchronisation source.
    pub ssrc: u32,
    /// Its RTP payload type.
    pub payload_type: u8,
    /// Its encoding; `None` when neither the SDP nor RFC 3551 names it.
    pub codec: Option<Codec>,
    /// Packets of it.
    pub packets: u64,
}

impl NotDecoded {
    /// The encoding's name, or the payload type where it has none.
    #[must_use]
    pub fn codec_name(&self) -> String {
        self.codec
            .as_ref()
            .map_or_else(|| format!("payload type {}", self.payload_type), |codec| codec.to_string())
    }
}

/// Why nothing, or not everything, was written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The destination failed; what was written so far is no export.
    #[error("writing the export failed: {0}")]
    Write(#[from] io::Error),
    /// Native samples are of one law, and the call has both.
    #[error("the call is {first:?}-law and later {:?}-law: native samples need one; export PCM16 instead", other(*.first))]
    MixedLaws {
        /// The law of the first packet that is heard.
        first: Law,
    },
    /// Native samples are G.711 codes, and the call has other audio.
    #[error(
        "the call has audio in {codec}, and native samples are G.711's: export PCM16 or the payload instead"
    )]
    NotG711 {
        /// The first other encoding, `opus`.
        codec: &'static str,
    },
    /// Codes cannot be mixed.
    #[error("native samples cannot be mixed to mono; export stereo or PCM16 instead")]
    NativeMono,
    /// The timeline is longer than [`MAX_HOURS`](crate::MAX_HOURS).
    #[error(
        "the call's timeline is {hours} h long, more than 24 h: its capture clock was moved, or it never ended"
    )]
    TooLong {
        /// Its whole hours.
        hours: u64,
    },
    /// The sizes in a RIFF header have 32 bits.
    #[error("{bytes} bytes of samples do not fit a RIFF file (4 GiB): export FLAC instead")]
    TooLarge {
        /// Bytes of samples.
        bytes: u64,
    },
    /// The samples could not be encoded.
    #[error("the FLAC encoder failed: {cause}")]
    Encoder {
        /// What it says.
        cause: String,
    },
    /// The call has no audio packet of this track and payload type.
    #[error("track {} has no audio of payload type {payload_type}", .track.0)]
    NoSuchStream {
        /// The track.
        track: TrackIndex,
        /// The RTP payload type.
        payload_type: u8,
    },
}

const fn other(law: Law) -> Law {
    match law {
        Law::A => Law::Mu,
        Law::Mu => Law::A,
    }
}

/// Counts what passes through it, so that [`Exported::bytes`] is what was written and not what was meant.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: io::Write> Counted<W> {
    const fn new(out: W) -> Self {
        Self { out, bytes: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Flushes, and says how many bytes went through.
    fn finish(mut self) -> io::Result<u64> {
        self.out.flush()?;
        Ok(self.bytes)
    }
}
