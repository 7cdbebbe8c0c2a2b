//! Reading what the recorder itself may read: manifests, and which keys there are.

use std::path::Path;

use earwitness_model::RecordingId;

use crate::{
    cipher::NotAuthentic,
    container::{AAD, BLOCK_HEAD, Block, BlockKind, read_block},
    disk::{DiskFile, OpenAs, if_there, read_all},
    entry::{Entry, RecordingEntry},
    error::{VaultError, failed},
    keys::{KeyFile, KeyFileHead, KeyKind, read_key},
    layout::Shelf,
    manifest::Manifest,
    metadata_key::MetadataKey,
    shelves::newest_generation,
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

/// What opens the metadata in the volumes of one class and day.
pub(crate) struct ShelfMetadata(Vec<MetadataKey>);

impl ShelfMetadata {
    /// Of each of the shelf's key files, by the salt in its head or by the copy beside the day's key. A damaged copy beside a
    /// damaged head leaves nothing: what they sealed does not open, and is told as damage.
    pub(crate) fn of(
        parts: &Parts,
        shelf: &Shelf,
        heads: impl IntoIterator<Item = Option<KeyFileHead>>,
    ) -> Self {
        let copy = |generation| {
            let salt = read_key(&*parts.disk, &parts.layout.day_salt(shelf, generation), KeyKind::Salt);
            salt.ok().map(|salt| *salt)
        };
        let (mut salts, mut generation) = (Vec::new(), 1);
        for head in heads {
            salts.extend(head.map_or_else(|| copy(generation), |head| head.salt));
            generation += 1;
        }
        // A key file that is gone leaves the copy.
        salts.extend((generation..).map_while(copy));
        let own = parts.keys.metadata.clone();
        let days: Vec<_> = salts.iter().map(|salt| own.of_day(salt)).collect();
        Self(std::iter::once(own).chain(days).collect())
    }

    /// What was sealed in a block bound to these bytes. A volume that an earlier version began has blocks of both kinds.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotAuthentic> {
        self.0.iter().rev().find_map(|key| key.open(aad, sealed).ok()).ok_or(NotAuthentic)
    }

    /// The one that more is sealed with.
    pub(crate) fn newest(&self) -> &MetadataKey {
        self.0.last().expect("the vault's own key is the first")
    }
}

/// The metadata keys of a shelf.
pub(crate) fn shelf_metadata(parts: &Parts, shelf: &Shelf) -> Result<ShelfMetadata, VaultError> {
    let mut heads = Vec::new();
    for generation in 1..=newest_generation(&*parts.disk, &parts.layout, shelf)? {
        heads.push(read_head(parts, &parts.layout.key_file(shelf, generation))?);
    }
    Ok(ShelfMetadata::of(parts, shelf, heads))
}

/// The head of a key file; `None` when it is damaged, or the file is lost.
fn read_head(parts: &Parts, path: &Path) -> Result<Option<KeyFileHead>, VaultError> {
    let mut bytes = [0; KeyFile::HEAD];
    let read = parts.disk.open(path, OpenAs::Read).and_then(|file| file.read_at(0, &mut bytes));
    let read = if_there(read).map_err(failed("read", path))?;
    Ok(read.and_then(|read| KeyFile::read_head(&bytes[..read])))
}

/// The manifest in a block, if it is one, of the recording the block says, and signed by this vault's recorder.
pub(crate) fn manifest_in(with: (&Parts, &ShelfMetadata), block: &Block) -> Option<Manifest> {
    manifest_and_hash_in(with, block, |_, _| false).map(|(manifest, _)| manifest)
}

/// [`manifest_in`], and its hash; a manifest of which `is_told` knows is not asked for its signature.
pub(crate) fn manifest_and_hash_in(
    (parts, metadata): (&Parts, &ShelfMetadata),
    block: &Block,
    is_told: impl FnOnce(RecordingId, &[u8; 32]) -> bool,
) -> Option<(Manifest, [u8; 32])> {
    let signed = signed_in(metadata, block)?;
    Manifest::told_or_verified(&signed, &parts.verifying, is_told).filter(|(manifest, _)| {
        block.head.kind == BlockKind::Manifest
            && manifest.recording == block.head.recording
            && manifest.vault == parts.settings.id
            && manifest.blocks.len() as u64 == block.head.counter
    })
}

/// What is sealed in a manifest's block: the signature, and what is signed.
pub(crate) fn signed_in(metadata: &ShelfMetadata, block: &Block) -> Option<Vec<u8>> {
    metadata.open(&block.head.to_bytes()[AAD], &block.sealed).ok()
}

/// The manifest of a recording and its block.
pub(crate) fn read_manifest(
    (parts, metadata): (&Parts, &ShelfMetadata),
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
    manifest_in((parts, metadata), &block)
        .filter(|manifest| manifest.recording == recording.id)
        .map(|manifest| (manifest, block))
        .ok_or(VaultError::Manifest { recording: recording.id, path, at })
}

/// The key files of a shelf, each in the place of its generation. One that is lost holds nothing, and hides none behind it.
pub(crate) fn key_files(parts: &Parts, shelf: &Shelf) -> Result<Vec<KeyFile>, VaultError> {
    let mut files = Vec::new();
    for generation in 1..=newest_generation(&*parts.disk, &parts.layout, shelf)? {
        let path = parts.layout.key_file(shelf, generation);
        let read = if_there(read_all(&*parts.disk, &path)).map_err(failed("read", path))?;
        files.push(KeyFile::read(&read.unwrap_or_default()));
    }
    Ok(files)
}

/// Bytes of the key files of a shelf up to this generation.
pub(crate) fn key_bytes(parts: &Parts, shelf: &Shelf, newest: u32) -> Result<u64, VaultError> {
    let mut bytes = 0;
    for generation in 1..=newest {
        let path = parts.layout.key_file(shelf, generation);
        let size = parts.disk.open(&path, OpenAs::Read).and_then(|file| file.size());
        bytes += if_there(size).map_err(failed("read", path))?.unwrap_or(0);
    }
    Ok(bytes)
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
        let metadata = shelf_metadata(&self.parts, &shelf_of(recording))?;
        Ok(read_manifest((&self.parts, &metadata), recording, &*file)?.0)
    }
}
