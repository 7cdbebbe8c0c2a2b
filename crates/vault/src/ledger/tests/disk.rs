//! A disk that fails where it is told to.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::*;
use crate::disk::ReadAt;

/// The real disk with so many bytes left, and a sync that may fail.
#[derive(Debug, Clone, Default)]
struct Failing(Arc<Faults>);

#[derive(Debug, Default)]
struct Faults {
    bytes_left: AtomicU64,
    sync_fails: AtomicBool,
    synced: Mutex<Vec<PathBuf>>,
}

#[derive(Debug)]
struct FailingFile {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    faults: Arc<Faults>,
}

impl Disk for Failing {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)
    }

    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path, how)?;
        Ok(Box::new(FailingFile { file, path: path.to_owned(), faults: Arc::clone(&self.0) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        RealDisk.space(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.synced.lock().unwrap().push(dir.to_owned());
        RealDisk.sync_dir(dir)
    }
}

impl ReadAt for FailingFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}

impl DiskFile for FailingFile {
    /// Writes what there is room for, like a real disk that gets full.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.faults.bytes_left.load(Ordering::Relaxed);
        let room = bytes.len().min(usize::try_from(left).unwrap());
        self.file.append(&bytes[..room])?;
        self.faults.bytes_left.store(left - room as u64, Ordering::Relaxed);
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.overwrite(offset, bytes)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.faults.synced.lock().unwrap().push(self.path.clone());
        if self.faults.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the medium is gone"));
        }
        self.file.sync()
    }
}

fn is_full(result: Result<(), LedgerError>) -> bool {
    matches!(result, Err(LedgerError::Io { cause, .. }) if cause.kind() == io::ErrorKind::StorageFull)
}

#[test]
fn a_full_disk_keeps_what_was_acknowledged_and_takes_the_rest_when_there_is_room() {
    // Room for the header and two rows of one byte, and then for every part of what follows.
    let two_rows = FILE_HEADER as u64 + 2 * (61 + 1 + MetadataKey::OVERHEAD as u64);
    for room in two_rows..two_rows + 120 {
        let dir = tempfile::tempdir().unwrap();
        let disk = Failing::default();
        disk.0.bytes_left.store(room, Ordering::Relaxed);
        let (mut ledger, _) = Ledger::open(Arc::new(disk.clone()), dir.path(), key()).unwrap();
        let row = |number, payload| row(number, LedgerKind::Recorded, on_day(0), payload);
        let append =
            |ledger: &mut Ledger, payload: &[u8]| ledger.append(LedgerKind::Recorded, on_day(0), payload);
        append(&mut ledger, b"1").unwrap();
        append(&mut ledger, b"2").unwrap();
        ledger.sync().unwrap();
        append(&mut ledger, b"3").unwrap();
        append(&mut ledger, b"4").unwrap();
        assert!(is_full(ledger.sync()) && is_full(ledger.sync()), "room for {room}");
        assert_eq!(rows(&open(dir.path()).0), [row(0, b"1"), row(1, b"2")]);
        disk.0.bytes_left.store(1000, Ordering::Relaxed);
        append(&mut ledger, b"5").unwrap();
        ledger.sync().unwrap();
        let (again, state) = open(dir.path());
        assert_eq!(state, clean(5));
        assert_eq!(rows(&again), [row(0, b"1"), row(1, b"2"), row(2, b"3"), row(3, b"4"), row(4, b"5")]);
    }
}

#[test]
fn a_month_that_cannot_begin_for_want_of_room_begins_later() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Failing::default();
    disk.0.bytes_left.store(200, Ordering::Relaxed);
    let (mut ledger, _) = Ledger::open(Arc::new(disk.clone()), dir.path(), key()).unwrap();
    ledger.append(LedgerKind::Recorded, on_day(0), b"1").unwrap();
    ledger.sync().unwrap();
    assert!(is_full(ledger.append(LedgerKind::Recorded, on_day(20), b"2")));
    disk.0.bytes_left.store(1000, Ordering::Relaxed);
    ledger.append(LedgerKind::Recorded, on_day(20), b"2").unwrap();
    ledger.sync().unwrap();
    let (ledger, state) = open(dir.path());
    assert_eq!((state, ledger.verify()), (clean(2), vec![]));
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_until_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Failing::default();
    disk.0.bytes_left.store(1000, Ordering::Relaxed);
    let (mut ledger, _) = Ledger::open(Arc::new(disk.clone()), dir.path(), key()).unwrap();
    ledger.append(LedgerKind::Recorded, on_day(0), b"1").unwrap();
    disk.0.sync_fails.store(true, Ordering::Relaxed);
    assert!(matches!(ledger.sync(), Err(LedgerError::Io { doing: "sync", .. })));
    disk.0.sync_fails.store(false, Ordering::Relaxed);
    assert!(matches!(ledger.sync(), Err(LedgerError::Stopped)));
    assert!(matches!(ledger.append(LedgerKind::Recorded, on_day(0), b"2"), Err(LedgerError::Stopped)));
}

#[test]
fn a_new_month_is_on_the_medium_in_order_file_before_directory_before_rows() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Failing::default();
    disk.0.bytes_left.store(1000, Ordering::Relaxed);
    let (mut ledger, _) = Ledger::open(Arc::new(disk.clone()), dir.path(), key()).unwrap();
    ledger.append(LedgerKind::Recorded, on_day(0), b"1").unwrap();
    ledger.append(LedgerKind::Recorded, on_day(20), b"2").unwrap();
    ledger.sync().unwrap();
    let (november, december) = (month(dir.path(), "2026-11"), month(dir.path(), "2026-12"));
    let directory = dir.path().to_owned();
    assert_eq!(
        *disk.0.synced.lock().unwrap(),
        [november.clone(), directory.clone(), november, december.clone(), directory, december]
    );
}
