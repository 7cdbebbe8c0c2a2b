//! Audio without signalling that a stream rule admits becomes a call: of two parties without names, up since its first packet,
//! over when nothing is heard any more, or when an answered call announced one of its ports.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use earwitness_model::{CallFacts, Decision, Evidence, Leg, Party, Pii};
use earwitness_rules::Network;

use super::{
    Signalling,
    call::{Answer, Beginning, Call, Origin},
    facts,
    names::Name,
    offer::Announcement,
    stray_ends::{Dialog, Standing},
};
use crate::{
    media::Stray,
    order::{CallSlot, Keeping, Order},
    output::Output,
};

impl Signalling {
    /// The networks of the rules in force: only there the media half looks for strays.
    pub(crate) fn stream_networks(&self) -> Arc<[Network]> {
        self.rules.stream_rules().iter().flat_map(|rule| rule.networks.iter().copied()).collect()
    }

    /// The media half hears a telephone that no SDP announced.
    pub(super) fn handle_stray(
        &mut self,
        Stray { flow, since, at }: Stray,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) {
        let ends = [flow.src, flow.dst];
        let Some(verdict) = self.rules.decide_stream(ends.map(|end| end.ip())) else { return };
        // Both are asked: each is refreshed.
        let [one, other] = ends.map(|end| self.strays.knows(&end, at));
        if one || other {
            self.counts.streams_claimed += 1;
            return;
        }
        let is_full = self.strays.streams() >= self.limits.streams || self.named >= self.limits.calls;
        if is_full || self.is_crowded(outputs) {
            self.counts.streams_refused += 1;
            return;
        }
        let (base, told) = (self.base, since.plus_nanos(self.base));
        let key = stream_name(ends);
        let id = facts::call_id(told, &key, None);
        let call = Call::new(Origin {
            id,
            base,
            name: Name::new(&key, None, Leg::Caller, 0),
            facts: CallFacts {
                start: told,
                from: party(flow.src.ip()),
                to: party(flow.dst.ip()),
                request_user: None,
                asserted: Vec::new(),
                diverted_from: Vec::new(),
            },
            verdict,
            beginning: Beginning::Stream,
            caller_tags: Vec::new(),
            first_hop: None,
            tunnel: None,
            at: since,
        });
        let (keeping, silence) = (call.keeping(), call.silence());
        debug_assert!(matches!(call.verdict.decision, Decision::Admit(_)) && keeping == Keeping::FromStart);
        self.counts.calls.begun += 1;
        let slot = self.place(call);
        orders.push_back(Order::Begin { call: slot, id, base, keeping, opened: None, silence });
        self.answer(slot, Answer::Before, since, (orders, outputs));
        for (endpoint, leg) in [(flow.dst, Leg::Caller), (flow.src, Leg::Callee)] {
            self.strays.handle_stream(slot, endpoint);
            self.expect(
                slot,
                leg,
                Announcement { endpoint, formats: Vec::new(), secured: None, control: None },
                orders,
            );
        }
        self.tell_running(slot, orders);
    }

    /// A dialog of a call announces `ends`. Where it is answered, streams that run there are over: anybody can send an INVITE.
    pub(super) fn handle_stray_ends(
        &mut self,
        dialog: Dialog,
        ends: &[SocketAddr],
        orders: &mut VecDeque<Order>,
    ) {
        if !self.has_strays() {
            return;
        }
        let most = self.limits.endpoints_per_call;
        for end in ends {
            if self.strays.handle_announced(dialog, *end, most) == Standing::Answered {
                self.end_stream(dialog.0, end, orders);
            }
        }
    }

    /// A dialog of a call is answered: streams at the ends that it announced are over.
    pub(super) fn handle_stray_answer(&mut self, dialog: Dialog, orders: &mut VecDeque<Order>) {
        if !self.has_strays() {
            return;
        }
        for end in self.strays.handle_answered(dialog) {
            self.end_stream(dialog.0, &end, orders);
        }
    }

    /// Whether there are streams, or can be.
    fn has_strays(&self) -> bool {
        !self.rules.stream_rules().is_empty() || self.strays.streams() > 0
    }

    /// The call goes on where a stream runs: the two are one conversation.
    fn end_stream(&mut self, slot: CallSlot, end: &SocketAddr, orders: &mut VecDeque<Order>) {
        let Some(at) = self.call(slot).map(|call| call.last_message) else { return };
        let Some(stream) = self.strays.stream_at(end).filter(|stream| *stream != slot) else { return };
        self.relate(slot, stream, Evidence::Media);
        self.finish(stream, at, None, None, orders);
        self.strays.forget(stream, at);
    }
}

/// What stands for a Call-ID of a stream: a line end is in none.
pub(super) fn stream_name(mut ends: [SocketAddr; 2]) -> Vec<u8> {
    ends.sort_unstable();
    format!("\n{} {}", ends[0], ends[1]).into_bytes()
}

/// A party of which nothing is known but the address.
fn party(address: IpAddr) -> Party {
    Party { user: None, display: None, host: Some(Pii::new(address.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_one_name_in_both_directions_and_none_that_a_phone_may_send() {
        let [one, other] = ["10.1.0.5:4000".parse().unwrap(), "10.1.0.9:4002".parse().unwrap()];
        assert_eq!(stream_name([one, other]), stream_name([other, one]));
        assert_eq!(stream_name([one, other]), b"\n10.1.0.5:4000 10.1.0.9:4002");
    }
}
