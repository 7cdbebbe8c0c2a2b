//! Destroying keys, durably.
//!
//! A key is overwritten where it lies and synced before its file is cut or removed, so that a medium that writes in place has
//! nothing of it left. What one that does not may still hold is told in DURABILITY.md.

use std::path::Path;

use earwitness_model::RecordingId;

use super::intent::Doomed;
use crate::{
    disk::{OpenAs, if_there, read_all, unfinished, wipe},
    error::{VaultError, failed},
    keys::{KeyFile, KeyRow, KeyState, MAX_GENERATION},
    layout::{Layout, Shelf},
    shelves::newest_generation,
    vault::Parts,
};

/// Destroys the keys of these recordings of one shelf. A key that was destroyed already, half or whole, is destroyed then.
pub(super) fn keys(parts: &Parts, shelf: &Shelf, doomed: &[&Doomed]) -> Result<(), VaultError> {
    // One that is lost hides none behind it.
    for generation in 1..=newest_generation(&*parts.disk, &parts.layout, shelf)? {
        let path = parts.layout.key_file(shelf, generation);
        let opened = if_there(parts.disk.open(&path, OpenAs::Write)).map_err(failed("open", &path))?;
        let Some(mut file) = opened else { continue };
        let found = KeyFile::read(&read_all(&*parts.disk, &path).map_err(failed("read", &path))?);
        let is_doomed = |recording: RecordingId| doomed.iter().any(|one| one.subject.recording == recording);
        let whole = found.rows.iter().filter(|placed| is_doomed(placed.row.recording));
        let mut gone: Vec<(u64, Vec<u8>)> = whole.map(|placed| (placed.at, placed.destroyed())).collect();
        gone.extend(doomed.iter().filter_map(|one| torn(&found, generation, one)));
        if gone.is_empty() {
            continue;
        }
        for (at, row) in &gone {
            file.overwrite(*at, row).map_err(failed("overwrite", &path))?;
        }
        file.sync().map_err(failed("sync", &path))?;
        are_gone(parts, &path, &gone)?;
    }
    Ok(())
}

/// A row that a crash left half overwritten is no row any more: it is where the intent says.
fn torn(found: &KeyFile, generation: u32, doomed: &Doomed) -> Option<(u64, Vec<u8>)> {
    let (of, at, length) = doomed.key?;
    let is_damage =
        found.rows.iter().all(|placed| placed.at + placed.length <= at || at + length <= placed.at);
    let fits = of == generation && at + length <= found.size;
    (fits && is_damage).then(|| (at, KeyRow::destroyed(doomed.subject.recording, length)))
}

/// Reads them back: what the disk acknowledges and does not do is not called done.
fn are_gone(parts: &Parts, path: &Path, gone: &[(u64, Vec<u8>)]) -> Result<(), VaultError> {
    let bytes = read_all(&*parts.disk, path).map_err(failed("read", path))?;
    let is_gone = |(at, row): &(u64, Vec<u8>)| {
        usize::try_from(*at).is_ok_and(|at| bytes.get(at..at + row.len()) == Some(row))
    };
    if gone.iter().all(is_gone) { Ok(()) } else { Err(VaultError::NotErased { path: path.into() }) }
}

/// Destroys all that a shelf's keys are: the day's private key first, without which nothing of the rest opens.
pub(super) fn day(parts: &Parts, shelf: &Shelf) -> Result<(), VaultError> {
    let layout = &parts.layout;
    // A rotation that is underway wraps no day anew while this one goes.
    let erased = parts.keys.days.alone(|_| {
        let mut touched = false;
        // From the last one down: what a crash left of them is found, whatever is gone.
        for generation in (1..=MAX_GENERATION).rev() {
            for path in [
                unfinished(&Layout::next_of(&layout.day_identity(shelf, generation))),
                Layout::next_of(&layout.day_identity(shelf, generation)),
                layout.day_identity(shelf, generation),
                layout.day_salt(shelf, generation),
                layout.key_file(shelf, generation),
            ] {
                let wiped = if_there(wipe(&*parts.disk, &path)).map_err(failed("overwrite", path))?;
                touched |= wiped.is_some();
            }
        }
        Ok::<bool, VaultError>(touched)
    });
    parts.keys.days.forget(shelf);
    if erased? {
        for path in [layout.day_identity(shelf, 1), layout.key_file(shelf, 1)] {
            let dir = path.parent().expect("a key lies in a directory");
            parts.disk.sync_dir(dir).map_err(failed("sync", dir))?;
        }
    }
    Ok(())
}

/// Whether no key of a shelf is left that could be opened.
pub(super) fn is_empty(files: &[KeyFile]) -> bool {
    files.iter().flat_map(|file| &file.rows).all(|placed| placed.row.state == KeyState::Destroyed)
}
