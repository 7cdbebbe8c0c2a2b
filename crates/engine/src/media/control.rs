//! RTCP: which call it is about, and what its receivers say of the streams that they hear, and measured of them.
//!
//! It comes on the port behind that of RTP, on the same one (RFC 5761), or on another that the SDP names (RFC 3605). In a
//! shard the streams that it is about may be another shard's: what is reported is laid beside them at the call's end.

use std::net::SocketAddr;

use earwitness_model::{Flow, PacketTime};
use earwitness_wire::rtcp::{self, Blocks, Report};

use super::{
    Media,
    endpoints::Heard,
    far_end::{Sent, Series},
    measured::Saying,
};
use crate::order::{CallSlot, Keeping};

/// Packets of a compound that are looked at, and blocks of each: a phone sends one or two of each.
const MOST_READ: usize = 32;

impl Media {
    /// Takes a datagram that looks like RTCP.
    #[cold]
    pub(crate) fn handle_control(&mut self, flow: &Flow, payload: &[u8], at: PacketTime) {
        let Some(call) = self.call_of_control(flow) else { return };
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) else { return };
        if state.keeping == Keeping::Never {
            return;
        }
        let (by, to) = (flow.src.ip(), flow.dst.ip());
        let is_heard = |slots: &[u32], ssrc: u32| {
            let tracks = slots.iter().filter_map(|&slot| self.tracks.get(slot as usize)?.as_ref());
            let mut of = tracks.map(|track| track.of);
            of.any(|of| (of.ssrc, of.flow.dst.ip(), of.flow.src.ip()) == (ssrc, by, to))
        };
        for report in rtcp::reports(payload).take(MOST_READ) {
            let blocks: Blocks<'_> = match report {
                Report::SenderReport { ssrc, ntp, blocks, .. } => {
                    state.far_ends().handle_sent(Sent { ssrc, by, name: (ntp >> 16) as u32, at });
                    blocks
                }
                Report::ReceiverReport { blocks, .. } => blocks,
                Report::Extended { measures, .. } => {
                    for (ssrc, metrics) in measures.take(MOST_READ) {
                        let is_heard = is_heard(&state.tracks, ssrc);
                        state.far_ends().measured.handle(Saying { ssrc, by, to, is_heard, at, metrics });
                    }
                    continue;
                }
                Report::Sdes { .. } | Report::Bye { .. } | Report::Other { .. } | Report::Malformed(_) => {
                    continue;
                }
            };
            for block in blocks {
                let Some(series) = state.far_ends().handle_block((by, to), block, at) else { continue };
                let is_heard = is_heard(&state.tracks, block.ssrc);
                state.far_ends().add(Series { is_heard, ..series });
            }
        }
    }

    /// The call whose media goes the other way between the same ends, or the ports below.
    fn call_of_control(&self, flow: &Flow) -> Option<CallSlot> {
        let below = |end: SocketAddr| SocketAddr::new(end.ip(), end.port().saturating_sub(1));
        let back = flow.reversed();
        let claims = [Flow { src: below(back.src), dst: below(back.dst) }, back]
            .map(|flow| self.endpoints.claim(&flow, |call| self.standing(call)));
        let claims = || claims.iter().flatten();
        let sure = claims().find(|claim| claim.heard == Heard::BothWays);
        let elsewhere = || [&flow.src, &flow.dst].into_iter().find_map(|end| self.controls.get(end).copied());
        sure.or_else(|| claims().next()).map(|claim| claim.call).or_else(elsewhere)
    }

    /// RTCP about the call comes to or from `endpoint`. Of several calls that say so, it is the last one's.
    pub(super) fn expect_control(&mut self, call: CallSlot, endpoint: SocketAddr) {
        let most = self.limits.endpoints_per_call;
        let Some(state) = self.call_mut(call) else { return };
        if !state.controls.contains(&endpoint) {
            if state.controls.len() >= most {
                self.counts.endpoints_refused += 1;
                return;
            }
            state.controls.push(endpoint);
        }
        self.controls.insert(endpoint, call);
    }

    pub(super) fn forget_controls(&mut self, call: CallSlot, controls: &[SocketAddr]) {
        for endpoint in controls {
            if self.controls.get(endpoint) == Some(&call) {
                self.controls.remove(endpoint);
            }
        }
    }
}
