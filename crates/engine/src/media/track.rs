//! One track: a sequence number space of a call, and the streams (payload types) that share it.

use earwitness_model::{
    Codec, Flow, Gap, Leg, MediaPacket, PacketTime, PayloadKind, RtpTime, StreamSummary, Track, TrackIndex,
};

use super::{
    hole::Holes,
    jitter::Jitter,
    keypress::Pressed,
    sequence::{Place, Sequence},
};
use crate::order::CallSlot;

/// What happens to a track's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They go into the call's ring.
    Keep,
    /// They are counted and forgotten: refused, or before the answer.
    Drop,
    /// The call is over: they are kept, unless a newer call announced the endpoint.
    Linger,
    /// The call is over, and nothing of it was kept: they are forgotten, unless a newer call announced the endpoint.
    LingerDrop,
    /// They wait until the signalling half said that they are kept. Only in a shard.
    Wait,
    /// The signalling half was told that the call is silent: it is to hear of the next one. Only in a shard.
    Asleep,
}

impl Fate {
    /// Whether it does not need a look at each packet's call: while it runs, and everything that was to be said is said.
    #[inline]
    pub(crate) const fn is_settled(self) -> bool {
        matches!(self, Self::Keep | Self::Drop)
    }
}

/// The state of one track.
#[derive(Debug)]
pub(crate) struct TrackState {
    pub(crate) call: CallSlot,
    pub(crate) index: TrackIndex,
    pub(crate) fate: Fate,
    pub(crate) of: Track,
    pub(crate) last: PacketTime,
    pub(super) holes: Holes,
    /// New packets that came and could not be kept.
    left_out: u64,
    pub(crate) pressed: Option<Pressed>,
    sequence: Option<Sequence>,
    /// The stream of the packet before: packets of one payload type follow each other.
    current: usize,
    streams: Streams,
}

/// The streams of a track, in the order in which they began. The first lies in the track itself: most tracks have no other,
/// and all that a packet touches then lies side by side.
#[derive(Debug, Default)]
struct Streams {
    first: Option<StreamState>,
    others: Vec<StreamState>,
}

/// One payload type of a track.
#[derive(Debug)]
pub(crate) struct StreamState {
    pub(crate) payload_type: u8,
    pub(crate) codec: Option<Codec>,
    pub(crate) kind: PayloadKind,
    clock_rate: u32,
    jitter: Jitter,
    step: Step,
    packets: u64,
    duplicates: u64,
    reordered: u64,
    payload_bytes: u64,
    first: PacketTime,
    last: PacketTime,
}

/// The usual RTP time step from one sequence number to the next: a running majority (Boyer and Moore).
#[derive(Debug, Default)]
struct Step {
    before: Option<(u32, RtpTime)>,
    candidate: i32,
    votes: u32,
}

/// Payload types of one track; a sender that goes through more is not a phone.
const MAX_STREAMS: usize = 8;

impl TrackState {
    pub(crate) fn new(call: CallSlot, index: TrackIndex, of: Track, fate: Fate, now: PacketTime) -> Self {
        Self {
            call,
            index,
            fate,
            of,
            last: now,
            holes: Holes::default(),
            left_out: 0,
            pressed: None,
            sequence: None,
            current: 0,
            streams: Streams::default(),
        }
    }

    /// Whose voice.
    pub(crate) const fn leg(&self) -> Leg {
        self.of.leg
    }

    /// From where to where.
    pub(crate) const fn flow(&self) -> &Flow {
        &self.of.flow
    }

    /// Makes the stream of `payload_type` the current one; `None` when it has none yet.
    #[inline]
    pub(crate) fn select(&mut self, payload_type: u8) -> Option<&StreamState> {
        if self.streams.get(self.current).is_none_or(|s| s.payload_type != payload_type) {
            self.current = self.streams.iter().position(|s| s.payload_type == payload_type)?;
        }
        self.streams.get(self.current)
    }

