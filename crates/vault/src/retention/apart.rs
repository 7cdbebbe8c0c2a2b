//! What a hold keeps beyond its time is kept apart from what is kept for its time (개인정보 보호법 제21조 제3항): in `held/`, in
//! volumes of its own.
//!
//! Its blocks are copied as they are. Nothing that was signed or sealed says where a block lies; the links between them, which
//! do, are made anew. The copy is whole and durable before it has its name, and the listing leads to it before the volume goes
//! that it came from.

use std::io;

use earwitness_model::RecordingId;

use super::due::Contents;
use crate::{
    container::{
        BlockKind, Chain, Manifests, Scanned, VOLUME_HEAD, VOLUME_VERSION, VolumeHead, link_block, read_block,
    },
    disk::{DiskFile, OpenAs},
    error::{VaultError, failed},
    layout::{HELD_FROM, Shelf},
    reading::{open_volume, shelf_metadata},
    shelves::volumes,
    vault::Parts,
};

/// Sets these recordings of a shelf apart that are not yet; says which are then. One with a damaged block stays where it is, so
/// that nothing of it is lost; on a full disk all do.
pub(super) fn set_apart(
    parts: &Parts,
    left: &Contents,
    held: &[RecordingId],
) -> Result<Vec<RecordingId>, VaultError> {
    let mut apart = Vec::new();
    for due in &left.kept {
        let recording = due.subject.recording;
        let Some(told) = due.told.as_ref().filter(|_| held.contains(&recording)) else { continue };
        if told.volume >= HELD_FROM {
            lead_again(parts, &left.shelf, (told.volume, recording))?;
            apart.push(recording);
            continue;
        }
        match copy(parts, &left.shelf, (told.volume, recording)) {
            Ok(true) => apart.push(recording),
            Ok(false) => {}
            Err(error) if error.is_full() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(apart)
}

fn copy(parts: &Parts, shelf: &Shelf, (volume, recording): (u32, RecordingId)) -> Result<bool, VaultError> {
    let from = parts.layout.volume(shelf, volume);
    let file = open_volume(parts, &from)?;
    let Some(manifest) = manifest_of(&*file, recording).map_err(failed("read", &from))? else {
        return Ok(false);
    };
    let block = read_block(&*file, manifest).map_err(failed("read", &from))?;
    let Ok(block) = block else { return Ok(false) };
    let chain = Chain::read(&*file, &block).map_err(failed("read", &from))?;
    if chain.broken_at.is_some() {
        return Ok(false);
    }
    let newest =
        volumes(&*parts.disk, &parts.layout, shelf)?.into_iter().filter(|number| *number >= HELD_FROM).max();
    let number = newest.map_or(HELD_FROM, |newest| newest + 1);
    let path = parts.layout.volume(shelf, number);
    let dir = parts.layout.held(shelf);
    parts.disk.make_dir(&dir).map_err(failed("make", &dir))?;
    for above in dir.ancestors().skip(1).take(3) {
        parts.disk.sync_dir(above).map_err(failed("sync", above))?;
    }
    let unfinished = path.with_extension("vol.new");
    match parts.disk.remove(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", unfinished)(cause));
        }
        Ok(()) | Err(_) => {}
    }
    let places = chain.places.iter().copied().chain([manifest]);
    let mut to = parts.disk.open(&unfinished, OpenAs::New).map_err(failed("make", &unfinished))?;
    let Some(at) =
        write(parts, (&*file, &mut *to), (shelf, number), places).map_err(failed("write", &unfinished))?
    else {
        parts.disk.remove(&unfinished).map_err(failed("remove", unfinished))?;
        return Ok(false);
    };
    parts.disk.rename(&unfinished, &path).map_err(failed("name", &path))?;
    parts.disk.sync_dir(&dir).map_err(failed("sync", dir))?;
    lead(parts, shelf, (number, at))?;
    Ok(true)
}

/// Where the manifest of a recording begins.
fn manifest_of(file: &dyn DiskFile, recording: RecordingId) -> io::Result<Option<u64>> {
    for step in Manifests::new(file, VOLUME_HEAD as u64, file.size()?)? {
        if let Scanned::Block(block) = step?
            && block.head.kind == BlockKind::Manifest
            && block.head.recording == recording
        {
            return Ok(Some(block.at));
        }
    }
    Ok(None)
}

/// Writes the blocks that begin at `places`, synced; gives where the last one begins, or nothing when one of them is damaged.
fn write(
    parts: &Parts,
    (from, to): (&dyn DiskFile, &mut dyn DiskFile),
    (shelf, number): (&Shelf, u32),
    places: impl Iterator<Item = u64>,
) -> io::Result<Option<u64>> {
    let head = VolumeHead {
        version: VOLUME_VERSION,
        suite: parts.settings.cipher,
        number,
        day: shelf.day,
        vault: parts.settings.id,
        class: VolumeHead::class_hash(&shelf.class),
    };
    to.append(&head.to_bytes())?;
    let mut previous = 0;
    for place in places {
        let Ok(block) = read_block(from, place)? else { return Ok(None) };
        let at = to.size()?;
        let mut head = block.head.to_bytes();
        link_block(&mut head, previous);
        to.append(&head)?;
        to.append(&block.sealed)?;
        previous = at;
    }
    to.sync()?;
    Ok(Some(previous))
}

/// The listing leads to a copy that a crash left without it.
fn lead_again(
    parts: &Parts,
    shelf: &Shelf,
    (volume, recording): (u32, RecordingId),
) -> Result<(), VaultError> {
    let path = parts.layout.volume(shelf, volume);
    let file = open_volume(parts, &path)?;
    match manifest_of(&*file, recording).map_err(failed("read", &path))? {
        Some(at) => lead(parts, shelf, (volume, at)),
        None => Ok(()),
    }
}

/// The listing leads there, where it led to this recording.
fn lead(parts: &Parts, shelf: &Shelf, (number, at): (u32, u64)) -> Result<(), VaultError> {
    let path = parts.layout.volume(shelf, number);
    let file = open_volume(parts, &path)?;
    let metadata = shelf_metadata(parts, shelf)?;
    let block = read_block(&*file, at).map_err(failed("read", &path))?;
    let manifest = block.ok().and_then(|block| crate::reading::manifest_in((parts, &metadata), &block));
    let Some(manifest) = manifest else { return Ok(()) };
    let Some(mut entry) = parts.index.get(manifest.summary.id)? else { return Ok(()) };
    let Some(recording) = entry.recording.as_mut().filter(|listed| listed.id == manifest.recording) else {
        return Ok(());
    };
    if (recording.volume, recording.manifest_at) == (number, at) {
        return Ok(());
    }
    (recording.volume, recording.manifest_at) = (number, at);
    Ok(parts.index.put_all([&entry])?)
}
