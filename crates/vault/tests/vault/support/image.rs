//! What a disk was told, and what a crash after any of it would leave.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Component, Path, PathBuf},
};

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

impl Told {
    /// Of a write, the first half.
    pub(crate) fn half(&self) -> Option<Self> {
        match self {
            Self::Append(path, bytes) => Some(Self::Append(path.clone(), bytes[..bytes.len() / 2].to_vec())),
            Self::Overwrite(path, at, bytes) => {
                Some(Self::Overwrite(path.clone(), *at, bytes[..bytes.len() / 2].to_vec()))
            }
            Self::MakeDir(_)
            | Self::Make(_)
            | Self::Truncate(..)
            | Self::Sync(_)
            | Self::Rename(..)
            | Self::Remove(_)
            | Self::SyncDir(_)
            | Self::Acknowledged(_) => None,
        }
    }
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

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::Forget => "unsynced forgotten",
            Self::Zeros => "unsynced zeros",
        })
    }
}

/// How many images of a procedure were looked at, by what the crash took.
#[derive(Debug, Default)]
pub(crate) struct Images([usize; 3]);

impl Images {
    pub(crate) fn count(&mut self, crash: Crash) {
        self.0[crash as usize] += 1;
    }

    pub(crate) fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// Says it, in the words of every such test.
    pub(crate) fn tell(&self, procedure: &str) {
        let all = [Crash::Kill, Crash::Forget, Crash::Zeros].into_iter().zip(self.0);
        all.filter(|(_, images)| *images > 0)
            .for_each(|(crash, images)| println!("{procedure}, {crash}: {images} images"));
    }
}

type Names = BTreeMap<OsString, usize>;

/// What lies on the disk, as it is and as it would be found after a power cut. A directory that gets another name takes with it
/// what is in it.
#[derive(Debug, Clone)]
enum Inode {
    File { now: Vec<u8>, synced: Vec<u8> },
    Dir { now: Names, synced: Names },
}

impl Inode {
    const fn dir() -> Self {
        Self::Dir { now: Names::new(), synced: Names::new() }
    }

    fn sync(&mut self) {
        match self {
            Self::File { now, synced } => synced.clone_from(now),
            Self::Dir { now, synced } => synced.clone_from(now),
        }
    }
}

/// The disk that a crash would leave.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The first is the root of all.
    inodes: Vec<Inode>,
}

impl Image {
    /// Everything under `root`, safe on the medium.
    pub(crate) fn of(root: &Path) -> Self {
        let mut image = Self { inodes: vec![Inode::dir()] };
        image.take(root);
        image.inodes.iter_mut().for_each(Inode::sync);
        image
    }

