//! A BYE that nobody answers may be forged, or belong to nobody: the call is looked at again before it is let go. When the
//! party in whose name the BYE came talks on, the call was not over; a later BYE may be its end.

use std::collections::VecDeque;

use earwitness_model::{CallEnd, EndedBy, Leg, PacketTime};
use earwitness_wire::sip::Message;

use super::{
    Signalling, SipDatagram,
    call::{Call, State},
    from_tag,
};
use crate::{
    order::{CallSlot, Order},
    timer::{FAREWELL_GRACE_NANOS, Timer},
};

/// The BYE that ended a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Farewell {
    pub(super) by: Leg,
    pub(super) at: PacketTime,
    /// The place of its dialog among the call's names.
    pub(super) name: usize,
    /// Its number in that dialog.
    pub(super) cseq: u32,
    pub(super) shown: Shown,
}

/// By what a BYE is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It was seen; the other party did not answer it yet.
    Bye,
    /// The other party answered it.
    Answered,
    /// A response to it alone was seen, which did not go the way of the call's INVITE.
    Doubtful,
}

/// What a BYE says that comes when the call is over by another one, which nobody answered.
#[derive(Debug)]
pub(super) struct Later {
    farewell: Farewell,
    reason: Option<String>,
}

impl Farewell {
    /// Who ended the call.
    pub(super) const fn ended_by(&self) -> EndedBy {
        match self.by {
            Leg::Caller => EndedBy::Caller,
            Leg::Callee => EndedBy::Callee,
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.shown == Shown::Answered
    }

    /// Whether the party talked on, given when each party was heard last: the caller, the callee.
    fn is_false(&self, heard: [Option<PacketTime>; 2]) -> bool {
        let last = heard[usize::from(self.by == Leg::Callee)];
        !self.is_answered() && last.is_some_and(|last| last.since(self.at) > FAREWELL_GRACE_NANOS)
    }
}

impl Call {
    /// The BYE numbered `cseq` in the dialog at `name` was answered with `code`: its sender's own dialog is over.
    fn handle_bye_answered(&mut self, code: u16, name: usize, cseq: u32) {
        let later = self.later.as_mut().map(|later| &mut later.farewell);
        for farewell in self.farewell.as_mut().into_iter().chain(later) {
            let is_meant = (farewell.name, farewell.cseq) == (name, cseq);
            if code >= 200 && is_meant && farewell.shown == Shown::Bye {
                farewell.shown = Shown::Answered;
            }
        }
    }

    /// Whether the call is over, or may be, by the BYE numbered `cseq` in the dialog at `name`.
    fn knows_bye(&self, name: usize, cseq: u32) -> bool {
        let later = self.later.as_ref().map(|later| &later.farewell);
        let mut known = self.farewell.iter().chain(later);
        known.any(|farewell| (farewell.name, farewell.cseq) == (name, cseq))
    }

    /// A BYE came when the call was over: should the one that ended it turn out false, this one may be the end. The first
    /// that is answered is, and else the last.
    pub(super) fn handle_later_bye(&mut self, farewell: Farewell, reason: Option<String>) {
        if let Some(first) = self.farewell.as_mut()
            && (first.name, first.cseq, first.shown) == (farewell.name, farewell.cseq, Shown::Doubtful)
        {
            first.shown = farewell.shown;
        }
        let is_another = self.farewell.is_some_and(|first| {
            !first.is_answered() && (first.name, first.cseq) != (farewell.name, farewell.cseq)
        });
        let known = self.later.as_ref().map(|later| &later.farewell);
        let is_new = known.is_none_or(|known| {
            !known.is_answered() && (known.name, known.cseq) != (farewell.name, farewell.cseq)
        });
        if is_another && is_new {
            self.later = Some(Later { farewell, reason });
        }
    }

