//! Running calls as they are shown.

use std::cmp::Reverse;

use earwitness_model::{Decision, Party, Pii};

use super::{
    Signalling,
    call::{Beginning, Call, State},
};
use crate::{
    live::{LiveCall, LiveLeg, LiveState},
    order::CallSlot,
};

impl Signalling {
    /// The calls that began last, at most `most`, newest first.
    pub(crate) fn newest(&self, most: usize) -> Vec<CallSlot> {
        let places = (0..).map(CallSlot).zip(&self.calls);
        let mut calls: Vec<_> =
            places.filter_map(|(slot, call)| Some((Reverse(call.as_ref()?.id), slot))).collect();
        if most < calls.len() {
            calls.select_nth_unstable(most);
            calls.truncate(most);
        }
        calls.sort_unstable();
        calls.into_iter().map(|(_, slot)| slot).collect()
    }

    /// The call, with what the media half says of its legs.
    pub(crate) fn live_call(&self, slot: CallSlot, legs: [Option<LiveLeg>; 2]) -> Option<LiveCall> {
        let call = self.call(slot)?;
        let verdict = &call.verdict;
        Some(LiveCall {
            id: call.id,
            from: named(&call.facts.from, call.beginning),
            to: named(&call.facts.to, call.beginning),
            department: verdict.department.clone(),
            rule: verdict.rule.clone(),
            mode: verdict.mode,
            refusal: match &verdict.decision {
                Decision::Admit(_) => None,
                Decision::Refuse(refusal) => Some(*refusal),
            },
            state: call.live_state(),
            start: call.facts.start,
            answered: call.answer.map(|at| call.told(at)),
            legs,
        })
    }
}

/// The party's number; of a stream, whose parties have none, the address.
fn named(party: &Party, beginning: Beginning) -> Option<Pii<String>> {
    let address = party.host.as_ref().filter(|_| beginning.is_stream());
    party.user.as_ref().or(address).cloned()
}

impl Call {
    const fn live_state(&self) -> LiveState {
        match (&self.state, self.hold.held()) {
            (State::Attempt, _) => LiveState::Ringing,
            (State::Answered, [false, false]) => LiveState::Answered,
            (State::Answered, _) => LiveState::Held,
            (State::Over(_), _) => LiveState::Ending,
        }
    }
}
