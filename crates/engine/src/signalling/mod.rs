//! The signalling half: SIP dialogs become calls, the rules decide once per call, and [`Order`]s tell the media half
//! where to listen. Every step is idempotent: retransmissions and mirror copies change nothing.

mod call;
mod facts;
mod ladder;
mod offer;

use std::collections::VecDeque;

use earwitness_model::{EndedBy, Flow, Leg, PacketTime};
use earwitness_rules::RuleSet;
use earwitness_wire::sip::{Message, Method, StartLine};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use self::{
    call::{Beginning, Call, State},
    ladder::{Kept, Ladder},
};
use crate::{
    limits::Limits,
    order::{CallSlot, Keeping, MediaSummary, Order, Report},
    output::{Opened, Output},
    timer::{Deadlines, Timer},
};

/// A SIP datagram and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SipDatagram<'b> {
    pub(crate) flow: Flow,
    pub(crate) bytes: &'b [u8],
    pub(crate) time: PacketTime,
}

/// What the signalling half counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SignallingCounts {
    pub(crate) messages: u64,
    pub(crate) malformed: u64,
    pub(crate) not_kept: u64,
    pub(crate) calls_refused: u64,
}

/// Calls by Call-ID.
#[derive(Debug)]
pub(crate) struct Signalling {
    limits: Limits,
    rules: RuleSet,
    calls: Vec<Option<Call>>,
    free: Vec<CallSlot>,
    by_call_id: HashMap<Box<[u8]>, CallSlot, RandomState>,
    waiting: Deadlines<CallSlot>,
    pub(crate) counts: SignallingCounts,
}

impl Signalling {
    pub(crate) fn new(rules: RuleSet, limits: Limits) -> Self {
        Self {
            limits,
            rules,
            calls: Vec::new(),
            free: Vec::new(),
            by_call_id: HashMap::default(),
            waiting: Deadlines::default(),
            counts: SignallingCounts::default(),
        }
    }

    /// Calls that begin from now on are decided by `rules`.
    pub(crate) fn handle_rules(&mut self, rules: RuleSet) {
        self.rules = rules;
    }

    /// Calls in the table.
    pub(crate) fn len(&self) -> usize {
        self.by_call_id.len()
    }

