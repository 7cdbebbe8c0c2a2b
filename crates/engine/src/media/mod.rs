//! The media half: streams, rings and what becomes of each packet. It knows calls only by what [`Order`]s say of them.

pub(crate) mod ahead;
mod call;
pub(crate) mod cause;
mod chance;
mod claims;
mod control;
mod course;
mod early;
mod endpoints;
pub(crate) mod far_end;
mod flow_table;
mod hole;
pub(crate) mod instants;
mod jitter;
mod keypress;
mod live;
mod lock;
mod locked;
mod losses;
pub(crate) mod measured;
mod packets;
mod prints;
mod refused;
mod ring;
mod rings;
mod said;
mod sequence;
mod silence;
mod strays;
mod stream;
mod taps;
mod track;
mod unclaimed;
mod zrtp;

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::{CallId, Flow, Leg, PacketTime, Segment, SegmentContent};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use self::{
    call::MediaCall,
    endpoints::{Endpoints, Expectation},
    flow_table::FlowTable,
    losses::Losses,
    strays::Strays,
    taps::Tap,
    track::{Fate, TrackState},
    unclaimed::Unclaimed,
    zrtp::ZrtpFlows,
};
pub(crate) use self::{
    early::Asked,
    refused::{Refused, Told},
    strays::Stray,
};
use crate::{
    counts::MediaCounts,
    limits::{Limits, MAX_LISTED},
    order::{CallSlot, Order, Report},
    output::{Output, Returned},
    pool::{Pool, RING_BYTES},
    shard::ShardPlace,
    timer::Deadlines,
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
    /// It waited for what was to be said of it.
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
    by_id: HashMap<CallId, CallSlot, RandomState>,
    endpoints: Endpoints,
    /// Where RTCP is expected that is not beside its media.
    controls: HashMap<SocketAddr, CallSlot, RandomState>,
    unclaimed: Unclaimed,
    strays: Strays,
    pool: Pool,
    /// Rings that have to be closed, with the ring's number in its call.
    segments: Deadlines<(CallSlot, u32)>,
    /// Answered calls whose silence has to be looked at.
    silences: Deadlines<(CallSlot, u32)>,
    losses: Losses,
    next_birth: u32,
    /// Capture time less engine time.
    base: i64,
    /// The shard that this is the media half of; `None`: of the whole engine.
    place: Option<ShardPlace>,
    asked: Asked,
    zrtp: ZrtpFlows,
    /// Where a packet is opened; wiped after each.
    plain: Vec<u8>,
    /// When what waited was last handed in again.
    replayed_at: PacketTime,
    /// Where frames come from now.
    tap: Tap,
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
            by_id: HashMap::default(),
            endpoints: Endpoints::default(),
            controls: HashMap::default(),
            unclaimed: Unclaimed::new(limits.unclaimed_bytes),
            strays: Strays::default(),
            pool: Pool::new(limits.ring_bytes),
            segments: Deadlines::default(),
            silences: Deadlines::default(),
            losses: Losses::default(),
            next_birth: 0,
            base: 0,
            place: None,
            asked: Asked::default(),
            zrtp: ZrtpFlows::default(),
            plain: Vec::new(),
            replayed_at: PacketTime::EPOCH,
            tap: Tap::default(),
            counts: MediaCounts::default(),
        }
    }

    /// One of several, that share `limits` and each have a part of the packets.
    pub(crate) fn in_shard(limits: Limits, place: ShardPlace) -> Self {
        let Limits { ring_bytes, unclaimed_bytes, .. } = limits;
        let (ring_bytes, unclaimed_bytes) = (place.part_of(ring_bytes), place.part_of(unclaimed_bytes));
        Self { place: Some(place), ..Self::new(Limits { ring_bytes, unclaimed_bytes, ..limits }) }
    }

    /// What the packets of this shard asked for since the last time.
    pub(crate) const fn asked(&mut self) -> &mut Asked {
        &mut self.asked
    }

    /// Whether the last packet showed that a telephone is heard that nobody announced.
    #[inline]
    pub(crate) const fn has_stray(&self) -> bool {
        self.strays.has_found()
    }

    /// That telephone.
    pub(crate) const fn take_stray(&mut self) -> Option<Stray> {
        self.strays.take_found()
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
            Order::Begin { call, id, base, keeping, opened, silence } => {
                self.next_birth = self.next_birth.wrapping_add(1);
                let mut state = MediaCall::new(id, keeping, self.next_birth);
                (state.base, state.opened, state.place) = (base, opened, self.place);
                state.silence = silence;
                self.begin(call, state);
            }
            Order::Expect { call, endpoint, leg, formats, secured } => {
                self.expect(endpoint, Expectation { call, leg, formats, secured }, now, outputs);
            }
            Order::ExpectControl { call, endpoint } => self.expect_control(call, endpoint),
            Order::Answered { call, at } => {
                let Some(state) = self.call_mut(call) else { return };
                state.handle_answer(at);
                let (fate, silence) = (state.fate(), state.silence);
                self.decide(call, fate);
                self.watch_silence(call, at.plus_nanos(silence.nanos()));
                if self.place.is_some() {
                    self.replay_early(call, now, outputs);
                }
            }
            Order::Opened { call } => {
                let Some(state) = self.call_mut(call) else { return };
                state.opened = None;
                let fate = state.fate();
                self.decide(call, fate);
                self.replay_early(call, now, outputs);
            }
            Order::Running { call, running } => match self.call_mut(call) {
                Some(state) if state.opened.is_some() => state.running = Some(running),
                Some(_) => outputs.push_back(Output::Running(running)),
                None => {}
            },
            Order::Hold { call, held } => {
                let Some(state) = self.call_mut(call) else { return };
                state.held = held;
                let until = now.plus_nanos(state.silence.nanos());
                if !held && state.silence_due.is_some_and(|due| due > until) {
                    self.watch_silence(call, until);
                }
            }
            Order::Patience { call, until } => self.watch_silence(call, until),
            Order::Keeping { call, keeping } => {
                let Some(state) = self.call_mut(call) else { return };
                state.keeping = keeping;
                let fate = state.fate();
                self.decide(call, fate);
            }
            Order::Look { call } => {
                let heard = [Leg::Caller, Leg::Callee].map(|leg| self.last_of(call, leg));
                reports.push_back(Report::Looked { call, heard });
            }
            Order::Over { call } => {
                if let Some(state) = self.call_mut(call) {
                    state.over = true;
                    let fate = state.fate();
                    self.decide(call, fate);
                }
            }
            Order::Retried { call } => {
                if let Some(state) = self.call_mut(call) {
                    state.over = false;
                    let fate = state.fate();
                    self.decide(call, fate);
                }
            }
            Order::Networks(networks) => self.strays.handle_networks(networks),
            Order::Release { call } => self.release(call, reports, outputs),
        }
    }

    fn begin(&mut self, call: CallSlot, state: MediaCall) {
        let place = call.0 as usize;
        if self.calls.len() <= place {
            self.calls.resize_with(place + 1, || None);
        }
        self.by_id.insert(state.id, call);
        self.calls[place] = Some(state);
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

    /// From now on capture time less engine time is `base`.
    pub(crate) const fn handle_base(&mut self, base: i64) {
        self.base = base;
    }

    /// From now on frames are those of the tap at `place`.
    pub(crate) fn handle_tap(&mut self, place: usize) {
        self.tap = Tap::at(place);
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

    /// A segment's buffer comes back from the vault. Those of signalling are no rings.
    pub(crate) fn handle_returned(&mut self, returned: Returned) {
        match returned {
            Returned::Plain(Segment { content: SegmentContent::Media, bytes, .. }) => {
                self.pool.give_back(bytes);
            }
            Returned::Plain(Segment { content: SegmentContent::Signalling, .. }) => {}
            Returned::Sealed(buffer) => self.pool.give_back_sealed(buffer),
        }
    }

    /// Bytes of ring buffers in use.
    pub(crate) const fn ring_bytes(&self) -> usize {
        self.pool.bytes_out()
    }

    pub(crate) fn counts(&self) -> MediaCounts {
        MediaCounts {
            unclaimed: self.unclaimed.expired(),
            unclaimed_refused: self.unclaimed.refused(),
            unwatched: self.strays.unwatched(),
            ..self.counts
        }
    }

    /// The place of the call with this name.
    pub(crate) fn slot(&self, call: CallId) -> Option<CallSlot> {
        self.by_id.get(&call).copied()
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

    fn release(&mut self, call: CallSlot, reports: &mut VecDeque<Report>, outputs: &mut VecDeque<Output>) {
        self.close_ring(call, outputs);
        // What was found of the call is told before its end.
        reports.extend(self.asked.reports.drain(..));
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::take) else { return };
        for endpoint in &state.endpoints {
            self.endpoints.withdraw(endpoint, call);
        }
        self.forget_controls(call, &state.controls);
        if self.by_id.get(&state.id) == Some(&call) {
            self.by_id.remove(&state.id);
        }
        let mut tracks = Vec::with_capacity(state.tracks.len());
        for &slot in &state.tracks {
            if let Some(mut track) = self.tracks.get_mut(slot as usize).and_then(Option::take) {
                track.holes.settle(|since, until| self.losses.touch(since, until));
                self.flows.remove(track.flow(), track.of.ssrc, slot);
                self.zrtp.forget(track.flow());
                self.free_tracks.push(slot);
                tracks.push(track);
            }
        }
        let id = state.id;
        let mut media = state.summary(&tracks, &self.losses);
        self.counts.gaps_unlisted += media.gaps.len().saturating_sub(MAX_LISTED) as u64;
        media.gaps.truncate(MAX_LISTED);
        reports.push_back(Report::Released { call, id, media: Box::new(media) });
    }
}

/// Payload bytes that a ring takes at the most; longer packets are nobody's voice.
const MAX_PAYLOAD: usize = RING_BYTES - earwitness_model::PACKET_HEADER;
