//! One track: a sequence number space of a call, and the streams (payload types) that share it.

use earwitness_model::{
    Bursts, Codec, Flow, Leg, MediaPacket, PacketTime, PayloadKind, RtpTime, StreamSummary, Track, TrackIndex,
};

use super::{
    cause::Trail,
    course::Course,
    hole::Holes,
    keypress::Pressed,
    lock::Lock,
    sequence::{Place, Sequence},
    stream::{StreamState, Streams},
    taps::Tap,
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

/// The state of one track. What every packet reads and writes stands first and together: with many calls each line of the
/// cache that it lies in has to come from memory.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct TrackState {
    pub(crate) call: CallSlot,
    pub(crate) index: TrackIndex,
    pub(crate) fate: Fate,
    /// Prints taken of it.
    pub(super) prints: u8,
    /// Its packets are SRTP, or may be.
    pub(super) lock: Option<Box<Lock>>,
    pub(crate) last: PacketTime,
    /// The stream of the packet before: packets of one payload type follow each other.
    current: usize,
    sequence: Option<Sequence>,
    streams: Streams,
    course: Course,
    pub(super) holes: Holes,
    /// New packets that came and could not be kept.
    left_out: u64,
    pub(crate) pressed: Option<Pressed>,
    pub(crate) of: Track,
}

impl TrackState {
    pub(crate) fn new(call: CallSlot, index: TrackIndex, of: Track, fate: Fate, now: PacketTime) -> Self {
        Self {
            call,
            index,
            fate,
            lock: None,
            of,
            last: now,
            holes: Holes::default(),
            course: Course::default(),
            left_out: 0,
            pressed: None,
            prints: 0,
            sequence: None,
            current: 0,
            streams: Streams::default(),
        }
    }

    /// The same under a lock.
    pub(super) fn locked(self, lock: Option<Box<Lock>>) -> Self {
        Self { lock, ..self }
    }

    /// Reads what its next packet needs, so that it lies in the cache.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        let sequence = self.sequence.as_ref().map_or(0, Sequence::touch);
        let stream = self.streams.get(self.current).map_or(0, StreamState::touch);
        sequence ^ stream ^ self.course.touch()
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
            self.current = self.streams.place_of(payload_type)?;
        }
        self.streams.get(self.current)
    }

    /// Adds the stream of `payload_type`, which is new, and makes it current; `false` when there are too many.
    pub(crate) fn add_stream(&mut self, payload_type: u8, codec: Option<Codec>, now: PacketTime) -> bool {
        let Some(place) = self.streams.add(payload_type, codec, now) else { return false };
        self.current = place;
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
        let stream = self.streams.get(self.current);
        let talked_on = |far| stream.is_some_and(|stream| stream.leads_to(far, rtp_time));
        let place = self.sequence.get_or_insert_with(|| Sequence::new(sequence)).place(sequence, talked_on);
        let Some(stream) = self.streams.get_mut(self.current) else { return place };
        match place {
            Place::Next { sequence, missing } if missing > 0 => {
                self.holes.open(sequence, missing, before, arrival);
                self.course.handle_missing(missing, before, arrival);
            }
            Place::Next { .. } | Place::Noise => {}
            Place::Reordered { sequence } => {
                stream.reordered += 1;
                self.holes.fill(sequence);
                self.course.handle_late();
            }
            Place::Duplicate => stream.duplicates += 1,
        }
        place
    }

    /// Counts a new packet that was kept into the current stream.
    #[inline]
    pub(crate) fn count(&mut self, packet: &MediaPacket<'_>, tap: Tap) {
        if let Some(stream) = self.streams.get_mut(self.current) {
            stream.count(packet, tap);
            match stream.kind {
                PayloadKind::Audio => self.course.handle_packet(packet.arrival, stream.jitter()),
                PayloadKind::ComfortNoise => self.handle_noise(packet),
                PayloadKind::TelephoneEvent | PayloadKind::Unknown => {}
            }
        }
    }

    /// Comfort noise stands in for the audio that the track had so far.
    #[cold]
    fn handle_noise(&mut self, packet: &MediaPacket<'_>) {
        let audio = self.streams.audio().and_then(|place| self.streams.get_mut(place));
        if let Some(stream) = audio {
            stream.handle_noise(packet);
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
        self.course.handle_left_out(sequence, arrival);
    }

    /// A packet that was counted as kept could not be handed on: it counts as one that was left out.
    pub(super) fn take_back(&mut self, packet: &MediaPacket<'_>) {
        let Some(stream) = self.streams.iter_mut().find(|s| s.payload_type == packet.payload_type) else {
            return;
        };
        stream.take_back(packet);
        self.leave_out(packet.sequence, packet.arrival);
    }

    /// Whether packets came that could not be kept.
    pub(crate) const fn has_left_out(&self) -> bool {
        self.left_out > 0
    }

    /// The usual packet length of the stream that carries the audio, in ms.
    pub(crate) fn ptime_ms(&self) -> u32 {
        self.streams.audio().and_then(|at| self.streams.get(at)).and_then(StreamState::ptime_ms).unwrap_or(20)
    }

    /// Packets that came and could not be opened.
    fn closed_packets(&self) -> u64 {
        self.lock.as_deref().map_or(0, Lock::closed_packets)
    }

    /// Whether any packet came of a call that is kept.
    pub(crate) fn is_heard(&self) -> bool {
        self.left_out > 0 || self.closed_packets() > 0 || self.streams.iter().any(|s| s.packets > 0)
    }

    /// The streams, counted; what the track lost stands on the stream with most audio.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = StreamSummary> {
        let carrier = self.streams.audio().unwrap_or(0);
        let lost = self.sequence.as_ref().map_or(0, Sequence::lost) + self.left_out + self.closed_packets();
        let of = (self.index, self.of);
        self.streams.iter().enumerate().map(move |(at, stream)| {
            let mut summary = stream.summary(of);
            if at == carrier {
                summary.lost = lost;
                summary.quality.bursts = self.bursts();
                (summary.course.stretches, summary.course.stretches_unlisted) = self.course.stretches();
            }
            summary
        })
    }

    /// Its runs of missing packets, where they are too many to be listed.
    fn bursts(&self) -> Bursts {
        if self.holes.is_full() { self.course.bursts() } else { Bursts::default() }
    }

    /// What is missing, and what is needed to tell why.
    pub(super) fn trail(&self, base: i64) -> Trail {
        let ptime_ms = self.ptime_ms();
        let missing = self.holes.missing(i64::from(ptime_ms) * 1_000_000);
        let end = self.holes.is_full().then(|| missing.last().map(|last| last.first)).flatten();
        Trail {
            of: self.of,
            span: self.sequence.as_ref().and_then(Sequence::span),
            first: self.streams.iter().map(StreamState::first).min().unwrap_or(self.last),
            last: self.last,
            known_to: end,
            ptime_ms,
            missing,
            base,
        }
    }
}
