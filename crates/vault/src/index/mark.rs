//! How far the index was durable: a count kept outside the store.
//!
//! sled takes a damaged tail of its log for a torn one and silently goes back to an older state. The mark is the number of
//! the last batch that was durable; a store that ends before it has lost rows. It is written after the store was synced
//! and is not synced itself: a mark that is behind the store proves less, and never accuses wrongly.
//!
//! ```text
//! two slots, written in turn:  batch (8, LE) | CRC-32C over slot number and batch (4, LE)
//! ```

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::error::{Damage, IndexError};

/// The file's name in the index directory; sled leaves names that it does not know alone.
const NAME: &str = "mark";
const SLOT: usize = 12;

/// The open file.
pub(super) struct Mark {
    file: File,
    path: PathBuf,
}

impl Mark {
    /// Begins at batch 0, durably.
    pub(super) fn create(dir: &Path) -> Result<Self, IndexError> {
        let mark = Self::open_file(dir, OpenOptions::new().write(true).create(true).truncate(true))?;
        mark.write(0)?;
        mark.file.sync_all().map_err(|cause| mark.failed("sync", cause))?;
        Ok(mark)
    }

    /// Opens the mark, and says the last batch it knows to be durable.
    pub(super) fn open(dir: &Path) -> Result<(Self, u64), IndexError> {
        let mark = match Self::open_file(dir, OpenOptions::new().read(true).write(true)) {
            Err(IndexError::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
                return Err(Damage::MarkUnreadable.into());
            }
            other => other?,
        };
        let batch = (0..2).filter_map(|slot| mark.read(slot)).max().ok_or(Damage::MarkUnreadable)?;
        Ok((mark, batch))
    }

    /// Says that `batch` is durable.
    pub(super) fn write(&self, batch: u64) -> Result<(), IndexError> {
        let slot = batch % 2;
        let mut bytes = [0; SLOT];
        bytes[..8].copy_from_slice(&batch.to_le_bytes());
        bytes[8..].copy_from_slice(&checksum(slot, batch).to_le_bytes());
        self.file.write_all_at(&bytes, slot * SLOT as u64).map_err(|cause| self.failed("write", cause))
    }

    /// A slot that is missing, torn or flipped is none: the other one stands.
    fn read(&self, slot: u64) -> Option<u64> {
        let mut bytes = [0; SLOT];
        self.file.read_exact_at(&mut bytes, slot * SLOT as u64).ok()?;
        let (batch, crc) = bytes.split_first_chunk::<8>()?;
        let batch = u64::from_le_bytes(*batch);
        (checksum(slot, batch).to_le_bytes() == crc).then_some(batch)
    }

    fn open_file(dir: &Path, options: &mut OpenOptions) -> Result<Self, IndexError> {
        let path = dir.join(NAME);
        match options.mode(0o600).open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(cause) => Err(IndexError::Io { doing: "open", path, cause }),
        }
    }

    fn failed(&self, doing: &'static str, cause: std::io::Error) -> IndexError {
        IndexError::Io { doing, path: self.path.clone(), cause }
    }
}

fn checksum(slot: u64, batch: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&slot.to_le_bytes()), &batch.to_le_bytes())
}
