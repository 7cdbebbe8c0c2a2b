//! What the parties agreed on beside audio, which is told of a call and not kept.

use earwitness_model::{Flag, Leg};

use super::offer::Offer;

/// Fax and video of one call. One party's wish is no agreement: many a fax machine offers T.38, is refused, and goes on in
/// audio.
#[derive(Debug, Default)]
pub(super) struct Beside {
    fax: Wish,
    video: Wish,
    /// Whose latest description has fax and no audio.
    faxing: Wish,
}

/// Who announced it: the caller, the callee.
type Wish = [bool; 2];

impl Beside {
    /// An offer or answer of `sender`; whether there is something to be told that was not there before.
    pub(super) fn handle_offer(&mut self, offer: &Offer, sender: Leg) -> bool {
        let before = self.flags().count();
        let party = usize::from(sender == Leg::Callee);
        self.fax[party] |= offer.fax;
        self.video[party] |= offer.video;
        let talks = offer.audio.as_ref().is_some_and(|audio| !audio.endpoints.is_empty());
        self.faxing[party] = offer.fax && !talks;
        self.flags().count() > before
    }

    /// What is to be said of the call.
    pub(super) fn flags(&self) -> impl Iterator<Item = Flag> {
        let agreed = |wish: Wish, flag: Flag| (wish == [true; 2]).then_some(flag);
        [agreed(self.fax, Flag::Fax), agreed(self.video, Flag::Video)].into_iter().flatten()
    }

    /// A fax is under way in place of the audio, which is silent until it is over.
    pub(super) fn is_faxing(&self) -> bool {
        self.faxing == [true; 2]
    }

    /// What an earlier part of the call had told.
    pub(super) fn told(flags: &[Flag]) -> Self {
        let both = |flag| [flags.contains(&flag); 2];
        Self { fax: both(Flag::Fax), video: both(Flag::Video), faxing: Wish::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_party_wants_and_the_other_refuses_is_not_told() {
        let fax = Offer { fax: true, ..Offer::default() };
        let mut beside = Beside::default();
        assert!(!beside.handle_offer(&fax, Leg::Callee));
        assert!(!beside.handle_offer(&Offer::default(), Leg::Caller));
        assert!(beside.flags().count() == 0 && !beside.is_faxing());
        assert!(beside.handle_offer(&fax, Leg::Caller));
        assert!(!beside.handle_offer(&fax, Leg::Caller), "it was told");
        assert_eq!(beside.flags().collect::<Vec<_>>(), [Flag::Fax]);
        assert!(beside.is_faxing());
        assert!(!beside.handle_offer(&Offer::default(), Leg::Callee), "it was agreed once");
        assert!(!beside.is_faxing());
        assert_eq!(Beside::told(&[Flag::Fax, Flag::OneWay]).flags().collect::<Vec<_>>(), [Flag::Fax]);
    }
}
