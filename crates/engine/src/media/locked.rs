//! Protected media: which tracks are locked, and what becomes of their packets.
//!
//! Keys belong to whoever sends, and are said where it announces its own endpoint. So a track has the keys of the
//! announcement that it comes from, and where it comes from somewhere else (behind address translation), all keys that its
//! party said in the call; the one that authenticates its packets is the one. What is not opened is counted and not kept.

use std::{collections::VecDeque, sync::Arc};

use earwitness_model::{Flow, PacketTime, Track};
use earwitness_srtp::Cipher;
use earwitness_wire::{rtp, zrtp};

use super::{
    Came, Media, MediaDatagram,
    early::GRACE_NANOS,
    lock::{Awaits, Certainty, Lock, Said, Taken},
    packets::{Begun, begin_stream},
    track::Fate,
    zrtp::Change,
};
use crate::{
    order::CallSlot,
    output::Output,
    secured::{Exchange, Profile, Secured},
};

impl Media {
    /// Takes a packet of a locked track: what is in it goes on as if it had come in clear.
    #[inline(never)]
    pub(super) fn handle_locked(
        &mut self,
        slot: u32,
        datagram: &MediaDatagram<'_>,
        outputs: &mut VecDeque<Output>,
    ) {
        let track = self.tracks.get_mut(slot as usize).and_then(Option::as_mut);
        let Some(mut lock) = track.and_then(|track| track.lock.take()) else { return };
        let mut plain = std::mem::take(&mut self.plain);
        let taken = match datagram.cut {
            0 => lock.open(datagram.payload, &mut plain),
            // It cannot be opened, and is left out as every packet is that the capture cut.
            1.. => Taken::AsItIs,
        };
        match taken {
            Taken::Opened => {
                self.counts.opened += 1;
                self.handle_clear(slot, &plain, datagram, outputs);
            }
            Taken::AsItIs => self.handle_clear(slot, datagram.payload, datagram, outputs),
            Taken::Refused => self.refuse(slot, &mut lock, datagram, outputs),
        }
        plain.fill(0);
        self.plain = plain;
        if let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) {
            track.lock = Some(lock);
        }
    }

    /// The track has no lock while this is done.
    fn handle_clear(
        &mut self,
        slot: u32,
        payload: &[u8],
        datagram: &MediaDatagram<'_>,
        outputs: &mut VecDeque<Output>,
    ) {
        match rtp::Packet::parse(payload) {
            Ok(packet) => self.handle_packet(slot, &packet, datagram, outputs),
            Err(_) => {
                self.counts.packets -= 1;
                self.counts.malformed += 1;
            }
        }
    }

    /// A packet that looks like RTP and cannot be read as such: the padding of SRTP is encrypted, and its length is nonsense
    /// until it is opened.
    #[cold]
    pub(super) fn handle_unread(
        &mut self,
        datagram: &MediaDatagram<'_>,
        (now, outputs): (PacketTime, &mut VecDeque<Output>),
    ) {
        let ssrc = datagram.payload.get(8..12).and_then(|bytes| bytes.first_chunk().copied());
        let claim = self.endpoints.claim(datagram.flow, |call| self.standing(call));
        let is_secured = claim.and_then(|claim| self.call(claim.call)).is_some_and(|call| call.secured);
        let Some(ssrc) = ssrc.map(u32::from_be_bytes).filter(|_| is_secured) else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.packets += 1;
        let slot = match self.flows.get(datagram.flow, ssrc) {
            Some(slot) if self.fate(slot).is_none_or(Fate::is_settled) => Some(slot),
            before => self.track_for(datagram, ssrc, before, (now, outputs)),
        };
        let Some(slot) = slot else { return };
        let track = self.tracks.get_mut(slot as usize).and_then(Option::as_mut);
        match track.map(|track| (track.fate, track.lock.is_some())) {
            Some((Fate::Drop | Fate::LingerDrop, _)) => self.counts.dropped += 1,
            Some((Fate::Keep | Fate::Linger | Fate::Wait | Fate::Asleep, true)) => {
                self.handle_locked(slot, datagram, outputs);
            }
            Some((Fate::Keep | Fate::Linger | Fate::Wait | Fate::Asleep, false)) | None => {
                self.counts.packets -= 1;
                self.counts.malformed += 1;
            }
        }
    }

    /// No key opens the packet. Its header is not to be believed: it is counted, and has no place in the sequence.
    fn refuse(
        &mut self,
        slot: u32,
        lock: &mut Lock,
        datagram: &MediaDatagram<'_>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let Some(state) = self.calls.get_mut(track.call.0 as usize).and_then(Option::as_mut) else { return };
        if datagram.came == Came::Late && state.since.is_some_and(|since| datagram.time < since) {
            self.counts.dropped += 1;
            return;
        }
        let waited = match datagram.came {
            Came::Now => 0,
            Came::Late => self.replayed_at.since(datagram.time),
        };
        // In a shard the order with the key may be on its way.
        let orders_lag = self.place.is_some() && waited < GRACE_NANOS;
        if !lock.is_open() {
            // Somebody talks, if nobody knows what.
            track.last = track.last.max(datagram.time);
        }
        if lock.may_wait(orders_lag) {
            self.wait(datagram, datagram.time);
            if orders_lag && datagram.came == Came::Now {
                self.asked.looks.push((datagram.time.plus_nanos(GRACE_NANOS), datagram.flow.dst));
            }
            return;
        }
        let [sequence, payload_type] = datagram
            .payload
            .get(1..4)
            .map_or([0; 2], |b| [u16::from_be_bytes([b[1], b[2]]), u16::from(b[0] & 0x7f)]);
        lock.handle_refused(sequence);
        if lock.is_open() {
            self.counts.not_authentic += 1;
            return;
        }
        self.counts.closed += 1;
        let payload_type = payload_type as u8;
        if track.select(payload_type).is_none()
            && begin_stream(track, state, &self.endpoints, (payload_type, datagram.time), outputs)
                == Begun::TooMany
        {
            self.counts.tracks_refused += 1;
        }
    }

    /// Something else is said of the call's media: its tracks are locked by that.
    pub(super) fn relock(&mut self, call: CallSlot, (now, outputs): (PacketTime, &mut VecDeque<Output>)) {
        let Some(state) = self.call(call) else { return };
        let mut gained = false;
        for slot in state.tracks.clone() {
            let Some(of) = self.tracks.get(slot as usize).and_then(Option::as_ref).map(|track| track.of)
            else {
                continue;
            };
            let said = self.said(call, &of);
            let Some(track) = self.tracks.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            gained |= said.as_ref().is_some_and(|said| !said.ciphers.is_empty());
            match (&mut track.lock, said) {
                (Some(lock), said) => lock.handle_said(said),
                (lock @ None, Some(said)) => *lock = Some(Box::new(Lock::new(said))),
                (None, None) => {}
            }
        }
        if gained {
            self.replay_early(call, now, outputs);
        }
    }

    /// What is said of the protection of a track of the call; `None`: nothing.
    pub(super) fn said(&self, call: CallSlot, of: &Track) -> Option<Said> {
        let without = |exchange| Said {
            certainty: Certainty::Srtp,
            exchange,
            ciphers: Vec::new(),
            awaits: Awaits::Nothing,
        };
        if !self.zrtp.is_empty() && self.zrtp.is_secured(&of.flow) {
            return Some(without(Exchange::Zrtp));
        }
        let state = self.call(call).filter(|state| state.secured)?;
        let from = self.endpoints.announced(&of.flow.src, call, of.leg.other());
        let to = self.endpoints.announced(&of.flow.dst, call, of.leg);
        let ends = [from, to].map(|end| end.map(|end| end.secured.as_deref()));
        let [sender, receiver] = ends.map(Option::flatten);
        let nearest = sender.or(receiver)?;
        let both = ends.iter().flatten().all(Option::is_some);
        let agreed = [sender, receiver].into_iter().flatten();
        let is_sure = both && (agreed.clone().any(|end| end.profile == Profile::Srtp) || agreed.count() == 2);
        let mut ciphers: Vec<Arc<Cipher>> = Vec::new();
        for endpoint in &state.endpoints {
            let said = self.endpoints.announced(endpoint, call, of.leg.other());
            ciphers.extend(said.and_then(|said| said.secured.as_deref()).into_iter().flat_map(ciphers_of));
        }
        ciphers.extend(sender.into_iter().flat_map(ciphers_of));
        let awaits = ciphers.is_empty() && from.is_none() && nearest.exchange == Exchange::Sdes;
        Some(Said {
            certainty: if is_sure { Certainty::Srtp } else { Certainty::Either },
            ciphers,
            awaits: if awaits { Awaits::Keys } else { Awaits::Nothing },
            ..without(nearest.exchange)
        })
    }

    /// A ZRTP message passed.
    #[cold]
    pub(crate) fn handle_zrtp(
        &mut self,
        (flow, kind): (&Flow, zrtp::Kind),
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        if self.zrtp.handle(flow, kind) == Change::No {
            return;
        }
        let calls = [*flow, flow.reversed()]
            .map(|flow| self.endpoints.claim(&flow, |call| self.standing(call)).map(|claim| claim.call));
        for call in calls.into_iter().flatten() {
            self.relock(call, (now, outputs));
        }
    }
}

fn ciphers_of(secured: &Secured) -> impl Iterator<Item = Arc<Cipher>> {
    secured.ciphers.iter().map(Arc::clone)
}
