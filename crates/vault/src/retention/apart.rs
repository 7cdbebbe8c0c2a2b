//! What a hold keeps beyond its time is kept apart from what is kept for its time (개인정보 보호법 제21조 제3항): in `held/`, in
//! volumes of its own.
//!
//! Its blocks are copied as they are. Nothing that was signed or sealed says where a block lies; the links between them, which
//! do, are made anew. The copy is whole and durable before it has its name, and the listing leads to it before the volume goes
//! that it came from.

use std::{io, path::Path};

use earwitness_model::RecordingId;

use super::due::Contents;
use crate::{
    container::{
        Block, BlockKind, Chain, Manifests, Scanned, VOLUME_HEAD, VolumeHead, link_block, read_block,
    },
    disk::{DiskFile, OpenAs, if_there, unfinished},
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
        if copy(parts, &left.shelf, (told.volume, recording))? {
            apart.push(recording);
        }
    }
    Ok(apart)
}

fn copy(parts: &Parts, shelf: &Shelf, (volume, recording): (u32, RecordingId)) -> Result<bool, VaultError> {
    let Some(blocks) = blocks_of(parts, &parts.layout.volume(shelf, volume), recording)? else {
        return Ok(false);
    };
    let (number, at) = match write_unfinished(parts, shelf, &blocks) {
        Err(error) if error.is_full() => return Ok(false),
        written => written?,
    };
    let (path, dir) = (parts.layout.volume(shelf, number), parts.layout.held(shelf));
    parts.disk.rename(&unfinished(&path), &path).map_err(failed("name", &path))?;
    // From here on it is found: what fails now is done by the next attempt.
    parts.disk.sync_dir(&dir).map_err(failed("sync", dir))?;
    lead(parts, shelf, (number, at))?;
    Ok(true)
}

/// The blocks of a recording in their order, its manifest the last; `None` when one of them is damaged.
fn blocks_of(parts: &Parts, from: &Path, recording: RecordingId) -> Result<Option<Vec<Block>>, VaultError> {
    let file = open_volume(parts, from)?;
    let Some(at) = manifest_of(&*file, recording).map_err(failed("read", from))? else { return Ok(None) };
    let Ok(manifest) = read_block(&*file, at).map_err(failed("read", from))? else { return Ok(None) };
    let chain = Chain::read(&*file, &manifest).map_err(failed("read", from))?;
    if chain.broken_at.is_some() {
        return Ok(None);
    }
    let mut blocks = Vec::with_capacity(chain.places.len() + 1);
    for place in chain.places {
        match read_block(&*file, place).map_err(failed("read", from))? {
            Ok(block) => blocks.push(block),
            Err(_damage) => return Ok(None),
        }
    }
    blocks.push(manifest);
    Ok(Some(blocks))
}

/// Makes the next volume of what is held, without its name yet; gives its number and where the manifest begins in it.
fn write_unfinished(parts: &Parts, shelf: &Shelf, blocks: &[Block]) -> Result<(u32, u64), VaultError> {
    let numbers = volumes(&*parts.disk, &parts.layout, shelf)?;
    let newest = numbers.into_iter().filter(|number| *number >= HELD_FROM).max();
    let number = newest.map_or(HELD_FROM, |newest| newest + 1);
    let dir = parts.layout.held(shelf);
    parts.disk.make_dir(&dir).map_err(failed("make", &dir))?;
    for above in dir.ancestors().skip(1).take(3) {
        parts.disk.sync_dir(above).map_err(failed("sync", above))?;
    }
    let path = unfinished(&parts.layout.volume(shelf, number));
    if_there(parts.disk.remove(&path)).map_err(failed("remove", &path))?;
    let mut to = parts.disk.open(&path, OpenAs::New).map_err(failed("make", &path))?;
    let at = write(parts, &mut *to, (shelf, number), blocks).map_err(failed("write", path))?;
    Ok((number, at))
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

/// Writes the blocks of a recording, synced; gives where the last one begins.
fn write(
    parts: &Parts,
    to: &mut dyn DiskFile,
    (shelf, number): (&Shelf, u32),
    blocks: &[Block],
) -> io::Result<u64> {
    to.append(&VolumeHead::of(parts.settings.identity(), shelf, number).to_bytes())?;
    let mut previous = 0;
    for block in blocks {
        let at = to.size()?;
        let mut head = block.head.to_bytes();
        link_block(&mut head, previous);
        to.append(&head)?;
        to.append(&block.sealed)?;
        previous = at;
    }
    to.sync()?;
    Ok(previous)
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
