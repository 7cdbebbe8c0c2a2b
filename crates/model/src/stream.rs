//! One sender's RTP in a call.

use serde::{Deserialize, Serialize};

use crate::{Codec, Course, Flow, PacketTime, StreamQuality};

/// Whose voice: the party that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Leg {
    /// The party that sent the first INVITE of the call.
    Caller,
    /// The party that was called.
    Callee,
}

impl Leg {
    /// The other party.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// The place of a track in its call's table: what each packed packet carries instead of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrackIndex(pub u16);

/// One sequence number space of a call: what has one source, one destination and one SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Whose voice.
    pub leg: Leg,
    /// From where to where.
    pub flow: Flow,
    /// The synchronisation source (RFC 3550, section 3).
    pub ssrc: u32,
}

/// One (source, destination, SSRC, payload type) of a call, counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamSummary {
    /// The track it belongs to, and thus its addresses, SSRC and leg.
    pub track: TrackIndex,
    /// The track itself.
    pub of: Track,
    /// The RTP payload type.
    pub payload_type: u8,
    /// Its encoding, by the call's SDP or RFC 3551; `None` when neither names it.
    pub codec: Option<Codec>,
    /// The usual packet length in ms: the most frequent RTP time step of consecutive packets.
    pub ptime_ms: Option<u32>,
    /// Unique packets of this payload type that were kept.
    pub packets: u64,
    /// Packets of the track that are missing from what was kept: sequence numbers between its first and last that never
    /// came, and packets that came and could not be kept. Counted on the stream that carries the track's audio, 0 on the
    /// others.
    pub lost: u64,
    /// Packets that came again with a sequence number already seen.
    pub duplicates: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Interarrival jitter in ms at the end (RFC 3550, section 6.4.1); `None` below two packets.
    pub jitter_ms: Option<f64>,
    /// Arrival of the first packet.
    pub first: PacketTime,
    /// Arrival of the last packet.
    pub last: PacketTime,
    /// Bytes of payload in the packets that were kept.
    pub payload_bytes: u64,
    /// What else is known of it. Not part of the stream's own bytes, which were fixed before it: whoever keeps it writes it
    /// behind them.
    #[serde(skip)]
    pub quality: StreamQuality,
    /// How it came over time. Not part of the stream's own bytes, which were fixed before it: whoever keeps it writes it
    /// behind them.
    #[serde(skip)]
    pub course: Course,
}
