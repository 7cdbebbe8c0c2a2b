//! The writing side: sealed blocks go in, and after a commit they are there for good.
//!
//! A commit, in this order, each step durable before the next begins:
//!
//! 1. wrapped keys, so that no block is ever acknowledged that nobody could open;
//! 2. volumes;
//! 3. the ledger's rows of calls that ended;
//! 4. their rows in the index, which are therefore rows of sealed, synced, hashed recordings only.
//!
//! A crash between 3 and 4 leaves calls that recovery lists; a failed step is tried again by the next commit, which may
//! tell the ledger of a call twice.

mod key_rows;
mod volume;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, atomic::Ordering},
};

use earwitness_model::{CallId, CallSummary, RecordingId, WallTime};

use self::{key_rows::KeyRows, volume::OpenVolume};
use crate::{
    container::{BLOCK_HEAD, BlockKind, MAX_SEALED},
    entry::Entry,
    error::{VaultError, failed},
    fitting::Fit,
    layout::Shelf,
    ledger::LedgerKind,
    manifest::RecordedRow,
    sealer::Sealed,
    vault::Parts,
};

/// A volume takes no more recordings when it has this many bytes; those that began in it go on in it.
pub(crate) const ROTATE_AT: u64 = 1 << 30;
/// Volumes without a running recording that stay open for the next one.
const IDLE_VOLUMES: usize = 4;

/// Appends and commits. One per vault; dropping it acknowledges nothing that was not committed.
pub struct Writer {
    parts: Arc<Parts>,
    volumes: Vec<OpenVolume>,
    homes: HashMap<RecordingId, Home>,
    keys: KeyRows,
    ended: Vec<Ended>,
    uncommitted: u64,
    dropped: u64,
    shortened: u64,
    rotate_at: u64,
    /// A sync failed: nobody knows what the medium has.
    must_reopen: bool,
}

/// Where a running recording lies.
struct Home {
    shelf: Arc<Shelf>,
    volume: u32,
    /// Where its last block begins.
    previous: u64,
}

/// A call that ended and is not in the index yet.
struct Ended {
    entry: Entry,
    row: LedgerRow,
}

enum LedgerRow {
    Recorded(RecordedRow),
    Excluded,
    Failed,
}

/// What a commit made durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Bytes of volumes.
    pub bytes: u64,
    /// Calls that ended: they are in the index now.
    pub calls: Vec<CallId>,
    /// Segments that could not be appended since the commit before.
    pub dropped: u64,
    /// Calls among `calls` of which the index keeps less than was known: their entries were too large for a row.
    pub shortened: u64,
}

