//! The signalling half: SIP dialogs become calls, the rules decide once per call, and [`Order`]s tell the media half
//! where to listen. Every step is idempotent: retransmissions and mirror copies change nothing.

mod acknowledged;
mod beside;
mod branches;
mod call;
mod conversation;
mod facts;
mod farewell;
mod heard;
mod hold;
mod info;
mod keys;
mod kin;
mod ladder;
mod life;
mod live;
mod messages;
mod names;
mod offer;
mod prints;
mod referral;
mod resume;
mod stray_ends;
mod strays;
mod summary;

use std::collections::VecDeque;

use earwitness_model::{Flow, Leg, PacketTime, SipTransport, Tunnel};
use earwitness_rules::RuleSet;
use earwitness_wire::sip::{Message, Method, StartLine};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use self::{
    call::{Answer, Beginning, Call, Origin, State},
    kin::Kin,
    names::Name,
    prints::Prints,
    referral::Referrals,
    stray_ends::StrayEnds,
};
use crate::{
    limits::Limits,
    live::CallCounts,
    media::instants::Instants,
    order::{CallSlot, Keeping, Order},
    output::Output,
    pressure::Pressure,
    timer::{Deadlines, Timer},
};

/// A SIP message, where it came from and what carried it: a datagram, or a stream out of which it was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SipDatagram<'b> {
    pub(crate) flow: Flow,
    pub(crate) transport: SipTransport,
    /// The outermost tunnel around it.
    pub(crate) tunnel: Option<Tunnel>,
    pub(crate) bytes: &'b [u8],
    pub(crate) time: PacketTime,
}

/// What the signalling half counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SignallingCounts {
    pub(crate) messages: u64,
    pub(crate) malformed: u64,
    pub(crate) refused: u64,
    pub(crate) not_kept: u64,
    pub(crate) calls_refused: u64,
    pub(crate) streams_refused: u64,
    pub(crate) streams_claimed: u64,
    pub(crate) calls: CallCounts,
}

