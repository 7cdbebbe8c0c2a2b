//! The index again, from volumes and ledger: the identical listing.

use std::{collections::HashMap, io, path::PathBuf};

use earwitness_model::{CallId, RecordingId, WallTime};

use crate::{
    container::{AAD, BlockHead, BlockKind, Manifests, Scan, Scanned, VOLUME_HEAD, VolumeHead},
    disk::DiskFile,
    entry::Entry,
    error::{VaultError, failed},
    growing::Progress,
    layout::Shelf,
    ledger::{LedgerKind, Row, read_failed_row},
    manifest::{Manifest, RecordedRow},
    reading::{end_of, manifest_and_hash_in, open_volume, shelf_metadata},
    recorded::Recorded,
    shelves::{shelves, volumes},
    vault::{Parts, Vault},
    verify::Fault,
    writer,
};

/// Entries that go into the index at once.
const BATCH: usize = 256;

/// What a rebuild found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuilt {
    /// Manifests in the volumes.
    pub recordings: u64,
    /// Calls without a recording, from the ledger.
    pub excluded: u64,
    /// Bytes of volumes that are no whole block.
    pub damaged_bytes: u64,
    /// Rows of the ledger that could not be read: calls without a recording may be missing.
    pub unreadable_rows: u64,
    /// Recordings that the ledger did not know, and now does.
    pub told_ledger: u64,
    /// Recordings that the ledger tells of and of which no volume holds the manifest: they cannot be listed.
    pub gone: u64,
    /// Calls of which the index keeps less than is known: their entries are too large for a row.
    pub shortened: u64,
}

/// What the ledger knows of calls.
#[derive(Default)]
struct Told {
    recorded: Recorded,
    /// The number of the last row that says that a call has no recording.
    excluded: HashMap<CallId, u64>,
    unreadable: u64,
}

impl Vault {
    /// Empties the index and fills it from volumes and ledger. Not while a writer is at work.
    ///
    /// # Errors
    /// [`VaultError::WriterTaken`]; what disk, ledger and index say.
    pub fn rebuild_index(&self) -> Result<Rebuilt, VaultError> {
        if self.parts.writer_out.load(std::sync::atomic::Ordering::Acquire) {
            return Err(VaultError::WriterTaken);
        }
        index(&self.parts)
    }
}

pub(crate) fn index(parts: &Parts) -> Result<Rebuilt, VaultError> {
    let told = read_ledger(parts);
    let today = parts.learn_standing()?;
    let mut rebuilt = Rebuilt { unreadable_rows: told.unreadable, ..Rebuilt::default() };
    parts.index.begin_rebuild()?;
    let mut batch = Vec::with_capacity(BATCH);
    let mut untold = Vec::new();
    for_each_manifest(parts, Reading::Manifests(&told.recorded), |found| {
        match found {
            Found::Manifest { manifest, hash, volume, at, stage: _ } => {
                if told.recorded.is_disposed(manifest.recording) {
                    return Ok(());
                }
                rebuilt.recordings += 1;
                told.recorded.find(manifest.recording, hash);
                if !told.recorded.knows(manifest.recording) {
                    untold.push((RecordedRow::of(&manifest), manifest.begun));
                }
                let mut entry = manifest.into_entry(volume, at);
                parts.mark_standing(&mut entry, today);
                batch.push(entry);
            }
            Found::Damage { bytes, .. } => rebuilt.damaged_bytes += bytes,
            Found::Volume { .. } | Found::Block { .. } => {}
        }
        rebuilt.shortened += flush(parts, &mut batch, BATCH)?;
        Ok(())
    })?;
    rebuilt.shortened += flush(parts, &mut batch, 1)?;
    list_excluded(parts, &told, &mut rebuilt)?;
    tell_ledger(parts, &untold)?;
    (rebuilt.told_ledger, rebuilt.gone) = (untold.len() as u64, told.recorded.gone());
    parts.index.finish_rebuild()?;
    Ok(rebuilt)
}

/// Lists a batch of `at` entries or more; says how many of them had to be shortened.
fn flush(parts: &Parts, batch: &mut Vec<Entry>, at: usize) -> Result<u64, VaultError> {
    if batch.len() < at {
        return Ok(0);
    }
    let shortened = writer::list(parts, batch)?;
    batch.clear();
    Ok(shortened)
}

