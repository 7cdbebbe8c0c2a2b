//! What the two halves of the engine say to each other: small, owned, and fit for a channel between threads.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use earwitness_model::{CallId, Codec, Flag, Gap, Leg, PacketTime, RunningCall, StreamSummary, Track};
use earwitness_rules::Network;

use crate::{
    media::{Stray, cause::Trail, far_end::FarEnds},
    output::Opened,
    presses::Press,
    secured::Secured,
    timer::Timer,
};

/// A call's place in the tables of both halves. Used again only after the call was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallSlot(pub(crate) u32);

/// What a payload type means in one party's SDP.
pub(crate) type Formats = Arc<[(u8, Codec)]>;

/// From which moment on a call's audio is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Never: the rules refused it. Its packets are counted and forgotten.
    Never,
    /// From the answer on.
    FromAnswer,
    /// From the first packet on.
    FromStart,
}

/// From the signalling half to the media half.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    /// A call began. `opened` is said before its first packet, where only its packets show that there is a call. `base` is
    /// capture time less engine time as the call is told. `silence` is for how long its media may pause.
    Begin {
        call: CallSlot,
        id: CallId,
        base: i64,
        keeping: Keeping,
        opened: Option<Box<Opened>>,
        silence: Timer,
    },
    /// Media of `leg` will be sent to `endpoint`, with these formats. `secured` is how the other party, which announced it,
    /// protects what it sends itself.
    Expect { call: CallSlot, endpoint: SocketAddr, leg: Leg, formats: Formats, secured: Option<Arc<Secured>> },
    /// RTCP about the call comes to or from `endpoint`, which is not the port of its media nor the one behind.
    ExpectControl { call: CallSlot, endpoint: SocketAddr },
    /// It was said that there is a call, because a shard heard it.
    Opened { call: CallSlot },
    /// The call was answered at `at`.
    Answered { call: CallSlot, at: PacketTime },
    /// What is needed to take the call up after a restart, once it was said that there is a call.
    Running { call: CallSlot, running: Box<RunningCall> },
    /// A party put the call on hold, or took it back.
    Hold { call: CallSlot, held: bool },
    /// The media may be silent: the signalling is not. Look at it again at `until`.
    Patience { call: CallSlot, until: PacketTime },
    /// What is kept of the call's audio changed, before its answer.
    Keeping { call: CallSlot, keeping: Keeping },
    /// The call ended; media in flight may still come, a next call may take over its ports.
    Over { call: CallSlot },
    /// The call, whose attempt had failed, is tried anew.
    Retried { call: CallSlot },
    /// Say when the parties were heard last: [`Report::Looked`].
    Look { call: CallSlot },
    /// The rules in force name these networks: audio in them that nobody announced is told of.
    Networks(Arc<[Network]>),
    /// The call is closed: report its media and forget it.
    Release { call: CallSlot },
}

/// From the media half to the signalling half.
#[derive(Debug)]
pub(crate) enum Report {
    /// No media since `last` (or ever), for as long as an answered call may be silent; found out at `at`.
    Silent { call: CallSlot, last: Option<PacketTime>, at: PacketTime },
    /// A shard hears a call that it reported silent, or of which it was not yet said that there is one.
    Heard { call: CallSlot, at: PacketTime },
    /// A telephone is heard that no SDP announced.
    Stray(Stray),
    /// A print was taken of the audio of the call called `id`.
    Printed { call: CallSlot, id: CallId, print: Print },
    /// When the caller and the callee were heard last.
    Looked { call: CallSlot, heard: [Option<PacketTime>; 2] },
    /// What a released call's media came to.
    Released { call: CallSlot, id: CallId, media: Box<MediaSummary> },
}

/// A payload that chance does not make twice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Print {
    /// Its hash.
    pub(crate) hash: u64,
    /// When it came, in engine time.
    pub(crate) at: PacketTime,
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
}

/// A call's media, counted.
#[derive(Debug, Default)]
pub(crate) struct MediaSummary {
    pub(crate) tracks: Vec<Track>,
    pub(crate) streams: Vec<StreamSummary>,
    /// Each as often as it was seen.
    pub(crate) presses: Vec<Press>,
    pub(crate) gaps: Vec<Gap>,
    /// Of each track, what is missing, until it is told why.
    pub(crate) trails: Vec<Trail>,
    /// What those who received the tracks say of them.
    pub(crate) far_ends: FarEnds,
    pub(crate) flags: Vec<Flag>,
    pub(crate) heard: Heard,
    /// What the media half was to say before the first packet, and did not.
    pub(crate) opened: Option<Box<Opened>>,
    /// In engine time; the times in the lists are as the call is told.
    pub(crate) last: Option<PacketTime>,
}

/// Who was heard in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Heard {
    /// Nobody was listened to: the call is not kept, or was not answered.
    #[default]
    NotListened,
    /// Whether each party was.
    Parties { caller: bool, callee: bool },
}

impl Heard {
    /// What two that listened to parts of a call heard together.
    pub(crate) const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotListened, heard) | (heard, Self::NotListened) => heard,
            (
                Self::Parties { caller, callee },
                Self::Parties { caller: also_caller, callee: also_callee },
            ) => Self::Parties { caller: caller || also_caller, callee: callee || also_callee },
        }
    }

    /// What is worth knowing of it.
    pub(crate) const fn flag(self) -> Option<Flag> {
        match self {
            Self::Parties { caller: true, callee: true } | Self::NotListened => None,
            Self::Parties { caller: false, callee: false } => Some(Flag::NoMedia),
            Self::Parties { .. } => Some(Flag::OneWay),
        }
    }
}
