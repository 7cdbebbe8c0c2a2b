//! The Call-IDs under which a call is known: that of its first INVITE, and those of dialogs that joined it.

use earwitness_model::{Evidence, Leg, Parties};

use super::branches::{AfterBye, Branches};

/// Call-IDs of one call; a dialog that finds no room is a call of its own, which names this one.
const MOST_NAMES: usize = 8;

/// One Call-ID, and how far its INVITE came.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) sip_call_id: Box<[u8]>,
    /// What shows that it is this call's; `None` of the first.
    pub(super) by: Option<Evidence>,
    /// Who its INVITE says it is between; of the first, the call's facts tell.
    pub(super) parties: Parties,
    /// On whose side its first INVITE was sent.
    pub(super) inviter: Leg,
    pub(super) invite_cseq: u32,
    /// The last INVITE that failed.
    failed_cseq: Option<u32>,
    branches: Branches,
    answered: bool,
    over: bool,
}

impl Name {
    pub(super) fn new(sip_call_id: &[u8], by: Option<Evidence>, inviter: Leg, invite_cseq: u32) -> Self {
        Self {
            sip_call_id: sip_call_id.into(),
            by,
            parties: Parties::default(),
            inviter,
            invite_cseq,
            failed_cseq: None,
            branches: Branches::default(),
            answered: false,
            over: false,
        }
    }

    /// The same between these.
    pub(super) fn between(self, parties: Parties) -> Self {
        Self { parties, ..self }
    }

    /// The same as it was when another engine stopped.
    pub(super) const fn talking(mut self, talks: bool) -> Self {
        (self.answered, self.over) = (true, !talks);
        self
    }

    /// It was answered, and is not over.
    pub(super) const fn talks(&self) -> bool {
        self.answered && !self.over
    }

    /// It was begun to take another's place, and may still be answered. Phones answer it and then hang up what it replaces
    /// (RFC 3891, section 3); some hang up first.
    fn may_take_over(&self) -> bool {
        self.by == Some(Evidence::Replaces) && !self.answered && !self.over && self.is_open(self.invite_cseq)
    }

    /// A call goes on in it: it talks, or is about to.
    pub(super) fn goes_on(&self) -> bool {
        self.talks() || self.may_take_over()
    }

    /// A BYE ended it.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Nobody answered it yet, nor was it ended.
    pub(super) const fn is_invited(&self) -> bool {
        !self.answered && !self.over
    }

    /// The INVITE with this number failed.
    pub(super) fn handle_failure(&mut self, cseq: u32) {
        self.failed_cseq = self.failed_cseq.max(Some(cseq));
    }

    /// Whether the INVITE with this number is the latest, and did not fail as far as it was seen.
    pub(super) fn is_open(&self, cseq: u32) -> bool {
        cseq == self.invite_cseq && self.failed_cseq.is_none_or(|failed| failed < cseq)
    }
}

/// All Call-IDs of a call; there is always a first.
#[derive(Debug)]
pub(super) struct Names {
    first: Name,
    joined: Vec<Name>,
    /// The one whose answer is the call's.
    decides: usize,
}

impl Names {
    pub(super) const fn new(first: Name) -> Self {
        Self { first, joined: Vec::new(), decides: 0 }
    }

    pub(super) const fn first(&self) -> &Name {
        &self.first
    }

