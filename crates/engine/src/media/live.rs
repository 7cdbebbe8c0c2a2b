//! The legs of running calls as they are shown.

use earwitness_model::Leg;

use super::{Media, track::TrackState};
use crate::{live::LiveLeg, order::CallSlot};

impl Media {
    /// The caller's voice and the callee's so far.
    pub(crate) fn live_legs(&self, call: CallSlot) -> [Option<LiveLeg>; 2] {
        [Leg::Caller, Leg::Callee].map(|leg| self.live_leg(call, leg))
    }

    fn live_leg(&self, call: CallSlot, leg: Leg) -> Option<LiveLeg> {
        let state = self.call(call)?;
        let tracks = state.tracks.iter().filter_map(|&slot| self.tracks.get(slot as usize)?.as_ref());
        let streams: Vec<_> =
            tracks.filter(|track| track.leg() == leg).flat_map(TrackState::summaries).collect();
        let latest = streams.iter().filter(|stream| stream.packets > 0).max_by_key(|stream| stream.last)?;
        Some(LiveLeg {
            packets: streams.iter().map(|stream| stream.packets).sum(),
            lost: streams.iter().map(|stream| stream.lost).sum(),
            jitter_ms: latest.jitter_ms,
            codec: latest.codec.clone(),
            last: latest.last.plus_nanos(state.base),
        })
    }
}