    /// A dialog of a call that runs was answered: a BYE before, in the dialog whose place it takes, ended nothing.
    pub(super) fn handle_taken_over(&mut self) {
        if self.state == State::Answered {
            self.farewell = None;
            self.announced.handle_change();
        }
    }
}

impl Signalling {
    /// A response to a BYE. Where the BYE itself was not seen, its sender hung up all the same (RFC 3261, section 15.1.1),
    /// unless it is asked who it is. A response is forged as easily as a BYE: one that does not go the way of the call's INVITE
    /// counts no more than a BYE that nobody answered.
    pub(super) fn handle_bye_response(
        &mut self,
        slot: CallSlot,
        code: u16,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
    ) {
        let (Some(call), Some(cseq)) = (self.call_mut(slot), message.cseq()) else { return };
        let place = call.names.place(message.call_id());
        call.handle_bye_answered(code, place, cseq.number);
        let (name, sender) = (call.names.at(place), call.sender(from_tag(message), false));
        let is_end = code >= 200 && !matches!(code, 401 | 407);
        // An attempt before the latest INVITE may have been ended by it.
        let is_earlier = sender == name.inviter && cseq.number <= name.invite_cseq;
        if !is_end || is_earlier || name.is_over() || call.knows_bye(place, cseq.number) {
            return;
        }
        let way = if sender == name.inviter { datagram.flow } else { datagram.flow.reversed() };
        let is_known = call.names.decides(place) && call.is_first_hop(&way);
        let shown = if is_known { Shown::Answered } else { Shown::Doubtful };
        self.handle_bye(slot, message, (datagram.time, shown), orders);
    }

    /// The call has been over for a while: it is let go, or looked at first.
    pub(super) fn part(&mut self, slot: CallSlot, orders: &mut VecDeque<Order>) {
        let farewell = self.call(slot).and_then(|call| call.farewell);
        if farewell.is_some_and(|farewell| !farewell.is_answered()) {
            orders.push_back(Order::Look { call: slot });
        } else {
            self.close(slot, orders);
        }
    }

    /// An INVITE of an answered call failed. Where it was to take the place of a dialog that a BYE ended, that BYE was the end.
    pub(super) fn handle_not_taken_over(
        &mut self,
        slot: CallSlot,
        code: u16,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
    ) {
        let (Some(call), Some(cseq)) = (self.call_mut(slot), message.cseq()) else { return };
        let place = call.names.place(message.call_id());
        let is_challenge = matches!(code, 401 | 407);
        let is_branch = call.names.decides(place) && !call.is_first_hop(&datagram.flow);
        if call.state != State::Answered || is_challenge || is_branch {
            return;
        }
        let name = call.names.at_mut(place);
        if !name.is_invited() || cseq.number < name.invite_cseq {
            return;
        }
        name.handle_failure(cseq.number);
        let Some(farewell) = call.farewell.filter(|_| !call.names.go_on()) else { return };
        self.finish(slot, farewell.at, Some(farewell.ended_by()), None, orders);
        self.wait(slot, Timer::Linger, datagram.time);
    }

    /// The media half looked at a call that a BYE ended: when each party was heard last.
    pub(super) fn handle_looked(
        &mut self,
        slot: CallSlot,
        heard: [Option<PacketTime>; 2],
        orders: &mut VecDeque<Order>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        let Some(farewell) = call.farewell.take() else { return };
        let Some(answer) = call.answer.filter(|_| farewell.is_false(heard)) else {
            return self.close(slot, orders);
        };
        call.false_bye = true;
        call.announced.handle_change();
        if let Some(Later { farewell: later, reason }) = call.later.take() {
            if later.name != farewell.name {
                call.names.handle_false_bye(farewell.name);
            }
            let farewell = later;
            call.farewell = Some(farewell);
            call.state = State::Over(CallEnd { at: farewell.at, by: Some(farewell.ended_by()), reason });
            let over = call.take_over();
            orders.extend(over.map(|running| Order::Running { call: slot, running }));
            return self.wait(slot, Timer::Linger, farewell.at);
        }
        call.state = State::Answered;
        call.names.handle_false_bye(farewell.name);
        orders.push_back(Order::Answered { call: slot, at: answer });
        self.tell_running(slot, orders);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_party_that_said_goodbye_shows_that_it_did_not() {
        let at = |ms: i64| PacketTime::from_nanos(ms * 1_000_000);
        let farewell = Farewell { by: Leg::Callee, at: at(10_000), name: 0, cseq: 2, shown: Shown::Bye };
        assert!(farewell.is_false([None, Some(at(12_001))]));
        assert!(!farewell.is_false([None, Some(at(12_000))]), "within its grace");
        assert!(!farewell.is_false([Some(at(14_000)), None]), "the other one did not hear of it yet");
        assert!(!Farewell { shown: Shown::Answered, ..farewell }.is_false([None, Some(at(14_000))]));
    }
}
