//! Calls from a few numbers: what the tests of the exports are written in.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod program;

use earwitness_media::CallAudio;
use earwitness_model::{
    CallEnd, CallFacts, CallId, CallSummary, Codec, Course, Decision, Direction, EndedBy, Flow, Leg,
    MediaPacket, Mode, Outcome, PacketTime, Party, PayloadKind, Refusal, RtpTime, RuleSetHash, Segment,
    SegmentContent, StreamQuality, StreamSummary, Track, TrackIndex, Verdict, pack_media,
};

/// Nanoseconds in a millisecond.
pub(crate) const MS: i64 = 1_000_000;
/// When scripted calls begin.
pub(crate) const START: PacketTime = PacketTime::from_nanos(1_763_683_200_000_000_000);
/// The call's id.
pub(crate) const ID: CallId = CallId::from_bytes([7; 16]);

/// One packet. The default is an A-law packet of the caller.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub(crate) track: u16,
    pub(crate) payload_type: u8,
    pub(crate) kind: PayloadKind,
    pub(crate) marker: bool,
    pub(crate) sequence: u32,
    pub(crate) rtp_time: u32,
    /// After [`START`].
    pub(crate) arrival: i64,
    pub(crate) payload: Vec<u8>,
}

/// `length` octets of `code` from the caller.
pub(crate) fn spoken(sequence: u32, rtp_time: u32, arrival_ms: i64, (code, length): (u8, usize)) -> Spoken {
    Spoken {
        track: 0,
        payload_type: 8,
        kind: PayloadKind::Audio,
        marker: false,
        sequence,
        rtp_time,
        arrival: arrival_ms * MS,
        payload: vec![code; length],
    }
}

/// Sender `n` of `leg`: its addresses and SSRC follow from both.
pub(crate) fn track(leg: Leg, n: u8) -> Track {
    let (caller, callee) = (format!("10.1.0.5:{}", 4000 + 2 * u16::from(n)), "10.1.0.9:5000".to_owned());
    let (src, dst) = match leg {
        Leg::Caller => (caller, callee),
        Leg::Callee => (callee, caller),
    };
    let flow = Flow { src: src.parse().unwrap(), dst: dst.parse().unwrap() };
    Track { leg, flow, ssrc: 0x1234_0000 + u32::from(n) + if leg == Leg::Callee { 0x100 } else { 0 } }
}

/// A call's outline: its tracks, and answer and end in ms after [`START`].
pub(crate) struct Outline {
    pub(crate) tracks: Vec<Track>,
    pub(crate) formats: Vec<(u8, Option<Codec>)>,
    pub(crate) answer: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) by: Option<EndedBy>,
}

impl Default for Outline {
    fn default() -> Self {
        Self {
            tracks: vec![track(Leg::Caller, 0), track(Leg::Callee, 0), track(Leg::Caller, 1)],
            formats: vec![
                (0, Some(Codec::Pcmu)),
                (8, Some(Codec::Pcma)),
                (9, Some(Codec::G722)),
                (3, Some(Codec::Gsm)),
                (13, Codec::from_static(13)),
                (18, Some(Codec::G729)),
                (97, Some(Codec::from_rtpmap("red", 8000, None))),
                (98, Some(Codec::from_rtpmap("G726-32", 8000, None))),
                (99, Some(Codec::from_rtpmap("L16", 44_100, Some(2)))),
                (96, Some(Codec::from_rtpmap("opus", 48_000, Some(2)))),
                (100, None),
                (101, Some(Codec::from_rtpmap("telephone-event", 8000, None))),
            ],
            answer: Some(0),
            end: Some(100),
            by: None,
        }
    }
}

impl Outline {
    pub(crate) fn summary(&self) -> CallSummary {
        let after = |ms: i64| START.plus_nanos(ms * MS);
        let streams = (0u16..).zip(&self.tracks).flat_map(|(index, &of)| {
            self.formats.iter().map(move |(payload_type, codec)| StreamSummary {
                track: TrackIndex(index),
                of,
                payload_type: *payload_type,
                codec: codec.clone(),
                ptime_ms: None,
                packets: 0,
                lost: 0,
                duplicates: 0,
                reordered: 0,
                jitter_ms: None,
                first: START,
                last: START,
                payload_bytes: 0,
                quality: StreamQuality::default(),
                course: Course::default(),
            })
        });
        CallSummary {
            id: ID,
            sip_call_ids: vec![],
            facts: CallFacts {
                start: START,
                from: Party::default(),
                to: Party::default(),
                request_user: None,
                asserted: vec![],
                diverted_from: vec![],
            },
            verdict: verdict(),
            answer: self.answer.map(after),
            end: self.end.map(|ms| CallEnd { at: after(ms), by: self.by, reason: None }),
            outcome: Outcome::Answered,
            sip_status: Some(200),
            streams: streams.collect(),
            tracks: self.tracks.clone(),
            dtmf: vec![],
            gaps: vec![],
            flags: vec![],
            messages: 0,
            joined: vec![],
            joined_parties: vec![],
            related: vec![],
            tunnel: None,
        }
    }

    /// The call with `packets`, each in a segment of its own.
    pub(crate) fn call(&self, packets: &[Spoken]) -> CallAudio {
        let mut builder = CallAudio::builder(&self.summary());
        for packet in packets {
            builder.add(&segment(std::slice::from_ref(packet)));
        }
        builder.finish()
    }
}

/// The segment of `packets`, whose base is the first one's arrival.
pub(crate) fn segment(packets: &[Spoken]) -> Segment {
    let base = START.plus_nanos(packets.first().map_or(0, |packet| packet.arrival));
    let mut bytes = Vec::new();
    for packet in packets {
        let packed = MediaPacket {
            track: TrackIndex(packet.track),
            payload_type: packet.payload_type,
            marker: packet.marker,
            kind: packet.kind,
            sequence: packet.sequence,
            rtp_time: RtpTime(packet.rtp_time),
            arrival: START.plus_nanos(packet.arrival),
            payload: &packet.payload,
        };
        pack_media(&mut bytes, base, &packed);
    }
    Segment { call: ID, content: SegmentContent::Media, base, bytes }
}

fn verdict() -> Verdict {
    Verdict {
        decision: Decision::Refuse(Refusal::NoRule),
        mode: Some(Mode::Blanket),
        rule: None,
        direction: Direction::Unknown,
        extension: None,
        department: None,
        rule_set: RuleSetHash::default(),
    }
}
