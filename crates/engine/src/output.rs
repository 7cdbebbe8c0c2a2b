//! What comes out of the engine.

use earwitness_model::{
    CallFacts, CallId, CallSummary, Codec, PacketTime, RunningCall, Segment, Track, TrackIndex, Verdict,
};

/// An event of one call. Per call the order is: `Opened`, then `Stream`, `Segment` and `Running` in any mixture (a packet's
/// stream before its segment), then `Ended`. A call that the rules refused has `Ended` only.
pub enum Output {
    /// A call that the rules admit has something to keep.
    Opened(Box<Opened>),
    /// What is needed to take the call up after a restart: said at the answer, and again whenever it changed.
    Running(Box<RunningCall>),
    /// The first packet of a (track, payload type) came.
    Stream(Box<Stream>),
    /// A closed piece of the call. Its buffer goes back by [`Engine::handle_returned`](crate::Engine::handle_returned).
    Segment(Segment),
    /// The call is over, and this is all of it.
    Ended(Box<CallSummary>),
}

/// A segment's buffer on its way back.
pub enum Returned {
    /// As it was given out: what is in it is to be wiped.
    Plain(Segment),
    /// Of a media segment that was sealed where it lay: there is nothing to wipe.
    Sealed(Vec<u8>),
}

impl From<Segment> for Returned {
    fn from(segment: Segment) -> Self {
        Self::Plain(segment)
    }
}

/// A call that will be kept.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its name.
    pub call: CallId,
    /// What was known when it began.
    pub facts: CallFacts,
    /// What the rules said: an admission.
    pub verdict: Verdict,
    /// When keeping began.
    pub at: PacketTime,
}

/// What the packets of a track with a payload type are.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The call.
    pub call: CallId,
    /// The track's place in the call's table, as packed packets carry it.
    pub index: TrackIndex,
    /// The track.
    pub track: Track,
    /// The RTP payload type.
    pub payload_type: u8,
    /// Its encoding, when SDP or RFC 3551 names it.
    pub codec: Option<Codec>,
}
