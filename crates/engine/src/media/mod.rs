//! The media half: streams, rings and what becomes of each packet. It knows calls only by what [`Order`]s say of them.

mod call;
mod endpoints;
mod flow_table;
mod hole;
mod jitter;
mod keypress;
mod sequence;
mod track;
mod unclaimed;

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::{Flow, Leg, MediaPacket, PacketTime, PayloadKind, Segment, SegmentContent, Track};
use earwitness_wire::rtp;

use self::{
    call::MediaCall,
    endpoints::{Claim, Endpoints, Expectation, Room, Standing},
    flow_table::FlowTable,
    keypress::KeyEvent,
    sequence::Place,
    track::{Fate, TrackState},
    unclaimed::Unclaimed,
};
use crate::{
    counts::MediaCounts,
    limits::{Limits, MAX_LISTED},
    order::{CallSlot, Order, Report},
    output::{Opened, Output, Stream},
    pool::{Pool, RING_BYTES},
    timer::{Deadlines, Timer},
};

/// A datagram that looks like RTP, with what the capture says of it.
///
/// The flow is lent, not copied: its parts were just stored one by one, and a copy in wider pieces would make the processor
/// wait until all stores before them are done, the one into the last packet's ring included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaDatagram<'b> {
    pub(crate) flow: &'b Flow,
    pub(crate) payload: &'b [u8],
    /// Bytes that the snap length cut off.
    pub(crate) cut: u32,
    pub(crate) time: PacketTime,
    pub(crate) came: Came,
}

/// How a datagram came to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// In its frame, now.
    Now,
    /// It waited for its SDP.
    Late,
}

/// Streams, rings, and the endpoints where media is expected.
#[derive(Debug)]
pub(crate) struct Media {
    limits: Limits,
    flows: FlowTable,
    tracks: Vec<Option<TrackState>>,
    free_tracks: Vec<u32>,
    calls: Vec<Option<MediaCall>>,
    endpoints: Endpoints,
    unclaimed: Unclaimed,
    pool: Pool,
    /// Rings that have to be closed, with the ring's number in its call.
    segments: Deadlines<(CallSlot, u32)>,
    /// Answered calls whose silence has to be looked at.
    silences: Deadlines<(CallSlot, u32)>,
    next_birth: u32,
    counts: MediaCounts,
}

