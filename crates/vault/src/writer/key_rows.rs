//! Wrapped keys on their way into the key files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    disk::{OpenAs, read_all},
    error::{VaultError, failed},
    keys::KeyFile,
    layout::Shelf,
    vault::Parts,
};

/// Key files whose ends are remembered.
const MAX_ENDS: usize = 64;

/// Bytes of rows that wait for a commit in memory, about.
const MOST_WAITING: usize = 256 << 10;

/// Rows that are not committed, by their key file.
pub(super) struct KeyRows {
    parts: Arc<Parts>,
    waiting: BTreeMap<(Shelf, u32), Vec<u8>>,
    /// Key files with rows that are written and not on the medium.
    unsynced: BTreeSet<(Shelf, u32)>,
    /// Where the last whole row ends in key files that were written already: nobody else writes them.
    ends: BTreeMap<(Shelf, u32), u64>,
}

impl KeyRows {
    pub(super) const fn new(parts: Arc<Parts>) -> Self {
        Self { parts, waiting: BTreeMap::new(), unsynced: BTreeSet::new(), ends: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, shelf: &Shelf, generation: u32, row: Vec<u8>) {
        self.waiting.entry((shelf.clone(), generation)).or_default().extend(row);
    }

    /// Makes room for more rows: when many wait, they are in their files when this returns.
    pub(super) fn make_room(&mut self) -> Result<(), VaultError> {
        let waiting: usize = self.waiting.values().map(Vec::len).sum();
        if waiting < MOST_WAITING { Ok(()) } else { self.write_out() }
    }

    /// All rows are on the medium when this returns. After an error, those that are not wait on.
    pub(super) fn commit(&mut self) -> Result<(), VaultError> {
        self.write_out()?;
        while let Some((shelf, generation)) = self.unsynced.first() {
            let path = self.parts.layout.key_file(shelf, *generation);
            let mut file = self.parts.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
            file.sync().map_err(failed("sync", &path))?;
            self.unsynced.pop_first();
        }
        Ok(())
    }

    /// All rows are in their files when this returns. After an error, those that are not wait on.
    pub(super) fn write_out(&mut self) -> Result<(), VaultError> {
        while let Some(file) = self.waiting.first_entry() {
            let end = match self.ends.get(file.key()) {
                Some(&end) => end,
                None => end_of_rows(&self.parts, file.key())?,
            };
            self.unsynced.insert(file.key().clone());
            append(&self.parts, file.key(), end, file.get())?;
            if self.ends.len() >= MAX_ENDS {
                self.ends.clear();
            }
            let (key, rows) = file.remove_entry();
            self.ends.insert(key, end + rows.len() as u64);
        }
        Ok(())
    }
}

fn end_of_rows(parts: &Parts, (shelf, generation): &(Shelf, u32)) -> Result<u64, VaultError> {
    let path = parts.layout.key_file(shelf, *generation);
    Ok(KeyFile::read(&read_all(&*parts.disk, &path).map_err(failed("read", &path))?).end)
}

/// A torn row of an earlier crash is cut before the next one is written behind it.
fn append(
    parts: &Parts,
    (shelf, generation): &(Shelf, u32),
    end: u64,
    rows: &[u8],
) -> Result<(), VaultError> {
    let path = parts.layout.key_file(shelf, *generation);
    let mut file = parts.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
    if file.size().map_err(failed("read", &path))? > end {
        file.truncate(end).map_err(failed("cut", &path))?;
    }
    if let Err(cause) = file.append(rows) {
        file.truncate(end).map_err(failed("cut", &path))?;
        return Err(failed("append to", &path)(cause));
    }
    Ok(())
}