/// Calls by their Call-IDs.
#[derive(Debug)]
pub(crate) struct Signalling {
    limits: Limits,
    rules: RuleSet,
    calls: Vec<Option<Box<Call>>>,
    free: Vec<CallSlot>,
    by_call_id: HashMap<Box<[u8]>, CallSlot, RandomState>,
    /// Calls that their Call-IDs lead to.
    named: usize,
    kin: Kin,
    referrals: Referrals,
    prints: Prints,
    strays: StrayEnds,
    /// When the mirror is known to have lost packets.
    instants: Instants,
    waiting: Deadlines<CallSlot>,
    /// Capture time less engine time.
    base: i64,
    pressure: Pressure,
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
            named: 0,
            kin: Kin::default(),
            referrals: Referrals::default(),
            prints: Prints::default(),
            strays: StrayEnds::default(),
            instants: Instants::default(),
            waiting: Deadlines::default(),
            base: 0,
            pressure: Pressure::None,
            counts: SignallingCounts::default(),
        }
    }

    /// Calls that begin from now on are decided by `rules`.
    pub(crate) fn handle_rules(&mut self, rules: RuleSet) {
        self.rules = rules;
    }

    /// From now on capture time less engine time is `base`.
    pub(crate) const fn handle_base(&mut self, base: i64) {
        self.base = base;
    }

    /// From now on storage is under `pressure`.
    pub(crate) const fn handle_pressure(&mut self, pressure: Pressure) {
        self.pressure = pressure;
    }

    /// Calls in the table.
    pub(crate) const fn len(&self) -> usize {
        self.named
    }

    /// Calls that still have a place.
    pub(crate) fn unfinished(&self) -> usize {
        self.calls.iter().flatten().count()
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
        if has_long_names(&message) {
            self.counts.refused += 1;
            return;
        }
        let Some(call_id) = message.call_id() else { return };
        let known = self.by_call_id.get(call_id).copied();
        if let Some(old) = known.filter(|&slot| self.is_another_call(slot, &message)) {
            self.close(old, orders);
            self.let_go_of_names(old);
        }
        let slot = match self.by_call_id.get(call_id) {
            Some(&known) => Some(known),
            None => self.take_first(&message, datagram, orders, outputs),
        };
        if let Some(slot) = slot {
            self.handle_message(slot, &message, datagram, orders, outputs);
        }
    }

    /// The first message of a Call-ID: it joins a call, or begins one.
    fn take_first(
        &mut self,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) -> Option<CallSlot> {
        let belongs = self.belongs_to(message, datagram);
        let joined = belongs.and_then(|belongs| self.join(belongs, (message, datagram), orders, outputs));
        if joined.is_some() {
            return joined;
        }
        let slot = self.begin(message, datagram, orders, outputs)?;
        if let Some(belongs) = belongs {
            self.relate(slot, belongs.call, belongs.by);
        }
        self.handle_referred(slot, message, datagram);
        Some(slot)
    }

    /// An INVITE outside any dialog that begins anew what is over: some phones use a Call-ID twice. What a BYE ended that nobody
    /// answered may not be over.
    fn is_another_call(&self, slot: CallSlot, message: &Message<'_>) -> bool {
        let Some(call) = self.call(slot) else { return false };
        let is_first = message.method() == Some(Method::Invite) && !in_dialog(message);
        let name = call.names.at(call.names.place(message.call_id()));
        let newer = message.cseq().is_some_and(|cseq| cseq.number > name.invite_cseq)
            || call.sender(from_tag(message), false) != name.inviter;
        let is_over = matches!(call.state, State::Over(_))
            && call.farewell.is_none_or(|farewell| farewell.is_answered());
        is_first && newer && call.answer.is_some() && is_over
    }

    fn begin(
        &mut self,
        message: &Message<'_>,
        datagram: &SipDatagram<'_>,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) -> Option<CallSlot> {
        let (call_id, cseq) = (message.call_id()?, message.cseq()?);
        let beginning = match message.start_line() {
            StartLine::Request { method: Method::Invite, .. } if in_dialog(message) => Beginning::MidDialog,
            StartLine::Request { method: Method::Invite, .. } => Beginning::Invite,
            StartLine::Status { code: 101..300, .. } if cseq.method == Method::Invite => Beginning::Response,
            StartLine::Request { .. } | StartLine::Status { .. } => return None,
        };
        if self.named >= self.limits.calls || self.is_crowded(outputs) {
            self.counts.calls_refused += 1;
            return None;
        }
        let (base, told) = (self.base, datagram.time.plus_nanos(self.base));
        let facts = self.facts_of(message, datagram);
        let verdict = self.rules.decide(&facts);
        let caller_tag = from_tag(message);
        let id = facts::call_id(told, call_id, caller_tag);
        let is_response = beginning == Beginning::Response;
        let call = Call::new(Origin {
            id,
            base,
            name: Name::new(call_id, None, Leg::Caller, cseq.number),
            facts,
            verdict,
            beginning,
            caller_tags: vec![caller_tag.map(Box::from)],
            first_hop: Some(if is_response { datagram.flow.reversed() } else { datagram.flow }),
            tunnel: datagram.tunnel,
            at: datagram.time,
        });
        let (keeping, silence) = (call.keeping(), call.silence());
        let opened = (is_response && keeping != Keeping::Never).then(|| Box::new(call.opening(told)));
        self.counts.calls.begun += 1;
        self.counts.calls.not_admitted += u64::from(keeping == Keeping::Never);
        let slot = self.place(call);
        orders.push_back(Order::Begin { call: slot, id, base, keeping, opened, silence });
        self.wait(slot, Timer::NoResponse, datagram.time);
        if keeping == Keeping::FromStart {
            self.open(slot, datagram.time, outputs);
        }
        if beginning == Beginning::MidDialog {
            self.answer(slot, Answer::Before, datagram.time, (orders, outputs));
        }
        Some(slot)
    }

    /// Puts the call into the table.
    fn place(&mut self, mut call: Call) -> CallSlot {
        let slot = self.free.pop().unwrap_or(CallSlot(self.calls.len() as u32));
        for name in call.names.iter() {
            self.by_call_id.insert(name.sip_call_id.clone(), slot);
        }
        call.is_named = true;
        self.named += 1;
        let call = Some(Box::new(call));
        match self.calls.get_mut(slot.0 as usize) {
            Some(place) => *place = call,
            None => self.calls.push(call),
        }
        slot
    }

    /// Whether what comes out piles up, so that nothing is begun and only what cannot come again is kept.
    fn is_crowded(&self, outputs: &VecDeque<Output>) -> bool {
        match self.pressure {
            Pressure::NoNewCalls => true,
            Pressure::None => outputs.len() >= self.limits.outputs,
        }
    }

    fn call(&self, slot: CallSlot) -> Option<&Call> {
        self.calls.get(slot.0 as usize)?.as_deref()
    }

    fn call_mut(&mut self, slot: CallSlot) -> Option<&mut Call> {
        self.calls.get_mut(slot.0 as usize)?.as_deref_mut()
    }
}

/// Bytes of a Call-ID or tag of a message that is taken; phones send less than a hundred.
const MOST_NAME: usize = 512;

/// Whether the Call-ID or a tag is too long to keep for every call. It is not cut: a cut one may be another call's.
fn has_long_names(message: &Message<'_>) -> bool {
    let is_long = |name: Option<&[u8]>| name.is_some_and(|name| name.len() > MOST_NAME);
    is_long(message.call_id()) || is_long(from_tag(message)) || is_long(message.to().and_then(|to| to.tag()))
}

/// The tag of whoever began the transaction (RFC 3261, 8.1.1.3).
fn from_tag<'b>(message: &Message<'b>) -> Option<&'b [u8]> {
    message.from().and_then(|from| from.tag())
}

/// A To tag: the message belongs to a dialog (RFC 3261, 12).
fn in_dialog(message: &Message<'_>) -> bool {
    message.to().is_some_and(|to| to.tag().is_some())
}
