//! What a shard does with packets that come before what is said of them: orders take a while from the thread that reads the
//! signalling. They wait with the unclaimed ones, and are told apart by their own time when the order is there. On one
//! thread an order is there before the packet, and none of this happens.

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::{PacketTime, Track};
use earwitness_wire::rtp;

use super::{
    Came, Media, MediaDatagram,
    endpoints::{Claim, Heard, Standing},
    track::Fate,
};
use crate::{
    order::{CallSlot, Report},
    output::Output,
};

/// So long a source waits for an order that may say more of it than what is known, ns.
pub(super) const GRACE_NANOS: i64 = 400_000_000;

/// What a shard has to do that its media cannot do alone.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// For the signalling half.
    pub(crate) reports: Vec<Report>,
    /// Endpoints where something waits whose grace ends at a time.
    pub(crate) looks: Vec<(PacketTime, SocketAddr)>,
}

impl Asked {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.looks.is_empty()
    }
}

impl Media {
    /// The track of a source that has none yet, or whose packets cannot be kept as they come.
    pub(super) fn track_in_shard(
        &mut self,
        datagram: &MediaDatagram<'_>,
        ssrc: u32,
        before: Option<u32>,
        now: PacketTime,
    ) -> Option<u32> {
        let claim = self.endpoints.claim(datagram.flow, |call| self.standing(call));
        let slot = match before {
            Some(slot) => self.own_or_taken_over(slot, claim),
            None => None,
        };
        let slot = match (slot, claim) {
            (Some(slot), _) => slot,
            (None, None) => {
                self.wait_unclaimed(datagram, now);
                return None;
            }
            (None, Some(claim)) => {
                if !self.is_sure(claim) && now.since(datagram.time) < GRACE_NANOS {
                    self.wait(datagram, now);
                    self.asked.looks.push((datagram.time.plus_nanos(GRACE_NANOS), datagram.flow.dst));
                    return None;
                }
                let of = Track { leg: claim.leg, flow: *datagram.flow, ssrc };
                self.add_track(claim.call, of, datagram.time)?
            }
        };
        self.ready(slot, datagram, now)
    }

    /// What waits at `endpoint` is looked at again: its time of grace is over.
    pub(crate) fn look_again(
        &mut self,
        endpoint: SocketAddr,
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        self.replay(endpoint, now, outputs);
    }

    /// The packets of a call that waited for its answer or its opening are not early any more.
    pub(super) fn replay_early(&mut self, call: CallSlot, now: PacketTime, outputs: &mut VecDeque<Output>) {
        let Some(state) = self.call(call) else { return };
        let tracks = state.tracks.iter().filter_map(|&slot| self.tracks.get(slot as usize)?.as_ref());
        let mut endpoints: Vec<SocketAddr> = tracks.map(|track| track.flow().dst).collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        for endpoint in endpoints {
            self.replay(endpoint, now, outputs);
        }
    }

    /// Hands in again what waits at `endpoint`.
    pub(super) fn replay(&mut self, endpoint: SocketAddr, now: PacketTime, outputs: &mut VecDeque<Output>) {
        let mut waiting = Vec::new();
        self.unclaimed.claim(endpoint, |c| waiting.push((c.time, c.flow, c.payload.to_vec())));
        self.replayed_at = now;
        // They were counted when they came.
        self.counts.packets = self.counts.packets.saturating_sub(waiting.len() as u64);
        for (time, flow, mut payload) in waiting {
            let datagram = MediaDatagram { flow: &flow, payload: &payload, cut: 0, time, came: Came::Late };
            self.handle_datagram(&datagram, now, outputs);
            payload.fill(0);
        }
    }

    /// Nobody announced where the datagram goes or comes from: it waits for whoever will, and a rule may admit what it belongs
    /// to.
    pub(super) fn wait_unclaimed(&mut self, datagram: &MediaDatagram<'_>, now: PacketTime) {
        self.wait(datagram, now);
        if datagram.came == Came::Now
            && let Ok(packet) = rtp::Packet::parse(datagram.payload)
        {
            self.strays.handle_packet(datagram.flow, &packet, datagram.time);
        }
    }

    /// The datagram waits for its order.
    pub(super) fn wait(&mut self, datagram: &MediaDatagram<'_>, now: PacketTime) {
        if datagram.cut > 0 {
            self.counts.truncated += 1;
        } else {
            self.unclaimed.handle_datagram(datagram.flow, datagram.payload, datagram.time, now);
        }
    }

    /// The track, when its packets are dealt with as they come.
    fn ready(&mut self, slot: u32, datagram: &MediaDatagram<'_>, now: PacketTime) -> Option<u32> {
        let track = self.tracks.get_mut(slot as usize)?.as_mut()?;
        let call = track.call;
        match track.fate {
            Fate::Keep | Fate::Drop | Fate::Linger | Fate::LingerDrop => return Some(slot),
            Fate::Wait => track.last = track.last.max(datagram.time),
            Fate::Asleep => {
                self.asked.reports.push(Report::Heard { call, at: datagram.time });
                let state = self.call_mut(call)?;
                state.asleep = false;
                let (fate, silence) = (state.fate(), state.silence);
                self.decide(call, fate);
                self.watch_silence(call, datagram.time.plus_nanos(silence.nanos()));
                return Some(slot);
            }
        }
        let state = self.call_mut(call)?;
        if state.asks_to_be_opened() {
            self.asked.reports.push(Report::Heard { call, at: datagram.time });
        }
        self.wait(datagram, now);
        None
    }

    /// Whether no order that is on its way may say something else: somebody who is not over announced the destination.
    fn is_sure(&self, claim: Claim) -> bool {
        let is_over = self.standing(claim.call) == Some(Standing::Over);
        !is_over && matches!(claim.heard, Heard::BothWays | Heard::AtDestination)
    }
}
