//! The ledger: an append-only, hash-chained log of everything that happens to recordings and to the recorder.
//!
//! One file per month of [`WallTime`] (UTC), its rows numbered and chained through all files (`row` draws the bytes).
//! Payloads are sealed under the metadata key; kind, time and chain are not, so that anyone can check the chain.
//!
//! Invariants:
//! 1. What [`Ledger::sync`] returned for is on the medium, in the order it was appended.
//! 2. The files are only ever appended to. Opening cuts what follows the last whole row of the last file, and says so;
//!    what of that was a whole row once is kept beside. Damage that has rows after it is reported and left in place.
//! 3. A row changed, moved or taken out of the middle is found by [`check_chain`] without any key. Rows taken from the very
//!    end are found by whoever keeps a signed head ([`Checkpoint`]) elsewhere: it says how many there were, and their root.
//! 4. A clock that goes back never writes into an earlier month: the newest file takes the row, with the time it was given.

mod act;
mod aside;
mod chain;
mod check_heads;
mod checkpoint;
mod error;
mod examine;
mod heads;
mod kind;
mod merkle;
mod note;
mod proof;
mod reader;
mod row;
mod settled;
mod survey;
mod told;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::DateTime;
use earwitness_model::WallTime;

pub(crate) use self::reader::{Mark, Reader, Step};
pub use self::{
    act::{Act, CopyGiven},
    check_heads::{HeadFault, HeadFinding, HeadsChecked, KeptHead},
    checkpoint::{Checkpoint, CheckpointFault, MAX_CHECKPOINT, origin, verifier_key},
    error::{LedgerError, LedgerFault, LedgerFinding},
    examine::check_chain,
    heads::{Closes, StoredHead},
    kind::LedgerKind,
    merkle::{TreeHash, is_consistent, root_by_inclusion},
    note::{
        AlarmState, Alive, BackedUp, Imported, KeysBackedUp, KeysRotated, KeysSplit, LedgerNote, LinkState,
        Recovered, Restored, Watching,
    },
    proof::{ProofFault, RowProof},
    told::{
        Anchored, AnchoredBy, ClockStatus, Closing, Counted, Counter, DayClosed, DayCounts, Ended,
        ExcludedBecause, FailedBecause, Synchronised,
    },
};
use self::{
    chain::{Chain, Found},
    examine::{examine, opened},
    row::{FILE_HEADER, MAX_PAYLOAD, Place, StoredRow},
    survey::Survey,
};
pub(crate) use self::{
    check_heads::check as check_heads,
    heads::{Heads, WhatFor},
    settled::{Sealed, Settled},
    told::{failed_row, read_failed_row},
};
use crate::{
    disk::{Disk, DiskFile, OpenAs},
    metadata_key::MetadataKey,
};

/// Bytes of rows that wait in memory before they are written.
const WRITE_AT: usize = 64 << 10;

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LedgerState {
    /// The bytes after the last whole row, now cut: a row that was never acknowledged, or the last one damaged, which is kept
    /// beside (`aside`).
    pub cut: Option<LedgerFinding>,
    /// What is wrong in the last 2 MiB of the newest file; everything before is read by [`Ledger::verify`] only.
    pub findings: Vec<LedgerFinding>,
    /// The number that the next row gets: how many there ever were.
    pub next_number: u64,
}

/// A row as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its place, from 0 through all files.
    pub number: u64,
    /// What it says.
    pub kind: LedgerKind,
    /// When.
    pub at: WallTime,
    /// Of what: the meaning of the bytes is the kind's.
    pub payload: Vec<u8>,
}

/// The open ledger of one vault.
#[derive(Debug)]
pub struct Ledger {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: MetadataKey,
    /// Where the next row belongs.
    place: Place,
    /// What its time is, where the newest file has one.
    last_row: Option<WallTime>,
    newest: Option<Newest>,
    /// Rows appended and not yet written.
    pending: Vec<u8>,
    stopped: bool,
}

/// The newest file.
#[derive(Debug)]
struct Newest {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    /// Its size when it ends with a whole row.
    size: u64,
}