impl Writer {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self {
            keys: KeyRows::new(Arc::clone(&parts)),
            parts,
            volumes: Vec::new(),
            homes: HashMap::new(),
            ended: Vec::new(),
            uncommitted: 0,
            dropped: 0,
            shortened: 0,
            rotate_at: ROTATE_AT,
            must_reopen: false,
        }
    }

    /// Volumes take no more recordings from `bytes` on, instead of 1 GiB. For small disks.
    pub const fn rotate_at(&mut self, bytes: u64) {
        self.rotate_at = bytes;
    }

    /// Appends a block. It is durable after the next [`Self::commit`].
    ///
    /// # Errors
    /// When the disk is full or fails: a segment is then not kept, and counted; a recording's first block and its
    /// manifest wait in memory for the next commit. [`VaultError::NotOpened`] for a recording whose first block found no
    /// volume: at its end the call is listed as failed.
    pub fn append(&mut self, sealed: Sealed) -> Result<(), VaultError> {
        if self.must_reopen {
            return Err(VaultError::MustReopen);
        }
        let outcome = self.place(sealed);
        if outcome.is_err() {
            self.dropped += 1;
        }
        outcome
    }

    /// Lists a call that has no recording, with the next commit.
    pub fn exclude(&mut self, summary: &CallSummary) {
        self.note_ended(Entry::new(summary.clone(), None), LedgerRow::Excluded);
    }

    /// Makes all that was appended durable, and lists the calls that ended.
    ///
    /// # Errors
    /// What failed first. What was committed before stays; what was not is tried again by the next commit, unless a sync
    /// failed: then the vault must be opened again.
    pub fn commit(&mut self, now: WallTime) -> Result<Committed, VaultError> {
        if self.must_reopen {
            return Err(VaultError::MustReopen);
        }
        self.keys.commit().inspect_err(|error| self.must_reopen |= is_sync(error))?;
        for volume in &mut self.volumes {
            volume.commit().inspect_err(|error| self.must_reopen |= is_sync(error))?;
        }
        let calls = self.list_ended(now)?;
        self.close_idle(IDLE_VOLUMES)?;
        let (bytes, dropped) = (std::mem::take(&mut self.uncommitted), std::mem::take(&mut self.dropped));
        Ok(Committed { bytes, calls, dropped, shortened: std::mem::take(&mut self.shortened) })
    }

    /// Bytes of volumes that were appended and are not committed.
    #[must_use]
    pub const fn uncommitted_bytes(&self) -> u64 {
        self.uncommitted
    }

    /// Commits and closes. Recordings that did not end are finished as interrupted ones when the vault is next opened.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub fn close(mut self, now: WallTime) -> Result<Committed, VaultError> {
        let committed = self.commit(now)?;
        self.close_idle(0)?;
        Ok(committed)
    }

    fn place(&mut self, mut sealed: Sealed) -> Result<(), VaultError> {
        if sealed.block.len() > BLOCK_HEAD + MAX_SEALED {
            let path = self.parts.layout.shelf(&sealed.shelf);
            return Err(failed("append a block to", path)(io::ErrorKind::FileTooLarge.into()));
        }
        let place = match self.home_of(&sealed) {
            Ok(place) => place,
            Err(error) => {
                self.note_lost(sealed);
                return Err(error);
            }
        };
        if let Some((generation, row)) = sealed.key_row.take() {
            self.keys.push(&sealed.shelf, generation, row);
        }
        let home = self.homes.get(&sealed.recording).map_or(0, |home| home.previous);
        let volume = &mut self.volumes[place];
        let at = volume.append(&mut sealed, home)?;
        self.uncommitted += sealed.block.len() as u64;
        match sealed.kind {
            BlockKind::Opened => {
                volume.running += 1;
                let home = Home { shelf: Arc::clone(&sealed.shelf), volume: volume.number, previous: at };
                self.homes.insert(sealed.recording, home);
            }
            BlockKind::Stream | BlockKind::Media | BlockKind::Signalling | BlockKind::Running => {
                if let Some(home) = self.homes.get_mut(&sealed.recording) {
                    home.previous = at;
                }
            }
            BlockKind::Manifest => {
                volume.running = volume.running.saturating_sub(1);
                let number = volume.number;
                self.homes.remove(&sealed.recording);
                self.note_finished(sealed, number, at);
            }
        }
        Ok(())
    }

    /// The place in `volumes` of the volume that takes this block.
    fn home_of(&mut self, sealed: &Sealed) -> Result<usize, VaultError> {
        let wanted = match (self.homes.get(&sealed.recording), sealed.kind) {
            (Some(home), _) => Some((Arc::clone(&home.shelf), home.volume)),
            (None, BlockKind::Opened) => None,
            (
                None,
                BlockKind::Stream
                | BlockKind::Media
                | BlockKind::Signalling
                | BlockKind::Running
                | BlockKind::Manifest,
            ) => {
                return Err(VaultError::NotOpened { recording: sealed.recording });
            }
        };
        let rotate_at = self.rotate_at;
        let found = self.volumes.iter().position(|volume| match &wanted {
            Some((shelf, number)) => volume.number == *number && volume.shelf == *shelf,
            None => volume.shelf == sealed.shelf && volume.size() < rotate_at,
        });
        if let Some(place) = found {
            return Ok(place);
        }
        let volume = OpenVolume::open(&self.parts, &sealed.shelf, rotate_at)?;
        self.volumes.push(volume);
        Ok(self.volumes.len() - 1)
    }

    fn note_finished(&mut self, sealed: Sealed, volume: u32, manifest_at: u64) {
        if let Some(finished) = sealed.finished {
            let (mut entry, row) = *finished;
            if let Some(recording) = &mut entry.recording {
                (recording.volume, recording.manifest_at) = (volume, manifest_at);
            }
            self.note_ended(entry, LedgerRow::Recorded(row));
        }
    }

    /// A call whose recording has no place is still a call that was seen.
    fn note_lost(&mut self, sealed: Sealed) {
        if let Some(finished) = sealed.finished {
            self.note_ended(Entry::new(finished.0.summary, None), LedgerRow::Failed);
        }
    }

    /// Every entry that waits fits a row of the index, and thereby of the ledger: no call can keep the others from being
    /// listed.
    fn note_ended(&mut self, mut entry: Entry, row: LedgerRow) {
        self.shortened += u64::from(entry.fit() == Fit::Shortened);
        self.ended.push(Ended { entry, row });
    }

    fn list_ended(&mut self, now: WallTime) -> Result<Vec<CallId>, VaultError> {
        if self.ended.is_empty() {
            return Ok(Vec::new());
        }
        let mut ledger = self.parts.ledger();
        for ended in &self.ended {
            match &ended.row {
                LedgerRow::Recorded(row) => ledger.append(LedgerKind::Recorded, now, &row.to_bytes())?,
                LedgerRow::Excluded => ledger.append(LedgerKind::Excluded, now, &ended.entry.to_bytes())?,
                LedgerRow::Failed => ledger.append(LedgerKind::Failed, now, &ended.entry.to_bytes())?,
            }
        }
        ledger.sync()?;
        drop(ledger);
        let entries: Vec<Entry> = self.ended.iter().map(|ended| ended.entry.clone()).collect();
        list(&self.parts, &entries)?;
        Ok(self.ended.drain(..).map(|ended| ended.entry.summary.id).collect())
    }

    /// Closes volumes in which no recording runs: the full ones, and all but `idle` of the others.
    fn close_idle(&mut self, idle: usize) -> Result<(), VaultError> {
        let mut spare = self.volumes.iter().filter(|volume| volume.running == 0).count().saturating_sub(idle);
        let mut place = 0;
        while place < self.volumes.len() {
            let volume = &self.volumes[place];
            if volume.running > 0 || (spare == 0 && volume.size() < self.rotate_at) {
                place += 1;
                continue;
            }
            spare = spare.saturating_sub(1);
            self.volumes.remove(place).close(&self.parts)?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.parts.writer_out.store(false, Ordering::Release);
    }
}

/// Puts entries into the index, each unless a better one of its call stands there (see [`Entry::replaces`]), and says how
/// many had to be shortened.
pub(crate) fn list(parts: &Parts, entries: &[Entry]) -> Result<u64, VaultError> {
    let mut best: HashMap<CallId, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let call = entry.summary.id;
        if best.get(&call).is_none_or(|other| entry.replaces(other)) {
            best.insert(call, entry);
        }
    }
    let mut chosen = Vec::with_capacity(best.len());
    let mut shortened = 0;
    for (call, entry) in best {
        if parts.index.get(call)?.is_none_or(|other| entry.replaces(&other)) {
            let mut entry = entry.clone();
            shortened += u64::from(entry.fit() == Fit::Shortened);
            chosen.push(entry);
        }
    }
    parts.index.put(&chosen)?;
    Ok(shortened)
}

fn is_sync(error: &VaultError) -> bool {
    matches!(error, VaultError::Io { doing: "sync", .. })
}
