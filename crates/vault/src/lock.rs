//! One process has the vault.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::error::{VaultError, failed};

/// The lock is the system's (flock): it goes with the process, however that ends. The id in it is for people.
pub(crate) struct Lock(File);

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// [`VaultError::InUse`]; what the disk says.
    pub(crate) fn take(path: &Path) -> Result<Self, VaultError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who has it is a courtesy: what cannot be read is not told.
                let pid = file.read_to_string(&mut text).ok().and_then(|_read| text.trim().parse().ok());
                return Err(VaultError::InUse { pid });
            }
            Err(TryLockError::Error(cause)) => return Err(failed("lock", path)(cause)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        match written.map_err(failed("write", path)) {
            // Who has it is a courtesy, also on a full disk.
            Err(error) if error.is_full() => Ok(Self(file)),
            written => written.map(|()| Self(file)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A program that this process is just starting has the file too, until it runs: closing alone would not unlock it.
        self.0.unlock().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_let_go_is_free_whoever_has_inherited_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::take(&path), Err(VaultError::InUse { pid: Some(_) })));
        drop(lock);
        drop(Lock::take(&path).unwrap());
        drop(inherited);
    }
}
