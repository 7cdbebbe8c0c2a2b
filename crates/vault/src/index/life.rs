//! How an index begins, is rebuilt and is moved out of the way.
//!
//! An index that has just been made is marked as unfinished in its first batch, and [`Index::finish_rebuild`] takes the mark
//! away. Whatever stops the process in between, what is opened next is whole, or absent, or marked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{
    Change, Counted, Index, IndexState, Opened,
    by_sip_call_id::SipCallIdHash,
    error::{Damage, IndexError},
    mark::Mark,
    schema::{self, TALLY_KEY, Tally},
    store::Store,
};
use crate::metadata_key::MetadataKey;

impl Index {
    /// Opens the index in `dir`, making it when it is not there; a damaged one is moved beside it.
    ///
    /// # Errors
    /// When the file system refuses, or the index is whole and sealed under another key.
    pub fn open(dir: &Path, key: MetadataKey) -> Result<Opened, IndexError> {
        let (parts, state) = if is_absent(dir)? {
            (make(dir, &key)?, IndexState::Fresh)
        } else {
            match open_whole(dir, &key) {
                Ok(parts) => (parts, IndexState::Whole),
                Err(IndexError::Damaged(why)) => {
                    let to = set_aside(dir)?;
                    (make(dir, &key)?, IndexState::SetAside { to, why })
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Opened { index: Self::assemble(parts, key), state })
    }

    pub(super) fn assemble((store, counted): Parts, key: MetadataKey) -> Self {
        Self {
            store: RwLock::new(Arc::new(store)),
            sip_call_ids: SipCallIdHash::new(&key),
            counted: Mutex::new(counted),
            key,
        }
    }

    /// Removes every row, durably.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn clear(&self) -> Result<(), IndexError> {
        self.begin_rebuild()?;
        self.finish_rebuild()
    }

    /// Puts an empty index in the place of this one, damaged or not, and marks it as unfinished until
    /// [`Self::finish_rebuild`]. Iterations that have begun go on over the old rows.
    ///
    /// # Errors
    /// When the file system refuses; the index must then be opened again.
    pub fn begin_rebuild(&self) -> Result<(), IndexError> {
        let mut counted = self.counted();
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let dir = store.dir().to_owned();
        let moved = if is_absent(&dir)? { Ok(()) } else { set_aside(&dir).map(drop) };
        // When this fails no row may go to files that were moved.
        let made = moved.and_then(|()| make(&dir, &self.key)).inspect_err(|_| store.stop());
        let (fresh, fresh_counted) = made?;
        *store = Arc::new(fresh);
        *counted = fresh_counted;
        Ok(())
    }

    /// The index is complete: it will be believed when it is opened again. What was set aside is not needed any more and goes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn finish_rebuild(&self) -> Result<(), IndexError> {
        let mut counted = self.counted();
        if counted.tally.rebuilding {
            let finished = Tally { rebuilding: false, ..counted.tally };
            self.apply(Change::after(finished), &mut counted)?;
        }
        remove_set_aside(self.store().dir())
    }
}

/// An open store, and what is counted of it.
pub(super) type Parts = (Store, Counted);

/// Opens what is in `dir`, if all that can be told without reading every row is in order.
pub(super) fn open_whole(dir: &Path, key: &MetadataKey) -> Result<Parts, IndexError> {
    let store = Store::open(dir)?;
    let (mark, acknowledged) = Mark::open(dir)?;
    let row = store.get(&TALLY_KEY)?.ok_or(Damage::TallyMissing)?;
    let tally = match schema::open_tally(key, &row) {
        Err(Damage::RowSeal) => return Err(IndexError::WrongKey),
        other => other?,
    };
    if tally.batch < acknowledged {
        return Err(Damage::Behind { acknowledged, found: tally.batch }.into());
    }
    if tally.rebuilding {
        return Err(Damage::RebuildInterrupted.into());
    }
    Ok((store, Counted { tally, mark }))
}

/// Makes an empty index, marked as unfinished.
fn make(dir: &Path, key: &MetadataKey) -> Result<Parts, IndexError> {
    let store = Store::open(dir)?;
    let tally = Tally { rebuilding: true, ..Tally::default() };
    let mut first = sled::Batch::default();
    first.insert(&TALLY_KEY, schema::seal_tally(key, &tally));
    store.apply(first, 0)?;
    let mark = Mark::create(dir)?;
    store.sync_names()?;
    Ok((store, Counted { tally, mark }))
}

/// No index was ever finished in `dir`: it is missing or empty.
fn is_absent(dir: &Path) -> Result<bool, IndexError> {
    match fs::read_dir(dir) {
        Ok(mut files) => Ok(files.next().is_none()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(cause) => Err(IndexError::Io { doing: "list", path: dir.to_owned(), cause }),
    }
}

/// Moves `dir` to `<dir>.set-aside`. What was there before goes: sealed facts of calls must not pile up unretained.
fn set_aside(dir: &Path) -> Result<PathBuf, IndexError> {
    remove_set_aside(dir)?;
    let to = set_aside_path(dir);
    let failed = |cause| IndexError::Io { doing: "set aside", path: dir.to_owned(), cause };
    fs::rename(dir, &to).map_err(failed)?;
    Ok(to)
}

fn remove_set_aside(dir: &Path) -> Result<(), IndexError> {
    let path = set_aside_path(dir);
    match fs::remove_dir_all(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(IndexError::Io { doing: "remove", path, cause })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn set_aside_path(dir: &Path) -> PathBuf {
    let mut path = dir.as_os_str().to_owned();
    path.push(".set-aside");
    path.into()
}