    /// Adds the stream of `payload_type`, which is new, and makes it current; `false` when there are too many.
    pub(crate) fn add_stream(&mut self, payload_type: u8, codec: Option<Codec>, now: PacketTime) -> bool {
        if self.streams.len() == MAX_STREAMS {
            return false;
        }
        self.current = self.streams.len();
        self.streams.push(StreamState {
            payload_type,
            kind: codec.as_ref().map_or(PayloadKind::Unknown, Codec::kind),
            clock_rate: codec.as_ref().map_or(8000, Codec::clock_rate),
            codec,
            jitter: Jitter::default(),
            step: Step::default(),
            packets: 0,
            duplicates: 0,
            reordered: 0,
            payload_bytes: 0,
            first: now,
            last: now,
        });
        true
    }

    /// The stream that [`Self::select`] or [`Self::add_stream`] made current, when there is one.
    pub(crate) fn current(&self) -> Option<&StreamState> {
        self.streams.get(self.current)
    }

    /// Places a packet of the current stream and counts it.
    #[inline]
    pub(crate) fn place(&mut self, sequence: u16, rtp_time: RtpTime, arrival: PacketTime) -> Place {
        let before = self.last;
        self.last = before.max(arrival);
        let step = self.streams.get(self.current).map(|stream| &stream.step);
        let talked_on = |far| step.is_some_and(|step| step.leads_to(far, rtp_time));
        let place = self.sequence.get_or_insert_with(|| Sequence::new(sequence)).place(sequence, talked_on);
        let Some(stream) = self.streams.get_mut(self.current) else { return place };
        match place {
            Place::Next { sequence, missing } if missing > 0 => {
                self.holes.open(sequence, missing, before, arrival);
            }
            Place::Next { .. } | Place::Noise => {}
            Place::Reordered { sequence } => {
                stream.reordered += 1;
                self.holes.fill(sequence);
            }
            Place::Duplicate => stream.duplicates += 1,
        }
        place
    }

    /// Counts a new packet that was kept into the current stream.
    #[inline]
    pub(crate) fn count(&mut self, packet: &MediaPacket<'_>) {
        let Some(stream) = self.streams.get_mut(self.current) else { return };
        stream.packets += 1;
        stream.payload_bytes += packet.payload.len() as u64;
        stream.last = stream.last.max(packet.arrival);
        if stream.kind == PayloadKind::Audio {
            stream.jitter.handle_packet(packet.arrival, packet.rtp_time, stream.clock_rate);
            stream.step.handle_packet(packet.sequence, packet.rtp_time);
        }
    }

    /// A packet of a payload type that there is no room for.
    #[cold]
    pub(super) fn refuse(&mut self, sequence: u16, rtp_time: RtpTime, arrival: PacketTime) {
        match self.place(sequence, rtp_time, arrival) {
            Place::Next { sequence, .. } | Place::Reordered { sequence } => self.leave_out(sequence, arrival),
            Place::Duplicate | Place::Noise => {}
        }
    }

    /// A new packet came, and could not be kept.
    #[cold]
    pub(crate) fn leave_out(&mut self, sequence: u32, arrival: PacketTime) {
        self.left_out += 1;
        self.holes.leave_out(sequence, arrival);
    }

    /// A packet that was counted as kept could not be handed on: it counts as one that was left out.
    pub(super) fn take_back(&mut self, packet: &MediaPacket<'_>) {
        let Some(stream) = self.streams.iter_mut().find(|s| s.payload_type == packet.payload_type) else {
            return;
        };
        stream.packets = stream.packets.saturating_sub(1);
        stream.payload_bytes = stream.payload_bytes.saturating_sub(packet.payload.len() as u64);
        self.leave_out(packet.sequence, packet.arrival);
    }

    /// Whether packets came that could not be kept.
    pub(crate) const fn has_left_out(&self) -> bool {
        self.left_out > 0
    }

    /// The usual packet length of the stream that carries the audio, in ms.
    pub(crate) fn ptime_ms(&self) -> u32 {
        self.audio_stream().and_then(|at| self.streams.get(at)).and_then(StreamState::ptime_ms).unwrap_or(20)
    }

