//! The blocks of one recording, found from its manifest backwards.

use std::io;

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
                Some(_) | None => return Self::walk(file, manifest, after_at),
            }
        }
        places.reverse();
        Ok(Self { places, broken_at: None })
    }

    /// Every block of the recording, wherever it lies. Of blocks that say the same place the first is believed, and of
    /// places that the signed manifest does not have none: checksums alone prove nothing.
    fn walk<F: ReadAt + ?Sized>(file: &F, manifest: &Block, broken_at: u64) -> io::Result<Self> {
        let mut found = Vec::new();
        for step in Scan::new(file, VOLUME_HEAD as u64)? {
            match step? {
                Scanned::Block(Block { at, head, .. }) => {
                    let before = head.counter < manifest.head.counter && head.kind != BlockKind::Manifest;
                    if head.recording == manifest.head.recording && before {
                        found.push((head.counter, at));
                    }
                }
                Scanned::Damaged { .. } => {}
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|(counter, _)| *counter);
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

#[cfg(test)]
mod tests {
    use earwitness_model::{PacketTime, RecordingId};

    use super::*;

    /// A volume of one recording whose blocks have these counters, the last of them the manifest, linked.
    fn volume(counters: &[u64]) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut places) = (vec![0; VOLUME_HEAD], Vec::new());
        for (place, &counter) in counters.iter().enumerate() {
            let kind = if place + 1 == counters.len() { BlockKind::Manifest } else { BlockKind::Media };
            let previous = places.last().copied().unwrap_or_default();
            let (recording, base) = (RecordingId::new(1, 2), PacketTime::EPOCH);
            let sealed = [7; 5];
            let body_crc = crc32c::crc32c(&sealed);
            let head = BlockHead { kind, length: 5, recording, counter, base, previous, body_crc };
            places.push(bytes.len() as u64);
            bytes.extend_from_slice(&head.to_bytes());
            bytes.extend_from_slice(&sealed);
        }
        (bytes, places)
    }

    fn chain(bytes: &[u8], manifest: u64) -> Chain {
        Chain::read(bytes, &read_block(bytes, manifest).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn links_lead_back_to_the_first_block() {
        let (bytes, places) = volume(&[0, 1, 2, 3]);
        assert_eq!(chain(&bytes, places[3]), Chain { places: places[..3].to_vec(), broken_at: None });
    }

    #[test]
    fn behind_a_broken_link_the_blocks_are_looked_for() {
        let (mut bytes, places) = volume(&[0, 1, 2, 3]);
        bytes[places[1] as usize] ^= 1;
        let found = Chain { places: vec![places[0], places[2]], broken_at: Some(places[2]) };
        assert_eq!(chain(&bytes, places[3]), found);
    }

    #[test]
    fn blocks_that_claim_a_place_twice_or_beyond_the_manifest_are_not_believed() {
        let (bytes, places) = volume(&[0, 1, 1, u64::MAX, 3]);
        let found = Chain { places: vec![places[0], places[1]], broken_at: Some(places[4]) };
        assert_eq!(chain(&bytes, places[4]), found);
    }
}
