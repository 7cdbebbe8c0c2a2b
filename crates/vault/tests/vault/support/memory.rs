//! A disk in memory: quick to copy, and as unreliable as it is told to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use earwitness_vault::{Disk, DiskFile, OpenAs, ReadAt};

/// Files by their paths.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What a disk is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To read bytes.
    Read,
    /// To open a file.
    Open,
    /// To write, overwrite or cut.
    Write,
    /// To make durable, a file or a directory.
    Sync,
    /// To make, rename, remove or list names.
    Name,
}

/// What goes wrong, and when.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// With what.
    pub(crate) asked: Asked,
    /// From this time on that it is asked, from 0.
    pub(crate) from: u64,
    /// So often.
    pub(crate) times: u64,
    /// The number that the system gives (`errno`).
    pub(crate) errno: i32,
    /// Only of this file.
    pub(crate) only: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Content {
    files: BTreeMap<PathBuf, Arc<Mutex<Vec<u8>>>>,
    dirs: BTreeSet<PathBuf>,
    trouble: Option<Trouble>,
    /// How often the trouble could have come.
    asked: u64,
    /// How often it came, and to which file last.
    came: u64,
    last: Option<PathBuf>,
}

/// The disk. Copies are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<Content>>);

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl MemoryDisk {
    pub(crate) fn with(files: &Files) -> Self {
        let disk = Self::default();
        let mut content = disk.0.lock().unwrap();
        for (path, bytes) in files {
            content.dirs.extend(path.ancestors().skip(1).map(Path::to_owned));
            content.files.insert(path.clone(), Arc::new(Mutex::new(bytes.clone())));
        }
        drop(content);
        disk
    }

    /// From now on.
    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) {
        let mut content = self.0.lock().unwrap();
        (content.trouble, content.asked, content.came, content.last) = (trouble, 0, 0, None);
    }

    /// Keeps the count of trouble that is over.
    pub(crate) fn remember(&self, came: u64) {
        self.0.lock().unwrap().came = came;
    }

    /// How often it was asked for what there is trouble with, how often trouble came, and to what last.
    pub(crate) fn came(&self) -> (u64, u64, Option<PathBuf>) {
        let content = self.0.lock().unwrap();
        (content.asked, content.came, content.last.clone())
    }

    fn ask(&self, asked: Asked, path: &Path) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        let Some(trouble) = content.trouble.clone() else { return Ok(()) };
        if trouble.asked != asked || trouble.only.as_deref().is_some_and(|only| only != path) {
            return Ok(());
        }
        let place = content.asked;
        content.asked += 1;
        if place < trouble.from || place >= trouble.from.saturating_add(trouble.times) {
            return Ok(());
        }
        content.came += 1;
        content.last = Some(path.to_owned());
        Err(io::Error::from_raw_os_error(trouble.errno))
    }
}

impl Disk for MemoryDisk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        self.ask(Asked::Name, dir)?;
        self.0.lock().unwrap().dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        self.ask(Asked::Open, path)?;
        let mut content = self.0.lock().unwrap();
        let bytes = match (content.files.get(path), how) {
            (Some(_), OpenAs::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, OpenAs::Read | OpenAs::Write) => return Err(io::ErrorKind::NotFound.into()),
            (Some(bytes), OpenAs::Read | OpenAs::Write) => Arc::clone(bytes),
            (None, OpenAs::New) => {
                if !path.parent().is_some_and(|dir| content.dirs.contains(dir)) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let bytes = Arc::default();
                content.files.insert(path.to_owned(), Arc::clone(&bytes));
                bytes
            }
        };
        Ok(Box::new(MemoryFile { disk: self.clone(), path: path.to_owned(), bytes }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.ask(Asked::Name, dir)?;
        let content = self.0.lock().unwrap();
        if content.files.contains_key(dir) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let names: BTreeSet<_> = content.files.keys().chain(&content.dirs).cloned().collect();
        Ok(names.into_iter().filter(|path| path.parent() == Some(dir)).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.ask(Asked::Name, to)?;
        let mut content = self.0.lock().unwrap();
        let bytes = content.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        content.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.ask(Asked::Name, path)?;
        let gone = self.0.lock().unwrap().files.remove(path);
        gone.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn space(&self, _path: &Path) -> io::Result<(u64, u64)> {
        Ok((1 << 40, 1 << 41))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.ask(Asked::Sync, dir)
    }
}

impl ReadAt for MemoryFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.ask(Asked::Read, &self.path)?;
        self.bytes.lock().unwrap().as_slice().read_at(offset, buffer)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }
}

impl DiskFile for MemoryFile {
    /// In trouble, half of the bytes are written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let asked = self.disk.ask(Asked::Write, &self.path);
        let written = if asked.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        self.bytes.lock().unwrap().extend_from_slice(written);
        asked
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let asked = self.disk.ask(Asked::Write, &self.path);
        let written = if asked.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let at = usize::try_from(offset).unwrap();
        self.bytes.lock().unwrap()[at..at + written.len()].copy_from_slice(written);
        asked
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.disk.ask(Asked::Write, &self.path)?;
        // As `ftruncate` does, also beyond the end.
        self.bytes.lock().unwrap().resize(usize::try_from(size).unwrap(), 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.ask(Asked::Sync, &self.path)
    }
}