fn read_ledger(parts: &Parts) -> Told {
    let mut told = Told::default();
    for row in parts.ledger().rows() {
        let Ok(row) = row else {
            told.unreadable += 1;
            continue;
        };
        match row.kind {
            LedgerKind::Recorded => match RecordedRow::from_bytes(&row.payload) {
                Some(recorded) => told.recorded.tell(&recorded),
                None => told.unreadable += 1,
            },
            LedgerKind::Disposed => told.recorded.dispose(&row.payload),
            LedgerKind::Excluded => match Entry::from_bytes(&row.payload) {
                Ok(entry) => drop(told.excluded.insert(entry.summary.id, row.number)),
                Err(_) => told.unreadable += 1,
            },
            LedgerKind::Failed => {
                // A failure that is not of a call has another payload.
                if let Some((_, entry)) = read_failed_row(&row.payload) {
                    told.excluded.insert(entry.summary.id, row.number);
                }
            }
            LedgerKind::RecorderStarted
            | LedgerKind::RecorderStopped
            | LedgerKind::RuleSetChanged
            | LedgerKind::CoverageGap
            | LedgerKind::Listened
            | LedgerKind::Exported
            | LedgerKind::Held
            | LedgerKind::Released
            | LedgerKind::Recovered
            | LedgerKind::IndexRebuilt
            | LedgerKind::ClockStepped
            | LedgerKind::InterfaceChanged
            | LedgerKind::Alarm
            | LedgerKind::Alive
            | LedgerKind::KeysRotated
            | LedgerKind::KeysBackedUp
            | LedgerKind::DayClosed
            | LedgerKind::Anchored
            | LedgerKind::ClockStatus
            | LedgerKind::KeysSplit
            | LedgerKind::BackedUp
            | LedgerKind::Restored
            | LedgerKind::Imported
            | LedgerKind::RetentionProposed
            | LedgerKind::RetentionChanged
            | LedgerKind::ClockConfirmed
            | LedgerKind::DisposalRun => {}
        }
    }
    told
}

/// Only the last row of each call is put, so that memory holds numbers and not entries.
fn list_excluded(parts: &Parts, told: &Told, rebuilt: &mut Rebuilt) -> Result<(), VaultError> {
    let mut batch = Vec::with_capacity(BATCH);
    let ledger = parts.ledger();
    for row in ledger.rows().flatten() {
        let Some(entry) = without_recording(&row) else { continue };
        if told.excluded.get(&entry.summary.id) == Some(&row.number) {
            rebuilt.excluded += 1;
            batch.push(entry);
            rebuilt.shortened += flush(parts, &mut batch, BATCH)?;
        }
    }
    rebuilt.shortened += flush(parts, &mut batch, 1)?;
    Ok(())
}

/// The entry of a call that the row says has no recording.
fn without_recording(row: &Row) -> Option<Entry> {
    if row.kind == LedgerKind::Failed {
        return read_failed_row(&row.payload).map(|(_, entry)| entry);
    }
    (row.kind == LedgerKind::Excluded).then(|| Entry::from_bytes(&row.payload).ok()).flatten()
}

fn tell_ledger(parts: &Parts, untold: &[(RecordedRow, WallTime)]) -> Result<(), VaultError> {
    let mut ledger = parts.ledger();
    for (row, at) in untold {
        ledger.append(LedgerKind::Recorded, *at, &row.to_bytes())?;
    }
    Ok(ledger.sync()?)
}

/// How far a recording came that is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is on the medium, and the ledger is about to tell of it.
    Durable,
    /// It was told of and listed.
    Settled,
}

/// One thing found on the way through all volumes.
pub(crate) enum Found {
    /// A volume, before what is in it; told only where everything is read.
    Volume { path: PathBuf, misplaced: Option<Fault>, progress: Progress },
    /// A whole block that is no manifest; told only where everything is read.
    Block { head: BlockHead, at: u64, is_ours: bool },
    /// A manifest.
    Manifest { manifest: Box<Manifest>, hash: [u8; 32], volume: u32, at: u64, stage: Stage },
    /// Bytes that are no whole block.
    Damage { path: PathBuf, bytes: u64 },
}

/// How much of the volumes is read.
#[derive(Clone, Copy)]
pub(crate) enum Reading<'r> {
    /// Every block, and every manifest's signature.
    Everything,
    /// Manifests, found from head to head. Of those that the ledger tells of with their hash the signature is not asked for:
    /// it was made by whoever told the ledger.
    Manifests(&'r Recorded),
}

