//! How an index begins, is rebuilt and is moved out of the way.
//!
//! An index that has just been made is marked as unfinished, and [`Index::finish_rebuild`] takes the mark away. Whatever stops
//! the process in between, what is opened next is whole, or absent, or marked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{
    Index, IndexState, Opened,
    by_sip_call_id::SipCallIdHash,
    change::Writing,
    days::{Days, sync_dir},
    error::{Damage, IndexError},
    mark::{Contents, Mark},
    schema::{self, BATCH_KEY, Tally},
    store::Store,
    waiting::Waiting,
};
use crate::metadata_key::MetadataKey;

/// When what is looked up by other keys than the id is opened. Its store takes as long as it is large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUps {
    /// With the index: damage is found at once, and the index set aside.
    Now,
    /// When it is needed: damage is an error of who needs it.
    Later,
}

impl Index {
    /// Opens the index in `dir`, making it when it is not there; a damaged one is moved beside it.
    ///
    /// # Errors
    /// When the file system refuses, or the index is whole and sealed under another key.
    pub fn open(dir: &Path, key: MetadataKey, look_ups: LookUps) -> Result<Opened, IndexError> {
        let fresh = |key: MetadataKey| Ok::<_, IndexError>(Self::assemble(make(dir, &key)?, key));
        if is_absent(dir)? {
            return Ok(Opened { index: fresh(key)?, state: IndexState::Fresh });
        }
        match Self::open_whole(dir, key.clone(), look_ups) {
            Ok(index) => {
                // Of a rebuild that ended and was stopped before this.
                remove_set_aside(dir)?;
                Ok(Opened { index, state: IndexState::Whole })
            }
            Err(IndexError::Damaged(why)) => {
                let to = set_aside(dir)?;
                Ok(Opened { index: fresh(key)?, state: IndexState::SetAside { to, why } })
            }
            Err(error) => Err(error),
        }
    }

    /// Opens what is in `dir`, if all that can be told without reading every row is in order.
    pub(super) fn open_whole(dir: &Path, key: MetadataKey, look_ups: LookUps) -> Result<Self, IndexError> {
        let (mark, contents) = Mark::open(dir, &key)?;
        if contents.tally.rebuilding {
            return Err(Damage::RebuildInterrupted.into());
        }
        let mut days = Days::new(dir.to_owned(), key.clone(), contents);
        if days.settle()? {
            mark.settle(&days.contents, &key)?;
        }
        let writing = Writing { mark, unsynced: 0, stopped: false };
        let index = Self::assemble((writing, None, days), key);
        match look_ups {
            LookUps::Now => drop(index.store()?),
            LookUps::Later => {}
        }
        Ok(index)
    }

    fn assemble((writing, store, days): Parts, key: MetadataKey) -> Self {
        Self {
            dir: days.dir().to_owned(),
            sip_call_ids: SipCallIdHash::new(&key),
            writing: Mutex::new(writing),
            store: RwLock::new(store),
            days: Mutex::new(days),
            waiting: Mutex::default(),
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
    /// [`Self::finish_rebuild`]; nothing that is put meanwhile is durable before that. Iterations that have begun end, with
    /// an error where files were moved that they still had to read.
    ///
    /// # Errors
    /// When the file system refuses; the index must then be opened again.
    pub fn begin_rebuild(&self) -> Result<(), IndexError> {
        let mut writing = self.writing();
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let mut days = self.days();
        // When this fails no row may go to files that were moved.
        writing.stopped = true;
        if let Some(store) = store.take() {
            store.stop();
        }
        if !is_absent(&self.dir)? {
            set_aside(&self.dir)?;
        }
        (*writing, *store, *days) = make(&self.dir, &self.key)?;
        *self.waiting() = Waiting::default();
        Ok(())
    }

    /// The index is complete: it will be believed when it is opened again. What was set aside is not needed any more and goes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn finish_rebuild(&self) -> Result<(), IndexError> {
        let mut writing = self.writing();
        let store = self.store()?;
        if self.days().contents.tally.rebuilding {
            self.write_waiting(&store, &mut writing)?;
        }
        let mut days = self.days();
        if days.contents.tally.rebuilding {
            days.cover();
            days.sync()?;
            days.contents.tally.rebuilding = false;
            writing.mark.settle(&days.contents, &self.key).inspect_err(|_| writing.stopped = true)?;
        }
        remove_set_aside(&self.dir)
    }

    /// What can be written now need not be made again by whoever opens the index next. Everything that was acknowledged is
    /// durable without it, so that what fails here is nobody's loss.
    pub(super) fn close(&self) {
        let mut writing = self.writing();
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        if writing.stopped {
            return;
        }
        self.days().cover();
        if writing.unsynced > 0 {
            let written = store.map(|store| self.write_waiting(&store, &mut writing));
            drop((written, writing.mark.sync()));
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.close();
    }
}

/// What an open index is made of.
type Parts = (Writing, Option<Arc<Store>>, Days);

/// Makes an empty index, marked as unfinished.
fn make(dir: &Path, key: &MetadataKey) -> Result<Parts, IndexError> {
    let store = Store::open(dir)?;
    let mut first = sled::Batch::default();
    first.insert(&BATCH_KEY, schema::seal_batch(key, 0));
    store.find_room(0)?;
    store.apply(first)?;
    store.sync()?;
    let tally = Tally { rebuilding: true, ..Tally::default() };
    let contents = Contents { tally, ..Contents::default() };
    let mark = Mark::create(dir, &contents, key)?;
    sync_dir(dir)?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_dir(parent)?;
    }
    let days = Days::new(dir.to_owned(), key.clone(), contents);
    Ok((Writing { mark, unsynced: 0, stopped: false }, Some(Arc::new(store)), days))
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
