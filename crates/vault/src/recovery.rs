//! What opening a vault does about a process that ended without closing it.
//!
//! For every volume whose open mark stands:
//!
//! 1. what follows the last whole block, or the last whole row of the day's key file, is cut (damage with whole blocks behind it
//!    stays, and is reported; key files that a disposal is overwriting are left to it);
//! 2. a recording without a manifest gets one, signed, that says it was interrupted and is built from its opened and
//!    stream rows, from what was last told of the running call, and from the hashes of its blocks. What a recorder needs to
//!    go on with the call is put where it waits for one (the page of `waiting` says how long) before that;
//! 3. calls whose manifest is there and whose row is not are told to the ledger and put into the index, unless they were destroyed;
//! 4. the mark goes.
//!
//! An index that is new or was set aside is rebuilt. A crash within recovery is a crash like any other: each step is safe
//! to be done again.

mod interrupted;
mod volume;

use earwitness_model::{RecordingId, WallTime};

use crate::{
    disk::{OpenAs, if_there},
    disposed::destroyed_among,
    entry::Entry,
    error::{VaultError, failed},
    index::IndexState,
    layout::Shelf,
    ledger::{LedgerKind, LedgerState, Recovered},
    manifest::RecordedRow,
    reading::key_files,
    rebuild,
    shelves::{marked, shelves},
    vault::{Parts, is_whole},
    writer,
};

/// What opening a vault found unfinished, and did about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Volumes that were not closed in order.
    pub volumes: u32,
    /// Bytes of torn blocks and torn key rows that were cut from the ends of files: never acknowledged.
    pub cut_bytes: u64,
    /// Bytes of damage with whole blocks behind it, left where they are.
    pub damaged_bytes: u64,
    /// Recordings that were running, and now have a manifest that says so.
    pub interrupted: Vec<RecordingId>,
    /// Recordings that were running and whose wrapped key never reached the disk: nothing can open what there is of
    /// them, and they are not listed.
    pub without_key: Vec<RecordingId>,
    /// Recordings that were running and of which not even the first block is whole: they are not listed.
    pub nameless: Vec<RecordingId>,
    /// Finished calls that were not listed yet.
    pub listed: u32,
    /// Calls listed now of which the index keeps less than was known: their entries were too large for a row.
    pub shortened: u64,
    /// How the index was found; rebuilt unless whole.
    pub index: IndexState,
    /// How the ledger was found.
    pub ledger: LedgerState,
    /// The time of the ledger's last row before recovery: nobody wrote to the vault after it.
    pub last_row: Option<WallTime>,
    /// Why a disposal that did not end could not be ended now: it is tried again by the next one.
    pub disposal: Option<String>,
}

impl Recovery {
    /// Whether the last process closed the vault, and everything was as it left it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let ledger = self.ledger.cut.is_none() && self.ledger.findings.is_empty();
        let is_new = self.index == IndexState::Fresh && self.ledger.next_number == 0;
        self.volumes == 0 && (is_whole(&self.index) || is_new) && ledger
    }

    /// What the ledger is told of it.
    pub(crate) fn note(&self) -> Recovered {
        let count = |found: usize| u32::try_from(found).unwrap_or(u32::MAX);
        Recovered {
            last_row: self.last_row,
            volumes: self.volumes,
            cut_bytes: self.cut_bytes,
            damaged_bytes: self.damaged_bytes,
            interrupted: count(self.interrupted.len()),
            listed: self.listed,
        }
    }
}

/// A call that recovery found ended, or ended itself.
struct Found {
    entry: Entry,
    row: RecordedRow,
    at: WallTime,
    new: bool,
}

