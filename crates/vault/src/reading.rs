//! Reading what the recorder itself may read: manifests, and which keys there are.

use std::path::Path;

use earwitness_model::RecordingId;

use crate::{
    container::{AAD, BLOCK_HEAD, Block, BlockKind, read_block},
    disk::{DiskFile, OpenAs, read_all},
    entry::{Entry, RecordingEntry},
    error::{VaultError, failed},
    keys::KeyFile,
    layout::Shelf,
    manifest::Manifest,
    vault::{Parts, Vault},
};

/// Where a block ends.
pub(crate) fn end_of(block: &Block) -> u64 {
    block.at + (BLOCK_HEAD + block.sealed.len()) as u64
}

/// The shelf of a recording.
pub(crate) fn shelf_of(recording: &RecordingEntry) -> Shelf {
    Shelf { class: recording.class.clone(), day: recording.day }
}

/// The volume of a recording, to read.
pub(crate) fn open_volume(parts: &Parts, path: &Path) -> Result<Box<dyn DiskFile>, VaultError> {
    parts.disk.open(path, OpenAs::Read).map_err(failed("open", path))
}

/// The manifest in a block, if it is one, of the recording the block says, and signed by this vault's recorder.
pub(crate) fn manifest_in(parts: &Parts, block: &Block) -> Option<Manifest> {
    manifest_and_hash_in(parts, block, |_, _| false).map(|(manifest, _)| manifest)
}

/// [`manifest_in`], and its hash; a manifest of which `is_told` knows is not asked for its signature.
pub(crate) fn manifest_and_hash_in(
    parts: &Parts,
    block: &Block,
    is_told: impl FnOnce(RecordingId, &[u8; 32]) -> bool,
) -> Option<(Manifest, [u8; 32])> {
    let signed = parts.keys.metadata.open(&block.head.to_bytes()[AAD], &block.sealed).ok()?;
    Manifest::told_or_verified(&signed, &parts.verifying, is_told).filter(|(manifest, _)| {
        block.head.kind == BlockKind::Manifest
            && manifest.recording == block.head.recording
            && manifest.vault == parts.settings.id
            && manifest.blocks.len() as u64 == block.head.counter
    })
}

/// The manifest of a recording and its block.
pub(crate) fn read_manifest(
    parts: &Parts,
    recording: &RecordingEntry,
    file: &dyn DiskFile,
) -> Result<(Manifest, Block), VaultError> {
    let path = parts.layout.volume(&shelf_of(recording), recording.volume);
    let at = recording.manifest_at;
    let block = read_block(file, at).map_err(failed("read", &path))?.map_err(|damage| VaultError::Block {
        path: path.clone(),
        at,
        damage,
    })?;
    manifest_in(parts, &block)
        .filter(|manifest| manifest.recording == recording.id)
        .map(|manifest| (manifest, block))
        .ok_or(VaultError::Manifest { recording: recording.id, path, at })
}

/// The key files of a shelf, all generations.
pub(crate) fn key_files(parts: &Parts, shelf: &Shelf) -> Result<Vec<KeyFile>, VaultError> {
    let mut files = Vec::new();
    for generation in 1.. {
        let path = parts.layout.key_file(shelf, generation);
        match read_all(&*parts.disk, &path) {
            Ok(bytes) => files.push(KeyFile::read(&bytes)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => break,
            Err(cause) => return Err(failed("read", path)(cause)),
        }
    }
    Ok(files)
}

impl Vault {
    /// The signed manifest of a call's recording.
    ///
    /// # Errors
    /// [`VaultError::NoRecording`]; [`VaultError::Block`] and [`VaultError::Manifest`] when it is not what was written.
    pub fn manifest(&self, entry: &Entry) -> Result<Manifest, VaultError> {
        let recording = entry.recording.as_ref().ok_or(VaultError::NoRecording)?;
        let path = self.parts.layout.volume(&shelf_of(recording), recording.volume);
        let file = open_volume(&self.parts, &path)?;
        Ok(read_manifest(&self.parts, recording, &*file)?.0)
    }
}
