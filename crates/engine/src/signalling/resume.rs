//! A running call as it is told for a restart, and as it is taken up again after one.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use earwitness_model::{
    CallEnd, CallId, Flag, Leg, PacketTime, Pii, Protected, RunningCall, RunningDialog, RunningEndpoint,
};

use super::{
    Signalling,
    beside::Beside,
    call::{Beginning, Call, Origin, State},
    facts,
    hold::Hold,
    keys::Closed,
    names::Name,
    offer::Announcement,
    strays::stream_name,
};
use crate::{
    order::{CallSlot, Formats, Keeping, Order},
    output::Output,
    secured::Secured,
};

/// How often one call is told anew; a call whose SDP changes more often is taken up as it was told last.
const MOST_TOLD: u16 = 512;

/// What the SDPs of a call announced, for whoever has to take the call up.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// The latest last.
    endpoints: Vec<Known>,
    /// Something changed that was not told yet.
    untold: bool,
    told: u16,
}

/// An endpoint that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) at: SocketAddr,
    /// Who is heard there.
    pub(super) leg: Leg,
    pub(super) formats: Formats,
    /// Whether whoever announced it protects what it sends.
    pub(super) protected: Protected,
}

impl Announced {
    /// Of more endpoints than `most` the oldest is forgotten.
    pub(super) fn add(&mut self, endpoint: Known, most: usize) {
        let same_end = |known: &Known| (known.at, known.leg) == (endpoint.at, endpoint.leg);
        let place = self.endpoints.iter().position(same_end);
        if place.is_some_and(|place| self.endpoints[place] == endpoint) {
            return;
        }
        self.untold = true;
        if let Some(place) = place {
            self.endpoints.remove(place);
        }
        self.endpoints.push(endpoint);
        if self.endpoints.len() > most {
            self.endpoints.remove(0);
        }
    }

    /// Something else changed that has to be told.
    pub(super) const fn handle_change(&mut self) {
        self.untold = true;
    }
}

impl Call {
    /// The call as it is now, when that was not told yet and is worth it: it is kept and talks.
    pub(super) fn take_untold(&mut self) -> Option<Box<RunningCall>> {
        let is_due = self.announced.untold && self.announced.told < MOST_TOLD;
        if !is_due || self.state != State::Answered || self.keeping() == Keeping::Never {
            return None;
        }
        self.announced.untold = false;
        self.announced.told += 1;
        Some(Box::new(self.running()))
    }

    /// The call, now that it is over, when it was told as running: a restart would wait for it in vain.
    pub(super) fn take_over(&self) -> Option<Box<RunningCall>> {
        (self.announced.told > 0).then(|| Box::new(self.running()))
    }

    fn running(&self) -> RunningCall {
        let legs = [Leg::Caller, Leg::Callee];
        let endpoints = self.announced.endpoints.iter().map(|known| RunningEndpoint {
            at: known.at,
            leg: known.leg,
            formats: known.formats.to_vec(),
            protected: known.protected,
        });
        let joined = self.names.joined().iter().filter_map(|name| {
            Some(RunningDialog {
                sip_call_id: Pii::new(name.sip_call_id.to_vec()),
                by: name.by?,
                inviter: name.inviter,
                invite_cseq: name.invite_cseq,
                talks: name.goes_on(),
            })
        });
        let first = self.names.first();
        let unsignalled = self.beginning.is_stream().then_some(Flag::NoSignalling);
        let sip_call_id = if unsignalled.is_some() { Vec::new() } else { first.sip_call_id.to_vec() };
        RunningCall {
            id: self.id,
            sip_call_id: Pii::new(sip_call_id),
            facts: self.facts.clone(),
            verdict: self.verdict.clone(),
            caller_tags: self.caller_tags.iter().map(|tag| tag.as_ref().map(|tag| tag.to_vec())).collect(),
            invite_cseq: first.invite_cseq,
            talks: first.talks(),
            joined: joined.collect(),
            answered: self.answer.filter(|_| self.beginning.saw_answer()).map(|at| self.told(at)),
            holding: legs
                .into_iter()
                .zip(self.hold.held())
                .filter_map(|(leg, held)| held.then_some(leg))
                .collect(),
            flags: self.closed.flags().into_iter().chain(self.beside.flags()).chain(unsignalled).collect(),
            over: match &self.state {
                State::Over(end) => Some(CallEnd { at: self.told(end.at), ..end.clone() }),
                State::Attempt | State::Answered => None,
            },
            endpoints: endpoints.collect(),
        }
    }
}

