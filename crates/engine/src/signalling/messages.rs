//! What each message does to its call.

use std::collections::VecDeque;

use earwitness_model::{EndedBy, Leg, PacketTime};
use earwitness_wire::sip::{Message, Method, StartLine};

use super::{
    Signalling, SipDatagram,
    call::State,
    facts, from_tag, in_dialog,
    ladder::{self, Kept},
    offer::{self, Audio},
};
use crate::{
    order::{CallSlot, Keeping, Order},
    output::Output,
    timer::Timer,
};

impl Signalling {
    pub(super) fn handle_message(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let most = self.limits.signalling_bytes_per_call;
        let (base, crowded) = (self.base, self.is_crowded(outputs));
        let Some(call) = self.call_mut(slot) else { return };
        call.clock_stepped |= call.base != base;
        call.messages = call.messages.saturating_add(1);
        call.last_message = call.last_message.max(datagram.time);
        if call.keeping() != Keeping::Never {
            let told = call.told(datagram.time);
            let kept = match crowded {
                true => Kept::TooMany,
                false => call.ladder.add(&ladder::message(datagram, told), most),
            };
            self.counts.not_kept += u64::from(kept == Kept::TooMany);
        }
        match message.start_line() {
            StartLine::Request { method, .. } => self.handle_request(slot, method, message, datagram, orders),
            StartLine::Status { code, .. } => {
                self.handle_response(slot, code, message, datagram, orders, outputs);
            }
        }
        if !crowded {
            self.tell_running(slot, orders);
        }
        self.flush_ladder(slot, outputs);
    }

    fn handle_request(
        &mut self,
        slot: CallSlot,
        method: Method,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
    ) {
        let time = datagram.time;
        let from_tag = from_tag(message);
        let Some(call) = self.call_mut(slot) else { return };
        if method == Method::Invite && !in_dialog(message) {
            call.add_caller_tag(from_tag);
        }
        let sender = call.sender(from_tag, false);
        match method {
            Method::Invite => {
                let newer = message.cseq().is_some_and(|cseq| cseq.number > call.invite_cseq);
                if newer && sender == Leg::Caller && call.answer.is_none() {
                    call.invite_cseq = message.cseq().map_or(0, |cseq| cseq.number);
                    call.state = State::Attempt;
                    call.cancelled = false;
                    self.wait(slot, Timer::NoResponse, time);
                }
                self.take_offer(slot, sender, message, orders);
            }
            Method::Ack | Method::Prack | Method::Update => self.take_offer(slot, sender, message, orders),
            Method::Cancel => call.cancel(&datagram.flow),
            Method::Bye => self.handle_bye(slot, message, time, orders),
            Method::Info if call.keeps() => call.info_keys.add(sender, message, call.told(time)),
            Method::Options
            | Method::Register
            | Method::Info
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => {}
        }
    }

    fn handle_bye(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        time: PacketTime,
        orders: &mut VecDeque<Order>,
    ) {
        let from_tag = from_tag(message);
        let to_tag = message.to().and_then(|to| to.tag());
        let Some(call) = self.call_mut(slot) else { return };
        let (by, goes_on) = match call.sender(from_tag, false) {
            Leg::Caller => (EndedBy::Caller, call.branches.handle_bye(from_tag, to_tag)),
            Leg::Callee => (EndedBy::Callee, call.branches.handle_bye(to_tag, from_tag)),
        };
        if !goes_on {
            call.cancelled |= call.answer.is_none();
            let by = call.answer.is_some().then_some(by);
            self.finish(slot, time, by, reason(message), orders);
        }
    }

