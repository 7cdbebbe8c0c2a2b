//! What may be asked of a listing.

use std::time::Duration;

use earwitness_model::{Mode, Outcome, PacketTime};

use super::{
    number::Ending,
    traits::{Traits, mode_code, outcome_code, word},
};

/// What the calls of a listing must have; an empty list asks for nothing. A call that has it is always listed; one that has
/// not may be, because the index looks at what it knows without opening the entry: whoever asks compares.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Calls that began then or later.
    pub since: Option<PacketTime>,
    /// Calls that began before.
    pub until: Option<PacketTime>,
    /// The end of a number of any party.
    pub numbers: Vec<Ending>,
    /// The end of the extension.
    pub extensions: Vec<Ending>,
    /// The department.
    pub departments: Vec<String>,
    /// How it came out.
    pub outcomes: Vec<Outcome>,
    /// The mode of the rule that decided.
    pub modes: Vec<Mode>,
    /// Talked for at least so long.
    pub least_talk: Option<Duration>,
    /// More than so many percent of either party's packets lost.
    pub lost_above: Option<f64>,
    /// The notice that its rule names.
    pub notices: Vec<String>,
}

/// A search, made ready to be compared with columns.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    numbers: Vec<Ending>,
    extensions: Vec<Ending>,
    departments: Vec<u32>,
    outcomes: Option<u8>,
    modes: Option<u8>,
    least_talk: u32,
    lost_above: Option<f64>,
    notices: Vec<u32>,
    sip_call_id: Option<u32>,
}

impl Wanted {
    pub(super) fn of(search: &Search) -> Self {
        let words = |texts: &[String]| texts.iter().map(|text| word(text)).collect();
        let set = |codes: &mut dyn Iterator<Item = u8>| codes.map(|code| 1 << code).reduce(|a, b| a | b);
        Self {
            numbers: search.numbers.clone(),
            extensions: search.extensions.clone(),
            departments: words(&search.departments),
            outcomes: set(&mut search.outcomes.iter().copied().map(outcome_code)),
            modes: set(&mut search.modes.iter().copied().map(|mode| mode_code(Some(mode)))),
            // What is longer than the columns count passes as the longest that they do.
            least_talk: search
                .least_talk
                .map_or(0, |least| u32::try_from(least.as_millis()).unwrap_or(u32::MAX)),
            lost_above: search.lost_above,
            notices: words(&search.notices),
            sip_call_id: None,
        }
    }

    /// Calls with this SIP Call-ID.
    pub(super) fn of_sip_call_id(id: &str) -> Self {
        Self { sip_call_id: Some(word(id)), ..Self::default() }
    }

    /// Whether the call may be one that is asked for.
    pub(super) fn may_be(&self, traits: &Traits) -> bool {
        traits.is_unknown()
            || self.outcomes.is_none_or(|codes| traits.has_outcome(codes))
                && self.modes.is_none_or(|codes| traits.has_mode(codes))
                && traits.may_last(self.least_talk)
                && self.lost_above.is_none_or(|percent| traits.may_lose(percent))
                && any(&self.departments, |word| traits.has_department(*word))
                && any(&self.notices, |word| traits.has_notice(*word))
                && any(&self.extensions, |number| traits.may_be_of(*number))
                && any(&self.numbers, |number| traits.may_have(*number))
                && self.sip_call_id.is_none_or(|word| traits.may_have_sip_call_id(word))
    }
}

fn any<T>(values: &[T], holds: impl Fn(&T) -> bool) -> bool {
    values.is_empty() || values.iter().any(holds)
}