impl Signalling {
    /// Takes up, at `at`, a call that ran when another engine stopped. Its name from now on, unless a call with its Call-ID
    /// runs already, there is no room, or its verdict keeps nothing.
    pub(crate) fn handle_resumed(
        &mut self,
        mut running: RunningCall,
        at: PacketTime,
        orders: &mut VecDeque<Order>,
        outputs: &mut VecDeque<Output>,
    ) -> Option<CallId> {
        let endpoints = std::mem::take(&mut running.endpoints);
        let is_stream = running.flags.contains(&Flag::NoSignalling);
        if is_stream && let [one, other] = endpoints.as_slice() {
            running.sip_call_id = Pii::new(stream_name([one.at, other.at]));
        }
        if self.by_call_id.contains_key(&running.sip_call_id.expose()[..]) {
            return None;
        }
        if self.named >= self.limits.calls {
            self.counts.calls_refused += 1;
            return None;
        }
        let call = self.taken_up(running, at);
        let (id, base, keeping, held) = (call.id, call.base, call.keeping(), call.is_held());
        let silence = call.silence();
        if keeping == Keeping::Never {
            return None;
        }
        self.counts.calls.begun += 1;
        self.counts.calls.answered += 1;
        self.counts.calls.resumed += 1;
        outputs.push_back(Output::Opened(Box::new(call.opening(call.told(at)))));
        let slot = self.place(call);
        orders.push_back(Order::Begin { call: slot, id, base, keeping, opened: None, silence });
        orders.push_back(Order::Answered { call: slot, at });
        let ends: Vec<SocketAddr> = endpoints.iter().map(|endpoint| endpoint.at).collect();
        if is_stream {
            ends.iter().for_each(|end| self.strays.handle_stream(slot, *end));
        } else {
            self.handle_stray_ends((slot, 0), &ends, orders);
            self.handle_stray_answer((slot, 0), orders);
        }
        for RunningEndpoint { at, leg, formats, protected } in endpoints {
            let secured = (protected == Protected::Yes).then(|| Arc::new(Secured::forgotten()));
            self.expect(slot, leg, Announcement { endpoint: at, formats, secured, control: None }, orders);
        }
        orders.push_back(Order::Hold { call: slot, held });
        self.tell_running(slot, orders);
        Some(id)
    }

    /// The call as it goes on at `at`.
    fn taken_up(&self, running: RunningCall, at: PacketTime) -> Call {
        let sip_call_id = running.sip_call_id.into_exposed().into_boxed_slice();
        let caller_tag = running.caller_tags.first().and_then(|tag| tag.as_deref());
        let holds = |leg| running.holding.contains(&leg);
        let held = [holds(Leg::Caller), holds(Leg::Callee)];
        let is_stream = running.flags.contains(&Flag::NoSignalling);
        let (beginning, answered) = match running.answered {
            Some(answered) if is_stream => (Beginning::StreamResumed, answered),
            Some(answered) => (Beginning::Resumed, answered),
            None => (Beginning::MidDialogResumed, running.facts.start),
        };
        let mut call = Call::new(Origin {
            id: facts::call_id(at.plus_nanos(self.base), &sip_call_id, caller_tag),
            base: self.base,
            name: Name::new(&sip_call_id, None, Leg::Caller, running.invite_cseq).talking(running.talks),
            facts: running.facts,
            verdict: running.verdict,
            beginning,
            caller_tags: running.caller_tags.into_iter().map(|tag| tag.map(Vec::into_boxed_slice)).collect(),
            first_hop: None,
            tunnel: None,
            at,
        });
        for RunningDialog { sip_call_id, by, inviter, invite_cseq, talks } in running.joined {
            if !call.names.is_full() {
                let name =
                    Name::new(&sip_call_id.into_exposed(), Some(by), inviter, invite_cseq).talking(talks);
                call.names.join(name, None);
            }
        }
        call.state = State::Answered;
        call.answer = Some(answered.plus_nanos(self.base.saturating_neg()));
        call.closed = Closed::from_flags(&running.flags);
        call.beside = Beside::told(&running.flags);
        (call.hold, call.opened) = (Hold::told(held), true);
        call.announced.handle_change();
        call
    }

    /// Media of `leg` is expected where the other party announced it.
    pub(super) fn expect(
        &mut self,
        slot: CallSlot,
        leg: Leg,
        announcement: Announcement,
        orders: &mut VecDeque<Order>,
    ) {
        let most = self.limits.endpoints_per_call;
        let Announcement { endpoint, formats, secured, control } = announcement;
        let formats: Formats = formats.into();
        if let Some(call) = self.call_mut(slot).filter(|call| call.keeps_messages()) {
            let protected = if secured.is_some() { Protected::Yes } else { Protected::No };
            let formats = Formats::clone(&formats);
            call.announced.add(Known { at: endpoint, leg, formats, protected }, most);
        }
        orders.push_back(Order::Expect { call: slot, endpoint, leg, formats, secured });
        orders.extend(control.map(|endpoint| Order::ExpectControl { call: slot, endpoint }));
    }

    /// Tells what changed of a running call. The media half hands it on: it knows what was said of the call before.
    pub(super) fn tell_running(&mut self, slot: CallSlot, orders: &mut VecDeque<Order>) {
        let untold = self.call_mut(slot).and_then(Call::take_untold);
        orders.extend(untold.map(|running| Order::Running { call: slot, running }));
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::Codec;

    use super::*;

    #[test]
    fn what_is_announced_again_is_no_change_and_the_oldest_of_too_many_goes() {
        let known = |port: u16, leg, codec: (u8, Codec)| Known {
            at: SocketAddr::new([10, 0, 0, 1].into(), port),
            leg,
            formats: [codec].into(),
            protected: Protected::No,
        };
        let (caller, callee) = (Leg::Caller, Leg::Callee);
        let mut announced = Announced::default();
        announced.add(known(1, caller, (8, Codec::Pcma)), 3);
        announced.untold = false;
        announced.add(known(1, caller, (8, Codec::Pcma)), 3);
        assert!(!announced.untold, "a repeated SDP");
        announced.add(known(1, caller, (0, Codec::Pcmu)), 3);
        assert!(announced.untold && announced.endpoints.len() == 1, "other formats");
        announced.untold = false;
        announced.add(Known { protected: Protected::Yes, ..known(1, caller, (0, Codec::Pcmu)) }, 3);
        assert!(announced.untold && announced.endpoints.len() == 1, "protected now");
        (2..5).for_each(|port| announced.add(known(port, callee, (8, Codec::Pcma)), 3));
        let ports: Vec<u16> = announced.endpoints.iter().map(|known| known.at.port()).collect();
        assert_eq!(ports, [2, 3, 4]);
    }
}
