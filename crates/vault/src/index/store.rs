//! sled behind a wall: its panics become errors, its flush becomes durable.
//!
//! sled 0.34.7 panics on some damaged files, in `open` and later, and its `flush` on Linux is `sync_file_range`, which
//! does not reach the medium: after a flush the file is synced here. After the first failure the store is not asked
//! again and its memory is given up, because dropping a half-failed sled may fail again. On a full disk sled may wait for
//! ever for a write that failed: therefore it is asked nothing where the room could run out. For what it writes while it
//! reads, and when it is opened, room is set aside in time (the page of `room`).

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    error::{Damage, IndexError},
    room::{Spare, Tail},
};

/// Bytes of pages that sled keeps in memory; what it needs to keep them comes on top. A listing reads through, whatever it is.
const CACHE: u64 = 8 << 20;

/// Bytes that must be free before rows are written: sled writes whole segments, and rewrites pages, its own bookkeeping
/// and what it moves out of old segments along with them.
const ROOM_TO_WRITE: u64 = 4 << 20;
/// Bytes that must be free besides for each byte of rows.
const ROOM_FACTOR: u64 = 4;

/// Bytes that must be free, or set aside, before anything is read: sled puts pages in order when it reads them, and writes
/// them then.
const ROOM_TO_READ: u64 = 2 << 20;

/// The vault's own lock keeps other processes away, so that a store that is locked is an earlier one of this process
/// whose threads are not quite done: it is waited for, two seconds at most.
const LOCK_PATIENCE: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// The open store.
pub(super) struct Store {
    dir: PathBuf,
    /// `None` only while it is dropped.
    db: Option<sled::Db>,
    /// sled's log, opened once more to sync it.
    log: File,
    log_path: PathBuf,
    /// Room behind the end of the log.
    tail: Tail,
    /// Answers nothing any more.
    stopped: AtomicBool,
    /// It was sled that failed.
    failed: AtomicBool,
}

