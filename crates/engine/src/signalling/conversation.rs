//! Dialogs with Call-IDs of their own that are one conversation to a human: through a back-to-back user agent, in place of
//! another dialog, after a transfer.
//!
//! A dialog whose first INVITE is known to belong to a call that runs joins it: its Call-ID is another name of the call.
//! What is found out later, when both have their recordings, or would change a verdict after the answer, relates the two
//! calls: each names the other.

use std::collections::VecDeque;

use earwitness_model::{CallFacts, Decision, Evidence, Leg, Refusal, Related, Verdict};
use earwitness_wire::{
    sdp::Session,
    sip::{Message, Method},
};

use super::{
    Signalling, SipDatagram,
    call::{Call, State},
    facts, from_tag, in_dialog, kin,
    kin::Said,
    names::Name,
    offer,
};
use crate::{
    order::{CallSlot, Keeping, Order},
    output::Output,
};

/// Calls that one call names.
const MOST_RELATED: usize = 8;

/// A call that runs, and what shows that a dialog belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belongs {
    pub(super) call: CallSlot,
    pub(super) by: Evidence,
    /// On whose side the sender of the dialog's INVITE is.
    side: Leg,
    /// The name whose place the dialog takes.
    replaced: Option<usize>,
}

/// What becomes of a call's verdict when a dialog is found to belong to it.
#[derive(Debug, PartialEq, Eq)]
enum Joining {
    /// It stays.
    AsItIs,
    /// It becomes that of the dialog, all but the direction.
    Judged(Box<Verdict>),
    /// It would have to change and may not: the dialog is a call of its own.
    Apart,
}

impl Signalling {
    /// The running call that a dialog belongs to whose first INVITE is `message`.
    pub(super) fn belongs_to(&self, message: &Message<'_>, datagram: &SipDatagram<'_>) -> Option<Belongs> {
        if message.method() != Some(Method::Invite) || in_dialog(message) {
            return None;
        }
        let found = self.replaced_by(message).or_else(|| self.same_session(message));
        let found = found.or_else(|| {
            let call = self.kin.by_mark(self.rules.conversation_headers(), message)?;
            Some(Belongs { call, by: Evidence::Header, side: Leg::Caller, replaced: None })
        });
        let runs = |found: &Belongs| self.runs(found.call);
        found.filter(runs).or_else(|| self.same_party(message, datagram).filter(runs))
    }

    fn runs(&self, slot: CallSlot) -> bool {
        self.call(slot).is_some_and(|call| !matches!(call.state, State::Over(_)))
    }

    /// By Replaces (RFC 3891): its To tag is that of whoever receives the INVITE, and stays.
    fn replaced_by(&self, message: &Message<'_>) -> Option<Belongs> {
        let replaces = message.replaces()?;
        let slot = *self.by_call_id.get(replaces.call_id)?;
        let call = self.call(slot)?;
        let is_caller = |tag: Option<&[u8]>| {
            tag.is_some() && call.caller_tags.iter().any(|known| known.as_deref() == tag)
        };
        let side = if is_caller(replaces.to_tag) { Leg::Callee } else { Leg::Caller };
        let replaced = Some(call.names.place(Some(replaces.call_id)));
        Some(Belongs { call: slot, by: Evidence::Replaces, side, replaced })
    }

    fn same_session(&self, message: &Message<'_>) -> Option<Belongs> {
        let (call, side) = self.kin.by_session(message)?;
        Some(Belongs { call, by: Evidence::SessionId, side, replaced: None })
    }

    /// By an endpoint that a party asked for in another dialog: whoever invites with it speaks for that party.
    fn same_party(&self, message: &Message<'_>, datagram: &SipDatagram<'_>) -> Option<Belongs> {
        let (origin, _) = kin::origin(message, datagram);
        let session = Session::parse(message.sdp()?).ok()?;
        let known =
            |endpoint| self.kin.by_endpoint(endpoint, origin).find(|known| known.said == Said::Asking);
        let known = offer::endpoints(&session).find_map(known)?;
        Some(Belongs { call: known.call, by: Evidence::Media, side: known.side, replaced: None })
    }

