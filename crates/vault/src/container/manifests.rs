//! Walks a volume from head to head, and reads only what ends a recording: audio is passed over unread.

use std::io;

use super::{
    block::{BLOCK_HEAD, BlockDamage, BlockHead, BlockKind},
    scan::{Block, Scan, Scanned},
};
use crate::disk::ReadAt;

/// Bytes that are read at once where blocks follow closely on each other.
const WINDOW: usize = 256 << 10;
/// Bytes that are read of a place that is far from the one before: the heads of short blocks behind it, too.
const GLIMPSE: usize = 4 << 10;

/// The walk. A block other than a manifest is believed by its head: whether its content is whole is for [`Scan`] to find.
#[derive(Debug)]
pub(crate) struct Manifests<'f, F: ReadAt + ?Sized> {
    file: &'f F,
    at: u64,
    size: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'f, F: ReadAt + ?Sized> Manifests<'f, F> {
    /// From `at` on, within the first `size` bytes.
    pub(crate) fn new(file: &'f F, at: u64, size: u64) -> io::Result<Self> {
        let size = size.min(file.size()?);
        Ok(Self { file, at, size, window: Vec::new(), window_at: 0 })
    }

    /// The next manifest or damage; `None` at the end.
    fn step(&mut self) -> io::Result<Option<Scanned>> {
        while self.at < self.size {
            let at = self.at;
            let cause = match self.head(at)? {
                Ok(head) if head.kind == BlockKind::Manifest => match self.sealed(at, &head)? {
                    Some(sealed) => {
                        self.at += BLOCK_HEAD as u64 + u64::from(head.length);
                        return Ok(Some(Scanned::Block(Block { at, head, sealed })));
                    }
                    None => BlockDamage::Body,
                },
                Ok(head) => {
                    self.at += BLOCK_HEAD as u64 + u64::from(head.length);
                    continue;
                }
                Err(cause) => cause,
            };
            // Where the next block begins is found by the walk that reads everything.
            let mut scan = Scan::new(self.file, at)?.within(self.size);
            let bytes = match scan.next().transpose()? {
                Some(Scanned::Damaged { bytes, .. }) => bytes,
                Some(Scanned::Block(block)) => (BLOCK_HEAD + block.sealed.len()) as u64,
                None => self.size - at,
            };
            self.at = at + bytes;
            return Ok(Some(Scanned::Damaged { at, bytes, cause }));
        }
        Ok(None)
    }

    fn head(&mut self, at: u64) -> io::Result<Result<BlockHead, BlockDamage>> {
        let Some(bytes) = self.bytes(at, BLOCK_HEAD)?.and_then(|bytes| bytes.first_chunk()) else {
            return Ok(Err(BlockDamage::Cut));
        };
        let head = BlockHead::from_bytes(bytes);
        let is_within = |head: &BlockHead| at + BLOCK_HEAD as u64 + u64::from(head.length) <= self.size;
        Ok(head.and_then(|head| if is_within(&head) { Ok(head) } else { Err(BlockDamage::Cut) }))
    }

    fn sealed(&mut self, at: u64, head: &BlockHead) -> io::Result<Option<Vec<u8>>> {
        let sealed = self.bytes(at + BLOCK_HEAD as u64, head.length as usize)?;
        let whole = sealed.filter(|sealed| crc32c::crc32c(sealed) == head.body_crc);
        Ok(whole.map(<[u8]>::to_vec))
    }

    /// `length` bytes at `at`; `None` where there are not so many.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let end = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + length as u64 > end {
            let is_near = at <= end + GLIMPSE as u64;
            let wanted = length.max(if is_near { WINDOW } else { GLIMPSE });
            self.window.resize(usize::try_from(self.size - at).map_or(wanted, |rest| rest.min(wanted)), 0);
            self.window_at = at;
            let read = self.file.read_at(at, &mut self.window)?;
            self.window.truncate(read);
        }
        let start = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        Ok(self.window.get(start..).and_then(|bytes| bytes.get(..length)))
    }
}

impl<F: ReadAt + ?Sized> Iterator for Manifests<'_, F> {
    type Item = io::Result<Scanned>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if matches!(step, Some(Err(_))) {
            self.at = self.size;
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use earwitness_model::{PacketTime, RecordingId};
    use proptest::prelude::*;

    use super::*;

    fn block(kind: BlockKind, counter: u64, sealed: &[u8]) -> Vec<u8> {
        let head = BlockHead {
            kind,
            length: sealed.len() as u32,
            recording: RecordingId::new(1, 2),
            counter,
            base: PacketTime::EPOCH,
            previous: 0,
            body_crc: crc32c::crc32c(sealed),
        };
        [&head.to_bytes()[..], sealed].concat()
    }

    fn manifests(steps: impl Iterator<Item = io::Result<Scanned>>) -> Vec<(u64, Block)> {
        let blocks = steps.filter_map(|step| match step.unwrap() {
            Scanned::Block(block) if block.head.kind == BlockKind::Manifest => Some((block.at, block)),
            Scanned::Block(_) | Scanned::Damaged { .. } => None,
        });
        blocks.collect()
    }

    proptest! {
        /// Whatever is damaged, where audio is whole: the manifests are those that reading everything finds.
        #[test]
        fn the_manifests_are_those_of_the_walk_that_reads_everything(
            pieces in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                (any::<bool>(), any::<u64>(), 0_usize..20_000).prop_map(|(ends, n, size)| {
                    let kind = if ends { BlockKind::Manifest } else { BlockKind::Media };
                    block(kind, n, &vec![n as u8; size])
                }),
            ], 0..12),
            cut in 0_usize..50,
        ) {
            let mut bytes = pieces.concat();
            bytes.truncate(bytes.len().saturating_sub(cut));
            let all = manifests(Scan::new(&bytes[..], 0).unwrap());
            let found = manifests(Manifests::new(&bytes[..], 0, u64::MAX).unwrap());
            prop_assert_eq!(found, all);
        }
    }
}
