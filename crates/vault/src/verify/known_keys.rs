//! Which keys there are, for checking many recordings: a day's key file has a row for each of its recordings, and is not
//! read again for each of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use earwitness_model::RecordingId;

use crate::{
    error::VaultError,
    keys::KeyState,
    layout::Shelf,
    reading::{ShelfMetadata, key_bytes, key_files},
    shelves::newest_generation,
    vault::Parts,
};

/// Shelves whose keys are kept: recordings come in the order of their calls, those of one day from several classes.
const MAX_SHELVES: usize = 16;

/// The shelves that were looked at.
#[derive(Default)]
pub(super) struct KnownKeys {
    shelves: HashMap<Shelf, ShelfKeys>,
}

/// What the key files of a shelf say.
pub(super) struct ShelfKeys {
    pub(super) wrapped: HashSet<RecordingId>,
    /// What opens the metadata of its volumes.
    pub(super) metadata: Arc<ShelfMetadata>,
    /// Bytes that are no row, or a head that is not this day's.
    pub(super) damaged: bool,
    /// How many files they are, and their bytes before they were read.
    generations: u32,
    size: u64,
}

impl KnownKeys {
    /// Read again when the recording is not there and the files have grown: its key may have come since.
    pub(super) fn of(
        &mut self,
        parts: &Parts,
        shelf: &Shelf,
        recording: RecordingId,
    ) -> Result<&ShelfKeys, VaultError> {
        let known = match self.shelves.remove(shelf) {
            Some(known)
                if known.wrapped.contains(&recording)
                    || known.size == key_bytes(parts, shelf, known.generations + 1)? =>
            {
                known
            }
            Some(_) | None => ShelfKeys::read(parts, shelf)?,
        };
        if self.shelves.len() >= MAX_SHELVES {
            self.shelves.clear();
        }
        Ok(self.shelves.entry(shelf.clone()).or_insert(known))
    }
}

impl ShelfKeys {
    fn read(parts: &Parts, shelf: &Shelf) -> Result<Self, VaultError> {
        let generations = newest_generation(&*parts.disk, &parts.layout, shelf)?;
        let size = key_bytes(parts, shelf, generations)?;
        let files = key_files(parts, shelf)?;
        let damaged = files
            .iter()
            .any(|file| file.damaged > 0 || file.head.as_ref().is_none_or(|head| head.day != shelf.day));
        let heads = files.iter().map(|file| file.head.clone());
        let metadata = Arc::new(ShelfMetadata::of(parts, shelf, heads));
        let rows = files.into_iter().flat_map(|file| file.rows);
        let live = rows.map(|placed| placed.row).filter(|row| row.state != KeyState::Destroyed);
        let wrapped = live.map(|row| row.recording).collect();
        Ok(Self { wrapped, metadata, damaged, generations, size })
    }
}
