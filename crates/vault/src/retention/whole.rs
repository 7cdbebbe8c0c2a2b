//! A call that a restart cut in two is two calls, each with a recording; the later one names the one that it goes on from. Who holds
//! one of them, or keeps it longer or shorter, means all of them.

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
    /// The listed calls that this one goes on from, and that go on from it: it was cut by a restart.
    ///
    /// # Errors
    /// What the index says.
    pub fn neighbours(&self, entry: &Entry) -> Result<Vec<Entry>, VaultError> {
        neighbours(&self.parts, entry)
    }
}

/// These calls, and the other parts of them that are listed: each once. A part that still runs is not.
pub(super) fn whole(parts: &Parts, entries: &[Entry]) -> Result<Vec<Entry>, VaultError> {
    let mut found: Vec<Entry> = Vec::new();
    let mut waiting: Vec<Entry> = entries.iter().rev().cloned().collect();
    while let Some(entry) = waiting.pop() {
        if found.iter().all(|known| known.summary.id != entry.summary.id) {
            waiting.extend(neighbours(parts, &entry)?);
            found.push(entry);
        }
    }
    Ok(found)
}

fn neighbours(parts: &Parts, entry: &Entry) -> Result<Vec<Entry>, VaultError> {
    let Some(own) = &entry.recording else { return Ok(Vec::new()) };
    let expected = usize::from(own.continues.is_some()) + usize::from(own.interrupted);
    let is_next = |other: &Entry| {
        let other = other.recording.as_ref();
        other.is_some_and(|other| Some(other.id) == own.continues || other.continues == Some(own.id))
    };
    let mut found = Vec::new();
    if expected == 0 {
        return Ok(found);
    }
    for id in &entry.summary.sip_call_ids {
        for call in parts.index.by_sip_call_id(id.expose())? {
            found.extend(parts.index.get(call)?.filter(is_next));
        }
    }
    if found.len() >= expected {
        return Ok(found);
    }
    // A stream has no Call-ID.
    for other in parts.index.newest_last(Some(earliest(entry)), Some(latest(entry))) {
        found.extend(Some(other?).filter(is_next));
    }
    Ok(found)
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
