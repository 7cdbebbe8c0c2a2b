//! The real disk.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Disk, DiskFile, OpenAs, ReadAt};

/// Pieces that Linux writes at once (`UIO_MAXIOV`).
const MOST_PIECES: usize = 1024;

/// What a file system has in its root for itself: part of a vault may be a file system of its own.
const LOST_AND_FOUND: &str = "lost+found";

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: File,
    size: u64,
}

impl Disk for RealDisk {
    fn make_dir(&self, dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn open(&self, path: &Path, how: OpenAs) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        match how {
            OpenAs::Read => &mut options,
            OpenAs::Write => options.write(true),
            OpenAs::New => options.write(true).create_new(true),
        };
        let file = options.open(path)?;
        let size = file.metadata()?.len();
        Ok(Box::new(RealFile { file, size }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(cause),
        };
        let mut names = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        names.retain(|path| path.file_name().is_none_or(|name| name != LOST_AND_FOUND));
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        std::fs::remove_dir(dir)
    }

    fn space(&self, path: &Path) -> io::Result<(u64, u64)> {
        let found = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok((bytes(found.f_bavail), bytes(found.f_blocks)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl ReadAt for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match self.file.read_at(&mut buffer[read..], offset.saturating_add(read as u64)) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(read)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }
}

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.size)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn append_all(&mut self, mut pieces: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut end = self.size;
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            let some = &pieces[..pieces.len().min(MOST_PIECES)];
            match rustix::io::pwritev(&self.file, some, end) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    end += written as u64;
                    IoSlice::advance_slices(&mut pieces, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        self.size = end;
        Ok(())
    }

    fn overwrite(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.file.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)?;
        self.size = size;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::disk::{read_all, replace};

    #[test]
    fn files_are_private_append_only_by_default_and_cut_where_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, inner) = (RealDisk, dir.path().join("a/b"));
        disk.make_dir(&inner).unwrap();
        assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
        let path = inner.join("f");
        let mut file = disk.open(&path, OpenAs::New).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        file.append(b"whole").unwrap();
        file.append(b" and torn").unwrap();
        file.truncate(5).unwrap();
        let empty: &[u8] = b"";
        file.append_all(&mut [empty, b"!", b"", b" many", b""].map(IoSlice::new)).unwrap();
        file.append_all(&mut vec![IoSlice::new(b" p"); 3000]).unwrap();
        assert_eq!(file.size().unwrap(), 6 + 5 + 6000);
        let mut end = [0; 6];
        assert_eq!(file.read_at(6 + 5 + 5994, &mut end).unwrap(), 6);
        assert_eq!(&end, b" p p p");
        file.truncate(6).unwrap();
        file.overwrite(0, b"W").unwrap();
        assert_eq!(file.overwrite(5, b"xx").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        file.sync().unwrap();
        assert_eq!(read_all(&disk, &path).unwrap(), b"Whole!");
        assert_eq!(disk.open(&path, OpenAs::New).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_replaced_file_is_the_new_one_even_over_a_leftover() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(dir.path().join("key.new"), b"torn").unwrap();
        replace(&RealDisk, &path, b"one").unwrap();
        replace(&RealDisk, &path, b"two").unwrap();
        assert_eq!(read_all(&RealDisk, &path).unwrap(), b"two");
        std::fs::create_dir(dir.path().join("lost+found")).unwrap();
        assert_eq!(RealDisk.list(dir.path()).unwrap(), [path]);
        assert_eq!(RealDisk.list(&dir.path().join("none")).unwrap(), Vec::<PathBuf>::new());
    }
}
