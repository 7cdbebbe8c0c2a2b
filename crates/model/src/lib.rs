//! The vocabulary of earwitness: what the other crates say to each other.
//!
//! Values only. This crate reads no clock, opens no file, spawns no thread and logs nothing; it knows nothing of how a
//! fact was found (`wire`, `engine`) or where it is kept (`vault`).
#![forbid(unsafe_code)]

mod call;
mod codec;
mod conversation;
mod course;
pub mod emodel;
mod frame;
mod id;
mod pii;
mod quality;
mod running;
mod segment;
mod stream;
mod time;
mod tunnel;
mod verdict;

pub use call::{
    CallEnd, CallFacts, CallKind, CallSummary, Dtmf, DtmfVia, EndedBy, Flag, Gap, GapCause, Outcome, Parties,
    Party,
};
pub use codec::{Codec, PayloadKind};
pub use conversation::{Evidence, Related};
pub use course::{Course, Stretch};
pub use frame::{Flow, LinkType, RawFrame, SipTransport};
pub use id::{BadId, CallId, CopyId, RecordingId};
pub use pii::Pii;
pub use quality::{Bursts, FarEnd, GapEvidence, StreamQuality, VoipMetrics};
pub use running::{Protected, RunningCall, RunningDialog, RunningEndpoint};
pub use segment::{
    MediaPacket, MediaPackets, PACKET_HEADER, PacketKind, Segment, SegmentContent, SignallingMessage,
    SignallingMessages, pack_media, pack_media_into, pack_signalling,
};
pub use stream::{Leg, StreamSummary, Track, TrackIndex};
pub use time::{PacketTime, RtpTime, WallTime};
pub use tunnel::{Encapsulation, Tunnel, TunnelEnds};
pub use verdict::{
    Decision, Direction, EarlyMedia, InbandDigits, Keep, Mode, Period, Refusal, RetentionClass, RuleSetHash,
    Verdict,
};
