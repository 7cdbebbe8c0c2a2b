//! The segments of one recording, one after the other.

use std::path::PathBuf;

use earwitness_model::{CallId, Segment, SegmentContent};

use super::Opener;
use crate::{
    cipher::{Aead, NotAuthentic, TAG},
    container::{AAD, Block, BlockKind, Chain, nonce, read_block},
    disk::DiskFile,
    entry::Entry,
    error::{VaultError, failed},
    reading::{open_volume, read_manifest, shelf_metadata, shelf_of},
};

/// Opens segments as it is asked for them.
pub struct Segments {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    aead: Aead,
    call: CallId,
    places: std::vec::IntoIter<u64>,
    /// The counter that the next block must have.
    expected: u64,
    /// How many blocks the manifest tells of.
    blocks: u64,
    /// A block that was read and found to come after missing ones.
    waiting: Option<Block>,
}

impl Segments {
    pub(super) fn open(opener: &Opener, entry: &Entry) -> Result<Self, VaultError> {
        let recording = entry.recording.as_ref().ok_or(VaultError::NoRecording)?;
        let path = opener.parts.layout.volume(&shelf_of(recording), recording.volume);
        let file = open_volume(&opener.parts, &path)?;
        let metadata = shelf_metadata(&opener.parts, &shelf_of(recording))?;
        let (manifest, block) = read_manifest((&opener.parts, &metadata), recording, &*file)?;
        let chain = Chain::read(&*file, &block).map_err(failed("read", &path))?;
        let aead = opener.aead(recording)?;
        Ok(Self {
            path,
            file,
            aead,
            call: entry.summary.id,
            places: chain.places.into_iter(),
            expected: 0,
            blocks: manifest.blocks.len() as u64,
            waiting: None,
        })
    }

    /// The next block, or that some are missing before it.
    fn next_block(&mut self) -> Option<Result<Block, VaultError>> {
        if let Some(block) = self.waiting.take() {
            self.expected = block.head.counter + 1;
            return Some(Ok(block));
        }
        let Some(at) = self.places.next() else {
            return (self.expected < self.blocks).then(|| {
                let counter = std::mem::replace(&mut self.expected, self.blocks);
                Err(VaultError::BlockMissing { path: self.path.clone(), counter })
            });
        };
        let read = match read_block(&*self.file, at) {
            Ok(read) => read,
            Err(cause) => return Some(Err(failed("read", &self.path)(cause))),
        };
        let block = match read {
            Ok(block) => block,
            Err(damage) => {
                self.expected += 1;
                return Some(Err(VaultError::Block { path: self.path.clone(), at, damage }));
            }
        };
        if block.head.counter > self.expected {
            let counter = self.expected;
            self.waiting = Some(block);
            return Some(Err(VaultError::BlockMissing { path: self.path.clone(), counter }));
        }
        self.expected = block.head.counter + 1;
        Some(Ok(block))
    }
}

impl Iterator for Segments {
    type Item = Result<Segment, VaultError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let block = match self.next_block()? {
                Ok(block) => block,
                Err(error) => return Some(Err(error)),
            };
            let Some(content) = content_of(block.head.kind) else { continue };
            let (at, call) = (block.at, self.call);
            return Some(
                open_segment(&self.aead, block, content, call).map_err(|cause| VaultError::Sealed {
                    path: self.path.clone(),
                    at,
                    cause,
                }),
            );
        }
    }
}

/// What blocks of this kind hold, of those that a recording's own key seals.
pub(crate) const fn content_of(kind: BlockKind) -> Option<SegmentContent> {
    match kind {
        BlockKind::Media => Some(SegmentContent::Media),
        BlockKind::Signalling => Some(SegmentContent::Signalling),
        BlockKind::Opened | BlockKind::Stream | BlockKind::Running | BlockKind::Manifest => None,
    }
}

/// Decrypts a block where it lies.
pub(crate) fn open_segment(
    aead: &Aead,
    block: Block,
    content: SegmentContent,
    call: CallId,
) -> Result<Segment, NotAuthentic> {
    let (head, mut bytes) = (block.head, block.sealed);
    let (_, tag) = bytes.split_last_chunk::<TAG>().ok_or(NotAuthentic)?;
    let tag = *tag;
    bytes.truncate(bytes.len() - TAG);
    let bytes = aead.open(&nonce(head.counter), &head.to_bytes()[AAD], bytes, &tag)?;
    Ok(Segment { call, content, base: head.base, bytes })
}
