//! The way of one packet: whose track it belongs to, and what becomes of it.

use std::collections::VecDeque;

use earwitness_model::{MediaPacket, PacketTime, PayloadKind, Track};
use earwitness_wire::rtp;

use super::{
    Came, Media, MediaDatagram,
    call::MediaCall,
    endpoints::{Claim, Endpoints},
    keypress::KeyEvent,
    lock::Lock,
    sequence::Place,
    taps::Tap,
    track::{Fate, TrackState},
};
use crate::{
    counts::MediaCounts,
    order::CallSlot,
    output::{Opened, Output, Stream},
};

impl Media {
    /// Takes one datagram that looks like RTP.
    #[inline]
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &MediaDatagram<'_>,
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        let Ok(packet) = rtp::Packet::parse(datagram.payload) else {
            self.handle_unread(datagram, (now, outputs));
            return;
        };
        self.counts.packets += 1;
        let slot = match self.flows.get(datagram.flow, packet.ssrc()) {
            Some(slot) if self.fate(slot).is_none_or(Fate::is_settled) => slot,
            before => match self.track_for(datagram, packet.ssrc(), before, (now, outputs)) {
                Some(slot) => slot,
                None => return,
            },
        };
        self.handle_packet(slot, &packet, datagram, outputs);
    }

    /// The track of a source that has none yet, or whose call is over.
    #[cold]
    pub(super) fn track_for(
        &mut self,
        datagram: &MediaDatagram<'_>,
        ssrc: u32,
        before: Option<u32>,
        (now, outputs): (PacketTime, &mut VecDeque<Output>),
    ) -> Option<u32> {
        if self.place.is_some() {
            return self.track_in_shard(datagram, ssrc, before, now);
        }
        let claim = self.endpoints.claim(datagram.flow, |call| self.standing(call));
        if let Some(slot) = before.and_then(|slot| self.own_or_taken_over(slot, claim)) {
            return Some(slot);
        }
        let Some(Claim { call, leg, .. }) = claim else {
            self.wait_unclaimed(datagram, now);
            return None;
        };
        // Only its sender was announced: what came before that waits where it was sent to.
        if datagram.came == Came::Now && self.unclaimed.has(&datagram.flow.dst) {
            self.replay(datagram.flow.dst, now, outputs);
            if let Some(slot) = self.flows.get(datagram.flow, ssrc) {
                return Some(slot);
            }
        }
        self.add_track(call, Track { leg, flow: *datagram.flow, ssrc }, datagram.time)
    }

    /// The track of a source that has one, unless another call takes it over.
    pub(super) fn own_or_taken_over(&self, slot: u32, claim: Option<Claim>) -> Option<u32> {
        let track = self.tracks.get(slot as usize)?.as_ref()?;
        let is_over = matches!(track.fate, Fate::Linger | Fate::LingerDrop);
        let stays = !is_over || claim.is_none_or(|claim| claim.call == track.call || !claim.takes_over);
        stays.then_some(slot)
    }

    pub(super) fn add_track(&mut self, call: CallSlot, of: Track, now: PacketTime) -> Option<u32> {
        let most = self.limits.tracks_per_call;
        let lock = self.said(call, &of).map(|said| Box::new(Lock::new(said)));
        let slot = self.free_tracks.pop().unwrap_or(self.tracks.len() as u32);
        let added = self.call_mut(call).and_then(|state| {
            let index = state.add_track(of, slot, most)?;
            Some(TrackState::new(call, index, of, state.fate(), now).locked(lock))
        });
        let Some(track) = added else {
            self.free_tracks.extend((slot as usize != self.tracks.len()).then_some(slot));
            self.counts.tracks_refused += 1;
            if let Some(state) = self.call_mut(call) {
                state.crowded |= matches!(state.fate(), Fate::Keep | Fate::Linger);
            }
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
    pub(super) fn handle_packet(
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
        if track.lock.is_some() {
            self.handle_locked(slot, datagram, outputs);
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
        if track.select(payload_type).is_none()
            && begin_stream(track, state, &self.endpoints, (payload_type, datagram.time), outputs)
                == Begun::TooMany
        {
            self.counts.tracks_refused += 1;
            track.refuse(packet.sequence(), packet.timestamp(), datagram.time);
            return;
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
            track.leave_out(sequence, datagram.time);
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
        if state.has_room(packed.payload.len()) {
            keep(track, state, (&packed, self.tap), &mut self.counts);
        } else {
            self.keep_in_next_ring(slot, call, &packed, outputs);
        }
    }

    /// The call's ring is full, or it has none.
    #[cold]
    fn keep_in_next_ring(
        &mut self,
        slot: u32,
        call: CallSlot,
        packed: &MediaPacket<'_>,
        outputs: &mut VecDeque<Output>,
    ) {
        self.close_ring(call, outputs);
        self.open_ring(call, packed.arrival);
        let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) else { return };
        keep(track, state, (packed, self.tap), &mut self.counts);
    }
}

/// Puts the packet into its call's ring; one that finds none is left out.
#[inline]
fn keep(
    track: &mut TrackState,
    state: &mut MediaCall,
    (packed, tap): (&MediaPacket<'_>, Tap),
    counts: &mut MediaCounts,
) {
    if state.append(packed) {
        counts.kept += 1;
        track.count(packed, tap);
    } else {
        counts.no_ring += 1;
        track.leave_out(packed.sequence, packed.arrival);
    }
}

/// Whether a track has room for another stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Yes,
    TooMany,
}

/// The first packet of a payload type came, at a time: the track has a stream more, and the vault hears of it.
#[cold]
pub(super) fn begin_stream(
    track: &mut TrackState,
    state: &mut MediaCall,
    endpoints: &Endpoints,
    (payload_type, at): (u8, PacketTime),
    outputs: &mut VecDeque<Output>,
) -> Begun {
    let codec = endpoints.codec(track.flow(), track.call, payload_type);
    if !track.add_stream(payload_type, codec.clone(), at) {
        return Begun::TooMany;
    }
    let (call, index, track) = (state.id, track.index, track.of);
    let at = at.plus_nanos(state.base);
    outputs.extend(state.opened.take().map(|opened| Output::Opened(Box::new(Opened { at, ..*opened }))));
    outputs.extend(state.running.take().map(Output::Running));
    outputs.push_back(Output::Stream(Box::new(Stream { call, index, track, payload_type, codec })));
    Begun::Yes
}
