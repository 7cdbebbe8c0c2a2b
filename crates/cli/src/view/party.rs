//! Parties, as one line names them.

use earwitness_model::{CallSummary, Direction, Party, Pii};

use super::printable;

/// What stands for a fact that is not known, where a column must not be empty.
pub(super) const ABSENT: &str = "-";

/// A fact, fit for a terminal; empty when it is not known.
pub(crate) fn shown(fact: &Option<Pii<String>>) -> String {
    fact.as_ref().map(|fact| printable(fact.expose()).into_owned()).unwrap_or_default()
}

/// The number of a party, or what else is known of it.
pub(super) fn number(party: &Party) -> String {
    let known = [&party.user, &party.display, &party.host].into_iter().map(shown);
    known.into_iter().find(|fact| !fact.is_empty()).unwrap_or_else(|| ABSENT.to_owned())
}

/// `"name" <user@host>`, as far as it is known.
pub(super) fn in_full(party: &Party) -> String {
    let (user, display, host) = (shown(&party.user), shown(&party.display), shown(&party.host));
    let address = match (user.is_empty(), host.is_empty()) {
        (false, false) => format!("{user}@{host}"),
        (true, true) => ABSENT.to_owned(),
        (true, false) | (false, true) => user + &host,
    };
    if display.is_empty() { address } else { format!("{address}  \"{display}\"") }
}

/// Our extension and the other party's number, each empty when it is not known.
pub(crate) fn ours_and_theirs(summary: &CallSummary) -> (String, String) {
    let (from, to) = (shown(&summary.facts.from.user), shown(&summary.facts.to.user));
    let ours = shown(&summary.verdict.extension);
    let theirs = match summary.verdict.direction {
        Direction::Inbound => from,
        Direction::Outbound => to,
        Direction::Internal | Direction::Unknown if ours == from => to,
        Direction::Internal | Direction::Unknown => from,
    };
    (ours, theirs)
}
