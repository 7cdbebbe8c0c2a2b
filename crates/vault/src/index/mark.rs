//! What the index holds, in one place: how many calls, of which days, and how far each day's rows go.
//!
//! It is written behind every batch, after the batch's rows are durable, and is not synced itself: a mark that is behind
//! the rows proves less, and never accuses wrongly. Whole batches behind it are taken up when the index is opened. What is
//! before it was acknowledged: rows that end earlier were lost.
//!
//! ```text
//! two files, written in turn:  CRC-32C of all behind it (4, LE) | version (1) | bytes (4, LE) | the contents, sealed
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::{Damage, IndexError},
    schema::{Tally, VERSION},
};
use crate::metadata_key::MetadataKey;

/// The files' names in the index directory; sled leaves names that it does not know alone.
const NAMES: [&str; 2] = ["mark.0", "mark.1"];
/// The file of the first version.
const FIRST_NAME: &str = "mark";
const HEAD: usize = 9;

/// What there is of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct DayMark {
    /// Where its rows end.
    pub(super) end: u64,
    /// Calls that are listed.
    pub(super) calls: u64,
    /// The last batch that has a row of it.
    pub(super) batch: u64,
}

/// What the index holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Contents {
    pub(super) tally: Tally,
    /// By day.
    pub(super) days: BTreeMap<u32, DayMark>,
}

/// The open files.
#[derive(Debug)]
pub(super) struct Mark {
    files: [File; 2],
    paths: [PathBuf; 2],
}

impl Mark {
    /// Makes the files, durably, with these contents in both of them.
    pub(super) fn create(dir: &Path, contents: &Contents, key: &MetadataKey) -> Result<Self, IndexError> {
        let mark =
            Self::open_files(dir, OpenOptions::new().read(true).write(true).create(true).truncate(true))?;
        mark.settle(contents, key)?;
        Ok(mark)
    }

    /// Opens the mark, and says what it knows.
    pub(super) fn open(dir: &Path, key: &MetadataKey) -> Result<(Self, Contents), IndexError> {
        let mark = match Self::open_files(dir, OpenOptions::new().read(true).write(true)) {
            Err(IndexError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                let is_first = dir.join(FIRST_NAME).exists();
                let first = Damage::RowVersion { found: 1, known: VERSION };
                return Err(if is_first { first } else { Damage::MarkUnreadable }.into());
            }
            other => other?,
        };
        let read: Vec<_> = (0..2).map(|slot| mark.read(slot, key)).collect();
        if let Some(newest) = read.iter().flatten().max_by_key(|contents| contents.tally.batch) {
            return Ok((mark, newest.clone()));
        }
        // Another key, or another version, is only believed of both.
        let all = |wanted: fn(&IndexError) -> bool| read.iter().all(|slot| slot.as_ref().is_err_and(wanted));
        let is_foreign = all(|error| matches!(error, IndexError::WrongKey));
        let is_other = all(|error| matches!(error, IndexError::Damaged(Damage::RowVersion { .. })));
        match read.into_iter().find_map(Result::err) {
            Some(error) if is_foreign || is_other => Err(error),
            Some(_) | None => Err(Damage::MarkUnreadable.into()),
        }
    }

    /// Says what the index holds now.
    pub(super) fn write(&self, contents: &Contents, key: &MetadataKey) -> Result<(), IndexError> {
        self.write_slot(usize::from(contents.tally.batch % 2 == 1), contents, key)
    }

    /// Says it in both files, durably.
    pub(super) fn settle(&self, contents: &Contents, key: &MetadataKey) -> Result<(), IndexError> {
        for slot in 0..2 {
            self.write_slot(slot, contents, key)?;
        }
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<(), IndexError> {
        for (slot, file) in self.files.iter().enumerate() {
            file.sync_data().map_err(|cause| self.failed("sync", slot, cause))?;
        }
        Ok(())
    }

    fn write_slot(&self, slot: usize, contents: &Contents, key: &MetadataKey) -> Result<(), IndexError> {
        let plain = postcard::to_stdvec(contents).expect("a map of numbers knows its length");
        let sealed = key.seal(b"index mark", &plain);
        let mut bytes = vec![0; HEAD];
        bytes[4] = VERSION;
        bytes[5..].copy_from_slice(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&sealed);
        let crc = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        self.files[slot].write_all_at(&bytes, 0).map_err(|cause| self.failed("write", slot, cause))
    }

    /// One that is missing, torn or flipped is none: the other one stands.
    fn read(&self, slot: usize, key: &MetadataKey) -> Result<Contents, IndexError> {
        let bytes = fs::read(&self.paths[slot]).map_err(|cause| self.failed("read", slot, cause))?;
        let whole = || {
            let (crc, rest) = bytes.split_first_chunk::<4>()?;
            let (&version, after) = rest.split_first()?;
            let (length, sealed) = after.split_first_chunk::<4>()?;
            let length = u32::from_le_bytes(*length) as usize;
            let checked = rest.get(..5 + length)?;
            (crc32c::crc32c(checked).to_le_bytes() == *crc).then_some((version, &sealed[..length]))
        };
        let (version, sealed) = whole().ok_or(Damage::MarkUnreadable)?;
        if version != VERSION {
            return Err(Damage::RowVersion { found: version, known: VERSION }.into());
        }
        let plain = key.open(b"index mark", sealed).map_err(|_| IndexError::WrongKey)?;
        Ok(postcard::from_bytes(&plain).map_err(|_| Damage::MarkUnreadable)?)
    }

    fn open_files(dir: &Path, options: &mut OpenOptions) -> Result<Self, IndexError> {
        let paths = NAMES.map(|name| dir.join(name));
        let open = |path: &PathBuf, options: &mut OpenOptions| {
            options.mode(0o600).open(path).map_err(|cause| IndexError::Io {
                doing: "open",
                path: path.clone(),
                cause,
            })
        };
        let files = [open(&paths[0], options)?, open(&paths[1], options)?];
        Ok(Self { files, paths })
    }

    fn failed(&self, doing: &'static str, slot: usize, cause: io::Error) -> IndexError {
        IndexError::Io { doing, path: self.paths[slot].clone(), cause }
    }
}