impl Ledger {
    /// Opens the ledger in `dir`, making it when it is not there, and cuts what a crash left of a row.
    ///
    /// # Errors
    /// When the disk refuses, or the newest file is of another format version.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        key: MetadataKey,
    ) -> Result<(Self, LedgerState), LedgerError> {
        disk.make_dir(dir).map_err(failed("make", dir))?;
        let mut ledger = Self {
            disk,
            dir: dir.to_owned(),
            key,
            place: Place::default(),
            last_row: None,
            newest: None,
            pending: Vec::new(),
            stopped: false,
        };
        let mut state = LedgerState::default();
        let mut files = chain::files(&*ledger.disk, dir).map_err(failed("list", dir))?;
        while let Some(path) = files.pop() {
            if ledger.take_up(path, &mut state)? {
                break;
            }
        }
        state.next_number = ledger.place.number;
        Ok((ledger, state))
    }

    /// Goes on after the last row of `path`; `false` when there is none to go on from and the file is out of the way.
    fn take_up(&mut self, path: PathBuf, state: &mut LedgerState) -> Result<bool, LedgerError> {
        let mut survey = Survey::of(&*self.disk, &path)?;
        let headless = survey.findings.iter().any(|finding| finding.fault == LedgerFault::Header);
        if headless && survey.rows == 0 {
            match survey.torn {
                None => state.cut = survey.findings.pop(),
                Some(torn) => survey.findings.push(torn),
            }
            state.findings.append(&mut survey.findings);
            self.put_away(&path)?;
            return Ok(false);
        }
        let mut file = self.disk.open(&path, OpenAs::Write).map_err(failed("open", &path))?;
        if let Some(torn) = &survey.torn {
            aside::keep_row(&*self.disk, (&path, &*file), (torn.offset, survey.end.number))
                .map_err(failed("keep the last row of", &path))?;
            file.truncate(torn.offset).map_err(failed("cut", &path))?;
            file.sync().map_err(failed("sync", &path))?;
        }
        let size = file.size().map_err(failed("read", &path))?;
        state.cut = survey.torn.or_else(|| state.cut.take());
        state.findings.append(&mut survey.findings);
        self.last_row = survey.last_row;
        self.place = survey.end;
        self.newest = Some(Newest { path, file, size });
        Ok(true)
    }

    /// A file gets its first row only after its header is on the medium: one that is too short for a row is what a crash left
    /// and goes; a longer one held rows, and is kept under another name for who wants to look.
    fn put_away(&self, path: &Path) -> Result<(), LedgerError> {
        let size = self.disk.open(path, OpenAs::Read).and_then(|file| file.size());
        if size.map_err(failed("read", path))? <= FILE_HEADER as u64 {
            self.disk.remove(path).map_err(failed("remove", path))?;
        } else {
            self.disk.rename(path, &aside::place_of(path)).map_err(failed("rename", path))?;
        }
        self.disk.sync_dir(&self.dir).map_err(failed("sync", &self.dir))
    }

    /// The number of the row that is appended next.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.place.number
    }

    /// Appends a row. It is acknowledged by the next [`Self::sync`], not before.
    ///
    /// # Errors
    /// When the payload is too large, or rows appended earlier cannot be written. The row is then not appended; after a full
    /// disk the call may be repeated when there is room.
    pub fn append(&mut self, kind: LedgerKind, at: WallTime, payload: &[u8]) -> Result<(), LedgerError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(LedgerError::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD });
        }
        if self.stopped {
            return Err(LedgerError::Stopped);
        }
        if self.pending.len() >= WRITE_AT {
            self.write_out()?;
        }
        self.turn_page(at)?;
        let seal_place = StoredRow::seal_place(self.place.number, kind.code(), at.nanos());
        let sealed = self.key.seal(&seal_place, payload);
        let row = StoredRow::after(self.place, kind.code(), at.nanos(), sealed);
        row.write(&mut self.pending);
        self.place = row.next();
        self.last_row = Some(at);
        Ok(())
    }

    /// Writes what was appended and returns when it is on the medium: nothing is acknowledged before.
    ///
    /// # Errors
    /// When the rows cannot be written (they stay in memory, and the call may be repeated), or when the disk cannot say what
    /// of them it has (then [`LedgerError::Stopped`] until the ledger is opened again).
    pub fn sync(&mut self) -> Result<(), LedgerError> {
        if self.stopped {
            return Err(LedgerError::Stopped);
        }
        self.write_out()?;
        let Some(newest) = &mut self.newest else { return Ok(()) };
        newest.file.sync().map_err(|cause| {
            self.stopped = true;
            failed("sync", &newest.path)(cause)
        })
    }

    /// The rows that are on the medium, to be walked over while others append more.
    ///
    /// # Errors
    /// Those of [`Self::sync`].
    pub(crate) fn settled(&mut self) -> Result<Settled, LedgerError> {
        self.sync()?;
        let (disk, dir, key) = (Arc::clone(&self.disk), self.dir.clone(), self.key.clone());
        Ok(Settled { disk, dir, key, end: self.place.number, last_row: self.last_row })
    }

    /// Every row that was written, oldest first; rows that wait for a sync are not among them. What is damaged or does not fit is
    /// an error in its place, and the rows after it follow.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, LedgerError>> {
        let (files, error) = match chain::files(&*self.disk, &self.dir) {
            Ok(files) => (files, None),
            Err(cause) => (Vec::new(), Some(failed("list", &self.dir)(cause))),
        };
        let rows = Chain::whole(&*self.disk, files).map(|found| match found {
            Found::Row { path, offset, row } => opened(&self.key, &row)
                .map_err(|fault| LedgerError::Broken(LedgerFinding { path, offset, fault })),
            Found::Wrong(finding) => Err(LedgerError::Broken(finding)),
        });
        error.into_iter().map(Err).chain(rows)
    }

    /// Reads what was written while the ledger is not in hand.
    pub(crate) fn reader(&self) -> Reader {
        Reader { disk: Arc::clone(&self.disk), dir: self.dir.clone(), key: self.key.clone() }
    }

    /// That whoever reads on from `mark` has read every row.
    ///
    /// # Errors
    /// [`LedgerError::Broken`]: the last rows are not on the disk any more as they were appended.
    pub(crate) fn has_all(&self, mark: &Mark) -> Result<(), LedgerError> {
        if mark.next_number() == self.place.number {
            return Ok(());
        }
        let (path, offset) = (self.dir.clone(), 0);
        Err(LedgerError::Broken(LedgerFinding { path, offset, fault: LedgerFault::End }))
    }

    /// Reads every file: whole rows, numbers, chain, seals, and that the last row is the one appended last.
    pub fn verify(&self) -> Vec<LedgerFinding> {
        let (mut findings, end) = examine(&*self.disk, &self.dir, Some(&self.key));
        if self.pending.is_empty() && !self.stopped && end != Some(self.place) {
            let (path, offset) = match &self.newest {
                Some(newest) => (newest.path.clone(), newest.size),
                None => (self.dir.clone(), 0),
            };
            findings.push(LedgerFinding { path, offset, fault: LedgerFault::End });
        }
        findings
    }

    /// The time of the last row of the newest file.
    pub const fn last_row(&self) -> Option<WallTime> {
        self.last_row
    }

    /// The hash that the next row continues: who keeps it can later tell whether rows were taken from the end. Of rows that
    /// wait for a sync it is the last one's.
    pub const fn head(&self) -> [u8; 32] {
        self.place.chain
    }

    /// Opens the file of the month of `at`, unless the newest is of that month or later.
    fn turn_page(&mut self, at: WallTime) -> Result<(), LedgerError> {
        let path = self.dir.join(month_of(at));
        if self.newest.as_ref().is_some_and(|newest| newest.path >= path) {
            return Ok(());
        }
        // The rows of the old month are on the medium before the first of the new one.
        self.sync()?;
        match self.begin_file(&path) {
            Ok(file) => {
                self.newest = Some(Newest { path, file, size: FILE_HEADER as u64 });
                Ok(())
            }
            Err(cause) => {
                // Left half-made it would stand in the way of the next attempt. When it cannot be removed, opening does that.
                self.stopped = self.disk.remove(&path).is_err();
                Err(failed("begin", &path)(cause))
            }
        }
    }

    fn begin_file(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut file = self.disk.open(path, OpenAs::New)?;
        file.append(&row::file_header(self.place))?;
        file.sync()?;
        self.disk.sync_dir(&self.dir)?;
        Ok(file)
    }

    fn write_out(&mut self) -> Result<(), LedgerError> {
        let Some(newest) = self.newest.as_mut().filter(|_| !self.pending.is_empty()) else { return Ok(()) };
        if let Err(cause) = newest.file.append(&self.pending) {
            // A part of a row must not stand before the next attempt.
            self.stopped = newest.file.truncate(newest.size).is_err();
            return Err(failed("write", &newest.path)(cause));
        }
        newest.size += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// The file of the month of `at`, unless there was a later one already.
fn month_of(at: WallTime) -> String {
    DateTime::from_timestamp_nanos(at.nanos()).format("%Y-%m.log").to_string()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    move |cause| LedgerError::Io { doing, path: path.to_owned(), cause }
}