impl Reading<'_> {
    fn is_told(self, recording: RecordingId, hash: &[u8; 32]) -> bool {
        match self {
            Self::Everything => false,
            Self::Manifests(known) => known.knows_manifest(recording, hash),
        }
    }

    fn walk<'f>(self, file: &'f dyn DiskFile, end: u64) -> io::Result<Steps<'f>> {
        Ok(match self {
            Self::Everything => Box::new(Scan::new(file, VOLUME_HEAD as u64)?.within(end)),
            Self::Manifests(_) => Box::new(Manifests::new(file, VOLUME_HEAD as u64, end)?),
        })
    }
}

type Steps<'f> = Box<dyn Iterator<Item = io::Result<Scanned>> + 'f>;

/// What is wrong with a volume's head, where it lies.
fn misplaced(
    parts: &Parts,
    (shelf, number): (&Shelf, u32),
    file: &dyn DiskFile,
) -> io::Result<Option<Fault>> {
    let mut head = [0; VOLUME_HEAD];
    let read = file.read_at(0, &mut head)?;
    Ok(match VolumeHead::from_bytes(&head[..read]) {
        Ok(head) if head.is_of(parts.settings.identity(), shelf, number) => None,
        Ok(_) => Some(Fault::VolumeMisplaced),
        Err(damage) => Some(damage.into()),
    })
}

/// Walks every volume of the vault.
pub(crate) fn for_each_manifest(
    parts: &Parts,
    reading: Reading<'_>,
    mut each: impl FnMut(Found) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    for shelf in shelves(&*parts.disk, &parts.layout)? {
        for_each_of_shelf(parts, &shelf, reading, &mut each)?;
    }
    Ok(())
}

/// The entries of what a shelf's volumes hold.
pub(crate) fn shelf_entries(
    parts: &Parts,
    shelf: &Shelf,
    mut each: impl FnMut(Entry),
) -> Result<(), VaultError> {
    let untold = Recorded::default();
    for_each_of_shelf(parts, shelf, Reading::Manifests(&untold), &mut |found| {
        if let Found::Manifest { manifest, volume, at, .. } = found {
            each(manifest.into_entry(volume, at));
        }
        Ok(())
    })
}

fn for_each_of_shelf(
    parts: &Parts,
    shelf: &Shelf,
    reading: Reading<'_>,
    each: &mut dyn FnMut(Found) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let metadata = shelf_metadata(parts, shelf)?;
    for volume in volumes(&*parts.disk, &parts.layout, shelf)? {
        let path: PathBuf = parts.layout.volume(shelf, volume);
        let file = open_volume(parts, &path)?;
        let size = file.size().map_err(failed("read", &path))?;
        let reach = parts.growing.reach(shelf, volume, size);
        if let Reading::Everything = reading {
            each(Found::Volume {
                misplaced: misplaced(parts, (shelf, volume), &*file).map_err(failed("read", &path))?,
                progress: parts.growing.progress(shelf, volume),
                path: path.clone(),
            })?;
        }
        for step in reading.walk(&*file, reach.durable).map_err(failed("read", &path))? {
            match step.map_err(failed("read", &path))? {
                Scanned::Block(block) if block.head.kind == BlockKind::Manifest => {
                    let found = manifest_and_hash_in((parts, &metadata), &block, |recording, hash| {
                        reading.is_told(recording, hash)
                    });
                    match found {
                        Some((manifest, hash)) => {
                            let (manifest, at) = (Box::new(manifest), block.at);
                            let stage = if at < reach.settled { Stage::Settled } else { Stage::Durable };
                            each(Found::Manifest { manifest, hash, volume, at, stage })?;
                        }
                        None => {
                            let bytes = end_of(&block) - block.at;
                            each(Found::Damage { path: path.clone(), bytes })?;
                        }
                    }
                }
                Scanned::Block(block) => {
                    if let Reading::Everything = reading {
                        let opens = || metadata.open(&block.head.to_bytes()[AAD], &block.sealed).is_ok();
                        let is_ours = block.head.kind == BlockKind::Opened && opens();
                        each(Found::Block { head: block.head, at: block.at, is_ours })?;
                    }
                }
                Scanned::Damaged { bytes, .. } => each(Found::Damage { path: path.clone(), bytes })?,
            }
        }
    }
    Ok(())
}
