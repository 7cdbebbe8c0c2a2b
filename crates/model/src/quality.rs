//! What is known of a stream besides its packets: what the far end says that it received, in how many runs packets are
//! missing, and which taps they came from. And what shows why audio is missing.

use serde::{Deserialize, Serialize};

/// What shows the cause of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GapEvidence {
    /// This recorder says so itself: it lost frames then, or could not keep the packets.
    Recorder,
    /// The receiver reports the loss of as many packets as are missing, then and at no other time.
    FarEndLost,
    /// The receiver reports that it lost nothing then.
    FarEndReceived,
    /// Streams of several other hosts have a gap at this moment, of which their receivers show that the mirror lost them.
    ManyStreams,
    /// There is evidence of two causes.
    Contradiction,
}

/// What the receiver of a stream last said of it (RFC 3550, section 6.4).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FarEnd {
    /// Packets that it lost since it began to receive; below 0 when duplicates reached it.
    pub packets_lost: i64,
    /// Of a hundred packets that were sent, how many it lost, over the time of its reports.
    pub lost_percent: f64,
    /// Interarrival jitter, in ms, as it measured it last.
    pub jitter_ms: f64,
    /// From the mirror to the receiver and back, in ms; `None` where its reports answer no report that was seen.
    pub rtt_ms: Option<f64>,
    /// How many reports it sent.
    pub reports: u32,
}

/// What the receiver of a stream measured where the mirror does not see: behind its jitter buffer and on its wires (RFC 3611,
/// section 4.7). Fractions are 256ths, since it began to receive; what it calls unavailable, or has not computed yet, is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VoipMetrics {
    /// Of the packets that it expected, those that were lost.
    pub loss_rate: u8,
    /// Of the packets that it expected, those that its jitter buffer threw away: too late, too early.
    pub discard_rate: u8,
    /// Of the packets in bursts, those lost or thrown away.
    pub burst_density: u8,
    /// Of the packets between bursts, those lost or thrown away.
    pub gap_density: u8,
    /// How long a burst was, in the mean, in ms.
    pub burst_ms: u16,
    /// How long it was from burst to burst, in the mean, in ms.
    pub gap_ms: u16,
    /// From its RTP to the other's and back, in ms.
    pub round_trip_ms: Option<u16>,
    /// What its coding, its buffer and its decoding add, in ms.
    pub end_system_ms: Option<u16>,
    /// How loud speech is, in dBm0.
    pub signal_dbm0: Option<i8>,
    /// How loud it is where nobody speaks, in dBm0.
    pub noise_dbm0: Option<i8>,
    /// What is left of the echo, in dB below what caused it.
    pub rerl_db: Option<u8>,
    /// The R factor of the E-model (ITU-T G.107), from 0 to 100.
    pub r_factor: Option<u8>,
    /// The score for listening, in tenths, from 10 to 50.
    pub mos_lq: Option<u8>,
    /// The score for talking with each other, in tenths, from 10 to 50.
    pub mos_cq: Option<u8>,
}

/// The runs in which packets of a stream are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bursts {
    /// How many runs there are.
    pub count: u32,
    /// Packets of the longest.
    pub longest: u32,
}

/// What is known of a stream besides its packets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StreamQuality {
    /// What its receiver says; `None` where no report was seen.
    pub far_end: Option<FarEnd>,
    /// Its losses, told on the stream that carries the track's audio.
    pub bursts: Bursts,
    /// How many of its packets came first from each tap, in the order of the taps; empty where one showed all of it.
    pub taps: Vec<u64>,
    /// What its receiver measured; `None` where it does not say so. Not part of these bytes, which were fixed before it: whoever
    /// keeps it writes it behind them.
    #[serde(skip)]
    pub metrics: Option<VoipMetrics>,
}
