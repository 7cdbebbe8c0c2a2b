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
    /// Where the last whole row ends in key files that were written already. Nobody else appends to them; disposal removes them
    /// with their days, and a day that is made again has another file.
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
            self.unsynced.insert(file.key().clone());
            let known = self.ends.get(file.key()).copied();
            let end = append(&self.parts, file.key(), (known, file.get()))?;
            if self.ends.len() >= MAX_ENDS {
                self.ends.clear();
            }
            let (key, _rows) = file.remove_entry();
            self.ends.insert(key, end);
        }
        Ok(())
    }
}

fn end_of_rows(parts: &Parts, (shelf, generation): &(Shelf, u32)) -> Result<u64, VaultError> {
    let path = parts.layout.key_file(shelf, *generation);
    Ok(KeyFile::read(&read_all(&*parts.disk, &path).map_err(failed("read", &path))?).end)
}

/// Appends rows behind the last whole one, which a file of the size that is known ends with, and says where they end. A torn
/// row of an earlier crash is cut before.
fn append(parts: &Parts, of: &(Shelf, u32), (known, rows): (Option<u64>, &[u8])) -> Result<u64, VaultError> {
    let path = parts.layout.key_file(&of.0, of.1);
    let mut file = parts.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
    let size = file.size().map_err(failed("read", &path))?;
    let end = match known.filter(|&end| end == size) {
        Some(end) => end,
        None => end_of_rows(parts, of)?,
    };
    if size > end {
        file.truncate(end).map_err(failed("cut", &path))?;
    }
    if let Err(cause) = file.append(rows) {
        file.truncate(end).map_err(failed("cut", &path))?;
        return Err(failed("append to", &path)(cause));
    }
    Ok(end + rows.len() as u64)
}
