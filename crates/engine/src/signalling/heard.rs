//! What the signalling half needs to know and say where the media half is on several threads.

use std::collections::VecDeque;

use earwitness_model::PacketTime;

use super::{Signalling, call::Beginning};
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

    /// The call is being released: its Call-ID is free for another one, before all shards told what they heard.
    pub(crate) fn let_go_of_call_id(&mut self, slot: CallSlot) {
        let Some(call) = self.calls.get(slot.0 as usize).and_then(Option::as_ref) else { return };
        if self.by_call_id.get(&call.sip_call_id) == Some(&slot) {
            self.by_call_id.remove(&call.sip_call_id);
        }
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
