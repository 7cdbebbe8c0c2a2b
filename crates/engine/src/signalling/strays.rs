//! Audio without signalling that a stream rule admits becomes a call: of two parties without names, up since its first packet,
//! over when nothing is heard any more, or when SIP announces one of its ports.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use earwitness_model::{CallFacts, Decision, Evidence, Leg, PacketTime, Party, Pii};
use earwitness_rules::Network;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{
    Signalling,
    call::{Answer, Beginning, Call, Origin},
    facts,
    names::Name,
    offer::Announcement,
};
use crate::{
    media::Stray,
    order::{CallSlot, Keeping, Order},
    output::Output,
    timer::Timer,
};

/// Endpoints that SDP announced and that are remembered.
const MOST_ANNOUNCED: usize = 1 << 14;

/// The endpoints of running streams, and those that SIP announced lately.
#[derive(Debug, Default)]
pub(super) struct StrayEnds {
    running: HashMap<SocketAddr, CallSlot, RandomState>,
    announced: HashMap<SocketAddr, PacketTime, RandomState>,
    /// Those announced, oldest first; one that was announced again stands in it more than once.
    order: VecDeque<SocketAddr>,
}

impl StrayEnds {
    /// SIP announced `end` at `at`.
    fn handle_announced(&mut self, end: SocketAddr, at: PacketTime) {
        if self.announced.insert(end, at).is_none() {
            self.order.push_back(end);
        }
        if self.order.len() > MOST_ANNOUNCED
            && let Some(oldest) = self.order.pop_front()
        {
            self.announced.remove(&oldest);
        }
    }

    /// Whether `end`, where audio is heard at `at`, is a running stream's, or was announced by SIP: then it is no stray's. Audio
    /// that goes on after its call, as music from a gateway, stays SIP's.
    fn knows(&mut self, end: &SocketAddr, at: PacketTime) -> bool {
        let is_sips = self.announced.get_mut(end).is_some_and(|announced| {
            let is_recent = at.since(*announced) < Timer::Announced.nanos();
            if is_recent {
                *announced = at.max(*announced);
            }
            is_recent
        });
        is_sips || self.running.contains_key(end)
    }

    /// Streams that run.
    fn streams(&self) -> usize {
        // Each has two ends.
        self.running.len() / 2
    }

    /// The call is being released.
    pub(super) fn forget(&mut self, call: CallSlot) {
        if !self.running.is_empty() {
            self.running.retain(|_, running| *running != call);
        }
    }
}

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
        // Both are asked: each is refreshed.
        let [one, other] = ends.map(|end| self.strays.knows(&end, at));
        if one || other {
            return;
        }
        let Some(verdict) = self.rules.decide_stream(ends.map(|end| end.ip())) else { return };
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
            self.expect(
                slot,
                leg,
                Announcement { endpoint, formats: Vec::new(), secured: None, control: None },
                orders,
            );
        }
        self.tell_running(slot, orders);
    }

    /// `call` announces `endpoint`: a stream that runs there is over, and the two are one conversation. A stream itself
    /// takes the endpoint.
    pub(super) fn handle_stray_end(
        &mut self,
        slot: CallSlot,
        endpoint: SocketAddr,
        orders: &mut VecDeque<Order>,
    ) {
        let Some((is_stream, at)) =
            self.call(slot).map(|call| (call.beginning.is_stream(), call.last_message))
        else {
            return;
        };
        if is_stream {
            self.strays.running.insert(endpoint, slot);
            return;
        }
        if self.rules.stream_rules().is_empty() && self.strays.running.is_empty() {
            return;
        }
        self.strays.handle_announced(endpoint, at);
        if let Some(stream) = self.strays.running.get(&endpoint).copied() {
            self.relate(slot, stream, Evidence::Media);
            self.finish(stream, at, None, None, orders);
            self.strays.forget(stream);
        }
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
    fn what_sip_announced_is_remembered_for_a_while_and_within_a_bound() {
        let end = |n: u32| SocketAddr::new(IpAddr::from(n.to_be_bytes()), 4000);
        let at = |seconds: i64| PacketTime::from_nanos(seconds * 1_000_000_000);
        let mut ends = StrayEnds::default();
        ends.handle_announced(end(1), at(0));
        assert!(!ends.knows(&end(2), at(0)) && !ends.knows(&end(1), at(300)));
        assert!(ends.knows(&end(1), at(299)) && ends.knows(&end(1), at(598)), "as long as audio goes on");
        assert!(!ends.knows(&end(1), at(898)));
        (2..40_000).for_each(|n| ends.handle_announced(end(n), at(1)));
        assert_eq!((ends.announced.len(), ends.order.len()), (MOST_ANNOUNCED, MOST_ANNOUNCED));
        assert!(ends.knows(&end(39_999), at(2)) && !ends.knows(&end(1), at(2)));
    }

    #[test]
    fn a_stream_has_one_name_in_both_directions_and_none_that_a_phone_may_send() {
        let [one, other] = ["10.1.0.5:4000".parse().unwrap(), "10.1.0.9:4002".parse().unwrap()];
        assert_eq!(stream_name([one, other]), stream_name([other, one]));
        assert_eq!(stream_name([one, other]), b"\n10.1.0.5:4000 10.1.0.9:4002");
    }
}