    /// A dialog joins the call that it belongs to, unless it has to be a call of its own.
    pub(super) fn join(
        &mut self,
        belongs: Belongs,
        (message, datagram): (&Message<'_>, &SipDatagram<'_>),
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) -> Option<CallSlot> {
        let (call_id, cseq) = (message.call_id()?, message.cseq()?.number);
        let Belongs { call: slot, by, side, replaced } = belongs;
        let own = self.rules.decide(&self.facts_of(message, datagram));
        let call = self.call_mut(slot).filter(|call| !call.names.is_full())?;
        let before = call.keeping();
        match joining(call, own) {
            Joining::AsItIs => {}
            // What the rule of another dialog says of the call; which way it went, its own first INVITE tells.
            Joining::Judged(verdict) => {
                call.verdict = Verdict { direction: call.verdict.direction, ..*verdict };
            }
            Joining::Apart => return None,
        }
        let keeping = call.keeping();
        let decided = call.names.joined().len();
        let name = Name::new(call_id, Some(by), side, cseq).between(facts::parties(message));
        call.names.join(name, replaced);
        if call.names.decides(decided + 1) {
            (call.first_hop, call.cancelled) = (Some(datagram.flow), false);
            call.invited.forget();
        }
        call.announced.handle_change();
        self.by_call_id.insert(call_id.into(), slot);
        if keeping != before {
            orders.push_back(Order::Keeping { call: slot, keeping });
        }
        if keeping == Keeping::FromStart {
            self.open(slot, datagram.time, outputs);
        }
        Some(slot)
    }

    /// What is known of a call whose first message is `message`.
    pub(super) fn facts_of(&self, message: &Message<'_>, datagram: &SipDatagram<'_>) -> CallFacts {
        facts::facts(message, datagram.time.plus_nanos(self.base))
    }

    /// Two calls are one conversation: each names the other.
    pub(super) fn relate(&mut self, one: CallSlot, other: CallSlot, by: Evidence) {
        let (Some(first), Some(second)) = (self.call(one), self.call(other)) else { return };
        let (first, second) = (first.id, second.id);
        if first != second {
            self.name_other(one, Related { call: second, by });
            self.name_other(other, Related { call: first, by });
        }
    }

    pub(super) fn name_other(&mut self, slot: CallSlot, related: Related) {
        let Some(call) = self.call_mut(slot) else { return };
        let is_new = call.related.iter().all(|known| known.call != related.call);
        if is_new && call.related.len() < MOST_RELATED {
            call.related.push(related);
        }
    }

    /// What `message`, which `side` of the call sent, shows others to belong to.
    pub(super) fn leave_traces(&mut self, slot: CallSlot, side: Leg, message: &Message<'_>) {
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::as_mut) else { return };
        self.kin.handle_session((slot, side), message, &mut call.traces);
        let names = self.rules.conversation_headers();
        if !names.is_empty() && message.method() == Some(Method::Invite) && !in_dialog(message) {
            self.kin.handle_marks(slot, (names, message), &mut call.traces);
        }
    }

    /// `side` announces `endpoints` in `message`. Where they are those of a party of another call, the two belong together.
    pub(super) fn announce(
        &mut self,
        (slot, side): (CallSlot, Leg),
        endpoints: &[std::net::SocketAddr],
        (message, datagram): (&Message<'_>, &SipDatagram<'_>),
    ) {
        let (origin, said) = kin::origin(message, datagram);
        let most = self.limits.endpoints_per_call;
        let others = endpoints.iter().flat_map(|endpoint| self.kin.by_endpoint(*endpoint, origin));
        let others: Vec<CallSlot> =
            others.map(|known| known.call).filter(|&call| call != slot && self.runs(call)).collect();
        for other in others {
            self.relate(slot, other, Evidence::Media);
        }
        let Some(call) = self.calls.get_mut(slot.0 as usize).and_then(Option::as_mut) else { return };
        let tag = match said {
            Said::Asking => from_tag(message),
            Said::Answering => message.to().and_then(|to| to.tag()),
        };
        let speaker = (call.names.place(message.call_id()), kin::tag_hash(tag));
        let announcer = kin::Announcer { call: slot, side, origin, said };
        self.kin.handle_endpoints((speaker, announcer), endpoints, most, &mut call.traces);
    }
}

/// Before the answer, a dialog that a `never` rule names refuses the whole call, and one that a rule names gives its verdict
/// to a call that no rule named. After it nothing changes a verdict.
fn joining(call: &Call, own: Verdict) -> Joining {
    let refused = |verdict: &Verdict, why| verdict.decision == Decision::Refuse(why);
    let admits = |verdict: &Verdict| matches!(verdict.decision, Decision::Admit(_));
    let (is_never, was_never) = (refused(&own, Refusal::Never), refused(&call.verdict, Refusal::Never));
    if was_never {
        return Joining::AsItIs;
    }
    if call.answer.is_some() {
        let changes = admits(&own) != admits(&call.verdict) && (is_never || admits(&own));
        return if changes { Joining::Apart } else { Joining::AsItIs };
    }
    let gives = call.waits_for_a_rule() && !refused(&own, Refusal::NoRule);
    if is_never || gives { Joining::Judged(Box::new(own)) } else { Joining::AsItIs }
}
