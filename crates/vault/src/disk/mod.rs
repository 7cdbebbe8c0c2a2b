//! The seam between the vault and what keeps its bytes: the real disk, and the disk of the crash tests, which
//! forgets what was not synced.

mod real;

use std::{
    fmt,
    io::{self, IoSlice},
    path::{Path, PathBuf},
};

pub use real::RealDisk;

/// Bytes that can be read at any place.
pub trait ReadAt {
    /// Reads at `offset` into `buffer` and gives how many bytes were read: fewer than asked only at the end.
    ///
    /// # Errors
    /// What the disk says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Bytes in all.
    ///
    /// # Errors
    /// What the disk says.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or(&[]);
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// An open file.
pub trait DiskFile: ReadAt + Send + Sync + fmt::Debug {
    /// Writes at the end. After an error any prefix of `bytes` may have been written.
    ///
    /// # Errors
    /// What the disk says; `StorageFull` when it is full.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Writes `pieces` at the end, one behind the other. After an error any prefix of them all may have been written.
    ///
    /// # Errors
    /// Those of [`Self::append`].
    fn append_all(&mut self, pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        pieces.iter().try_for_each(|piece| self.append(piece))
    }

    /// Overwrites in place, never beyond the end.
    ///
    /// # Errors
    /// What the disk says.
    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `size` bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn truncate(&mut self, size: u64) -> io::Result<()>;

    /// What was written is on the medium when this returns (fdatasync).
    ///
    /// # Errors
    /// What the disk says; what was written since the last sync must then be taken as lost.
    fn sync(&mut self) -> io::Result<()>;
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAs {
    /// It exists and is only read.
    Read,
    /// It exists and is written.
    Write,
    /// It must not exist; mode 0600.
    New,
}

/// A file system as the vault uses one.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes `dir` and its missing parents, mode 0700.
    ///
    /// # Errors
    /// What the disk says.
    fn make_dir(&self, dir: &Path) -> io::Result<()>;

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` and `AlreadyExists` as [`OpenAs`] says, and what the disk says.
    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>>;

    /// The names in a directory, sorted; a directory that does not exist has none, and `lost+found`, which is the file system's and
    /// which nobody but root may read, is none.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;

    /// Renames a file over whatever stands there.
    ///
    /// # Errors
    /// What the disk says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory. A disk that has none may leave it.
    ///
    /// # Errors
    /// What the disk says.
    fn remove_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Bytes that are free on the file system of `path` for a process without privileges, and bytes that it has in all.
    ///
    /// # Errors
    /// What the disk says.
    fn space(&self, path: &Path) -> io::Result<(u64, u64)>;

    /// Names made, renamed and removed in `dir` are on the medium when this returns.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// What was done to a file; `None` when it is not there.
pub(crate) fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Where a file is written before it is put at `path`: what lies there after a crash is nothing.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    beside(path, ".new")
}

/// A path whose name goes on with `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The whole of a file.
pub(crate) fn read_all(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenAs::Read)?;
    let mut bytes = vec![0; usize::try_from(file.size()?).map_err(|_| io::ErrorKind::FileTooLarge)?];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Puts a small file in place so that after a crash either the old one stands there or the whole new one.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let unfinished = unfinished(path);
    if_there(disk.remove(&unfinished))?;
    let mut file = disk.open(&unfinished, OpenAs::New)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&unfinished, path)?;
    disk.sync_dir(dir)
}

/// Overwrites a file with zeros where it lies, and removes it. After a crash it is whole, or zeros, or gone; its name is gone
/// for good when the directory is synced.
pub(crate) fn wipe(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    overwrite_with_zeros(disk, path)?;
    disk.remove(path)
}

/// Puts zeros where a file lies, on the medium when this returns.
pub(crate) fn overwrite_with_zeros(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    const PIECE: usize = 64 << 10;
    let mut file = disk.open(path, OpenAs::Write)?;
    let size = file.size()?;
    let mut at = 0;
    while at < size {
        let piece = usize::try_from(size - at).unwrap_or(PIECE).min(PIECE);
        file.overwrite(at, &[0; PIECE][..piece])?;
        at += piece as u64;
    }
    file.sync()
}
