//! Signed heads on the disk: `heads/<YYYY-MM-DD>.txt` is the one that closed that day, `heads/<YYYY-MM-DD>.<n>.txt` are
//! those that were made in between because somebody needed a proof.
//!
//! A head is written once and never again: a file is put into its place whole, and only under a name that is not taken.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;

use super::{
    check_heads::{HeadFault, HeadFinding},
    checkpoint::{CheckpointFault, MAX_CHECKPOINT},
    error::LedgerError,
    failed,
};
use crate::{
    disk::{Disk, OpenAs, ReadAt, replace},
    stamp::{MAX_STAMP, Stamp},
};

/// A signed head that is kept in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    /// Its file.
    pub path: PathBuf,
    /// The day that it closes, or on which it was made.
    pub day: NaiveDate,
    /// Whether it closed its day.
    pub closes: Closes,
    /// The note.
    pub note: String,
}

/// What a stored head is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Closes {
    /// It was the so-manieth that was made on its day before the day was closed.
    Nothing(u32),
    /// It has the row that closed its day.
    Day,
}

impl StoredHead {
    /// Where the answer of a time-stamping authority for it is.
    #[must_use]
    pub fn token_path(&self) -> PathBuf {
        self.path.with_extension("tsr")
    }
}

/// Why a head is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhatFor {
    /// Its day is over.
    ClosingTheDay,
    /// Somebody needs a proof, or an anchor.
    AProof,
}

/// The directory of heads.
pub(crate) struct Heads<'d> {
    pub(crate) disk: &'d dyn Disk,
    pub(crate) dir: PathBuf,
}

impl Heads<'_> {
    /// Every head that can be read, and what is wrong with the others. What is too long to be one is given up to its limit, and is
    /// none then.
    pub(crate) fn readable(&self) -> Result<(Vec<StoredHead>, Vec<HeadFinding>), LedgerError> {
        let (mut stored, mut unread) = (Vec::new(), Vec::new());
        for (day, closes) in self.names()? {
            match self.read(day, closes) {
                Ok(head) => stored.push(head),
                Err(LedgerError::Head { path, fault }) => {
                    unread.push(HeadFinding { path, fault: fault.into() })
                }
                Err(_) => {
                    let path = self.path(day, closes);
                    unread.push(HeadFinding { path, fault: HeadFault::Unreadable });
                }
            }
        }
        Ok((stored, unread))
    }

    /// Answers of authorities that are no stamp of the head beside them.
    pub(crate) fn wrong_stamps(&self) -> Result<Vec<HeadFinding>, LedgerError> {
        let mut findings = Vec::new();
        for path in self.disk.list(&self.dir).map_err(failed("list", &self.dir))? {
            if path.extension().is_none_or(|extension| extension != "tsr") {
                continue;
            }
            let head = path.with_extension("txt");
            let read = |path: &Path, most| read_bounded(self.disk, path, most);
            let fault = match (read(&path, MAX_STAMP + 1), read(&head, MAX_CHECKPOINT + 1)) {
                (Ok(answer), Ok(note)) => {
                    Stamp::read(&answer, &note).err().map(|fault| HeadFault::Stamp { why: fault.to_string() })
                }
                (Err(_), _) => Some(HeadFault::Unreadable),
                (_, Err(_)) => Some(HeadFault::Stamp { why: "there is no head beside it".to_owned() }),
            };
            findings.extend(fault.map(|fault| HeadFinding { path, fault }));
        }
        Ok(findings)
    }

    fn names(&self) -> Result<Vec<(NaiveDate, Closes)>, LedgerError> {
        let files = self.disk.list(&self.dir).map_err(failed("list", &self.dir))?;
        Ok(files.iter().filter_map(|path| named(path)).collect())
    }

    fn read(&self, day: NaiveDate, closes: Closes) -> Result<StoredHead, LedgerError> {
        let path = self.path(day, closes);
        let bytes = read_bounded(self.disk, &path, MAX_CHECKPOINT + 1).map_err(failed("read", &path))?;
        let note = String::from_utf8(bytes)
            .map_err(|_| LedgerError::Head { path: path.clone(), fault: CheckpointFault::NotANote })?;
        Ok(StoredHead { path, day, closes, note })
    }

    /// Keeps a head under the next free name of its day; the first that closes the day, under the day's own.
    pub(crate) fn keep(
        &self,
        day: NaiveDate,
        what_for: WhatFor,
        note: &str,
    ) -> Result<StoredHead, LedgerError> {
        self.disk.make_dir(&self.dir).map_err(failed("make", &self.dir))?;
        let taken = self.names()?;
        let made = taken.iter().filter(|(of, _)| *of == day).filter_map(|(_, closes)| match closes {
            Closes::Nothing(number) => Some(*number),
            Closes::Day => None,
        });
        let closes = match what_for {
            WhatFor::ClosingTheDay if !taken.contains(&(day, Closes::Day)) => Closes::Day,
            WhatFor::ClosingTheDay | WhatFor::AProof => {
                Closes::Nothing(made.max().map_or(1, |number| number.saturating_add(1)))
            }
        };
        let path = self.path(day, closes);
        replace(self.disk, &path, note.as_bytes()).map_err(failed("write", &path))?;
        let above = self.dir.parent().unwrap_or(&self.dir);
        self.disk.sync_dir(above).map_err(failed("sync", above))?;
        Ok(StoredHead { path, day, closes, note: note.to_owned() })
    }

    fn path(&self, day: NaiveDate, closes: Closes) -> PathBuf {
        let name = match closes {
            Closes::Day => format!("{day}.txt"),
            Closes::Nothing(number) => format!("{day}.{number}.txt"),
        };
        self.dir.join(name)
    }
}

/// The signed head that somebody keeps elsewhere, or one of ours.
///
/// # Errors
/// What the disk says; a file longer than `most` is cut there.
pub(crate) fn read_bounded(disk: &dyn Disk, path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenAs::Read)?;
    let size = usize::try_from(ReadAt::size(&*file)?).unwrap_or(usize::MAX).min(most);
    let mut bytes = vec![0; size];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The day and place of a head by its file's name, if it is one of ours.
fn named(path: &Path) -> Option<(NaiveDate, Closes)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".txt")?;
    let (day, closes) = match name.split_once('.') {
        None => (name, Closes::Day),
        Some((day, number)) => {
            let parsed = number.parse().ok().filter(|parsed: &u32| parsed.to_string() == number)?;
            (day, Closes::Nothing(parsed))
        }
    };
    let parsed: NaiveDate = day.parse().ok()?;
    (parsed.to_string() == day).then_some((parsed, closes))
}
