//! The blocks of one recording, found from its manifest backwards.

use std::io;

use earwitness_model::RecordingId;

use super::{
    block::{BLOCK_HEAD, BlockDamage, BlockHead, BlockKind},
    scan::{Block, Scan, Scanned, whole_block},
    volume_head::VOLUME_HEAD,
};
use crate::disk::ReadAt;

/// The block at `at` if it is whole.
pub(crate) fn read_block<F: ReadAt + ?Sized>(file: &F, at: u64) -> io::Result<Result<Block, BlockDamage>> {
    whole_block(file, at)
}

/// Where the blocks of one recording begin, its manifest not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Places of the blocks in order of their counters.
    pub(crate) places: Vec<u64>,
    /// A link did not lead to the block before: the volume was walked from its beginning instead.
    pub(crate) broken_at: Option<u64>,
}

impl Chain {
    /// The chain that ends in the manifest at `manifest`.
    pub(crate) fn read<F: ReadAt + ?Sized>(file: &F, manifest: &Block) -> io::Result<Self> {
        let mut places = Vec::new();
        let mut after = manifest.head;
        let mut after_at = manifest.at;
        while after.counter > 0 {
            let at = after.previous;
            match linked_head(file, at, after_at)? {
                Some(head) if follows(&head, &after) => {
                    places.push(at);
                    (after, after_at) = (head, at);
                }
                Some(_) | None => return Self::walk(file, manifest.head.recording, after_at),
            }
        }
        places.reverse();
        Ok(Self { places, broken_at: None })
    }

    fn walk<F: ReadAt + ?Sized>(file: &F, recording: RecordingId, broken_at: u64) -> io::Result<Self> {
        let mut found = Vec::new();
        for step in Scan::new(file, VOLUME_HEAD as u64)? {
            match step? {
                Scanned::Block(block) => {
                    if block.head.recording == recording && block.head.kind != BlockKind::Manifest {
                        found.push((block.head.counter, block.at));
                    }
                }
                Scanned::Damaged { .. } => {}
            }
        }
        found.sort_unstable();
        Ok(Self { places: found.into_iter().map(|(_, at)| at).collect(), broken_at: Some(broken_at) })
    }
}

/// Links lead strictly backwards, so that no chain is a circle.
fn linked_head<F: ReadAt + ?Sized>(file: &F, at: u64, after: u64) -> io::Result<Option<BlockHead>> {
    if at >= after {
        return Ok(None);
    }
    let mut head = [0; BLOCK_HEAD];
    let read = file.read_at(at, &mut head)?;
    Ok(if read == BLOCK_HEAD { BlockHead::from_bytes(&head).ok() } else { None })
}

fn follows(before: &BlockHead, after: &BlockHead) -> bool {
    before.recording == after.recording && before.counter < after.counter
}