    /// Whether any packet came of a call that is kept.
    pub(crate) fn is_heard(&self) -> bool {
        self.left_out > 0 || self.streams.iter().any(|s| s.packets > 0)
    }

    /// The streams, counted; what the track lost stands on the stream with most audio.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = StreamSummary> {
        let carrier = self.audio_stream().unwrap_or(0);
        let lost = self.sequence.as_ref().map_or(0, Sequence::lost) + self.left_out;
        self.streams.iter().enumerate().map(move |(at, stream)| StreamSummary {
            track: self.index,
            of: self.of,
            payload_type: stream.payload_type,
            codec: stream.codec.clone(),
            ptime_ms: stream.ptime_ms(),
            packets: stream.packets,
            lost: if at == carrier { lost } else { 0 },
            duplicates: stream.duplicates,
            reordered: stream.reordered,
            jitter_ms: stream.jitter.millis(),
            first: stream.first,
            last: stream.last,
            payload_bytes: stream.payload_bytes,
        })
    }

    /// What is missing, in order of sequence numbers.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Gap> {
        let (leg, ptime) = (self.leg(), self.ptime_ms());
        self.holes.missing(i64::from(ptime) * 1_000_000).into_iter().map(move |missing| Gap {
            leg,
            at: missing.at,
            ms: missing.packets.saturating_mul(ptime),
            cause: missing.cause,
        })
    }

    fn audio_stream(&self) -> Option<usize> {
        let audio = self.streams.iter().enumerate().filter(|(_, s)| s.kind == PayloadKind::Audio);
        audio.max_by_key(|(_, s)| s.packets).map(|(at, _)| at)
    }
}

impl Streams {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    #[inline]
    fn get(&self, place: usize) -> Option<&StreamState> {
        match place.checked_sub(1) {
            None => self.first.as_ref(),
            Some(place) => self.others.get(place),
        }
    }

    #[inline]
    fn get_mut(&mut self, place: usize) -> Option<&mut StreamState> {
        match place.checked_sub(1) {
            None => self.first.as_mut(),
            Some(place) => self.others.get_mut(place),
        }
    }

    fn push(&mut self, stream: StreamState) {
        match self.first {
            None => self.first = Some(stream),
            Some(_) => self.others.push(stream),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &StreamState> {
        self.first.iter().chain(&self.others)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut StreamState> {
        self.first.iter_mut().chain(&mut self.others)
    }
}

impl StreamState {
    /// A key's duration in ms, on this stream's clock.
    pub(crate) fn ms(&self, units: u16) -> u32 {
        (u64::from(units) * 1000 / u64::from(self.clock_rate.max(1))) as u32
    }

    fn ptime_ms(&self) -> Option<u32> {
        let units =
            u32::try_from(self.step.candidate).ok().filter(|&step| step > 0 && self.step.votes > 0)?;
        Some(
            ((u64::from(units) * 1000 + u64::from(self.clock_rate) / 2) / u64::from(self.clock_rate.max(1)))
                as u32,
        )
    }
}

impl Step {
    /// Whether a sender that talks on with the usual step comes to this packet.
    #[cold]
    fn leads_to(&self, sequence: u32, rtp_time: RtpTime) -> bool {
        let Some((sequence_before, rtp_before)) = self.before else { return false };
        let steps = i64::from(sequence) - i64::from(sequence_before);
        let said = i64::from(rtp_time.since(rtp_before));
        self.candidate > 0 && self.votes > 0 && said == steps * i64::from(self.candidate)
    }

    #[inline]
    fn handle_packet(&mut self, sequence: u32, rtp_time: RtpTime) {
        if let Some((sequence_before, rtp_before)) = self.before.replace((sequence, rtp_time))
            && sequence == sequence_before.wrapping_add(1)
        {
            let step = rtp_time.since(rtp_before);
            if step == self.candidate {
                self.votes = self.votes.saturating_add(1);
            } else if self.votes == 0 {
                (self.candidate, self.votes) = (step, 1);
            } else {
                self.votes -= 1;
            }
        }
    }
}
