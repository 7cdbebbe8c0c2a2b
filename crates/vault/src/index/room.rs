//! Room that is set aside for the store, so that it can be read on a full disk.
//!
//! sled writes while it reads, and when it is opened. Both is little, and both must not depend on whoever else fills the
//! disk. Therefore, while there is room, blocks are allocated where sled will write them: behind the end of its log, which
//! keeps its size (`fallocate` with `FALLOC_FL_KEEP_SIZE`). For the file that it makes when it is opened a spare file
//! without a size holds blocks, and gives them back just before. A file system that cannot do this is as if nothing
//! was set aside: a full one is not read then.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// So many bytes before the end of the log are asked for along with those behind it: its last segment may have holes.
const BEFORE_THE_END: u64 = 2 << 20;
/// Room is set aside for so many times what reading needs, so that it is not asked for with every batch.
const TIMES: u64 = 3;

/// Blocks behind the end of the log.
#[derive(Debug, Default)]
pub(super) struct Tail {
    allocated: Mutex<Allocated>,
}

/// What was allocated last, and the length that the log had then. A log that became shorter has lost what was behind it.
#[derive(Debug, Default, Clone, Copy)]
struct Allocated {
    length: u64,
    end: u64,
}

impl Tail {
    /// Sets room aside for more than `bytes`, unless there is enough of it.
    pub(super) fn grow(&self, log: &File, bytes: u64) {
        self.has_or_allocates(log, bytes, bytes * TIMES);
    }

    /// Whether `bytes` can be written at the end of the log, whoever fills the disk.
    pub(super) fn has(&self, log: &File, bytes: u64) -> bool {
        self.has_or_allocates(log, bytes, bytes)
    }

    fn has_or_allocates(&self, log: &File, least: u64, wanted: u64) -> bool {
        let Ok(length) = log.metadata().map(|found| found.len()) else { return false };
        let mut known = self.allocated.lock().unwrap_or_else(PoisonError::into_inner);
        if length >= known.length && length.saturating_add(least) <= known.end {
            known.length = length;
            return true;
        }
        let (from, end) = (length.saturating_sub(BEFORE_THE_END), length.saturating_add(wanted));
        let done = fallocate(log, FallocateFlags::KEEP_SIZE, from, end - from).is_ok();
        if done {
            *known = Allocated { length, end };
        }
        done
    }
}

/// What sled needs to be opened, beyond its last snapshot once more.
const SPARE: u64 = 1 << 20;

/// The file that holds room for opening the store.
pub(super) struct Spare {
    path: PathBuf,
    bytes: u64,
}

impl Spare {
    /// The spare file of the store in `dir`; on a full disk its room is given back for the store to be opened.
    pub(super) fn release_when_full(dir: &Path) -> Self {
        let spare = Self { path: dir.join("spare"), bytes: SPARE + newest_snapshot(dir) };
        if spare.free().is_none_or(|free| free < spare.bytes) {
            // One that is not there gives nothing back: the store says what it lacks.
            fs::remove_file(&spare.path).unwrap_or_default();
        }
        spare
    }

    /// The store is open: its next opening has room set aside, if there is room now.
    pub(super) fn keep(&self) {
        if self.free().is_none_or(|free| free < self.bytes) {
            return;
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        // Without it a full disk is not opened, and says so.
        let kept = file.map(|file| fallocate(file, FallocateFlags::KEEP_SIZE, 0, self.bytes));
        drop(kept);
    }

    fn free(&self) -> Option<u64> {
        let found = statvfs(self.path.parent()?).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// Bytes of the largest snapshot in `dir`: the next one is about as large.
fn newest_snapshot(dir: &Path) -> u64 {
    let Ok(files) = fs::read_dir(dir) else { return 0 };
    let snapshots = files.flatten().filter(|file| file.file_name().to_string_lossy().starts_with("snap."));
    snapshots.filter_map(|file| file.metadata().ok()).map(|found| found.len()).max().unwrap_or(0)
}
