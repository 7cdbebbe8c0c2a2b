//! How a stream came over time: not only what it lost in all, but where, and how it was jolted.

use serde::{Deserialize, Serialize};

use crate::PacketTime;

/// What a stream came to, seen over its time. Stretches are those of its track, and stand on the stream that
/// carries the track's audio.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Course {
    /// The mean of the interarrival jitter (RFC 3550, section 6.4.1) over the audio packets that neither have the
    /// marker nor follow comfort noise, in ms: what begins a talkspurt waited for the speaker.
    pub jitter_mean_ms: Option<f64>,
    /// The most of it over the same packets, in ms.
    pub jitter_max_ms: Option<f64>,
    /// The mean of the jitter over all packets, but for leaps of the sender's clock beyond two seconds, in ms: what packets
    /// were late by, where the jitter of RFC 3550 also has what a sender that begins anew makes of it.
    pub delay_ms: Option<f64>,
    /// Stretches of ten seconds in which something was wrong, in their order. Of more than are listed, the worst.
    pub stretches: Vec<Stretch>,
    /// Further ones.
    pub stretches_unlisted: u32,
}

/// Ten seconds of a track, counted. They follow each other from its first packet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// When they begin.
    pub at: PacketTime,
    /// Audio packets that were kept.
    pub packets: u32,
    /// Packets that are missing.
    pub lost: u32,
    /// Of these, the longest run.
    pub longest_run: u32,
    /// The mean of the interarrival jitter, as in [`Course::delay_ms`], in µs.
    pub jitter_us: u32,
}

impl Stretch {
    /// How long one is, in ns.
    pub const NANOS: i64 = 10_000_000_000;
    /// A mean jitter, in µs, that a jitter buffer of 60 ms begins to be too small for: 0.25 % of the packets are later.
    pub const ROUGH_US: u32 = 10_000;

    /// Whether something was wrong.
    #[must_use]
    pub const fn is_troubled(&self) -> bool {
        self.lost > 0 || self.jitter_us >= Self::ROUGH_US
    }

    /// Orders stretches by how bad they are: by what is missing, then by jitter.
    #[must_use]
    pub const fn badness(&self) -> (u32, u32) {
        (self.lost, self.jitter_us)
    }
}
