//! Wrapped keys on their way into the key files.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    disk::{OpenAs, read_all},
    error::{VaultError, failed},
    keys::KeyFile,
    layout::Shelf,
    vault::Parts,
};

/// Rows that are not committed, by their key file.
pub(super) struct KeyRows {
    parts: Arc<Parts>,
    waiting: BTreeMap<(Shelf, u32), Vec<u8>>,
}

impl KeyRows {
    pub(super) const fn new(parts: Arc<Parts>) -> Self {
        Self { parts, waiting: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, shelf: &Shelf, generation: u32, row: Vec<u8>) {
        self.waiting.entry((shelf.clone(), generation)).or_default().extend(row);
    }

    /// All rows are on the medium when this returns. After an error, those that are not wait on.
    pub(super) fn commit(&mut self) -> Result<(), VaultError> {
        while let Some(file) = self.waiting.first_entry() {
            let ((shelf, generation), rows) = (file.key(), file.get());
            append(&self.parts, shelf, *generation, rows)?;
            file.remove();
        }
        Ok(())
    }
}

/// A torn row of an earlier crash is cut before the next one is written behind it.
fn append(parts: &Parts, shelf: &Shelf, generation: u32, rows: &[u8]) -> Result<(), VaultError> {
    let path = parts.layout.key_file(shelf, generation);
    let end = KeyFile::read(&read_all(&*parts.disk, &path).map_err(failed("read", &path))?).end;
    let mut file = parts.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
    if file.size().map_err(failed("read", &path))? > end {
        file.truncate(end).map_err(failed("cut", &path))?;
    }
    if let Err(cause) = file.append(rows) {
        file.truncate(end).map_err(failed("cut", &path))?;
        return Err(failed("append to", &path)(cause));
    }
    file.sync().map_err(failed("sync", &path))
}