    pub(super) fn joined(&self) -> &[Name] {
        &self.joined
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Name> {
        std::iter::once(&self.first).chain(&self.joined)
    }

    pub(super) const fn is_full(&self) -> bool {
        self.joined.len() + 1 >= MOST_NAMES
    }

    /// The place of a Call-ID; the first, when it is none of them.
    pub(super) fn place(&self, sip_call_id: Option<&[u8]>) -> usize {
        self.iter().position(|name| Some(&*name.sip_call_id) == sip_call_id).unwrap_or(0)
    }

    pub(super) fn at(&self, place: usize) -> &Name {
        place.checked_sub(1).and_then(|place| self.joined.get(place)).unwrap_or(&self.first)
    }

    pub(super) fn at_mut(&mut self, place: usize) -> &mut Name {
        place.checked_sub(1).and_then(|place| self.joined.get_mut(place)).unwrap_or(&mut self.first)
    }

    /// Another dialog joins the call. One that takes the place of the dialog that decides, decides from now on.
    pub(super) fn join(&mut self, name: Name, takes_the_place_of: Option<usize>) {
        self.joined.push(name);
        if takes_the_place_of == Some(self.decides) {
            self.decides = self.joined.len();
        }
    }

    /// Whether the outcome of the dialog at `place` is that of the call.
    pub(super) const fn decides(&self, place: usize) -> bool {
        self.decides == place
    }

    /// The dialog that decides was answered, whatever showed it.
    pub(super) fn handle_answer(&mut self) {
        self.at_mut(self.decides).answered = true;
    }

    /// A 2xx to the inviter's INVITE set up a dialog with these tags.
    pub(super) fn handle_dialog(&mut self, place: usize, inviter: Option<&[u8]>, invited: Option<&[u8]>) {
        let name = self.at_mut(place);
        name.answered = true;
        name.branches.handle_answer(inviter, invited);
    }

    /// Whether the call goes on in any dialog.
    pub(super) fn go_on(&self) -> bool {
        self.iter().any(Name::goes_on)
    }

    /// Whether there is talk in any dialog.
    pub(super) fn talk(&self) -> bool {
        self.iter().any(Name::talks)
    }

    /// The inviter's ACK of a 2xx came in the dialog with these tags.
    pub(super) fn handle_ack(&mut self, place: usize, inviter: Option<&[u8]>, invited: Option<&[u8]>) {
        self.at_mut(place).branches.handle_ack(inviter, invited);
    }

    /// A BYE came in the dialog with these tags: the call goes on in another branch of the fork, or in another dialog.
    pub(super) fn handle_bye(
        &mut self,
        place: usize,
        inviter: Option<&[u8]>,
        invited: Option<&[u8]>,
    ) -> AfterBye {
        let name = self.at_mut(place);
        if name.branches.handle_bye(inviter, invited) == AfterBye::GoesOn {
            return AfterBye::GoesOn;
        }
        name.over = true;
        if self.go_on() { AfterBye::GoesOn } else { AfterBye::Ends }
    }

    /// The BYE that ended the dialog at `place` was not meant.
    pub(super) fn handle_false_bye(&mut self, place: usize) {
        self.at_mut(place).over = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<&[u8]> = Some(b"a");
    const X: Option<&[u8]> = Some(b"x");

    fn name(id: &[u8]) -> Name {
        Name::new(id, Some(Evidence::Media), Leg::Caller, 1)
    }

    #[test]
    fn a_call_ends_with_its_last_answered_dialog() {
        let mut names = Names::new(name(b"1"));
        names.join(name(b"2"), None);
        names.join(name(b"3"), None);
        names.handle_dialog(0, A, X);
        names.handle_dialog(1, A, X);
        assert_eq!(names.handle_bye(0, A, X), AfterBye::GoesOn, "the second talks");
        assert_eq!(names.handle_bye(1, A, X), AfterBye::Ends, "the third was never answered");
        names.handle_false_bye(1);
        assert_eq!(names.handle_bye(1, A, X), AfterBye::Ends, "again, after one that was not meant");
    }

    #[test]
    fn a_dialog_that_takes_anothers_place_may_be_answered_after_that_ones_bye() {
        let mut names = Names::new(name(b"1"));
        names.handle_dialog(0, A, X);
        names.join(Name::new(b"2", Some(Evidence::Replaces), Leg::Caller, 1), Some(0));
        assert_eq!(names.handle_bye(0, A, X), AfterBye::GoesOn, "the second may be answered");
        assert!(names.go_on() && !names.talk());
        names.at_mut(1).handle_failure(1);
        assert!(!names.go_on(), "and was not");
        names.at_mut(1).invite_cseq = 2;
        names.handle_dialog(1, A, X);
        assert!(names.talk(), "but then, at the second attempt");
        assert_eq!(names.handle_bye(1, A, X), AfterBye::Ends);
    }

    #[test]
    fn the_first_decides_until_another_takes_its_place() {
        let mut names = Names::new(name(b"1"));
        names.join(name(b"2"), None);
        assert!(names.decides(0) && !names.decides(1));
        names.join(name(b"3"), Some(1));
        assert!(names.decides(0), "it took the place of one that does not decide");
        names.join(name(b"4"), Some(0));
        assert!(names.decides(3) && !names.decides(0));
        names.handle_answer();
        assert!(names.at(3).talks() && !names.at(0).talks());
        assert_eq!((names.place(Some(b"3")), names.place(Some(b"9")), names.place(None)), (2, 0, 0));
    }

    #[test]
    fn a_failed_invite_is_not_open_and_its_successor_is() {
        let mut name = name(b"1");
        assert!(name.is_open(1) && !name.is_open(2));
        name.handle_failure(1);
        assert!(!name.is_open(1));
        name.invite_cseq = 2;
        assert!(name.is_open(2));
    }
}
