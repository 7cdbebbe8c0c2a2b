//! An endpoint is announced: what waits there belongs to the call.

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::PacketTime;

use super::{
    Media,
    endpoints::{Expectation, Room, Standing},
};
use crate::{order::CallSlot, output::Output};

impl Media {
    pub(super) fn expect(
        &mut self,
        endpoint: SocketAddr,
        expectation: Expectation,
        now: PacketTime,
        outputs: &mut VecDeque<Output>,
    ) {
        let (call, most) = (expectation.call, self.limits.endpoints_per_call);
        let Some(state) = self.call_mut(call) else { return };
        let oldest = state.add_endpoint(endpoint, most);
        state.secured |= expectation.secured.is_some();
        let secured = state.secured;
        if self.endpoints.announce(endpoint, expectation) == Room::Crowded {
            self.counts.endpoints_refused += 1;
        }
        if let Some(oldest) = oldest {
            self.endpoints.withdraw(&oldest, call);
            self.counts.endpoints_refused += 1;
        }
        if secured {
            self.relock(call, (now, outputs));
        }
        self.replay(endpoint, now, outputs);
    }

    /// Where the call stands, for whoever asks whose a source is.
    pub(super) fn standing(&self, call: CallSlot) -> Option<Standing> {
        self.call(call).map(|state| match (state.over, state.answered) {
            (true, _) => Standing::Over,
            (false, Some(_)) => Standing::Answered,
            (false, None) => Standing::Attempt,
        })
    }
}