impl Store {
    /// Opens the store in `dir`, making it when it is not there. Never panics on damaged files.
    pub(super) fn open(dir: &Path) -> Result<Self, IndexError> {
        let io_error = |doing, path: &Path| {
            let path = path.to_owned();
            move |cause| IndexError::Io { doing, path, cause }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("make", dir))?;
        let log_path = dir.join("db");
        let spare = Spare::release_when_full(dir);
        // No thread of sled's own: what is durable is decided by `sync` alone.
        let config = sled::Config::new().path(dir).cache_capacity(CACHE).flush_every_ms(None);
        let mut patience = LOCK_PATIENCE;
        let db = loop {
            match catch_unwind(AssertUnwindSafe(|| config.open())) {
                Ok(Err(sled::Error::Io(cause))) if is_locked(&cause) && patience > 0 => {
                    patience -= 1;
                    std::thread::sleep(LOCK_WAIT);
                }
                Ok(opened) => break opened.map_err(|error| failed(error, &log_path))?,
                Err(_) => return Err(Damage::StorePanicked.into()),
            }
        };
        restrict(dir).map_err(io_error("restrict", dir))?;
        let log = OpenOptions::new().read(true).write(true).open(&log_path);
        let log = log.map_err(io_error("open", &log_path))?;
        spare.keep();
        let (dir, db, tail) = (dir.to_owned(), Some(db), Tail::default());
        let (stopped, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        let store = Self { dir, db, log, log_path, tail, stopped, failed };
        store.set_room_aside();
        Ok(store)
    }

    /// Answers nothing from now on.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.stop();
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, IndexError> {
        self.ask(|db| db.get(key))
    }

    /// Applies `batch` as one. It is durable after the next [`Self::sync`]; there must be room for it ([`Self::find_room`]).
    pub(super) fn apply(&self, batch: sled::Batch) -> Result<(), IndexError> {
        self.ask(|db| db.apply_batch(batch))
    }

    /// Returns when everything that was applied is durable.
    pub(super) fn sync(&self) -> Result<(), IndexError> {
        self.find_room(0)?;
        self.ask(|db| db.flush())?;
        self.log.sync_data().map_err(|cause| {
            self.fail();
            IndexError::Io { doing: "sync", path: self.log_path.clone(), cause }
        })?;
        self.set_room_aside();
        Ok(())
    }

    /// Whether there is room for rows of so many bytes, without which nothing may be put, and anybody to write them.
    pub(super) fn find_room(&self, bytes: u64) -> Result<(), IndexError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(Damage::StoreStopped.into());
        }
        let bytes = bytes.saturating_mul(ROOM_FACTOR).saturating_add(ROOM_TO_WRITE);
        if self.free()? < bytes { Err(self.no_room(io::ErrorKind::StorageFull.into())) } else { Ok(()) }
    }

    /// Whether sled can read: on a full disk it writes into what was set aside.
    fn find_room_to_read(&self) -> Result<(), IndexError> {
        if self.free()? < ROOM_TO_READ && !self.tail.has(&self.log, ROOM_TO_READ) {
            return Err(self.no_room(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// While there is ample room, what reading needs on a full disk is set aside.
    fn set_room_aside(&self) {
        if self.free().is_ok_and(|free| free >= ROOM_TO_WRITE) {
            self.tail.grow(&self.log, ROOM_TO_READ);
        }
    }

    /// Bytes that are free on the disk.
    fn free(&self) -> Result<u64, IndexError> {
        let found = rustix::fs::fstatvfs(&self.log).map_err(|cause| self.no_room(cause.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn no_room(&self, cause: io::Error) -> IndexError {
        IndexError::Io { doing: "find room in", path: self.dir.clone(), cause }
    }

    /// The rows with `from` ≤ key < `to`.
    pub(super) fn rows(self: Arc<Self>, from: &[u8], to: &[u8]) -> Rows {
        let rows = self.ask(|db| Ok(db.range(from.to_vec()..to.to_vec())));
        match rows {
            Ok(rows) => Rows { store: self, rows: Some(rows), failed: None },
            Err(error) => Rows { store: self, rows: None, failed: Some(error) },
        }
    }

    fn ask<T>(&self, question: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, IndexError> {
        let Some(db) = self.db.as_ref().filter(|_| !self.stopped.load(Ordering::Acquire)) else {
            return Err(Damage::StoreStopped.into());
        };
        self.find_room_to_read()?;
        let answer = match catch_unwind(AssertUnwindSafe(|| question(db))) {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failed(error, &self.log_path),
            Err(_) => Damage::StorePanicked.into(),
        };
        self.fail();
        Err(answer)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let db = self.db.take();
        // Of one that was replaced nothing is needed any more, and sled would wait for room for it.
        let waits =
            || self.stopped.load(Ordering::Acquire) && self.free().is_ok_and(|free| free < ROOM_TO_WRITE);
        if self.failed.load(Ordering::Acquire) || waits() {
            std::mem::forget(db);
            return;
        }
        // A panic loses nothing: what was applied was made durable, or is learnt from the entries.
        drop(catch_unwind(AssertUnwindSafe(|| drop(db))));
    }
}

/// sled makes its files as the process's mask says; ours are for their owner.
fn restrict(dir: &Path) -> io::Result<()> {
    for file in dir.read_dir()? {
        let file = file?;
        if file.file_type()?.is_file() {
            std::fs::set_permissions(file.path(), Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// sled's errors, sorted into those of the file system and those of damaged files.
fn failed(error: sled::Error, path: &Path) -> IndexError {
    match error {
        sled::Error::Io(cause) if !says_damage(cause.kind()) => {
            IndexError::Io { doing: "use", path: path.to_owned(), cause }
        }
        sled::Error::Io(_)
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. } => Damage::StoreCorrupt.into(),
    }
}

/// What sled and the system say of lengths and contents that cannot be.
fn says_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
}

/// Rows in the order of their keys. Ends after the first error.
pub(super) struct Rows {
    store: Arc<Store>,
    rows: Option<sled::Iter>,
    failed: Option<IndexError>,
}

/// A key and its value.
type Row = Result<(sled::IVec, sled::IVec), IndexError>;

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let rows = self.rows.as_mut()?;
        let row = self.store.ask(|_| rows.next().transpose()).transpose();
        if matches!(row, Some(Err(_))) {
            // A half-failed iterator holds the half-failed store: given up with it.
            std::mem::forget(self.rows.take());
        }
        row
    }
}

/// Sled tells a store that is locked by these words only: the kind of the error is `Other`.
fn is_locked(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::WouldBlock || cause.to_string().contains("could not acquire lock")
}
