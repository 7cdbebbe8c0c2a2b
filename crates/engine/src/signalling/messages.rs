//! What each message does to its call.

use std::{collections::VecDeque, net::SocketAddr};

use earwitness_model::{Leg, PacketTime};
use earwitness_wire::sip::{CSeq, Message, Method, StartLine};

use super::{
    Signalling, SipDatagram,
    branches::AfterBye,
    call::{Answer, State},
    facts,
    farewell::{Farewell, Shown},
    from_tag, hold, in_dialog,
    keys::Change,
    ladder::{self, Kept, Ladder},
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
        call.in_tls |= datagram.transport.is_in_tls();
        call.last_message = call.last_message.max(datagram.time);
        if call.keeps_messages() {
            let told = call.told(datagram.time);
            let kept = match crowded {
                true => Kept::TooMany,
                false => call.ladder.add(&ladder::message(datagram, told), most),
            };
            self.counts.not_kept += u64::from(kept == Kept::TooMany);
        }
        match message.start_line() {
            StartLine::Request { method, .. } => {
                if method == Method::Ack {
                    self.handle_ack(slot, message, datagram, (orders, outputs));
                }
                self.handle_request(slot, method, message, datagram, orders);
            }
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
        let place = call.names.place(message.call_id());
        if method == Method::Invite && !in_dialog(message) {
            // Hops and branches have it before the answer: what comes later is the same again, or not the call's.
            if call.answer.is_some() && !call.names.at(place).is_invited() {
                return;
            }
            if call.names.at(place).inviter == Leg::Caller {
                call.add_caller_tag(from_tag);
            }
            if call.names.decides(place) {
                call.invited.handle_invite(message);
            }
        }
        let sender = call.sender(from_tag, false);
        match method {
            Method::Invite => {
                self.handle_attempt(slot, sender, (message, time), orders);
                self.take_offer(slot, sender, (message, datagram), orders);
            }
            Method::Ack | Method::Prack | Method::Update => {
                if method == Method::Ack && sender == call.names.at(place).inviter {
                    call.names.handle_ack(place, from_tag, message.to().and_then(|to| to.tag()));
                }
                self.take_offer(slot, sender, (message, datagram), orders);
            }
            Method::Cancel if call.names.decides(place) => call.cancel(&datagram.flow),
            Method::Bye => self.handle_bye(slot, message, (time, Shown::Bye), orders),
            Method::Info if call.keeps() => call.info_keys.add((sender, place), message, call.told(time)),
            Method::Refer => self.handle_refer(slot, message, datagram),
            Method::Cancel
            | Method::Options
            | Method::Register
            | Method::Info
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Other => {}
        }
        self.leave_traces(slot, sender, message);
    }

    /// An INVITE of `sender` at `time`: a newer one of whoever began the dialog is a new attempt.
    fn handle_attempt(
        &mut self,
        slot: CallSlot,
        sender: Leg,
        (message, time): (&Message<'_>, PacketTime),
        orders: &mut VecDeque<Order>,
    ) {
        let (Some(call), Some(cseq)) = (self.call_mut(slot), message.cseq()) else { return };
        let place = call.names.place(message.call_id());
        let (decides, is_attempt) = (call.names.decides(place), call.answer.is_none());
        let name = call.names.at_mut(place);
        let is_new = cseq.number > name.invite_cseq && sender == name.inviter;
        if !is_new || (!is_attempt && !name.is_invited()) {
            return;
        }
        name.invite_cseq = cseq.number;
        if decides && is_attempt {
            if std::mem::replace(&mut call.state, State::Attempt) != State::Attempt {
                orders.push_back(Order::Retried { call: slot });
            }
            call.cancelled = false;
            self.wait(slot, Timer::NoResponse, time);
        }
    }

    /// The caller's ACK may be the first that is seen of an answer.
    fn handle_ack(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        (orders, outputs): (&mut VecDeque<Order>, &mut VecDeque<Output>),
    ) {
        let (Some(call), Some(cseq)) = (self.call_mut(slot), message.cseq()) else { return };
        let place = call.names.place(message.call_id());
        let is_from_first_hop = call.first_hop.is_some_and(|hop| hop.src.ip() == datagram.flow.src.ip());
        let is_open = call.names.decides(place) && call.names.at(place).is_open(cseq.number);
        if call.state == State::Attempt
            && call.answer.is_none()
            && is_open
            && is_from_first_hop
            && in_dialog(message)
            && call.invited.is_answered(message)
        {
            self.answer(slot, Answer::Acknowledged, datagram.time, (orders, outputs));
            self.handle_stray_answer((slot, place), orders);
        }
    }

    /// A BYE, or the response to one that was not seen: both have its tags and its number.
    pub(super) fn handle_bye(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        (time, shown): (PacketTime, Shown),
        orders: &mut VecDeque<Order>,
    ) {
        let (from_tag, to_tag) = (from_tag(message), message.to().and_then(|to| to.tag()));
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::as_mut) else { return };
        let (place, sender) = (call.names.place(message.call_id()), call.sender(from_tag, false));
        let (inviter, invited) =
            if sender == call.names.at(place).inviter { (from_tag, to_tag) } else { (to_tag, from_tag) };
        let after = call.names.handle_bye(place, inviter, invited);
        self.kin.handle_over(slot, place, &mut call.traces);
        let is_attempt = call.answer.is_none();
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let farewell = Farewell { by: sender, at: time, name: place, cseq, shown };
        if after == AfterBye::GoesOn || (is_attempt && !call.names.decides(place)) {
            if !is_attempt && !call.names.talk() {
                call.farewell = Some(farewell);
            }
            return call.announced.handle_change();
        }
        call.cancelled |= is_attempt;
        match call.state {
            _ if is_attempt => {}
            State::Over(_) => call.handle_later_bye(farewell, reason(message)),
            State::Attempt | State::Answered => call.farewell = Some(farewell),
        }
        self.finish(slot, time, (!is_attempt).then(|| farewell.ended_by()), reason(message), orders);
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
        let (time, from_tag) = (datagram.time, from_tag(message));
        let Some(CSeq { method, number }) = message.cseq() else { return };
        let Some(call) = self.call_mut(slot) else { return };
        let place = call.names.place(message.call_id());
        let (to_tag, inviter) = (message.to().and_then(|to| to.tag()), call.names.at(place).inviter);
        if method == Method::Invite && inviter == Leg::Callee && call.sender(from_tag, false) == Leg::Callee {
            // Who is invited from the callee's side is on the caller's, by whatever tag it answers.
            call.add_caller_tag(to_tag);
        }
        let sender = call.sender(from_tag, true);
        if method == Method::Bye {
            return self.handle_bye_response(slot, code, message, datagram, orders);
        }
        if !matches!(method, Method::Invite | Method::Update | Method::Prack) {
            return;
        }
        self.leave_traces(slot, sender, message);
        let Some(call) = self.call_mut(slot) else { return };
        let is_attempt = method == Method::Invite && call.answer.is_none();
        let decides = call.names.decides(place);
        match code {
            ..200 => {
                self.take_offer(slot, sender, (message, datagram), orders);
                if is_attempt && self.call(slot).is_some_and(|call| call.state == State::Attempt) {
                    self.wait(slot, Timer::Ringing, time);
                }
            }
            200..300 => {
                if method == Method::Invite && sender == inviter.other() {
                    call.names.handle_dialog(place, from_tag, to_tag);
                    call.handle_taken_over();
                }
                if is_attempt && decides {
                    self.answer(slot, Answer::Seen(code), time, (orders, outputs));
                }
                if method == Method::Invite {
                    self.handle_stray_answer((slot, place), orders);
                }
                self.take_offer(slot, sender, (message, datagram), orders);
            }
            300.. if is_attempt && decides => self.handle_failure(slot, code, message, datagram, orders),
            300.. if is_attempt => self.wait_no_less(slot, Timer::Retry, time),
            300.. => {
                self.handle_refused_offer(slot, sender.other(), (place, number), orders);
                if method == Method::Invite {
                    self.handle_not_taken_over(slot, code, message, datagram, orders);
                }
            }
        }
    }

    pub(super) fn answer(
        &mut self,
        slot: CallSlot,
        answer: Answer,
        at: PacketTime,
        (orders, outputs): (&mut VecDeque<Order>, &mut VecDeque<Output>),
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if matches!(call.state, State::Over(_)) && call.cancelled {
            // The answer crossed the end on its way: the caller's acknowledgement is followed by a BYE at once.
            return;
        }
        let is_first = call.answer.is_none();
        call.answer = Some(at);
        call.announced.handle_change();
        (call.status, call.unseen_answer) = match answer {
            Answer::Seen(status) => (Some(status), false),
            Answer::Acknowledged => (None, true),
            Answer::Before => (None, false),
        };
        call.names.handle_answer();
        call.waits = None;
        call.state = State::Answered;
        let keeping = call.keeping();
        match keeping {
            Keeping::Never => call.ladder = Ladder::default(),
            Keeping::FromAnswer | Keeping::FromStart => self.open(slot, at, outputs),
        }
        self.counts.calls.answered += u64::from(is_first);
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
        let (place, cseq) =
            (call.names.place(message.call_id()), message.cseq().map_or(0, |cseq| cseq.number));
        let name = call.names.at_mut(place);
        if cseq < name.invite_cseq {
            // A challenge that was answered comes again: its ACK was lost.
            return;
        }
        name.handle_failure(cseq);
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
        (message, datagram): (&Message<'_>, &SipDatagram<'_>),
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
        let before = call.hold.of(sender);
        let audio = offer.audio.unwrap_or_else(|| Audio { held: before, ..Audio::default() });
        if !audio.endpoints.is_empty() && call.closed.handle_said(sender, audio.closed) == Change::Yes {
            call.announced.handle_change();
        }
        let asking = hold::asking(call.names.place(message.call_id()), message);
        if call.hold.handle_said(sender, audio.held, asking) == Change::Yes {
            call.announced.handle_change();
        }
        let (held, place) = (call.is_held(), call.names.place(message.call_id()));
        let endpoints: Vec<SocketAddr> = audio.endpoints.iter().map(|audio| audio.endpoint).collect();
        self.announce((slot, sender), &endpoints, (message, datagram));
        self.handle_stray_ends((slot, place), &endpoints, orders);
        for announcement in audio.endpoints {
            self.expect(slot, sender.other(), announcement, orders);
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
