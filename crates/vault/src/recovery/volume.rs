//! One volume that was not closed.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
};

use earwitness_model::RecordingId;

use super::{Found, Recovery, interrupted::Unfinished};
use crate::{
    container::{Block, BlockHead, BlockKind, HeadDamage, Scan, Scanned, VOLUME_HEAD, VolumeHead},
    disk::{DiskFile, OpenAs, if_there},
    error::{VaultError, failed},
    keys::{KeyFile, KeyState},
    layout::Shelf,
    manifest::{Manifest, RecordedRow},
    reading::{self, ShelfMetadata, shelf_metadata},
    vault::Parts,
    waiting::WasRunning,
};

/// What a walk through the volume found.
struct Walked {
    running: BTreeMap<RecordingId, Unfinished>,
    ended: Vec<Found>,
    blocks: u64,
    /// Where the last whole block ends.
    end: u64,
    /// Damage before that.
    damaged: u64,
}

pub(super) fn recover(
    parts: &Parts,
    shelf: &Shelf,
    number: u32,
    recovery: &mut Recovery,
) -> Result<Vec<Found>, VaultError> {
    let path = parts.layout.volume(shelf, number);
    let opened = if_there(parts.disk.open(&path, OpenAs::Write)).map_err(failed("open", &path))?;
    let Some(mut file) = opened else { return Ok(Vec::new()) };
    let size = file.size().map_err(failed("read", &path))?;
    let headless = refuse_other_version(&*file, &path)?;
    let metadata = shelf_metadata(parts, shelf)?;
    let walked = walk((parts, &metadata), &*file, number).map_err(failed("read", &path))?;
    if walked.blocks == 0 && headless {
        recovery.cut_bytes += size;
        parts.disk.remove(&path).map_err(failed("remove", &path))?;
        return Ok(Vec::new());
    }
    if walked.end < size {
        recovery.cut_bytes += size - walked.end;
        file.truncate(walked.end).map_err(failed("cut", &path))?;
    }
    recovery.damaged_bytes += walked.damaged + if headless { VOLUME_HEAD as u64 } else { 0 };
    let mut found = walked.ended;
    finish_running((parts, &metadata), (shelf, number), (&mut *file, walked.running), &mut found, recovery)?;
    file.sync().map_err(failed("sync", &path))?;
    Ok(found)
}

/// Whether the head is missing or damaged; a head of another version is somebody else's volume, and is not touched.
fn refuse_other_version(file: &dyn DiskFile, path: &std::path::Path) -> Result<bool, VaultError> {
    let mut head = [0; VOLUME_HEAD];
    let read = file.read_at(0, &mut head).map_err(failed("read", path))?;
    match VolumeHead::from_bytes(&head[..read]) {
        Ok(_) => Ok(false),
        Err(HeadDamage::Cut | HeadDamage::Magic | HeadDamage::Damaged) => Ok(true),
        Err(HeadDamage::Version(found)) => {
            Err(VaultError::Format { path: path.into(), found: u32::from(found) })
        }
    }
}

fn walk((parts, metadata): (&Parts, &ShelfMetadata), file: &dyn DiskFile, number: u32) -> io::Result<Walked> {
    let end = file.size()?.min(VOLUME_HEAD as u64);
    let mut walked = Walked { running: BTreeMap::new(), ended: Vec::new(), blocks: 0, end, damaged: 0 };
    let mut damage = 0;
    for step in Scan::new(file, VOLUME_HEAD as u64)? {
        match step? {
            Scanned::Block(block) => {
                walked.damaged += std::mem::take(&mut damage);
                walked.blocks += 1;
                walked.end = reading::end_of(&block);
                walked.take((parts, metadata), block, number);
            }
            Scanned::Damaged { bytes, .. } => damage += bytes,
        }
    }
    Ok(walked)
}

impl Walked {
    fn take(&mut self, (parts, metadata): (&Parts, &ShelfMetadata), block: Block, number: u32) {
        let recording = block.head.recording;
        if block.head.kind != BlockKind::Manifest {
            self.running.entry(recording).or_default().take(metadata, &block);
            return;
        }
        let Some(manifest) = reading::manifest_in((parts, metadata), &block) else { return };
        self.running.remove(&recording);
        self.ended.push(found(&manifest, number, &block, false));
    }
}

fn found(manifest: &Manifest, number: u32, block: &Block, new: bool) -> Found {
    Found {
        entry: manifest.entry(number, block.at),
        row: RecordedRow::of(manifest),
        // No clock is read here, and the time of a capture's frames is whatever its file says: when the recording began
        // is the last that a clock of the office told of it.
        at: manifest.begun,
        new,
    }
}

/// The ends of recordings that have none, before any of them is written.
#[derive(Default)]
struct Ends {
    manifests: Vec<(BlockHead, Manifest)>,
    waiting: Vec<WasRunning>,
    /// First parts whose second part has told of the call, and takes their place.
    gone_on: Vec<RecordingId>,
}

impl Ends {
    fn of(
        parts: &Parts,
        shelf: &Shelf,
        running: BTreeMap<RecordingId, Unfinished>,
        recovery: &mut Recovery,
    ) -> Result<Self, VaultError> {
        let mut ends = Self::default();
        if running.is_empty() {
            return Ok(ends);
        }
        let keys: Vec<KeyFile> = reading::key_files(parts, shelf)?;
        for (recording, mut unfinished) in running {
            let mut rows = keys.iter().flat_map(|file| &file.rows).map(|placed| &placed.row);
            let key = rows.find(|row| row.recording == recording).map(|row| row.state);
            if key == Some(KeyState::Destroyed) {
                continue;
            }
            let Some((head, manifest)) = unfinished.manifest(&parts.keys, shelf, recording) else {
                recovery.nameless.push(recording);
                continue;
            };
            if key.is_none() {
                recovery.without_key.push(recording);
                continue;
            }
            if let Some(call) = unfinished.running {
                ends.gone_on.extend(manifest.continues);
                if call.over.is_none() {
                    ends.waiting.push(WasRunning { recording, call, last: unfinished.last });
                }
            }
            ends.manifests.push((head, manifest));
        }
        Ok(ends)
    }
}

/// Gives each running recording its end, when it is certain that its call can be taken up all the same.
fn finish_running(
    (parts, metadata): (&Parts, &ShelfMetadata),
    (shelf, number): (&Shelf, u32),
    (file, running): (&mut dyn DiskFile, BTreeMap<RecordingId, Unfinished>),
    found: &mut Vec<Found>,
    recovery: &mut Recovery,
) -> Result<(), VaultError> {
    let mut ends = Ends::of(parts, shelf, running, recovery)?;
    let second_parts = found.iter().filter_map(|ended| ended.entry.recording.as_ref()?.continues);
    ends.gone_on.extend(second_parts);
    parts.keep_waiting(ends.waiting, &ends.gone_on)?;
    let path = parts.layout.volume(shelf, number);
    for (head, manifest) in ends.manifests {
        let at = file.size().map_err(failed("read", &path))?;
        let (recording, begun) = (manifest.recording, manifest.begun);
        let (block, mut entry, row) = parts.keys.manifest_block(metadata.newest(), head, manifest);
        let mut pieces = [IoSlice::new(&block.head), IoSlice::new(&block.body)];
        file.append_all(&mut pieces).map_err(failed("append to", &path))?;
        recovery.interrupted.push(recording);
        if let Some(recording) = &mut entry.recording {
            (recording.volume, recording.manifest_at) = (number, at);
        }
        found.push(Found { entry, row, at: begun, new: true });
    }
    Ok(())
}