impl Media {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            flows: FlowTable::default(),
            tracks: Vec::new(),
            free_tracks: Vec::new(),
            calls: Vec::new(),
            endpoints: Endpoints::default(),
            unclaimed: Unclaimed::new(limits.unclaimed_bytes),
            pool: Pool::new(limits.ring_bytes),
            segments: Deadlines::default(),
            silences: Deadlines::default(),
            next_birth: 0,
            counts: MediaCounts::default(),
        }
    }

    /// Takes one datagram that looks like RTP.
    #[inline]
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &MediaDatagram<'_>,
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        let Ok(packet) = rtp::Packet::parse(datagram.payload) else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.packets += 1;
        let slot = match self.flows.get(datagram.flow, packet.ssrc()) {
            Some(slot) if !self.fate(slot).is_some_and(Fate::is_over) => slot,
            before => match self.track_for(datagram, packet.ssrc(), before, now) {
                Some(slot) => slot,
                None => return,
            },
        };
        self.handle_packet(slot, &packet, datagram, outputs);
    }

    /// Takes what the signalling half says.
    pub(crate) fn handle_order(
        &mut self,
        order: Order,
        now: PacketTime,
        reports: &mut VecDeque<Report>,
        outputs: &mut VecDeque<Output>,
    ) {
        match order {
            Order::Begin { call, id, keeping, opened } => {
                let place = call.0 as usize;
                if self.calls.len() <= place {
                    self.calls.resize_with(place + 1, || None);
                }
                self.next_birth = self.next_birth.wrapping_add(1);
                let mut state = MediaCall::new(id, keeping, self.next_birth);
                state.opened = opened;
                self.calls[place] = Some(state);
            }
            Order::Expect { call, endpoint, leg, formats } => {
                self.expect(endpoint, Expectation { call, leg, formats }, now, outputs);
            }
            Order::Answered { call, at } => {
                let Some(state) = self.call_mut(call) else { return };
                state.handle_answer(at);
                let fate = state.fate();
                self.decide(call, fate);
                self.watch_silence(call, at.plus_nanos(Timer::MediaSilence.nanos()));
            }
            Order::Hold { call, held } => {
                let Some(state) = self.call_mut(call) else { return };
                state.held = held;
                let until = now.plus_nanos(Timer::MediaSilence.nanos());
                if !held && state.silence_due.is_some_and(|due| due > until) {
                    self.watch_silence(call, until);
                }
            }
            Order::Patience { call, until } => self.watch_silence(call, until),
            Order::Over { call } => {
                if let Some(state) = self.call_mut(call) {
                    state.over = true;
                    let fate = state.fate();
                    self.decide(call, fate);
                }
            }
            Order::Release { call } => self.release(call, reports, outputs),
        }
    }

    /// Closes rings that are full of time, looks at silent calls, lets unclaimed datagrams go.
    pub(crate) fn handle_time(
        &mut self,
        now: PacketTime,
        reports: &mut VecDeque<Report>,
        outputs: &mut VecDeque<Output>,
    ) {
        while let Some((_, (call, ring))) = self.segments.take_due(now) {
            if self.call_mut(call).is_some_and(|state| state.ring_number == ring) {
                self.close_ring(call, outputs);
            }
        }
        while let Some((due, (call, birth))) = self.silences.take_due(now) {
            self.look_at_silence(call, birth, due, reports);
        }
        self.unclaimed.handle_time(now);
    }

    /// The capture is over: nobody will claim what still waits.
    pub(crate) fn handle_end(&mut self) {
        self.unclaimed.handle_end();
    }

    /// When [`Self::handle_time`] has something to do.
    #[inline]
    pub(crate) fn next_deadline(&self) -> PacketTime {
        self.segments.next().min(self.silences.next()).min(self.unclaimed.next_deadline())
    }

    /// A ring's buffer comes back from the vault.
    pub(crate) fn handle_returned(&mut self, buffer: Vec<u8>) {
        self.pool.give_back(buffer);
    }

    /// Bytes of ring buffers in use.
    pub(crate) const fn ring_bytes(&self) -> usize {
        self.pool.bytes_out()
    }

    pub(crate) fn counts(&self) -> MediaCounts {
        MediaCounts {
            unclaimed: self.unclaimed.expired(),
            unclaimed_refused: self.unclaimed.refused(),
            ..self.counts
        }
    }

    /// The last packet of a call.
    fn last_packet(&self, state: &MediaCall) -> Option<PacketTime> {
        state.tracks.iter().filter_map(|&slot| self.tracks.get(slot as usize)?.as_ref()).map(|t| t.last).max()
    }

    fn call_mut(&mut self, call: CallSlot) -> Option<&mut MediaCall> {
        self.calls.get_mut(call.0 as usize)?.as_mut()
    }

    fn call(&self, call: CallSlot) -> Option<&MediaCall> {
        self.calls.get(call.0 as usize)?.as_ref()
    }

    #[inline]
    fn fate(&self, slot: u32) -> Option<Fate> {
        self.tracks.get(slot as usize)?.as_ref().map(|track| track.fate)
    }

    fn decide(&mut self, call: CallSlot, fate: Fate) {
        let Some(state) = self.calls.get(call.0 as usize).and_then(Option::as_ref) else { return };
        for &slot in &state.tracks {
            if let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) {
                track.fate = fate;
            }
        }
    }

    fn look_at_silence(
        &mut self,
        call: CallSlot,
        birth: u32,
        due: PacketTime,
        reports: &mut VecDeque<Report>,
    ) {
        let meant = |state: &&MediaCall| state.birth == birth && state.silence_due == Some(due);
        let Some(state) = self.call(call).filter(meant) else { return };
        let last = self.last_packet(state);
        let patience = match (state.held, last) {
            (true, _) => Timer::Held,
            (false, None) => Timer::Unseen,
            (false, Some(_)) => Timer::MediaSilence,
        };
        let Some(since) = last.max(state.answered) else { return };
        let deadline = since.plus_nanos(patience.nanos());
        if deadline <= due {
            reports.push_back(Report::Silent { call, last, at: due });
        } else {
            self.watch_silence(call, deadline);
        }
    }

    /// The call's silence is looked at `at`, and not before.
    fn watch_silence(&mut self, call: CallSlot, at: PacketTime) {
        let Some(state) = self.call_mut(call) else { return };
        state.silence_due = Some(at);
        let birth = state.birth;
        self.silences.add(at, (call, birth));
    }

    /// The track of a source that has none yet, or whose call is over.
    #[cold]
    fn track_for(
        &mut self,
        datagram: &MediaDatagram<'_>,
        ssrc: u32,
        before: Option<u32>,
        now: PacketTime,
    ) -> Option<u32> {
        let claim = self.endpoints.claim(datagram.flow, |call| self.standing(call));
        if let Some(slot) = before {
            let own = self.tracks.get(slot as usize)?.as_ref()?.call;
            if claim.is_none_or(|claim| claim.call == own || !claim.takes_over) {
                return Some(slot);
            }
        }
        let Some(Claim { call, leg, .. }) = claim else {
            if datagram.cut > 0 {
                self.counts.truncated += 1;
                return None;
            }
            self.unclaimed.handle_datagram(datagram.flow, datagram.payload, datagram.time, now);
            return None;
        };
        self.add_track(call, Track { leg, flow: *datagram.flow, ssrc }, datagram.time)
    }

    /// Where the call stands, for whoever asks whose a source is.
    fn standing(&self, call: CallSlot) -> Option<Standing> {
        self.call(call).map(|state| match (state.over, state.answered) {
            (true, _) => Standing::Over,
            (false, Some(_)) => Standing::Answered,
            (false, None) => Standing::Attempt,
        })
    }

    fn add_track(&mut self, call: CallSlot, of: Track, now: PacketTime) -> Option<u32> {
        let most = self.limits.tracks_per_call;
        let slot = self.free_tracks.pop().unwrap_or(self.tracks.len() as u32);
        let added = self.call_mut(call).and_then(|state| {
            let index = state.add_track(of, slot, most)?;
            Some(TrackState::new(call, index, of, state.fate(), now))
        });
        let Some(track) = added else {
            self.free_tracks.extend((slot as usize != self.tracks.len()).then_some(slot));
            self.counts.tracks_refused += 1;
            return None;
        };
        match self.tracks.get_mut(slot as usize) {
            Some(place) => *place = Some(track),
            None => self.tracks.push(Some(track)),
        }
        self.flows.insert(&of.flow, of.ssrc, slot);
        Some(slot)
    }

    #[inline]
    fn handle_packet(
        &mut self,
        slot: u32,
        packet: &rtp::Packet<'_>,
        datagram: &MediaDatagram<'_>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        if matches!(track.fate, Fate::Drop | Fate::LingerDrop) {
            track.last = track.last.max(datagram.time);
            self.counts.dropped += 1;
            return;
        }
        let call = track.call;
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) else { return };
        // Times are compared only of what waited: the order of frames tells what came after the answer, also when the clock
        // steps back.
        if datagram.came == Came::Late && state.since.is_some_and(|since| datagram.time < since) {
            self.counts.dropped += 1;
            return;
        }
        let payload_type = packet.payload_type();
        if track.select(payload_type).is_none() {
            let codec = self.endpoints.codec(track.flow(), call, payload_type);
            if !track.add_stream(payload_type, codec.clone(), datagram.time) {
                self.counts.tracks_refused += 1;
                let place = track.place(packet.sequence(), packet.timestamp(), datagram.time);
                if matches!(place, Place::Next { .. } | Place::Reordered { .. }) {
                    state.lose(track.leg(), datagram.time);
                }
                return;
            }
            let (index, of) = (track.index, track.of);
            outputs.extend(state.opened.take().map(|opened| {
                let at = datagram.time;
                Output::Opened(Box::new(Opened { at, ..*opened }))
            }));
            outputs.push_back(Output::Stream(Box::new(Stream {
                call: state.id,
                index,
                track: of,
                payload_type,
                codec,
            })));
        }
        let Some(kind) = track.current().map(|stream| stream.kind) else { return };
        if kind == PayloadKind::TelephoneEvent
            && let Some(key) = KeyEvent::parse(packet.payload())
        {
            state.handle_key(track, key, packet.timestamp(), datagram.time);
        }
        let sequence = match track.place(packet.sequence(), packet.timestamp(), datagram.time) {
            Place::Next { sequence, .. } | Place::Reordered { sequence } => sequence,
            Place::Duplicate => return,
            Place::Noise => {
                self.counts.noise += 1;
                return;
            }
        };
        if datagram.cut > 0 {
            state.truncated = true;
            self.counts.truncated += 1;
            state.lose(track.leg(), datagram.time);
            return;
        }
        let packed = MediaPacket {
            track: track.index,
            payload_type,
            marker: packet.marker(),
            kind,
            sequence,
            rtp_time: packet.timestamp(),
            arrival: datagram.time,
            payload: packet.payload(),
        };
        track.count(&packed);
        if !state.has_room(packed.payload.len()) {
            self.close_ring(call, outputs);
            self.open_ring(call, datagram.time);
        }
        let leg = self.tracks.get(slot as usize).and_then(Option::as_ref).map_or(Leg::Caller, |t| t.leg());
        if let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) {
            if state.append(&packed) {
                self.counts.kept += 1;
            } else {
                self.counts.no_ring += 1;
                state.lose(leg, packed.arrival);
            }
        }
    }

    fn open_ring(&mut self, call: CallSlot, base: PacketTime) {
        let Some(buffer) = self.pool.take() else { return };
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) else {
            self.pool.give_back(buffer);
            return;
        };
        state.open_ring(base, buffer);
        self.segments.add(base.plus_nanos(Timer::Segment.nanos()), (call, state.ring_number));
    }

    fn close_ring(&mut self, call: CallSlot, outputs: &mut VecDeque<Output>) {
        let Some(state) = self.call_mut(call) else { return };
        if let Some((base, bytes)) = state.close_ring() {
            let id = state.id;
            outputs.push_back(Output::Segment(Segment {
                call: id,
                content: SegmentContent::Media,
                base,
                bytes,
            }));
        }
    }

    fn expect(
        &mut self,
        endpoint: SocketAddr,
        expectation: Expectation,
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        let (call, most) = (expectation.call, self.limits.endpoints_per_call);
        let Some(state) = self.call_mut(call) else { return };
        let oldest = state.add_endpoint(endpoint, most);
        if self.endpoints.announce(endpoint, expectation) == Room::Crowded {
            self.counts.endpoints_refused += 1;
        }
        if let Some(oldest) = oldest {
            self.endpoints.withdraw(&oldest, call);
            self.counts.endpoints_refused += 1;
        }
        let mut waiting = Vec::new();
        self.unclaimed.claim(endpoint, |c| waiting.push((c.time, c.flow, c.payload.to_vec())));
        for (time, flow, mut payload) in waiting {
            self.handle_datagram(
                &MediaDatagram { flow: &flow, payload: &payload, cut: 0, time, came: Came::Late },
                now,
                outputs,
            );
            payload.fill(0);
        }
    }

    fn release(&mut self, call: CallSlot, reports: &mut VecDeque<Report>, outputs: &mut VecDeque<Output>) {
        self.close_ring(call, outputs);
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::take) else { return };
        for endpoint in &state.endpoints {
            self.endpoints.withdraw(endpoint, call);
        }
        let mut tracks = Vec::with_capacity(state.tracks.len());
        for &slot in &state.tracks {
            if let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::take) {
                self.flows.remove(track.flow(), track.of.ssrc, slot);
                self.free_tracks.push(slot);
                tracks.push(track);
            }
        }
        let mut media = state.summary(&tracks);
        self.counts.gaps_unlisted += media.gaps.len().saturating_sub(MAX_LISTED) as u64;
        media.gaps.truncate(MAX_LISTED);
        reports.push_back(Report::Released { call, media });
    }
}

/// Payload bytes that a ring takes at the most; longer packets are nobody's voice.
const MAX_PAYLOAD: usize = RING_BYTES - earwitness_model::PACKET_HEADER;
