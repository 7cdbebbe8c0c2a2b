//! Hold (RFC 3264, 8.4): what each party last said of it, and that what was refused is as if nobody had asked
//! (RFC 3261, 14.1).

use std::collections::VecDeque;

use earwitness_model::Leg;
use earwitness_wire::sip::{Message, Method, StartLine};

use super::{Signalling, keys::Change};
use crate::order::{CallSlot, Order};

/// The place of a dialog among its call's names, and the CSeq of the request in it.
pub(super) type Asking = (usize, u32);

/// What the caller and the callee say of hold.
#[derive(Debug, Default)]
pub(super) struct Hold {
    held: [bool; 2],
    /// The last request of each that said something of it.
    asked: [Option<Asked>; 2],
}

#[derive(Debug)]
struct Asked {
    by: Asking,
    /// What held before it.
    before: bool,
    refused: bool,
}

impl Hold {
    /// As it was when another engine stopped.
    pub(super) fn told(held: [bool; 2]) -> Self {
        Self { held, asked: [None, None] }
    }

    /// What each party last said.
    pub(super) const fn held(&self) -> [bool; 2] {
        self.held
    }

    /// What `party` last said.
    pub(super) const fn of(&self, party: Leg) -> bool {
        let [caller, callee] = self.held;
        match party {
            Leg::Caller => caller,
            Leg::Callee => callee,
        }
    }

    /// A description of `party` says whether it holds the other; `by` is the request that it came in, `None` an answer.
    pub(super) fn handle_said(&mut self, party: Leg, held: bool, by: Option<Asking>) -> Change {
        let place = usize::from(party == Leg::Callee);
        let asked = &mut self.asked[place];
        match (by, asked.as_ref().filter(|asked| Some(asked.by) == by)) {
            // It comes again, late: its refusal was seen.
            (Some(_), Some(Asked { refused: true, .. })) => return Change::No,
            (Some(by), None) => *asked = Some(Asked { by, before: self.held[place], refused: false }),
            (Some(_), Some(_)) | (None, _) => {}
        }
        changed(std::mem::replace(&mut self.held[place], held) != held)
    }

    /// The request `by` of `party` was refused.
    fn handle_refused(&mut self, party: Leg, by: Asking) -> Change {
        let place = usize::from(party == Leg::Callee);
        let Some(asked) = self.asked[place].as_mut().filter(|asked| asked.by == by && !asked.refused) else {
            return Change::No;
        };
        asked.refused = true;
        let before = asked.before;
        changed(std::mem::replace(&mut self.held[place], before) != before)
    }
}

const fn changed(is_so: bool) -> Change {
    if is_so { Change::Yes } else { Change::No }
}

/// The request that a description came in, if it is one that can be refused.
pub(super) fn asking(place: usize, message: &Message<'_>) -> Option<Asking> {
    match message.start_line() {
        StartLine::Request { method: Method::Invite | Method::Update, .. } => {
            Some((place, message.cseq()?.number))
        }
        StartLine::Request { .. } | StartLine::Status { .. } => None,
    }
}

impl Signalling {
    /// A re-INVITE or UPDATE of `party` was refused: the call is on hold or not as it was before.
    pub(super) fn handle_refused_offer(
        &mut self,
        slot: CallSlot,
        party: Leg,
        by: Asking,
        orders: &mut VecDeque<Order>,
    ) {
        let Some(call) = self.call_mut(slot) else { return };
        if call.hold.handle_refused(party, by) == Change::Yes {
            call.announced.handle_change();
            orders.push_back(Order::Hold { call: slot, held: call.is_held() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Asking = (0, 2);
    const SECOND: Asking = (0, 3);

    #[test]
    fn what_was_refused_is_as_before_and_stays_so_when_it_comes_again() {
        let mut hold = Hold::default();
        assert_eq!(hold.handle_said(Leg::Callee, true, Some(FIRST)), Change::Yes);
        assert_eq!(hold.handle_said(Leg::Callee, true, Some(FIRST)), Change::No, "another hop of it");
        assert_eq!(hold.handle_refused(Leg::Caller, FIRST), Change::No, "the caller asked for nothing");
        assert_eq!(hold.handle_refused(Leg::Callee, FIRST), Change::Yes);
        assert_eq!(hold.handle_refused(Leg::Callee, FIRST), Change::No, "once");
        assert_eq!(hold.handle_said(Leg::Callee, true, Some(FIRST)), Change::No, "late");
        assert_eq!(hold.held(), [false; 2]);
        assert_eq!(hold.handle_said(Leg::Callee, true, Some(SECOND)), Change::Yes, "asked again");
        assert_eq!((hold.of(Leg::Callee), hold.of(Leg::Caller)), (true, false));
    }

    #[test]
    fn a_refused_resumption_leaves_the_call_on_hold() {
        let mut hold = Hold::told([true, false]);
        assert_eq!(hold.handle_said(Leg::Caller, false, Some(FIRST)), Change::Yes);
        assert_eq!(hold.handle_refused(Leg::Caller, FIRST), Change::Yes);
        assert_eq!(hold.held(), [true, false]);
        assert_eq!(hold.handle_said(Leg::Caller, false, None), Change::Yes, "an answer is not refused");
    }
}
