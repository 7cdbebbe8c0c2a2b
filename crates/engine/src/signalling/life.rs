//! A call's way out: what it waits for, how it ends, and what is handed on when it leaves the table.

use std::collections::VecDeque;

use earwitness_model::{CallId, EndedBy, PacketTime};

use super::{
    Signalling,
    call::{Beginning, State},
};
use crate::{
    media::{
        cause::{self, Begun},
        measured,
    },
    order::{CallSlot, Keeping, MediaSummary, Order, Report},
    output::Output,
    timer::Timer,
};

impl Signalling {
    pub(super) fn finish(
        &mut self,
        slot: CallSlot,
        at: PacketTime,
        by: Option<EndedBy>,
        reason: Option<String>,
        orders: &mut VecDeque<Order>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if !matches!(call.state, State::Over(_)) {
            call.end(at, by, reason);
            let over = call.take_over();
            orders.push_back(Order::Over { call: slot });
            orders.extend(over.map(|running| Order::Running { call: slot, running }));
            self.wait(slot, Timer::Linger, at);
        }
    }

    /// Looks at the calls whose time has come.
    pub(crate) fn handle_time(&mut self, now: PacketTime, orders: &mut VecDeque<Order>) {
        while let Some((due, slot)) = self.waiting.take_due(now) {
            let Some(call) = self.call_mut(slot).filter(|call| call.queued == Some(due)) else { continue };
            call.queued = None;
            match call.waits {
                Some((timer, at)) if at <= due => {
                    call.waits = None;
                    self.handle_timer(slot, timer, due, orders);
                }
                Some((_, at)) => self.queue(slot, at),
                None => {}
            }
        }
    }

    fn handle_timer(&mut self, slot: CallSlot, timer: Timer, at: PacketTime, orders: &mut VecDeque<Order>) {
        match timer {
            Timer::Linger => self.part(slot, orders),
            Timer::NoResponse | Timer::Ringing | Timer::Retry => {
                let last = self.call(slot).map_or(at, |call| call.last_message);
                self.finish(slot, last, None, None, orders);
                self.wait(slot, Timer::Linger, at);
            }
            Timer::MediaSilence
            | Timer::StreamSilence
            | Timer::Announced
            | Timer::StraySource
            | Timer::StrayLook
            | Timer::StrayAgain
            | Timer::Unseen
            | Timer::Held
            | Timer::Referral
            | Timer::Segment
            | Timer::Unclaimed => {}
        }
    }

    /// Takes what the media half reports.
    pub(crate) fn handle_report(
        &mut self,
        report: Report,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        match report {
            Report::Silent { call: slot, last, at } => {
                let Some(call) = self.call(slot).filter(|call| call.state == State::Answered) else { return };
                let last_message = call.last_message;
                let patience = if last.is_some() { call.silence() } else { Timer::Unseen };
                if at.since(last_message) < patience.nanos() {
                    let until = last_message.plus_nanos(patience.nanos());
                    orders.push_back(Order::Patience { call: slot, until });
                } else {
                    let last = last.map_or(last_message, |media| media.max(last_message));
                    self.finish(slot, last, Some(EndedBy::Timeout), None, orders);
                    self.wait(slot, Timer::Linger, at);
                }
            }
            Report::Heard { call, at } => self.handle_heard(call, at, orders, outputs),
            Report::Stray(stray) => self.handle_stray(stray, orders, outputs),
            Report::Printed { call, id, print } => self.handle_printed(call, id, print),
            Report::Looked { call, heard } => self.handle_looked(call, heard, orders),
            Report::Released { call, media, .. } => self.forget(call, *media, outputs),
        }
    }

    /// The capture is over: what runs ends here.
    pub(crate) fn handle_end(&mut self, orders: &mut VecDeque<Order>) {
        let mut running: Vec<(CallId, CallSlot)> =
            self.by_call_id.values().filter_map(|&slot| Some((self.call(slot)?.id, slot))).collect();
        running.sort_unstable();
        running.dedup();
        for (_, slot) in running {
            self.close(slot, orders);
        }
    }

