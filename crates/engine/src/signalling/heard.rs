//! What the signalling half needs to know and say where the media half is on several threads.

use std::collections::VecDeque;

use earwitness_model::PacketTime;

use super::{
    Signalling,
    call::{Beginning, State},
};
use crate::{
    order::{CallSlot, Keeping, Order},
    output::Output,
};

impl Signalling {
    /// A shard hears the call at `at`. Of one that is known by its responses only, that shows that there is a call.
    pub(super) fn handle_heard(
        &mut self,
        slot: CallSlot,
        at: PacketTime,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if call.opened || call.beginning != Beginning::Response || call.keeping() == Keeping::Never {
            return;
        }
        call.opened = true;
        let opened = call.opening(call.told(at));
        outputs.push_back(Output::Opened(Box::new(opened)));
        self.flush_ladder(slot, outputs);
        orders.push_back(Order::Opened { call: slot });
    }

    /// The call is being released, before all shards told what they heard: its Call-IDs are free for another one, and nobody
    /// joins it any more.
    pub(crate) fn let_go_of_names(&mut self, slot: CallSlot) {
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::as_mut) else { return };
        for name in call.names.iter() {
            if self.by_call_id.get(&name.sip_call_id) == Some(&slot) {
                self.by_call_id.remove(&name.sip_call_id);
            }
        }
        self.kin.forget(slot, std::mem::take(&mut call.traces));
        self.prints.forget(slot);
        let last = match &call.state {
            State::Over(end) => end.at.max(call.last_message),
            State::Attempt | State::Answered => call.last_message,
        };
        self.strays.forget(slot, last);
        self.named -= usize::from(std::mem::take(&mut call.is_named));
    }

    /// When the call was answered.
    pub(crate) fn answered_at(&self, slot: CallSlot) -> Option<PacketTime> {
        self.call(slot)?.answer
    }

    /// Whether it was said that there is a call.
    pub(crate) fn is_opened(&self, slot: CallSlot) -> bool {
        self.call(slot).is_some_and(|call| call.opened)
    }
}
