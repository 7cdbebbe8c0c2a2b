//! What is told of a recording before its end, so that an interrupted one is not nameless.

use chrono::NaiveDate;
use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Codec, Course, Decision, EndedBy, Flag, Outcome, PacketTime,
    PayloadKind, Pii, RecordingId, RunningCall, StreamQuality, StreamSummary, Track, TrackIndex, Verdict,
    WallTime,
};
use serde::{Deserialize, Serialize};

use crate::civil;

const OPENING_SCHEMA: u8 = 1;
/// Bytes that an opened row usually has at most: it is written without being moved.
const USUAL: usize = 1024;

/// What is known of a call when its recording begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// The call.
    pub call: CallId,
    /// What the rules decided on.
    pub facts: CallFacts,
    /// What they said: [`earwitness_model::Decision::Admit`].
    pub verdict: Verdict,
    /// Capture time at which the recording begins.
    pub at: PacketTime,
    /// The recording of the same call that this one goes on from, after a restart.
    pub continues: Option<RecordingId>,
}

/// Who a stream of the call is: told at its first packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOpened {
    /// The track's place in the call's table.
    pub index: TrackIndex,
    /// The track.
    pub track: Track,
    /// The RTP payload type.
    pub payload_type: u8,
    /// Its encoding, as far as the signalling named it by then.
    pub codec: Option<Codec>,
}

/// The first block of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenedRow {
    schema: u8,
    pub(crate) call: CallId,
    pub(crate) facts: CallFacts,
    pub(crate) verdict: Verdict,
    pub(crate) begun: WallTime,
    pub(crate) continues: Option<RecordingId>,
}

impl OpenedRow {
    pub(crate) fn new(opening: &Opening, begun: WallTime) -> Self {
        Self {
            schema: OPENING_SCHEMA,
            call: opening.call,
            facts: opening.facts.clone(),
            verdict: opening.verdict.clone(),
            begun,
            continues: opening.continues,
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, Vec::with_capacity(USUAL))
            .expect("an opened row has no map and no sequence of unknown length")
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok().filter(|row: &Self| row.schema == OPENING_SCHEMA)
    }

    /// Until when a recording that began on `day` is kept; a refused call has none, and is kept for no time.
    pub(crate) fn retention_until(&self, day: NaiveDate) -> NaiveDate {
        match &self.verdict.decision {
            Decision::Admit(keep) => civil::retention_until(day, keep.retention.keep),
            Decision::Refuse(_) => day,
        }
    }

    /// The summary of a call whose end nobody saw: what was told before it, and nothing else. Streams are named, and
    /// their packets are not counted: that needs the key that opens them. An answered call ends with the last that was
    /// kept of it, to half a second.
    pub(crate) fn interrupted(
        &self,
        streams: &[StreamOpened],
        running: Option<&RunningCall>,
        (first, last): (PacketTime, PacketTime),
    ) -> CallSummary {
        let answer = running.and_then(|call| call.answered);
        CallSummary {
            id: self.call,
            sip_call_ids: running.into_iter().flat_map(sip_call_ids).collect(),
            facts: self.facts.clone(),
            verdict: self.verdict.clone(),
            answer,
            end: running.and_then(|call| call.over.clone()).or_else(|| {
                answer.map(|_| CallEnd { at: last, by: Some(EndedBy::CaptureEnd), reason: None })
            }),
            outcome: if answer.is_some() { Outcome::Answered } else { Outcome::InProgress },
            sip_status: None,
            tracks: table(streams),
            streams: streams.iter().map(|stream| unseen(stream, first, last)).collect(),
            dtmf: Vec::new(),
            gaps: Vec::new(),
            flags: flags(running),
            messages: 0,
            joined: running.iter().flat_map(|call| &call.joined).map(|dialog| dialog.by).collect(),
            joined_parties: Vec::new(),
            related: Vec::new(),
            tunnel: None,
        }
    }
}

/// What is known of a call whose end nobody saw.
fn flags(running: Option<&RunningCall>) -> Vec<Flag> {
    let is_stream = running.is_some_and(|call| call.flags.contains(&Flag::NoSignalling));
    [Flag::Interrupted].into_iter().chain(is_stream.then_some(Flag::NoSignalling)).collect()
}

/// The Call-IDs, which are bytes, as text for people; a stream has none.
fn sip_call_ids(call: &RunningCall) -> impl Iterator<Item = Pii<String>> {
    let joined = call.joined.iter().map(|dialog| &dialog.sip_call_id);
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let all = std::iter::once(&call.sip_call_id).chain(joined).filter(|id| !id.expose().is_empty());
    all.map(move |id| Pii::new(text(id.expose())))
}

/// The call's table of tracks, as far as its streams tell. A place of which none told, for it had no packet or its numbers
/// are dealt to several threads, must not shift those behind it: another track stands there.
fn table(streams: &[StreamOpened]) -> Vec<Track> {
    let Some(any) = streams.first() else { return Vec::new() };
    let places = streams.iter().map(|stream| usize::from(stream.index.0) + 1).max().unwrap_or(0);
    let mut tracks = vec![any.track; places];
    for stream in streams {
        tracks[usize::from(stream.index.0)] = stream.track;
    }
    tracks
}

fn unseen(stream: &StreamOpened, first: PacketTime, last: PacketTime) -> StreamSummary {
    StreamSummary {
        track: stream.index,
        of: stream.track,
        payload_type: stream.payload_type,
        codec: stream.codec.clone(),
        ptime_ms: None,
        packets: 0,
        lost: 0,
        duplicates: 0,
        reordered: 0,
        jitter_ms: None,
        first,
        last,
        payload_bytes: 0,
        quality: StreamQuality::default(),
        course: Course::default(),
    }
}

impl StreamOpened {
    /// Whether its payload is hashed: audio, as far as the signalling named it.
    pub(crate) fn is_audio(&self) -> bool {
        match self.codec.as_ref().map(Codec::kind) {
            Some(PayloadKind::Audio) => true,
            Some(PayloadKind::TelephoneEvent | PayloadKind::ComfortNoise | PayloadKind::Unknown) | None => {
                false
            }
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a stream row has no map and no sequence of unknown length")
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::{Flow, Leg};

    use super::*;

    #[test]
    fn a_place_of_which_no_stream_told_does_not_shift_the_tracks_behind_it() {
        let end = "10.0.0.1:4000".parse().unwrap();
        let stream = |index, ssrc| {
            let track = Track { leg: Leg::Caller, flow: Flow { src: end, dst: end }, ssrc };
            StreamOpened { index: TrackIndex(index), track, payload_type: 8, codec: None }
        };
        let ssrcs = |streams: &[StreamOpened]| table(streams).iter().map(|t| t.ssrc).collect::<Vec<_>>();
        assert_eq!(ssrcs(&[stream(4, 40), stream(1, 10), stream(4, 40)]), [40, 10, 40, 40, 40]);
        assert_eq!(ssrcs(&[]), [0; 0]);
    }
}
