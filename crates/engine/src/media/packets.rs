//! The way of one packet: whose track it belongs to, and what becomes of it.

use std::collections::VecDeque;

use earwitness_model::{Leg, MediaPacket, PacketTime, PayloadKind, Track};
use earwitness_wire::rtp;

use super::{
    Came, Media, MediaDatagram,
    endpoints::Claim,
    keypress::KeyEvent,
    sequence::Place,
    track::{Fate, TrackState},
};
use crate::{
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
}
