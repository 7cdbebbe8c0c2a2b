//! Frames in, everything that comes out per call, and what a reader without an engine finds in the same frames.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails, in its helping functions too")]
#![allow(dead_code, reason = "each test file uses its part of it")]

pub(crate) mod carried;

use std::{collections::BTreeMap, path::PathBuf};

use earwitness_engine::{Counts, Engine, Limits, Output};
use earwitness_model::{
    CallId, CallSummary, LinkType, PacketTime, PayloadKind, RawFrame, RunningCall, SegmentContent, Track,
    TrackIndex,
};
use earwitness_rules::{EXAMPLE, RuleSet, SourceText};
use earwitness_testkit::{Frame, script};

/// A segment as it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) content: SegmentContent,
    pub(crate) base: PacketTime,
    pub(crate) bytes: Vec<u8>,
}

/// What came out of one call, in order.
#[derive(Debug, Default)]
pub(crate) struct Came {
    pub(crate) opened: Option<PacketTime>,
    pub(crate) running: Vec<RunningCall>,
    /// Track, payload type and encoding.
    pub(crate) streams: Vec<(TrackIndex, Track, u8, Option<String>)>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) ended: Option<CallSummary>,
}

/// A packet's place: its flow and SSRC, its sequence number, its payload type.
pub(crate) type Place = (String, u16, u8);

/// Everything that came out of an engine.
#[derive(Default)]
pub(crate) struct Replayed {
    pub(crate) calls: BTreeMap<CallId, Came>,
    pub(crate) counts: Counts,
}

/// When outputs are fetched and time is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polling {
    EachFrame,
    AtTheEnd,
}

impl Replayed {
    /// Takes an output, and asserts that it may come now.
    pub(crate) fn take(&mut self, output: Output) {
        match output {
            Output::Opened(opened) => {
                let came = self.calls.entry(opened.call).or_default();
                assert!(came.opened.is_none() && came.ended.is_none(), "a call is opened once, and first");
                came.opened = Some(opened.at);
            }
            Output::Running(running) => self.kept(running.id).running.push(*running),
            Output::Stream(stream) => {
                let came = self.kept(stream.call);
                let codec = stream.codec.map(|codec| codec.to_string());
                came.streams.push((stream.index, stream.track, stream.payload_type, codec));
            }
            Output::Segment(segment) => {
                let came = self.kept(segment.call);
                for packet in media(segment.content, segment.base, &segment.bytes) {
                    let (index, pt) = (packet.track, packet.payload_type);
                    assert!(came.streams.iter().any(|s| (s.0, s.2) == (index, pt)), "a stream comes first");
                }
                let (content, base) = (segment.content, segment.base);
                came.pieces.push(Piece { content, base, bytes: segment.bytes });
            }
            Output::Ended(summary) => {
                let came = self.calls.entry(summary.id).or_default();
                assert!(came.ended.is_none(), "a call ends once");
                came.ended = Some(*summary);
            }
        }
    }

    fn kept(&mut self, call: CallId) -> &mut Came {
        let came = self.calls.get_mut(&call).unwrap();
        assert!(came.opened.is_some() && came.ended.is_none(), "what is kept lies between Opened and Ended");
        came
    }

    pub(crate) fn poll(&mut self, engine: &mut Engine) {
        while let Some(output) = engine.poll_output() {
            self.take(output);
        }
    }

    /// The summaries, in order of the calls' names, which is that of their beginnings.
    pub(crate) fn summaries(&self) -> Vec<&CallSummary> {
        self.calls.values().filter_map(|came| came.ended.as_ref()).collect()
    }

    /// The one call.
    pub(crate) fn only(&self) -> &CallSummary {
        let all = self.summaries();
        assert_eq!(all.len(), 1);
        all[0]
    }
}

impl Came {
    /// The packets' payloads by their places.
    pub(crate) fn packets(&self) -> BTreeMap<Place, Vec<u8>> {
        let mut packets = BTreeMap::new();
        for piece in &self.pieces {
            for packet in media(piece.content, piece.base, &piece.bytes) {
                let track = self.streams.iter().find(|s| s.0 == packet.track).unwrap().1;
                let place = (named(&track), packet.sequence as u16, packet.payload_type);
                assert!(packets.insert(place, packet.payload.to_vec()).is_none(), "a packet is kept once");
            }
        }
        packets
    }

    /// The audio of a (track, payload type) in order of sequence.
    pub(crate) fn audio(&self, index: TrackIndex, payload_type: u8) -> Vec<u8> {
        let mut packets = BTreeMap::new();
        for piece in &self.pieces {
            for packet in media(piece.content, piece.base, &piece.bytes) {
                if packet.kind == PayloadKind::Audio
                    && (packet.track, packet.payload_type) == (index, payload_type)
                {
                    packets.insert(packet.sequence, packet.payload);
                }
            }
        }
        packets.into_values().flatten().copied().collect()
    }
}

/// A track's addresses and SSRC; two tracks with the same are one.
pub(crate) fn named(track: &Track) -> String {
    format!("{}>{}/{:#x}", track.flow.src, track.flow.dst, track.ssrc)
}

fn media(
    content: SegmentContent,
    base: PacketTime,
    bytes: &[u8],
) -> impl Iterator<Item = earwitness_model::MediaPacket<'_>> {
    let bytes = if content == SegmentContent::Media { bytes } else { &[] };
    earwitness_model::MediaPackets::new(base, bytes)
}

/// The frame as a capture hands it over.
pub(crate) fn raw(frame: &Frame, number: u64) -> RawFrame<'_> {
    let wire_len = frame.bytes.len() as u32;
    RawFrame { time: frame.time, number, link: LinkType::Ethernet, wire_len, bytes: &frame.bytes }
}

/// Runs `frames` through an engine of its own.
pub(crate) fn replay(frames: &[Frame], rules: RuleSet, limits: Limits) -> Replayed {
    let mut engine = Engine::new(rules, limits);
    let mut replayed = Replayed::default();
    for (number, frame) in frames.iter().enumerate() {
        engine.handle_frame(&raw(frame, number as u64 + 1));
        replayed.poll(&mut engine);
    }
    engine.handle_end();
    replayed.poll(&mut engine);
    replayed.counts = engine.counts();
    replayed
}

/// With the lab rule: everything is kept, audio before the answer too.
pub(crate) fn lab(frames: &[Frame]) -> Replayed {
    replay(frames, RuleSet::lab(), Limits::default())
}

/// The frames of a script.
pub(crate) fn told(text: &str) -> Vec<Frame> {
    script::parse(text).unwrap().frames()
}

/// The rules of the worked example.
pub(crate) fn example() -> RuleSet {
    let files: Vec<_> = EXAMPLE.iter().map(|(name, text)| SourceText { name, text }).collect();
    RuleSet::load(&files).unwrap()
}

/// Two rules: 4000-4899 are kept from the answer on, 4900-4999 never.
pub(crate) fn desks() -> RuleSet {
    let text = "schema = 1\ncountry = \"82\"\ninternal = [\"4000-4999\"]\n\n\
        [[rule]]\nname = \"desks\"\nmode = \"blanket\"\nextensions = [\"4000-4899\"]\nretention = \"short\"\n\
        notice = \"spoken\"\n\n[[rule]]\nname = \"union\"\nmode = \"never\"\nextensions = [\"4900-4999\"]\n\n\
        [retention.short]\nkeep = \"P90D\"\n\n[notice.spoken]\naudio = \"none\"\n";
    RuleSet::load(&[SourceText { name: "desks.toml", text }]).unwrap()
}

/// Where the calls that are told as scripts are.
pub(crate) fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/calls")
}
