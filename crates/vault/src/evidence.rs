//! What leaves a vault as evidence: a recording as it was signed and sealed, and the recorder's word for what goes with it.

use earwitness_model::{CallId, Segment};
use zeroize::Zeroizing;

use crate::{
    cipher::{Aead, CipherSuite},
    container::{Block, Chain, read_block},
    entry::Entry,
    error::{VaultError, failed},
    opener::{Opener, content_of, open_segment},
    reading::{open_volume, read_manifest, shelf_metadata, shelf_of, signed_in},
    vault::Vault,
};

/// How a list that the recorder signs begins: so that the signature of a list is nothing else's, and that of nothing else a
/// list's.
pub const LIST_SIGNED_AS: &[u8] = b"earwitness bundle 1\n";

impl Vault {
    /// The manifest of a call's recording with its signature, as [`Manifest::verified`](crate::Manifest::verified) reads them.
    ///
    /// # Errors
    /// Those of [`Vault::manifest`].
    pub fn signed_manifest(&self, entry: &Entry) -> Result<Vec<u8>, VaultError> {
        let recording = entry.recording.as_ref().ok_or(VaultError::NoRecording)?;
        let path = self.parts.layout.volume(&shelf_of(recording), recording.volume);
        let file = open_volume(&self.parts, &path)?;
        let metadata = shelf_metadata(&self.parts, &shelf_of(recording))?;
        let (_, block) = read_manifest((&self.parts, &metadata), recording, &*file)?;
        signed_in(&metadata, &block).ok_or(VaultError::Manifest {
            recording: recording.id,
            path,
            at: block.at,
        })
    }

    /// The sealed blocks of a call's recording in their order, as they lie in the volume, the manifest's own not among them:
    /// whoever has the manifest can hold them against it without any key.
    ///
    /// # Errors
    /// Those of [`Vault::manifest`]; [`VaultError::BlockMissing`] when not all of them are there.
    pub fn sealed_blocks(&self, entry: &Entry) -> Result<Vec<Block>, VaultError> {
        let recording = entry.recording.as_ref().ok_or(VaultError::NoRecording)?;
        let path = self.parts.layout.volume(&shelf_of(recording), recording.volume);
        let file = open_volume(&self.parts, &path)?;
        let metadata = shelf_metadata(&self.parts, &shelf_of(recording))?;
        let (manifest, block) = read_manifest((&self.parts, &metadata), recording, &*file)?;
        let chain = Chain::read(&*file, &block).map_err(failed("read", &path))?;
        let mut places = chain.places.into_iter();
        let mut blocks = Vec::with_capacity(manifest.blocks.len());
        for counter in 0..manifest.blocks.len() as u64 {
            let missing = || VaultError::BlockMissing { path: path.clone(), counter };
            let at = places.next().ok_or_else(missing)?;
            let block = read_block(&*file, at).map_err(failed("read", &path))?;
            let block = block.map_err(|damage| VaultError::Block { path: path.clone(), at, damage })?;
            if block.head.counter != counter {
                return Err(missing());
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    /// The recorder's signature of a list of files. `None`, and nothing is signed, when `list` does not begin as
    /// [`LIST_SIGNED_AS`]: the recorder's key signs other things too, and none of them may be had by calling it a list.
    #[must_use]
    pub fn sign_list(&self, list: &[u8]) -> Option<[u8; 64]> {
        let key = &self.parts.keys.signing;
        list.starts_with(LIST_SIGNED_AS).then(|| key.sign(list).as_ref().try_into().expect("64 bytes"))
    }
}

impl Opener {
    /// The key of one recording: it opens the media and the signalling of that recording ([`open_blocks`]) and nothing else.
    ///
    /// # Errors
    /// [`VaultError::NoRecording`], [`VaultError::KeyGone`], and what the disk says.
    pub fn recording_key(&self, entry: &Entry) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        self.data_key(entry.recording.as_ref().ok_or(VaultError::NoRecording)?)
    }
}

/// The media and the signalling of a call, out of the sealed blocks of its recording; the counter of a block that the key does not
/// open is an error in its place.
pub fn open_blocks(
    blocks: impl Iterator<Item = Block>,
    (suite, key): (CipherSuite, &[u8; 32]),
    call: CallId,
) -> impl Iterator<Item = Result<Segment, u64>> {
    let aead = Aead::new(suite, key);
    blocks.filter_map(move |block| {
        let counter = block.head.counter;
        let content = content_of(block.head.kind)?;
        Some(open_segment(&aead, block, content, call).map_err(|_not_authentic| counter))
    })
}
