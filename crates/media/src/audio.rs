//! The packets of one call, in sequence order, each once.

use earwitness_model::{
    CallEnd, CallId, CallSummary, Codec, EndedBy, MediaPacket, PacketKind, PacketTime, PayloadKind, RtpTime,
    Segment, SegmentContent, Track, TrackIndex,
};

use crate::codec::Format;

/// Everything an export needs of one call.
pub struct CallAudio {
    /// When it was answered; for a call without an answer, the arrival of its first packet, or its start.
    pub answer: PacketTime,
    /// When it ended; for a call without an end, the arrival of its last packet. Never before `answer`.
    pub end: PacketTime,
    /// The tracks of the summary, by [`TrackIndex`]; one without packets is among them.
    pub tracks: Vec<TrackAudio>,
    /// What was handed to the builder and is not in `tracks`.
    pub left_out: LeftOut,
    /// When a party hung up, where that is how it ended.
    pub(crate) hung_up: Option<PacketTime>,
}

/// The packets of one source, destination and SSRC.
pub struct TrackAudio {
    /// Whose voice, from where to where, which SSRC.
    pub track: Track,
    /// The encoding of each payload type of the track, by the call's SDP or RFC 3551.
    pub formats: Vec<(u8, Option<Codec>)>,
    packets: Vec<Packet>,
    bytes: Vec<u8>,
}

/// What the builder could not use, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Segments of another call.
    pub foreign_segments: u64,
    /// Packets of a track that the summary does not have.
    pub unattributed_packets: u64,
    /// Packets with a sequence number that another packet of the track has.
    pub duplicates: u64,
    /// Bytes at the end of segments that make no packet.
    pub torn_bytes: u64,
}

/// One audio stream of a call: what [`export::payload()`](crate::export::payload()) writes to one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The track, and thus its leg, addresses and SSRC.
    pub track: TrackIndex,
    /// The track itself.
    pub of: Track,
    /// The RTP payload type.
    pub payload_type: u8,
    /// Its encoding; `None` when neither the SDP nor RFC 3551 names it.
    pub codec: Option<Codec>,
    /// Unique packets.
    pub packets: u64,
}

/// How the payloads of a payload type are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// They are decoded.
    Plain(Format),
    /// They are made of blocks of other payload types (RFC 2198).
    Redundant,
    /// They are kept, and not decoded.
    None,
}

impl Reading {
    fn of(codec: &Codec) -> Self {
        match codec {
            Codec::Other { name, .. }
                if name.split('/').next().is_some_and(|it| it.eq_ignore_ascii_case("red")) =>
            {
                Self::Redundant
            }
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::G729 | Codec::Gsm | Codec::Other { .. } => {
                Format::of(codec).map_or(Self::None, Self::Plain)
            }
        }
    }
}

/// A packet whose payload lies in its track's `bytes`.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) sequence: u32,
    pub(crate) arrival: PacketTime,
    pub(crate) rtp_time: RtpTime,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) kind: PacketKind,
    at: usize,
    length: usize,
}

impl CallAudio {
    /// A builder for the call that `summary` describes.
    #[must_use]
    pub fn builder(summary: &CallSummary) -> Builder {
        let mut tracks: Vec<TrackAudio> = summary.tracks.iter().copied().map(TrackAudio::empty).collect();
        for stream in &summary.streams {
            if let Some(track) = tracks.get_mut(usize::from(stream.track.0)) {
                track.formats.push((stream.payload_type, stream.codec.clone()));
            }
        }
        Builder {
            call: summary.id,
            start: summary.facts.start,
            answer: summary.answer,
            end: summary.end.as_ref().map(|end| end.at),
            hung_up: summary.end.as_ref().and_then(hung_up),
            tracks,
            left_out: LeftOut::default(),
        }
    }

    /// The audio streams: one per track and payload type with audio packets, in the order of tracks and payload types.
    #[must_use]
    pub fn streams(&self) -> Vec<Stream> {
        self.streams_of(&[PayloadKind::Audio])
    }

    /// Streams of packets of `kinds`.
    pub(crate) fn streams_of(&self, kinds: &[PayloadKind]) -> Vec<Stream> {
        let mut streams = Vec::new();
        for (index, track) in (0..).map(TrackIndex).zip(&self.tracks) {
            let mut counts = [0u64; 128];
            for packet in track.packets.iter().filter(|packet| kinds.contains(&packet.kind)) {
                counts[usize::from(packet.payload_type & 0x7f)] += 1;
            }
            for (payload_type, packets) in (0u8..).zip(counts).filter(|&(_, packets)| packets > 0) {
                let codec = track.codec(payload_type);
                streams.push(Stream { track: index, of: track.track, payload_type, codec, packets });
            }
        }
        streams
    }
}

