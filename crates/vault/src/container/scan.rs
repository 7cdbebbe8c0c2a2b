//! Walks a volume from a place to its end: every whole block, and every range that is none.

use std::io;

use super::block::{BLOCK_HEAD, BlockDamage, BlockHead, MAGIC, block_hash};
use crate::disk::ReadAt;

/// Bytes read at once while looking for the next block behind a damaged one.
const WINDOW: usize = 64 << 10;

/// A whole block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Where it begins.
    pub at: u64,
    /// Its head.
    pub head: BlockHead,
    /// Its sealed bytes.
    pub sealed: Vec<u8>,
}

impl Block {
    /// What a manifest says of it: a hash over its place and its sealed bytes, which needs no key.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        block_hash(&self.head.to_bytes(), &self.sealed)
    }

    /// Its bytes as they lie in a volume: head, sealed bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.head.to_bytes()[..], &self.sealed].concat()
    }
}

/// One step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// A whole block.
    Block(Block),
    /// Bytes that are no block, up to the next whole one or the end of the file.
    Damaged {
        /// Where they begin.
        at: u64,
        /// How many they are.
        bytes: u64,
        /// What was wrong with the first of them.
        cause: BlockDamage,
    },
}

/// The walk. Ends at the end of the file or at the first error of the disk.
#[derive(Debug)]
pub struct Scan<'f, F: ReadAt + ?Sized> {
    file: &'f F,
    at: u64,
    size: u64,
}

impl<'f, F: ReadAt + ?Sized> Scan<'f, F> {
    /// From `at` on.
    ///
    /// # Errors
    /// When the disk does not tell the file's size.
    pub fn new(file: &'f F, at: u64) -> io::Result<Self> {
        Ok(Self { file, at, size: file.size()? })
    }

    /// Of the first `size` bytes only.
    #[must_use]
    pub fn within(mut self, size: u64) -> Self {
        self.size = self.size.min(size);
        self
    }

    fn step(&mut self) -> io::Result<Scanned> {
        let at = self.at;
        let cause = match whole_block(self.file, at)? {
            Ok(block) => {
                self.at = at + (BLOCK_HEAD + block.sealed.len()) as u64;
                return Ok(Scanned::Block(block));
            }
            Err(cause) => cause,
        };
        self.at = self.next_whole(at + 1)?;
        Ok(Scanned::Damaged { at, bytes: self.at - at, cause })
    }

    /// Where the next whole block at or behind `from` begins; the file's size when there is none.
    fn next_whole(&self, from: u64) -> io::Result<u64> {
        let mut window = vec![0; WINDOW];
        let mut base = from;
        while base < self.size {
            let read = self.file.read_at(base, &mut window)?;
            for place in window[..read].windows(MAGIC.len()).enumerate().filter(|(_, four)| *four == MAGIC) {
                let at = base + place.0 as u64;
                if whole_block(self.file, at)?.is_ok() {
                    return Ok(at);
                }
            }
            if read < WINDOW {
                break;
            }
            base += (WINDOW - MAGIC.len() + 1) as u64;
        }
        Ok(self.size)
    }
}

impl<F: ReadAt + ?Sized> Iterator for Scan<'_, F> {
    type Item = io::Result<Scanned>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.size {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.at = self.size;
        }
        Some(step)
    }
}

/// The block at `at`, if a whole one begins there.
pub(super) fn whole_block<F: ReadAt + ?Sized>(file: &F, at: u64) -> io::Result<Result<Block, BlockDamage>> {
    let mut head = [0; BLOCK_HEAD];
    if file.read_at(at, &mut head)? < BLOCK_HEAD {
        return Ok(Err(BlockDamage::Cut));
    }
    let head = match BlockHead::from_bytes(&head) {
        Ok(head) => head,
        Err(damage) => return Ok(Err(damage)),
    };
    let begin = at.saturating_add(BLOCK_HEAD as u64);
    if begin.saturating_add(u64::from(head.length)) > file.size()? {
        return Ok(Err(BlockDamage::Cut));
    }
    let mut sealed = vec![0; head.length as usize];
    if file.read_at(begin, &mut sealed)? < sealed.len() {
        return Ok(Err(BlockDamage::Cut));
    }
    if crc32c::crc32c(&sealed) != head.body_crc {
        return Ok(Err(BlockDamage::Body));
    }
    Ok(Ok(Block { at, head, sealed }))
}

#[cfg(test)]
mod tests {
    use earwitness_model::{PacketTime, RecordingId};
    use proptest::prelude::*;

    use super::*;
    use crate::container::BlockKind;

    fn block(counter: u64, sealed: &[u8]) -> Vec<u8> {
        let head = BlockHead {
            kind: BlockKind::Media,
            length: sealed.len() as u32,
            recording: RecordingId::new(1, 2),
            counter,
            base: PacketTime::EPOCH,
            previous: 0,
            body_crc: crc32c::crc32c(sealed),
        };
        [&head.to_bytes()[..], sealed].concat()
    }

    fn walk(bytes: &[u8]) -> Vec<Scanned> {
        Scan::new(bytes, 0).unwrap().collect::<io::Result<_>>().unwrap()
    }

    fn counters(steps: &[Scanned]) -> Vec<u64> {
        steps
            .iter()
            .filter_map(|step| match step {
                Scanned::Block(block) => Some(block.head.counter),
                Scanned::Damaged { .. } => None,
            })
            .collect()
    }

    #[test]
    fn a_damaged_block_costs_itself_and_no_other() {
        let blocks: Vec<_> = (0..3).map(|n| block(n, &[n as u8; 100])).collect();
        let whole = blocks.concat();
        assert_eq!(counters(&walk(&whole)), [0, 1, 2]);
        for at in 164..328 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x04;
            let steps = walk(&bytes);
            assert_eq!(counters(&steps), [0, 2], "byte {at}");
            assert!(matches!(steps[1], Scanned::Damaged { at: 164, bytes: 164, .. }), "byte {at}: {steps:?}");
        }
    }

    #[test]
    fn a_torn_tail_is_one_range_that_ends_with_the_file() {
        let whole = [block(0, b"first"), block(1, b"second")].concat();
        for cut in 70..whole.len() {
            let expected = Scanned::Damaged { at: 69, bytes: cut as u64 - 69, cause: BlockDamage::Cut };
            assert_eq!(walk(&whole[..cut])[1], expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_block_is_found_across_the_edge_of_a_window() {
        for gap in WINDOW - 3..WINDOW + 3 {
            let bytes = [vec![b'x'; gap], block(5, b"found")].concat();
            assert_eq!(counters(&walk(&bytes)), [5], "after {gap} bytes");
        }
    }

    proptest! {
        #[test]
        fn steps_cover_every_byte_of_anything_once(
            pieces in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                (any::<u64>(), prop::collection::vec(any::<u8>(), 0..50)).prop_map(|(n, b)| block(n, &b)),
                Just(MAGIC.to_vec()),
            ], 0..8)
        ) {
            let bytes = pieces.concat();
            let mut end = 0;
            for step in walk(&bytes) {
                let (at, length) = match step {
                    Scanned::Block(block) => (block.at, (BLOCK_HEAD + block.sealed.len()) as u64),
                    Scanned::Damaged { at, bytes, .. } => (at, bytes),
                };
                prop_assert_eq!(at, end);
                prop_assert!(length > 0);
                end = at + length;
            }
            prop_assert_eq!(end, bytes.len() as u64);
        }
    }
}
