//! The streams of a track: its payload types, and what is counted of each.

use earwitness_model::{
    Codec, Course, MediaPacket, PacketTime, PayloadKind, RtpTime, StreamQuality, StreamSummary, Track,
    TrackIndex,
};

use super::{
    jitter::{Jitter, Talk},
    taps::{ShownBy, Tap, Taps},
};

/// Payload types of one track; a sender that goes through more is not a phone.
const MAX_STREAMS: usize = 8;

/// The streams of a track, in the order in which they began. The first lies in the track itself: most tracks have no other,
/// and all that a packet touches then lies side by side.
#[derive(Debug, Default)]
pub(super) struct Streams {
    first: Option<StreamState>,
    others: Vec<StreamState>,
}

/// One payload type of a track.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct StreamState {
    pub(super) packets: u64,
    payload_bytes: u64,
    last: PacketTime,
    pub(crate) payload_type: u8,
    pub(crate) kind: PayloadKind,
    clock_rate: u32,
    jitter: Jitter,
    step: Step,
    taps: Taps,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    first: PacketTime,
    pub(crate) codec: Option<Codec>,
}

/// The usual RTP time step from one sequence number to the next: a running majority (Boyer and Moore).
#[derive(Debug, Default)]
struct Step {
    before: Option<(u32, RtpTime)>,
    candidate: i32,
    votes: u32,
}

impl Streams {
    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    /// Adds the stream of `payload_type`, which is new, and gives its place; `None` when there are too many.
    pub(super) fn add(&mut self, payload_type: u8, codec: Option<Codec>, now: PacketTime) -> Option<usize> {
        let place = self.len();
        (place < MAX_STREAMS).then(|| {
            self.push(StreamState::new(payload_type, codec, now));
            place
        })
    }

    /// The place of the stream of `payload_type`.
    pub(super) fn place_of(&self, payload_type: u8) -> Option<usize> {
        self.iter().position(|stream| stream.payload_type == payload_type)
    }

    /// The place of the stream with most audio.
    pub(super) fn audio(&self) -> Option<usize> {
        let audio = self.iter().enumerate().filter(|(_, stream)| stream.kind == PayloadKind::Audio);
        audio.max_by_key(|(_, stream)| stream.packets).map(|(place, _)| place)
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&StreamState> {
        match place.checked_sub(1) {
            None => self.first.as_ref(),
            Some(place) => self.others.get(place),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut StreamState> {
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

    pub(super) fn iter(&self) -> impl Iterator<Item = &StreamState> {
        self.first.iter().chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut StreamState> {
        self.first.iter_mut().chain(&mut self.others)
    }
}

impl StreamState {
    fn new(payload_type: u8, codec: Option<Codec>, now: PacketTime) -> Self {
        Self {
            payload_type,
            kind: codec.as_ref().map_or(PayloadKind::Unknown, Codec::kind),
            clock_rate: codec.as_ref().map_or(8000, Codec::clock_rate),
            codec,
            jitter: Jitter::default(),
            step: Step::default(),
            taps: Taps::default(),
            packets: 0,
            duplicates: 0,
            reordered: 0,
            payload_bytes: 0,
            first: now,
            last: now,
        }
    }

    /// When its first packet came.
    pub(super) const fn first(&self) -> PacketTime {
        self.first
    }

    /// Reads what the next packet needs: see `ahead.rs`.
    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.packets ^ self.jitter.delay_nanos().to_bits() ^ u64::from(self.step.votes)
    }

    /// Counts a packet that was kept.
    #[inline]
    pub(super) fn count(&mut self, packet: &MediaPacket<'_>, tap: Tap) {
        self.packets += 1;
        self.payload_bytes += packet.payload.len() as u64;
        self.last = self.last.max(packet.arrival);
        let shown_by = self.taps.count(tap);
        if self.kind == PayloadKind::Audio {
            if shown_by == ShownBy::AnotherTap {
                self.jitter.handle_break();
            }
            let talk = if packet.marker { Talk::Begins } else { Talk::GoesOn };
            self.jitter.handle_packet(packet.arrival, (packet.rtp_time, talk), self.clock_rate);
            self.step.handle_packet(packet.sequence, packet.rtp_time);
        }
    }

    /// A packet that was counted was not kept.
    pub(super) const fn take_back(&mut self, packet: &MediaPacket<'_>) {
        self.packets = self.packets.saturating_sub(1);
        self.payload_bytes = self.payload_bytes.saturating_sub(packet.payload.len() as u64);
    }

    /// Whether a sender that talks on with the usual step comes to this packet.
    #[cold]
    pub(super) fn leads_to(&self, sequence: u32, rtp_time: RtpTime) -> bool {
        self.step.leads_to(sequence, rtp_time)
    }

    /// Comfort noise came instead of it, on its clock: a packet of the same source (RFC 3550, section 6.4.1).
    #[cold]
    pub(super) fn handle_noise(&mut self, packet: &MediaPacket<'_>) {
        self.jitter.handle_packet(packet.arrival, (packet.rtp_time, Talk::Noise), self.clock_rate);
    }

    /// Its jitter at the packet before, leaps of the sender's clock left out, in ns.
    #[inline]
    pub(super) const fn jitter(&self) -> f64 {
        self.jitter.delay_nanos()
    }

    /// What it came to, of the track `of` with the number `index`; what the track lost is the track's to tell.
    pub(super) fn summary(&self, (index, of): (TrackIndex, Track)) -> StreamSummary {
        let jitter = self.jitter.course_millis();
        StreamSummary {
            track: index,
            of,
            payload_type: self.payload_type,
            codec: self.codec.clone(),
            ptime_ms: self.ptime_ms(),
            packets: self.packets,
            lost: 0,
            duplicates: self.duplicates,
            reordered: self.reordered,
            jitter_ms: self.jitter.millis(),
            first: self.first,
            last: self.last,
            payload_bytes: self.payload_bytes,
            quality: StreamQuality { taps: self.taps.told(), ..StreamQuality::default() },
            course: Course {
                jitter_mean_ms: jitter.map(|(mean, _)| mean),
                jitter_max_ms: jitter.map(|(_, most)| most),
                delay_ms: self.jitter.delay_millis(),
                ..Course::default()
            },
        }
    }

    /// A key's duration in ms, on this stream's clock.
    pub(crate) fn ms(&self, units: u16) -> u32 {
        (u64::from(units) * 1000 / u64::from(self.clock_rate.max(1))) as u32
    }

    /// Its usual packet length, in ms.
    pub(super) fn ptime_ms(&self) -> Option<u32> {
        let units =
            u32::try_from(self.step.candidate).ok().filter(|&step| step > 0 && self.step.votes > 0)?;
        Some(
            ((u64::from(units) * 1000 + u64::from(self.clock_rate) / 2) / u64::from(self.clock_rate.max(1)))
                as u32,
        )
    }
}

impl Step {
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
