//! A disk that writes down what it is told, and can be full.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use earwitness_vault::{Disk, DiskFile, OpenAs, ReadAt, RealDisk};

pub(crate) use super::image::{Crash, Image, Images, Told};

#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) told: Vec<Told>,
    /// Bytes that may still be appended; `None`: as many as you like.
    pub(crate) room: Option<u64>,
    /// Bytes that the disk says are free, and has; `None`: what the real one says.
    pub(crate) space: Option<(u64, u64)>,
    /// Bytes read from key files.
    pub(crate) key_bytes: u64,
    /// Syncs fail.
    pub(crate) broken: bool,
}

/// The real disk, watched.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchedDisk {
    pub(crate) journal: Arc<Mutex<Journal>>,
}

#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    journal: Arc<Mutex<Journal>>,
}

impl WatchedDisk {
    pub(crate) fn note(&self, told: Told) {
        self.journal.lock().unwrap().told.push(told);
    }

    /// The disk says that so many bytes of 1 GiB are free; its reserve is a hundredth.
    pub(crate) fn set_free(&self, bytes: u64) {
        self.journal.lock().unwrap().space = Some((bytes, 1 << 30));
    }

    pub(crate) fn set_room(&self, room: Option<u64>) {
        self.journal.lock().unwrap().room = room;
    }
}

impl Disk for WatchedDisk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.make_dir(dir)?;
        self.note(Told::MakeDir(dir.into()));
        Ok(())
    }

    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let file = RealDisk.open(path, how)?;
        if how == OpenAs::New {
            self.note(Told::Make(path.into()));
        }
        Ok(Box::new(WatchedFile { path: path.into(), file, journal: Arc::clone(&self.journal) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        RealDisk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)?;
        self.note(Told::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)?;
        self.note(Told::Remove(path.into()));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.remove_dir(dir)?;
        self.note(Told::Remove(dir.into()));
        Ok(())
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        let told = self.journal.lock().unwrap().space;
        told.map_or_else(|| RealDisk.space(path), Ok)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)?;
        self.note(Told::SyncDir(dir.into()));
        Ok(())
    }
}

impl ReadAt for WatchedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(offset, buffer)?;
        if self.path.extension().is_some_and(|extension| extension == "keys") {
            self.journal.lock().unwrap().key_bytes += read as u64;
        }
        Ok(read)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}

impl DiskFile for WatchedFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap();
        let fits = journal.room.map_or(bytes.len(), |room| bytes.len().min(room as usize));
        if let Some(room) = &mut journal.room {
            *room -= fits as u64;
        }
        self.file.append(&bytes[..fits])?;
        journal.told.push(Told::Append(self.path.clone(), bytes[..fits].to_vec()));
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// One operation, of which a crash may leave any part.
    fn append_all(&mut self, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        self.append(&pieces.iter().map(|piece| &**piece).collect::<Vec<_>>().concat())
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.overwrite(offset, bytes)?;
        self.journal.lock().unwrap().told.push(Told::Overwrite(self.path.clone(), offset, bytes.to_vec()));
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.truncate(size)?;
        self.journal.lock().unwrap().told.push(Told::Truncate(self.path.clone(), size));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.journal.lock().unwrap().broken {
            return Err(io::Error::other("the medium does not answer"));
        }
        self.file.sync()?;
        self.journal.lock().unwrap().told.push(Told::Sync(self.path.clone()));
        Ok(())
    }
}
