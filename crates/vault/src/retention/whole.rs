//! A call that a restart cut in two is two calls, each with a recording; the later one names the one that it goes on from. Who holds
//! one of them, or keeps it longer or shorter, means all of them.

use std::collections::BTreeSet;

use earwitness_model::PacketTime;

use super::standing::begun;
use crate::{
    entry::Entry,
    error::VaultError,
    vault::{Parts, Vault},
};

const HOUR: i64 = 3_600_000_000_000;
/// So long after the end of what an interrupted recording holds its second part has begun.
const GOES_ON_WITHIN: i64 = HOUR;
/// So long before its recording a call has begun: it rang.
const RANG: i64 = 24 * HOUR;

impl Vault {
    /// The listed calls that this one goes on from, and that go on from it: it was cut by a restart. With them, why others may be
    /// missing.
    #[must_use]
    pub fn neighbours(&self, entry: &Entry) -> (Vec<Entry>, Option<VaultError>) {
        let mut found = Vec::new();
        let failed = neighbours(&self.parts, entry, &mut found).err();
        (found, failed)
    }
}

/// These calls, and the other parts of them that are listed: each once. A part that still runs is not.
pub(super) fn whole(parts: &Parts, entries: &[Entry]) -> Result<Vec<Entry>, VaultError> {
    let mut found: Vec<Entry> = Vec::new();
    let mut waiting: Vec<Entry> = entries.iter().rev().cloned().collect();
    while let Some(entry) = waiting.pop() {
        if found.iter().all(|known| known.summary.id != entry.summary.id) {
            neighbours(parts, &entry, &mut waiting)?;
            found.push(entry);
        }
    }
    Ok(found)
}

/// Adds the parts before and after.
fn neighbours(parts: &Parts, entry: &Entry, found: &mut Vec<Entry>) -> Result<(), VaultError> {
    let Some(own) = &entry.recording else { return Ok(()) };
    let expected = usize::from(own.continues.is_some()) + usize::from(own.interrupted);
    let is_next = |other: &Entry| {
        let other = other.recording.as_ref();
        other.is_some_and(|other| Some(other.id) == own.continues || other.continues == Some(own.id))
    };
    if expected == 0 {
        return Ok(());
    }
    let mut same_dialogs = BTreeSet::new();
    for id in &entry.summary.sip_call_ids {
        same_dialogs.extend(parts.index.by_sip_call_id(id.expose())?);
    }
    let before = found.len();
    for call in same_dialogs {
        found.extend(parts.index.get(call)?.filter(is_next));
    }
    if found.len() - before >= expected {
        return Ok(());
    }
    // A stream has no Call-ID. Of what is damaged nobody knows whether it is meant: the rest is looked at first.
    let mut failed = None;
    for other in parts.index.newest_last(Some(earliest(entry)), Some(latest(entry))) {
        match other {
            Ok(other) if found[before..].iter().any(|known| known.summary.id == other.summary.id) => {}
            Ok(other) => found.extend(Some(other).filter(is_next)),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Before this the part before did not begin: a recording's name says when it began.
fn earliest(entry: &Entry) -> PacketTime {
    let start = entry.summary.facts.start;
    let before = entry.recording.as_ref().and_then(|own| own.continues).map(begun);
    let before = before.map(|begun| PacketTime::from_nanos(begun.nanos().saturating_sub(RANG)));
    before.map_or(start, |before| before.min(start))
}

/// After this the part after did not begin.
fn latest(entry: &Entry) -> PacketTime {
    let summary = &entry.summary;
    let end = summary.end.as_ref().map(|end| end.at);
    let last = end.or_else(|| summary.streams.iter().map(|stream| stream.last).max());
    last.unwrap_or(summary.facts.start).plus_nanos(GOES_ON_WITHIN)
}