    /// When [`Self::handle_time`] has something to do.
    #[inline]
    pub(crate) fn next_deadline(&self) -> PacketTime {
        self.waiting.next()
    }

    pub(super) fn close(&mut self, slot: CallSlot, orders: &mut VecDeque<Order>) {
        if let Some(call) = self.call_mut(slot) {
            call.farewell = None;
        }
        orders.push_back(Order::Release { call: slot });
    }

    /// The call leaves the table, and this is all of it.
    fn forget(&mut self, slot: CallSlot, mut media: MediaSummary, outputs: &mut VecDeque<Output>) {
        let heard = !media.streams.is_empty() || media.last.is_some();
        let Some(call) = self.call(slot) else { return };
        let begun = match call.beginning {
            Beginning::Invite => Begun::Seen,
            Beginning::Response
            | Beginning::MidDialog
            | Beginning::Resumed
            | Beginning::MidDialogResumed
            | Beginning::Stream
            | Beginning::StreamResumed => Begun::Unseen,
        };
        measured::tell(&mut media);
        cause::judge(&mut media, begun, &mut self.instants);
        let Some(call) = self.call_mut(slot) else { return };
        let last = media.last.map_or(call.last_message, |last| last.max(call.last_message));
        call.end(last, Some(EndedBy::CaptureEnd), None);
        let keep = call.keeping() != Keeping::Never;
        let listed = heard || call.beginning != Beginning::Response;
        if keep && listed && !call.opened {
            call.opened = true;
            let unsaid = match call.beginning {
                Beginning::Response => media.opened.take(),
                Beginning::Invite
                | Beginning::MidDialog
                | Beginning::Resumed
                | Beginning::MidDialogResumed
                | Beginning::Stream
                | Beginning::StreamResumed => Some(Box::new(call.opening(call.facts.start))),
            };
            outputs.extend(unsaid.map(Output::Opened));
        }
        self.flush_ladder(slot, outputs);
        self.let_go_of_names(slot);
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::take) else { return };
        self.counts.calls.ended += 1;
        self.free.push(slot);
        if listed {
            outputs.push_back(Output::Ended(Box::new(call.summary(media))));
        }
    }

    /// Says once that keeping began. Of a call known by its responses only, the media half says so with its first packet.
    pub(super) fn open(&mut self, slot: CallSlot, at: PacketTime, outputs: &mut VecDeque<Output>) {
        let Some(call) = self.call_mut(slot) else { return };
        if !call.opened && call.beginning != Beginning::Response {
            call.opened = true;
            let opened = call.opening(call.told(at));
            outputs.push_back(Output::Opened(Box::new(opened)));
        }
    }

    pub(super) fn flush_ladder(&mut self, slot: CallSlot, outputs: &mut VecDeque<Output>) {
        if let Some(call) = self.call_mut(slot).filter(|call| call.opened) {
            let id = call.id;
            outputs.extend(call.ladder.take(id).map(Output::Segment));
        }
    }

    pub(super) fn wait(&mut self, slot: CallSlot, timer: Timer, from: PacketTime) {
        let at = from.plus_nanos(timer.nanos());
        if let Some(call) = self.call_mut(slot) {
            call.waits = Some((timer, at));
            if call.queued.is_none_or(|queued| at < queued) {
                self.queue(slot, at);
            }
        }
    }

    /// As [`Self::wait`], unless the call waits longer already: another phone of a fork may still ring.
    pub(super) fn wait_no_less(&mut self, slot: CallSlot, timer: Timer, from: PacketTime) {
        let at = from.plus_nanos(timer.nanos());
        if self.call(slot).is_some_and(|call| call.waits.is_none_or(|(_, until)| until < at)) {
            self.wait(slot, timer, from);
        }
    }

    fn queue(&mut self, slot: CallSlot, at: PacketTime) {
        if let Some(call) = self.call_mut(slot) {
            call.queued = Some(at);
            self.waiting.add(at, slot);
        }
    }
}