    fn handle_response(
        &mut self,
        slot: CallSlot,
        code: u16,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let time = datagram.time;
        let from_tag = from_tag(message);
        let Some(method) = message.cseq().map(|cseq| cseq.method) else { return };
        let Some(call) = self.call_mut(slot) else { return };
        let sender = call.sender(from_tag, true);
        if !matches!(method, Method::Invite | Method::Update | Method::Prack) {
            return;
        }
        let is_attempt = method == Method::Invite && call.answer.is_none();
        match code {
            ..200 => {
                self.take_offer(slot, sender, message, orders);
                if is_attempt && self.call(slot).is_some_and(|call| call.state == State::Attempt) {
                    self.wait(slot, Timer::Ringing, time);
                }
            }
            200..300 => {
                if method == Method::Invite && sender == Leg::Callee {
                    call.branches.handle_answer(from_tag, message.to().and_then(|to| to.tag()));
                }
                if is_attempt {
                    self.answer(slot, Some(code), time, orders, outputs);
                }
                self.take_offer(slot, sender, message, orders);
            }
            300.. if is_attempt => self.handle_failure(slot, code, message, datagram, orders),
            300.. => {}
        }
    }

    pub(super) fn answer(
        &mut self,
        slot: CallSlot,
        status: Option<u16>,
        at: PacketTime,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if matches!(call.state, State::Over(_)) && call.cancelled {
            // The answer crossed the end on its way: the caller's acknowledgement is followed by a BYE at once.
            return;
        }
        let is_first = call.answer.is_none();
        call.answer = Some(at);
        call.announced.handle_change();
        call.status = status;
        call.waits = None;
        call.state = State::Answered;
        let keeping = call.keeping();
        self.counts.calls.answered += u64::from(is_first);
        if keeping != Keeping::Never {
            self.open(slot, at, outputs);
        }
        orders.push_back(Order::Answered { call: slot, at });
    }

    /// A 3xx to 6xx for the first INVITE. After a challenge another INVITE follows; on a later hop, or from one branch of
    /// a fork, the proxy may still find somebody.
    fn handle_failure(
        &mut self,
        slot: CallSlot,
        code: u16,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if matches!(call.state, State::Over(_)) {
            return;
        }
        if message.cseq().is_some_and(|cseq| cseq.number < call.invite_cseq) {
            // A challenge that was answered comes again: its ACK was lost.
            return;
        }
        call.status = Some(code);
        let challenged = matches!(code, 401 | 407);
        if challenged || !call.is_first_hop(&datagram.flow) {
            self.wait_no_less(slot, Timer::Retry, datagram.time);
        } else {
            self.finish(slot, datagram.time, None, reason(message), orders);
        }
    }

    /// Tells the media half where the sender of `message` wants to hear the other party.
    fn take_offer(
        &mut self,
        slot: CallSlot,
        sender: Leg,
        message: &Message<'_>,
        orders: &mut VecDeque<Order>,
    ) {
        let Some(offer) = message.sdp().and_then(offer::read) else { return };
        let Some(call) = self.call_mut(slot) else { return };
        if call.beside.handle_offer(&offer, sender) {
            call.announced.handle_change();
        }
        if offer.audio.is_none() && !offer.fax {
            return;
        }
        // A description without audio says nothing of hold.
        let said = usize::from(sender == Leg::Callee);
        let audio = offer.audio.unwrap_or_else(|| Audio { held: call.held[said], ..Audio::default() });
        if audio.protected && !call.protected {
            call.protected = true;
            call.announced.handle_change();
        }
        if std::mem::replace(&mut call.held[said], audio.held) != audio.held {
            call.announced.handle_change();
        }
        let held = call.is_held();
        for (endpoint, formats) in audio.endpoints {
            self.expect(slot, endpoint, sender.other(), formats, orders);
        }
        orders.push_back(Order::Hold { call: slot, held });
    }
}

/// The Reason header (RFC 3326): its text, or else its cause.
fn reason(message: &Message<'_>) -> Option<String> {
    let reason = message.reason()?;
    match reason.text {
        Some(text) => Some(facts::cut_text(text)),
        None => reason.cause.map(|cause| format!("{} {cause}", facts::cut_text(reason.protocol))),
    }
}
