//! Whether a disposal has taken a recording, or is about to: what is said of it then comes too late.
//!
//! To be asked while no disposal runs. One that did not end has left its intent, and keys that it destroyed are told of by nobody
//! until it is gone on with.

use super::{intent::Intent, rows::Subject};
use crate::{error::VaultError, keys::KeyState, layout::Shelf, reading::key_files, vault::Parts};

/// The disposal that did not end. One that nobody can read goes on with nothing.
pub(super) fn intent(parts: &Parts) -> Result<Option<Intent>, VaultError> {
    match Intent::read(parts) {
        Err(VaultError::Intent { .. }) => Ok(None),
        read => read,
    }
}

impl Parts {
    /// Whether a disposal that did not end destroys keys of this class and day.
    pub(crate) fn is_disposing_of(&self, shelf: &Shelf) -> Result<bool, VaultError> {
        Ok(intent(self)?.is_some_and(|intent| intent.names(shelf)))
    }
}

/// That a recording's key was not destroyed.
///
/// # Errors
/// [`VaultError::Destroyed`]; what the disk says.
pub(super) fn is_there(parts: &Parts, intent: Option<&Intent>, subject: &Subject) -> Result<(), VaultError> {
    let is_gone = match key_state(parts, subject)? {
        Some(KeyState::Wrapped | KeyState::WrappedInBatch) => false,
        Some(KeyState::Destroyed) => true,
        // Half overwritten, gone with its day, or lost while its volume is there.
        None => is_named(intent, subject) || !is_listed(parts, subject)?,
    };
    if is_gone { Err(VaultError::Destroyed { recording: subject.recording }) } else { Ok(()) }
}

/// That a disposal which did not end does not go on to destroy it: it asks holds again, and nothing else.
///
/// # Errors
/// Those of [`is_there`].
pub(super) fn stays(parts: &Parts, intent: Option<&Intent>, subject: &Subject) -> Result<(), VaultError> {
    if is_named(intent, subject) {
        return Err(VaultError::Destroyed { recording: subject.recording });
    }
    is_there(parts, intent, subject)
}

/// Of the rows that a recording has, what the one says that can be opened, if there is one.
pub(super) fn key_state(parts: &Parts, subject: &Subject) -> Result<Option<KeyState>, VaultError> {
    let files = key_files(parts, &subject.shelf())?;
    let rows = files.iter().flat_map(|file| &file.rows).map(|placed| &placed.row);
    let own = rows.filter(|row| row.recording == subject.recording).map(|row| row.state);
    Ok(own.min_by_key(|state| *state == KeyState::Destroyed))
}

fn is_named(intent: Option<&Intent>, subject: &Subject) -> bool {
    intent.is_some_and(|intent| intent.doomed.iter().any(|one| one.subject.recording == subject.recording))
}

fn is_listed(parts: &Parts, subject: &Subject) -> Result<bool, VaultError> {
    let listed = subject.call.map(|call| parts.index.get(call)).transpose()?.flatten();
    Ok(listed.and_then(|entry| entry.recording).is_some_and(|listed| listed.id == subject.recording))
}
