//! A disk that writes down what it is told, can be full, and shows what a crash after any operation would leave.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use earwitness_vault::{Disk, DiskFile, OpenAs, ReadAt, RealDisk};

/// One thing that the disk was told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    MakeDir(PathBuf),
    Make(PathBuf),
    Append(PathBuf, Vec<u8>),
    Overwrite(PathBuf, u64, Vec<u8>),
    Truncate(PathBuf, u64),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// Not an operation: the test says that something was acknowledged.
    Acknowledged(u32),
}

/// What a crash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process: whatever was written is there.
    Kill,
    /// The machine: names and bytes that were not synced are not there.
    Forget,
    /// The machine: names are there and sizes are, bytes that were not synced are zeros.
    Zeros,
}

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

#[derive(Debug, Clone, Default)]
struct Inode {
    now: Vec<u8>,
    synced: Vec<u8>,
}

/// The disk that a crash would leave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    inodes: Vec<Inode>,
    /// Names as they are, and as they would be found after a power cut; `None` is a directory.
    now: BTreeMap<PathBuf, Option<usize>>,
    synced: BTreeMap<PathBuf, Option<usize>>,
}

impl Image {
    /// Everything under `root`, safe on the medium.
    pub(crate) fn of(root: &Path) -> Self {
        let mut image = Self::default();
        image.take(root);
        image.synced = image.now.clone();
        image
    }

    fn take(&mut self, dir: &Path) {
        self.now.insert(dir.into(), None);
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.take(&path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                self.now.insert(path, Some(self.inodes.len()));
                self.inodes.push(Inode { now: bytes.clone(), synced: bytes });
            }
        }
    }

    pub(crate) fn apply(&mut self, told: &Told) {
        match told {
            Told::MakeDir(dir) => {
                for above in dir.ancestors() {
                    self.now.entry(above.into()).or_insert(None);
                }
            }
            Told::Make(path) => {
                self.now.insert(path.clone(), Some(self.inodes.len()));
                self.inodes.push(Inode::default());
            }
            Told::Append(path, bytes) => self.inode(path).now.extend(bytes),
            Told::Overwrite(path, offset, bytes) => {
                self.inode(path).now[*offset as usize..][..bytes.len()].copy_from_slice(bytes);
            }
            Told::Truncate(path, size) => self.inode(path).now.truncate(*size as usize),
            Told::Sync(path) => {
                let inode = self.inode(path);
                inode.synced = inode.now.clone();
            }
            Told::Rename(from, to) => {
                let inode = self.now.remove(from).unwrap();
                self.now.insert(to.clone(), inode);
            }
            Told::Remove(path) => drop(self.now.remove(path).unwrap()),
            Told::SyncDir(dir) => {
                let within = |path: &Path| path.parent() == Some(dir);
                self.synced.retain(|path, _| !within(path));
                self.synced
                    .extend(self.now.iter().filter(|(path, _)| within(path)).map(|(p, i)| (p.clone(), *i)));
            }
            Told::Acknowledged(_) => {}
        }
    }

    fn inode(&mut self, path: &Path) -> &mut Inode {
        let place = self.now[path].unwrap();
        &mut self.inodes[place]
    }

    /// Writes what `crash` leaves of what lies under `root` to `to`.
    pub(crate) fn leave(&self, crash: Crash, root: &Path, to: &Path) {
        let names = if crash == Crash::Forget { &self.synced } else { &self.now };
        for (path, inode) in names {
            let Ok(inner) = path.strip_prefix(root) else { continue };
            let reachable =
                path.ancestors().skip(1).take_while(|a| a.starts_with(root)).all(|a| names.contains_key(a));
            if !reachable {
                continue;
            }
            let target = to.join(inner);
            let Some(place) = inode else {
                std::fs::create_dir_all(&target).unwrap();
                continue;
            };
            let Inode { now, synced } = &self.inodes[*place];
            let bytes = match crash {
                Crash::Kill => now.clone(),
                Crash::Forget => synced.clone(),
                Crash::Zeros => {
                    let mut bytes = synced.clone();
                    bytes.resize(now.len(), 0);
                    bytes
                }
            };
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::write(target, bytes).unwrap();
        }
    }
}