    fn take(&mut self, dir: &Path) {
        self.make_dir(dir);
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.take(&path);
            } else {
                let now = std::fs::read(&path).unwrap();
                self.make(&path, Inode::File { now, synced: Vec::new() });
            }
        }
    }

    /// Whether there is such a name now.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.find(path).is_some()
    }

    /// Whether it is a directory's.
    pub(crate) fn is_dir(&self, path: &Path) -> bool {
        self.find(path).is_some_and(|inode| matches!(self.inodes[inode], Inode::Dir { .. }))
    }

    pub(crate) fn apply(&mut self, told: &Told) {
        match told {
            Told::MakeDir(dir) => self.make_dir(dir),
            Told::Make(path) => self.make(path, Inode::File { now: Vec::new(), synced: Vec::new() }),
            Told::Append(path, bytes) => self.bytes(path).extend(bytes),
            Told::Overwrite(path, offset, bytes) => {
                let (now, offset) = (self.bytes(path), *offset as usize);
                now.resize(now.len().max(offset + bytes.len()), 0);
                now[offset..][..bytes.len()].copy_from_slice(bytes);
            }
            Told::Truncate(path, size) => self.bytes(path).resize(*size as usize, 0),
            Told::Sync(path) | Told::SyncDir(path) => {
                if let Some(inode) = self.find(path) {
                    self.inodes[inode].sync();
                }
            }
            Told::Rename(from, to) => {
                let inode = self.unname(from);
                self.names_beside(to).insert(to.file_name().unwrap().to_owned(), inode);
            }
            Told::Remove(path) => drop(self.unname(path)),
            Told::Acknowledged(_) => {}
        }
    }

    /// With those above it that are not there.
    fn make_dir(&mut self, dir: &Path) {
        if dir.file_name().is_some() && !self.has(dir) {
            self.make_dir(dir.parent().unwrap());
            self.make(dir, Inode::dir());
        }
    }

    fn make(&mut self, path: &Path, inode: Inode) {
        let place = self.inodes.len();
        self.inodes.push(inode);
        self.names_beside(path).insert(path.file_name().unwrap().to_owned(), place);
    }

    fn unname(&mut self, path: &Path) -> usize {
        self.names_beside(path).remove(path.file_name().unwrap()).unwrap()
    }

    /// The names in the directory that `path` lies in.
    fn names_beside(&mut self, path: &Path) -> &mut Names {
        let dir = path.parent().and_then(|dir| self.find(dir));
        match dir.map(|dir| &mut self.inodes[dir]) {
            Some(Inode::Dir { now, .. }) => now,
            Some(Inode::File { .. }) | None => panic!("{} lies nowhere", path.display()),
        }
    }

    fn bytes(&mut self, path: &Path) -> &mut Vec<u8> {
        match self.find(path).map(|inode| &mut self.inodes[inode]) {
            Some(Inode::File { now, .. }) => now,
            Some(Inode::Dir { .. }) | None => panic!("{} is no file", path.display()),
        }
    }

    fn find(&self, path: &Path) -> Option<usize> {
        path.components().try_fold(0, |inode, component| match (component, &self.inodes[inode]) {
            (Component::RootDir, _) => Some(inode),
            (Component::Normal(name), Inode::Dir { now, .. }) => now.get(name).copied(),
            (Component::Normal(_), Inode::File { .. }) => None,
            (Component::Prefix(_) | Component::CurDir | Component::ParentDir, _) => {
                panic!("{} is no plain path", path.display())
            }
        })
    }

    /// Writes what `crash` leaves of what lies under `root` to `to`.
    pub(crate) fn leave(&self, crash: Crash, root: &Path, to: &Path) {
        self.each(crash, root, &mut |inner, bytes| {
            let target = to.join(inner);
            match bytes {
                None => std::fs::create_dir_all(target).unwrap(),
                Some(bytes) => std::fs::write(target, bytes).unwrap(),
            }
        });
    }

    /// The same for what would be left alike.
    pub(crate) fn digest(&self, crash: Crash, root: &Path) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        self.each(crash, root, &mut |inner, bytes| {
            let size = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hasher.update(inner.as_os_str().as_encoded_bytes()).update(b"\0").update(&size.to_le_bytes());
            hasher.update(bytes.unwrap_or_default());
        });
        hasher.finalize().into()
    }

    /// What `crash` leaves under `root`: directories before what is in them, and files with their bytes.
    fn each(&self, crash: Crash, root: &Path, each: &mut dyn FnMut(&Path, Option<&[u8]>)) {
        self.walk(crash, self.find(root).unwrap(), Path::new(""), each);
    }

    fn walk(&self, crash: Crash, at: usize, inner: &Path, each: &mut dyn FnMut(&Path, Option<&[u8]>)) {
        match &self.inodes[at] {
            Inode::Dir { now, synced } => {
                each(inner, None);
                let names = if crash == Crash::Forget { synced } else { now };
                for (name, inode) in names {
                    self.walk(crash, *inode, &inner.join(name), each);
                }
            }
            Inode::File { now, synced } => {
                let bytes = match crash {
                    Crash::Kill => Cow::from(now),
                    Crash::Forget => Cow::from(synced),
                    Crash::Zeros => {
                        let mut bytes = synced.clone();
                        bytes.resize(now.len(), 0);
                        Cow::from(bytes)
                    }
                };
                each(inner, Some(&bytes));
            }
        }
    }
}