    /// Takes one datagram that looks like SIP.
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Ok(message) = Message::parse(datagram.bytes) else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.messages += 1;
        let Some(call_id) = message.call_id() else { return };
        let known = self.by_call_id.get(call_id).copied();
        if let Some(old) = known.filter(|&slot| self.is_another_call(slot, &message)) {
            self.close(old, orders);
            self.by_call_id.remove(call_id);
        }
        let known = self.by_call_id.get(call_id).copied();
        let Some(slot) = known.or_else(|| self.begin(call_id, &message, datagram, orders, outputs)) else {
            return;
        };
        self.handle_message(slot, &message, datagram, orders, outputs);
    }

    /// An INVITE outside any dialog that begins anew what is over: some phones use a Call-ID twice.
    fn is_another_call(&self, slot: CallSlot, message: &Message<'_>) -> bool {
        let Some(call) = self.call(slot) else { return false };
        let is_first = message.method() == Some(Method::Invite) && !in_dialog(message);
        let newer = message.cseq().is_some_and(|cseq| cseq.number > call.invite_cseq)
            || call.sender(message.from().and_then(|from| from.tag()), false) != Leg::Caller;
        is_first && newer && call.answer.is_some() && matches!(call.state, State::Over(_))
    }

    fn begin(
        &mut self,
        call_id: &[u8],
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) -> Option<CallSlot> {
        let cseq = message.cseq()?;
        let beginning = match message.start_line() {
            StartLine::Request { method: Method::Invite, .. } if in_dialog(message) => Beginning::MidDialog,
            StartLine::Request { method: Method::Invite, .. } => Beginning::Invite,
            StartLine::Status { code: 101..300, .. } if cseq.method == Method::Invite => Beginning::Response,
            StartLine::Request { .. } | StartLine::Status { .. } => return None,
        };
        if self.by_call_id.len() >= self.limits.calls {
            self.counts.calls_refused += 1;
            return None;
        }
        let facts = facts::facts(message, datagram.time);
        let verdict = self.rules.decide(&facts);
        let caller_tag = message.from().and_then(|from| from.tag());
        let id = facts::call_id(datagram.time, call_id, caller_tag);
        let slot = self.free.pop().unwrap_or(CallSlot(self.calls.len() as u32));
        let is_response = beginning == Beginning::Response;
        let call = Call {
            id,
            sip_call_id: Box::from(call_id),
            facts,
            verdict,
            beginning,
            caller_tags: vec![caller_tag.map(Box::from)],
            first_hop: if is_response { datagram.flow.reversed() } else { datagram.flow },
            invite_cseq: cseq.number,
            state: State::Attempt,
            answer: None,
            status: None,
            cancelled: false,
            protected: false,
            held: [false; 2],
            opened: false,
            messages: 0,
            last_message: datagram.time,
            ladder: Ladder::default(),
            waits: None,
        };
        orders.push_back(Order::Begin { call: slot, id, keeping: call.keeping() });
        let keeping = call.keeping();
        match self.calls.get_mut(slot.0 as usize) {
            Some(place) => *place = Some(call),
            None => self.calls.push(Some(call)),
        }
        self.by_call_id.insert(Box::from(call_id), slot);
        self.wait(slot, Timer::NoResponse, datagram.time);
        if keeping == Keeping::FromStart {
            self.open(slot, datagram.time, outputs);
        }
        if beginning == Beginning::MidDialog {
            self.answer(slot, None, datagram.time, orders, outputs);
        }
        Some(slot)
    }

    fn handle_message(
        &mut self,
        slot: CallSlot,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let most = self.limits.signalling_bytes_per_call;
        let Some(call) = self.call_mut(slot) else { return };
        call.messages = call.messages.saturating_add(1);
        call.last_message = call.last_message.max(datagram.time);
        if call.keeping() != Keeping::Never {
            let kept = call.ladder.add(&ladder::message(datagram.flow, datagram.bytes, datagram.time), most);
            self.counts.not_kept += u64::from(kept == Kept::TooMany);
        }
        match message.start_line() {
            StartLine::Request { method, .. } => self.handle_request(slot, method, message, datagram, orders),
            StartLine::Status { code, .. } => {
                self.handle_response(slot, code, message, datagram, orders, outputs);
            }
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
        let from_tag = message.from().and_then(|from| from.tag());
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
                    self.wait(slot, Timer::NoResponse, time);
                }
                self.take_offer(slot, sender, message, orders);
            }
            Method::Ack | Method::Prack | Method::Update => self.take_offer(slot, sender, message, orders),
            Method::Cancel => call.cancelled |= call.answer.is_none(),
            Method::Bye => {
                let by = if sender == Leg::Caller { EndedBy::Caller } else { EndedBy::Callee };
                call.cancelled |= call.answer.is_none();
                let by = call.answer.is_some().then_some(by);
                self.finish(slot, time, by, reason(message), orders);
            }
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
        let from_tag = message.from().and_then(|from| from.tag());
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
                if is_attempt {
                    self.answer(slot, Some(code), time, orders, outputs);
                }
                self.take_offer(slot, sender, message, orders);
            }
            300.. if is_attempt => self.handle_failure(slot, code, message, datagram, orders),
            300.. => {}
        }
    }

    fn answer(
        &mut self,
        slot: CallSlot,
        status: Option<u16>,
        at: PacketTime,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        call.answer = Some(at);
        call.status = status;
        call.waits = None;
        if !matches!(call.state, State::Over(_)) {
            call.state = State::Answered;
        }
        if call.keeping() != Keeping::Never {
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
        let stale = message.cseq().is_some_and(|cseq| cseq.number < call.invite_cseq);
        let challenged = matches!(code, 401 | 407);
        if !stale {
            call.status = Some(code);
        }
        if stale || challenged || !call.is_first_hop(&datagram.flow) {
            self.wait(slot, Timer::Retry, datagram.time);
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
        call.protected |= offer.protected;
        call.held[usize::from(sender == Leg::Callee)] = offer.held;
        let leg = if sender == Leg::Caller { Leg::Callee } else { Leg::Caller };
        let held = call.held.contains(&true);
        for (endpoint, formats) in offer.endpoints {
            orders.push_back(Order::Expect { call: slot, endpoint, leg, formats: formats.into() });
        }
        orders.push_back(Order::Hold { call: slot, held });
    }

    fn finish(
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
            orders.push_back(Order::Over { call: slot });
            self.wait(slot, Timer::Linger, at);
        }
    }

    /// Looks at the calls whose time has come.
    pub(crate) fn handle_time(&mut self, now: PacketTime, orders: &mut VecDeque<Order>) {
        while let Some((due, slot)) = self.waiting.take_due(now) {
            let Some(call) = self.call_mut(slot) else { continue };
            match call.waits {
                Some((timer, at)) if at == due => {
                    call.waits = None;
                    self.handle_timer(slot, timer, due, orders);
                }
                Some(_) | None => {}
            }
        }
    }

    fn handle_timer(&mut self, slot: CallSlot, timer: Timer, at: PacketTime, orders: &mut VecDeque<Order>) {
        match timer {
            Timer::Linger => orders.push_back(Order::Release { call: slot }),
            Timer::NoResponse | Timer::Ringing | Timer::Retry => {
                let last = self.call(slot).map_or(at, |call| call.last_message);
                self.finish(slot, last, None, None, orders);
                self.wait(slot, Timer::Linger, at);
            }
            Timer::MediaSilence | Timer::HeldOrUnseen | Timer::Segment | Timer::Unclaimed => {}
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
                if at.since(last_message) < Timer::MediaSilence.nanos() {
                    orders.push_back(Order::Patience { call: slot, from: last_message });
                } else {
                    let last = last.map_or(last_message, |media| media.max(last_message));
                    self.finish(slot, last, Some(EndedBy::Timeout), None, orders);
                    self.wait(slot, Timer::Linger, at);
                }
            }
            Report::Released { call, media } => self.forget(call, media, outputs),
        }
    }

    /// The capture is over: what runs ends here.
    pub(crate) fn handle_end(&mut self, orders: &mut VecDeque<Order>) {
        let mut running: Vec<(earwitness_model::CallId, CallSlot)> =
            self.by_call_id.values().filter_map(|&slot| Some((self.call(slot)?.id, slot))).collect();
        running.sort_unstable();
        for (_, slot) in running {
            orders.push_back(Order::Release { call: slot });
        }
    }

    /// When [`Self::handle_time`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<PacketTime> {
        self.waiting.next()
    }

    fn close(&mut self, slot: CallSlot, orders: &mut VecDeque<Order>) {
        orders.push_back(Order::Release { call: slot });
    }

    /// The call leaves the table, and this is all of it.
    fn forget(&mut self, slot: CallSlot, media: MediaSummary, outputs: &mut VecDeque<Output>) {
        let heard = !media.streams.is_empty() || media.last.is_some();
        let Some(call) = self.call_mut(slot) else { return };
        let last = media.last.map_or(call.last_message, |last| last.max(call.last_message));
        call.end(last, Some(EndedBy::CaptureEnd), None);
        let keep = call.keeping() != Keeping::Never;
        let listed = heard || call.beginning != Beginning::Response;
        if keep && listed {
            let start = call.facts.start;
            self.open(slot, start, outputs);
        }
        self.flush_ladder(slot, outputs);
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::take) else { return };
        if self.by_call_id.get(&call.sip_call_id) == Some(&slot) {
            self.by_call_id.remove(&call.sip_call_id);
        }
        self.free.push(slot);
        if listed {
            outputs.push_back(Output::Ended(Box::new(call.summary(media))));
        }
    }

    fn open(&mut self, slot: CallSlot, at: PacketTime, outputs: &mut VecDeque<Output>) {
        let Some(call) = self.call_mut(slot) else { return };
        if !call.opened {
            call.opened = true;
            let (call, facts, verdict) = (call.id, call.facts.clone(), call.verdict.clone());
            outputs.push_back(Output::Opened(Box::new(Opened { call, facts, verdict, at })));
        }
    }

    fn flush_ladder(&mut self, slot: CallSlot, outputs: &mut VecDeque<Output>) {
        if let Some(call) = self.call_mut(slot).filter(|call| call.opened) {
            let id = call.id;
            outputs.extend(call.ladder.take(id).map(Output::Segment));
        }
    }

    fn wait(&mut self, slot: CallSlot, timer: Timer, from: PacketTime) {
        let at = from.plus_nanos(timer.nanos());
        if let Some(call) = self.call_mut(slot) {
            call.waits = Some((timer, at));
            self.waiting.add(at, slot);
        }
    }

    fn call(&self, slot: CallSlot) -> Option<&Call> {
        self.calls.get(slot.0 as usize)?.as_ref()
    }

    fn call_mut(&mut self, slot: CallSlot) -> Option<&mut Call> {
        self.calls.get_mut(slot.0 as usize)?.as_mut()
    }
}

/// A To tag: the message belongs to a dialog (RFC 3261, 12).
fn in_dialog(message: &Message<'_>) -> bool {
    message.to().is_some_and(|to| to.tag().is_some())
}

/// The Reason header (RFC 3326): its text, or else its cause.
fn reason(message: &Message<'_>) -> Option<String> {
    let reason = message.reason()?;
    match reason.text {
        Some(text) => Some(facts::text(text)),
        None => reason.cause.map(|cause| format!("{} {cause}", facts::text(reason.protocol))),
    }
}
