//! When two phones answer one forked INVITE, the caller hangs up on one of them and goes on with the other (RFC 3261,
//! 13.2.2.4): that BYE ends a dialog, not the call.

/// A dialog that a 2xx to the INVITE set up.
#[derive(Debug, PartialEq, Eq)]
struct Branch {
    /// The caller's tag: hops of a back-to-back user agent have one each, branches of a fork share it.
    caller: Box<[u8]>,
    callee: Box<[u8]>,
    /// The caller acknowledged it: its 2xx came as far as the caller.
    acknowledged: bool,
    hung_up: bool,
}

/// The answered dialogs under one Call-ID.
#[derive(Debug, Default)]
pub(super) struct Branches(Vec<Branch>);

/// What a BYE leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterBye {
    /// Another dialog, in which the call goes on.
    GoesOn,
    /// None.
    Ends,
}

/// Dialogs remembered of one call; a fork that rings more phones ends with its first BYE.
const MOST_BRANCHES: usize = 8;

impl Branches {
    /// A 2xx to the caller's INVITE set up the dialog with these tags.
    pub(super) fn handle_answer(&mut self, caller: Option<&[u8]>, callee: Option<&[u8]>) {
        let (Some(caller), Some(callee)) = (caller, callee) else { return };
        if self.0.len() < MOST_BRANCHES && self.find(caller, callee).is_none() {
            self.0.push(Branch {
                caller: caller.into(),
                callee: callee.into(),
                acknowledged: false,
                hung_up: false,
            });
        }
    }

    /// The caller acknowledged the 2xx that set up the dialog with these tags.
    pub(super) fn handle_ack(&mut self, caller: Option<&[u8]>, callee: Option<&[u8]>) {
        let (Some(caller), Some(callee)) = (caller, callee) else { return };
        if let Some(place) = self.find(caller, callee) {
            self.0[place].acknowledged = true;
        }
    }

    /// A BYE ends the dialog with these tags. Whether another branch of the same fork goes on: one of which as much was seen.
    /// A tag in the 2xx of a later hop, which a proxy put another in the place of, is acknowledged by nobody.
    pub(super) fn handle_bye(&mut self, caller: Option<&[u8]>, callee: Option<&[u8]>) -> AfterBye {
        let (Some(caller), Some(callee)) = (caller, callee) else { return AfterBye::Ends };
        let Some(place) = self.find(caller, callee) else { return AfterBye::Ends };
        self.0[place].hung_up = true;
        let acknowledged = self.0[place].acknowledged;
        let goes_on = self.0.iter().any(|branch| {
            *branch.caller == *caller && !branch.hung_up && branch.acknowledged >= acknowledged
        });
        if goes_on { AfterBye::GoesOn } else { AfterBye::Ends }
    }

    fn find(&self, caller: &[u8], callee: &[u8]) -> Option<usize> {
        self.0.iter().position(|branch| *branch.caller == *caller && *branch.callee == *callee)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: Option<&[u8]> = Some(b"a");

    #[test]
    fn the_last_branch_of_a_fork_ends_the_call_and_a_repeated_bye_nothing() {
        let mut branches = Branches::default();
        for phone in [b"x", b"x", b"y"] {
            branches.handle_answer(CALLER, Some(phone));
        }
        assert_eq!(branches.handle_bye(CALLER, Some(b"x")), AfterBye::GoesOn, "y goes on");
        assert_eq!(branches.handle_bye(CALLER, Some(b"x")), AfterBye::GoesOn, "the same again");
        assert_eq!(branches.handle_bye(CALLER, Some(b"y")), AfterBye::Ends);
    }

    #[test]
    fn an_answer_that_never_came_to_the_caller_keeps_no_call_alive() {
        let mut branches = Branches::default();
        branches.handle_answer(CALLER, Some(b"of the phone"));
        branches.handle_answer(CALLER, Some(b"of the proxy"));
        branches.handle_ack(CALLER, Some(b"of the proxy"));
        branches.handle_ack(CALLER, Some(b"unknown"));
        assert_eq!(branches.handle_bye(CALLER, Some(b"of the proxy")), AfterBye::Ends);
        let mut unseen = Branches::default();
        unseen.handle_answer(CALLER, Some(b"x"));
        unseen.handle_answer(CALLER, Some(b"y"));
        unseen.handle_ack(CALLER, Some(b"y"));
        assert_eq!(unseen.handle_bye(CALLER, Some(b"x")), AfterBye::GoesOn, "y was acknowledged");
    }

    #[test]
    fn hops_are_no_fork_and_unknown_tags_end_the_call() {
        let mut branches = Branches::default();
        branches.handle_answer(CALLER, Some(b"x"));
        branches.handle_answer(Some(b"hop"), Some(b"y"));
        for (caller, callee) in
            [(Some(&b"hop"[..]), Some(&b"y"[..])), (CALLER, Some(b"unknown")), (CALLER, None)]
        {
            assert_eq!(branches.handle_bye(caller, callee), AfterBye::Ends);
        }
    }

    #[test]
    fn so_many_are_remembered() {
        let mut branches = Branches::default();
        (0..100u8).for_each(|n| branches.handle_answer(CALLER, Some(&[n])));
        assert_eq!(branches.0.len(), MOST_BRANCHES);
    }
}
