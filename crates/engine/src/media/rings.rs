//! A call's ring: opened with its first packet, closed when it is full of bytes or of time.

use std::collections::VecDeque;

use earwitness_model::{PacketTime, Segment, SegmentContent};

use super::Media;
use crate::{order::CallSlot, output::Output, timer::Timer};

impl Media {
    pub(super) fn open_ring(&mut self, call: CallSlot, base: PacketTime) {
        let Some(buffer) = self.pool.take() else { return };
        let Some(state) = self.calls.get_mut(call.0 as usize).and_then(Option::as_mut) else {
            self.pool.give_back(buffer);
            return;
        };
        state.clock_stepped |= state.base != self.base;
        state.open_ring(base, buffer);
        self.segments.add(base.plus_nanos(Timer::Segment.nanos()), (call, state.ring_number));
    }

    pub(super) fn close_ring(&mut self, call: CallSlot, outputs: &mut VecDeque<Output>) {
        let Some(state) = self.call_mut(call) else { return };
        let (id, told) = (state.id, state.base);
        if let Some((base, bytes)) = state.close_ring() {
            self.take_prints(call, (base, &bytes));
            let base = base.plus_nanos(told);
            outputs.push_back(Output::Segment(Segment {
                call: id,
                content: SegmentContent::Media,
                base,
                bytes,
            }));
        }
    }
}