pub(crate) fn run(parts: &Parts, index: IndexState, ledger: LedgerState) -> Result<Recovery, VaultError> {
    let mut recovery = Recovery {
        volumes: 0,
        cut_bytes: 0,
        damaged_bytes: 0,
        interrupted: Vec::new(),
        without_key: Vec::new(),
        nameless: Vec::new(),
        listed: 0,
        shortened: 0,
        index,
        ledger,
        last_row: parts.ledger().last_row(),
        disposal: None,
    };
    for shelf in shelves(&*parts.disk, &parts.layout)? {
        let open = marked(&*parts.disk, &parts.layout, &shelf)?;
        // A row that a disposal was overwriting looks torn, and is overwritten to its end when that goes on.
        if !open.is_empty() && !parts.is_disposing_of(&shelf)? {
            recovery.cut_bytes += cut_key_files(parts, &shelf)?;
        }
        for number in open {
            recover(parts, &shelf, number, &mut recovery)?;
        }
    }
    if !is_whole(&recovery.index) {
        recovery.shortened = rebuild::index(parts)?.shortened;
    }
    Ok(recovery)
}

/// Cuts torn rows from the key files of a shelf that was being written. A key file whose head is damaged is left alone.
fn cut_key_files(parts: &Parts, shelf: &Shelf) -> Result<u64, VaultError> {
    let mut cut = 0;
    for (place, read) in key_files(parts, shelf)?.iter().enumerate() {
        let path = parts.layout.key_file(shelf, u32::try_from(place + 1).unwrap_or(u32::MAX));
        let opened = if_there(parts.disk.open(&path, OpenAs::Write)).map_err(failed("open", &path))?;
        let Some(mut file) = opened else { continue };
        let size = file.size().map_err(failed("read", &path))?;
        if read.head.is_some() && read.end < size {
            file.truncate(read.end).and_then(|()| file.sync()).map_err(failed("cut", &path))?;
            cut += size - read.end;
        }
    }
    Ok(cut)
}

fn recover(parts: &Parts, shelf: &Shelf, number: u32, recovery: &mut Recovery) -> Result<(), VaultError> {
    recovery.volumes += 1;
    let found = volume::recover(parts, shelf, number, recovery)?;
    list(parts, shelf, (&found, recovery))?;
    let mark = parts.layout.open_mark(shelf, number);
    parts.disk.remove(&mark).map_err(failed("remove", &mark))
}

/// Tells ledger and index of what they do not know. While the index cannot say what it knew, only what recovery ended
/// itself is told: the rebuild that follows compares the rest with the ledger. What was destroyed is not listed again: a volume
/// that was open then still holds it.
fn list(
    parts: &Parts,
    shelf: &Shelf,
    (found, recovery): (&[Found], &mut Recovery),
) -> Result<(), VaultError> {
    let mut unlisted = Vec::new();
    for ended in found {
        if ended.new || (is_whole(&recovery.index) && !is_listed(parts, &ended.entry)?) {
            unlisted.push(ended);
        }
    }
    let destroyed = destroyed_among(parts, shelf, unlisted.iter().map(|ended| ended.row.recording))?;
    unlisted.retain(|ended| !destroyed.contains(&ended.row.recording));
    if unlisted.is_empty() {
        return Ok(());
    }
    let mut ledger = parts.ledger();
    for ended in &unlisted {
        ledger.append(LedgerKind::Recorded, ended.at, &ended.row.to_bytes())?;
    }
    ledger.sync()?;
    drop(ledger);
    let mut entries: Vec<_> = unlisted.iter().map(|ended| ended.entry.clone()).collect();
    recovery.shortened += writer::list(parts, &mut entries)?;
    recovery.listed += unlisted.iter().filter(|ended| !ended.new).count() as u32;
    Ok(())
}

/// Listed, or rightly hidden behind another recording of the same call.
fn is_listed(parts: &Parts, entry: &Entry) -> Result<bool, VaultError> {
    let listed = parts.index.get(entry.summary.id)?;
    Ok(listed.is_some_and(|listed| {
        listed.recording.as_ref().map(|r| r.id) == entry.recording.as_ref().map(|r| r.id)
            || !entry.replaces(&listed)
    }))
}
