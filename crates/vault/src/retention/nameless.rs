//! Recordings without a whole manifest: whose they are, their first blocks say.

use std::collections::{HashMap, HashSet};

use earwitness_model::{CallId, RecordingId};

use crate::{
    container::{AAD, BlockKind, Scan, Scanned, VOLUME_HEAD},
    error::{VaultError, failed},
    layout::Shelf,
    opening::OpenedRow,
    reading::{open_volume, shelf_metadata},
    shelves::volumes,
    vault::Parts,
};

/// The calls of these recordings of one shelf, as far as their first blocks are whole. Its volumes are read.
pub(super) fn calls(
    parts: &Parts,
    shelf: &Shelf,
    recordings: &HashSet<RecordingId>,
) -> Result<HashMap<RecordingId, CallId>, VaultError> {
    let mut calls = HashMap::new();
    if recordings.is_empty() {
        return Ok(calls);
    }
    let metadata = shelf_metadata(parts, shelf)?;
    for volume in volumes(&*parts.disk, &parts.layout, shelf)? {
        let path = parts.layout.volume(shelf, volume);
        let file = open_volume(parts, &path)?;
        for step in Scan::new(&*file, VOLUME_HEAD as u64).map_err(failed("read", &path))? {
            let Scanned::Block(block) = step.map_err(failed("read", &path))? else { continue };
            let recording = block.head.recording;
            if block.head.kind != BlockKind::Opened || !recordings.contains(&recording) {
                continue;
            }
            let opened = metadata.open(&block.head.to_bytes()[AAD], &block.sealed).ok();
            let opened = opened.and_then(|row| OpenedRow::from_bytes(&row));
            calls.extend(opened.map(|row| (recording, row.call)));
        }
    }
    Ok(calls)
}