impl TrackAudio {
    const fn empty(track: Track) -> Self {
        Self { track, formats: Vec::new(), packets: Vec::new(), bytes: Vec::new() }
    }

    /// Unique packets, of every kind.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.packets.len()
    }

    /// No packet was kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// In sequence order, each sequence number once.
    pub(crate) fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// The payload of one of this track's packets.
    pub(crate) fn payload(&self, packet: &Packet) -> &[u8] {
        self.bytes.get(packet.at..packet.at + packet.length).unwrap_or_default()
    }

    /// The encoding of a payload type: as the call says, else as RFC 3551 fixes it.
    pub(crate) fn codec(&self, payload_type: u8) -> Option<Codec> {
        match self.formats.iter().find(|(format, _)| *format == payload_type) {
            Some((_, codec)) => codec.clone(),
            None => Codec::from_static(payload_type),
        }
    }

    /// How each payload type is read.
    pub(crate) fn readings(&self) -> [Reading; 128] {
        let mut readings = [Reading::None; 128];
        for (payload_type, reading) in (0u8..).zip(&mut readings) {
            *reading = self.codec(payload_type).as_ref().map_or(Reading::None, Reading::of);
        }
        readings
    }

    fn push(&mut self, packet: &MediaPacket<'_>) {
        self.packets.push(Packet {
            sequence: packet.sequence,
            arrival: packet.arrival,
            rtp_time: packet.rtp_time,
            payload_type: packet.payload_type & 0x7f,
            marker: packet.marker,
            kind: packet.kind,
            at: self.bytes.len(),
            length: packet.payload.len(),
        });
        self.bytes.extend_from_slice(packet.payload);
    }

    /// Orders the packets and drops repeats of a sequence number: the one that arrived first stays, and where arrivals
    /// are equal the rest of the packet decides, so that the order in which segments were added never matters.
    fn settle(&mut self) -> u64 {
        let bytes = &self.bytes;
        let payload = |packet: &Packet| &bytes[packet.at..packet.at + packet.length];
        let place = |packet: &Packet| (packet.sequence, packet.arrival);
        let rest =
            |packet: &Packet| (packet.rtp_time.0, packet.payload_type, packet.marker, packet.kind as u8);
        self.packets.sort_unstable_by(|a, b| {
            (place(a).cmp(&place(b)))
                .then_with(|| rest(a).cmp(&rest(b)))
                .then_with(|| payload(a).cmp(payload(b)))
        });
        let all = self.packets.len();
        self.packets.dedup_by_key(|packet| packet.sequence);
        (all - self.packets.len()) as u64
    }
}

/// Collects the segments of one call, in any order.
pub struct Builder {
    call: CallId,
    start: PacketTime,
    answer: Option<PacketTime>,
    end: Option<PacketTime>,
    hung_up: Option<PacketTime>,
    tracks: Vec<TrackAudio>,
    left_out: LeftOut,
}

/// The end, if a party made it.
fn hung_up(end: &CallEnd) -> Option<PacketTime> {
    match end.by {
        Some(EndedBy::Caller | EndedBy::Callee) => Some(end.at),
        Some(EndedBy::Timeout | EndedBy::CaptureEnd) | None => None,
    }
}

impl Builder {
    /// Copies the packets of a media segment; signalling is passed over.
    pub fn add(&mut self, segment: &Segment) {
        if segment.call != self.call {
            self.left_out.foreign_segments += 1;
            return;
        }
        match segment.content {
            SegmentContent::Media => {}
            SegmentContent::Signalling => return,
        }
        let mut packets = segment.media();
        for packet in packets.by_ref() {
            match self.tracks.get_mut(usize::from(packet.track.0)) {
                Some(track) => track.push(&packet),
                None => self.left_out.unattributed_packets += 1,
            }
        }
        self.left_out.torn_bytes += packets.rest().len() as u64;
    }

    /// The call, its packets sorted by extended sequence number and unique.
    #[must_use]
    pub fn finish(mut self) -> CallAudio {
        for track in &mut self.tracks {
            self.left_out.duplicates += track.settle();
        }
        let arrivals = || self.tracks.iter().flat_map(|track| &track.packets).map(|packet| packet.arrival);
        let answer = self.answer.or_else(|| arrivals().min()).unwrap_or(self.start);
        let end = self.end.or_else(|| arrivals().max()).unwrap_or(answer).max(answer);
        CallAudio { answer, end, tracks: self.tracks, left_out: self.left_out, hung_up: self.hung_up }
    }
}
