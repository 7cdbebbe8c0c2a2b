//! What was destroyed. A volume may hold it for as long as others lie there, and nobody lists it again.

use std::collections::HashSet;

use earwitness_model::RecordingId;

use crate::{
    error::VaultError,
    keys::KeyState,
    layout::Shelf,
    ledger::{LedgerKind, Mark, Step},
    reading::key_files,
    retention::{Disposed, from_bytes},
    vault::Parts,
};

/// Which of these recordings of a shelf were destroyed: their key rows say it, and the ledger of those that have none any more.
pub(crate) fn destroyed_among(
    parts: &Parts,
    shelf: &Shelf,
    recordings: impl IntoIterator<Item = RecordingId>,
) -> Result<HashSet<RecordingId>, VaultError> {
    let mut asked: HashSet<RecordingId> = recordings.into_iter().collect();
    let mut destroyed = HashSet::new();
    if asked.is_empty() {
        return Ok(destroyed);
    }
    for row in key_files(parts, shelf)?.into_iter().flat_map(|file| file.rows).map(|placed| placed.row) {
        if asked.remove(&row.recording) && row.state == KeyState::Destroyed {
            destroyed.insert(row.recording);
        }
    }
    if !asked.is_empty() {
        destroyed.extend(told_of(parts, &asked));
    }
    Ok(destroyed)
}

/// Those of which the ledger tells that they were destroyed, as far as it can be read.
fn told_of(parts: &Parts, asked: &HashSet<RecordingId>) -> HashSet<RecordingId> {
    let mut destroyed = HashSet::new();
    let reader = parts.ledger().reader();
    let read = reader.read_on(&mut Mark::default(), |step| {
        let Step::Row { kind: LedgerKind::Disposed, payload, .. } = step else { return };
        let recording =
            payload().and_then(|row| from_bytes::<Disposed>(&row)).map(|row| row.subject.recording);
        destroyed.extend(recording.filter(|recording| asked.contains(recording)));
    });
    // What cannot be read is the ledger's own finding, and says of no recording that it is gone.
    read.ok();
    destroyed
}
