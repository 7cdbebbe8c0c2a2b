//! What a person may look at while calls run in several shards: the calls are told by one, and their legs by the others.

use earwitness_model::CallId;

use super::{MediaShard, SignallingShard};
use crate::live::{LiveCall, LiveLeg};

impl SignallingShard {
    /// The newest calls, at most `most`, newest first, of which nothing is heard yet: see [`LiveCall::hear`].
    #[must_use]
    pub fn live_calls(&self, most: usize) -> Vec<LiveCall> {
        let newest = self.signalling.newest(most).into_iter();
        newest.filter_map(|slot| self.signalling.live_call(slot, [None, None])).collect()
    }
}

impl MediaShard {
    /// The caller's voice and the callee's, as far as this shard heard them.
    #[must_use]
    pub fn live_legs(&self, call: CallId) -> [Option<LiveLeg>; 2] {
        self.media.slot(call).map_or([None, None], |slot| self.media.live_legs(slot))
    }
}

impl LiveCall {
    /// Adds what a [shard](MediaShard::live_legs) heard of the call.
    pub fn hear(&mut self, legs: [Option<LiveLeg>; 2]) {
        for (known, heard) in self.legs.iter_mut().zip(legs) {
            *known = match (known.take(), heard) {
                (Some(known), Some(heard)) => Some(together(known, heard)),
                (leg, None) | (None, leg) => leg,
            };
        }
    }
}

/// One party's voice that two shards heard: of the later source, with what both counted.
fn together(one: LiveLeg, other: LiveLeg) -> LiveLeg {
    let (packets, lost) = (one.packets + other.packets, one.lost + other.lost);
    let latest = if other.last > one.last { other } else { one };
    LiveLeg { packets, lost, ..latest }
}
