//! A CALL on the command line: an id, a unique prefix of one, or a SIP Call-ID.

use std::fmt::Write;

use earwitness_model::CallId;
use earwitness_vault::{Entry, IndexError, Vault};

use crate::{
    exit::{Exit, Failure},
    view::{instant, printable},
};

/// A shorter prefix would name a call of another day as easily as the one that is meant.
const SHORTEST_PREFIX: usize = 4;
/// Candidates that are shown of an ambiguous prefix.
const CANDIDATES: usize = 10;

/// The call called `name`.
///
/// # Errors
/// [`Exit::NotFound`] when there is none, [`Exit::Usage`] when there are several, with the candidates.
pub(crate) fn find_call(vault: &Vault, name: &str) -> Result<Entry, Failure> {
    let mut calls = by_id(vault, name)?;
    if calls.is_empty() {
        calls = vault.index().by_sip_call_id(name)?;
    }
    match calls.as_slice() {
        [] => Err(not_found(name)),
        [call] => vault.index().get(*call)?.ok_or_else(|| not_found(name)),
        several => Err(ambiguous(vault, name, several)?),
    }
}

fn by_id(vault: &Vault, name: &str) -> Result<Vec<CallId>, Failure> {
    if name.len() < SHORTEST_PREFIX {
        return Ok(Vec::new());
    }
    match vault.index().find_prefix(name) {
        Err(IndexError::BadPrefix) => Ok(Vec::new()),
        other => Ok(other?),
    }
}

fn not_found(name: &str) -> Failure {
    let hint =
        if name.len() < SHORTEST_PREFIX { "; a prefix of an id has 4 characters at least" } else { "" };
    let message = format_args!(
        "no call is called {}: it is neither an id, nor the beginning of one, nor a SIP Call-ID{hint}; `earwitness list --all` \
         shows what there is",
        printable(name)
    );
    Failure::new(Exit::NotFound, message)
}

fn ambiguous(vault: &Vault, name: &str, calls: &[CallId]) -> Result<Failure, Failure> {
    let mut text = format!("{} could be any of these calls; write more of the id:", printable(name));
    for call in calls.iter().take(CANDIDATES) {
        let began = vault.index().get(*call)?.map(|entry| instant(entry.summary.facts.start, vault.zone()));
        // Writing to a String cannot fail.
        write!(text, "\n  {call}  {}", began.unwrap_or_default()).unwrap_or_default();
    }
    if calls.len() > CANDIDATES {
        write!(text, "\n  … and {} more", calls.len() - CANDIDATES).unwrap_or_default();
    }
    Ok(Failure::new(Exit::Usage, text))
}
