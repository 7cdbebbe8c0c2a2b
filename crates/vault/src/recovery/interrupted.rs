//! A recording that has no manifest, gathered from its blocks.

use earwitness_model::{PacketTime, RecordingId, RunningCall};

use crate::{
    container::{AAD, Block, BlockHead, BlockKind, block_hash},
    entry::StreamHash,
    layout::Shelf,
    manifest::{MANIFEST_SCHEMA, Manifest},
    opening::{OpenedRow, StreamOpened},
    reading::ShelfMetadata,
    running,
    sealer::SealingKeys,
};

/// Blocks that may be missing between two whole ones: a counter that jumps further is not believed.
const MAX_MISSING: u64 = 1 << 12;

/// What there is of one recording.
#[derive(Default)]
pub(super) struct Unfinished {
    opened: Option<OpenedRow>,
    streams: Vec<StreamOpened>,
    /// What the call was when it last changed.
    pub(super) running: Option<RunningCall>,
    blocks: Vec<[u8; 32]>,
    sealed_bytes: u64,
    last_at: u64,
    first: Option<PacketTime>,
    /// Capture time of the last block.
    pub(super) last: PacketTime,
}

impl Unfinished {
    pub(super) fn take(&mut self, key: &ShelfMetadata, block: &Block) {
        let bound = block.head.to_bytes();
        let counter = block.head.counter;
        let expected = self.blocks.len() as u64;
        if counter < expected || counter - expected > MAX_MISSING {
            return;
        }
        // A block that is damaged has no hash: zeros stand for it, and verification finds them wrong.
        self.blocks.resize(counter as usize, [0; 32]);
        self.blocks.push(block_hash(&bound, &block.sealed));
        self.last_at = block.at;
        self.last = block.head.base;
        self.first.get_or_insert(block.head.base);
        let open = || key.open(&bound[AAD], &block.sealed).ok();
        match block.head.kind {
            BlockKind::Opened => self.opened = open().and_then(|row| OpenedRow::from_bytes(&row)),
            BlockKind::Stream => self.streams.extend(open().and_then(|row| StreamOpened::from_bytes(&row))),
            BlockKind::Media | BlockKind::Signalling => self.sealed_bytes += u64::from(block.head.length),
            BlockKind::Running => {
                self.running =
                    open().and_then(|call| running::from_bytes(&call)).or_else(|| self.running.take());
            }
            BlockKind::Manifest => {}
        }
    }

    /// The manifest that says what there is, and the head of its block; `None` when nobody knows whose recording it is.
    pub(super) fn manifest(
        &mut self,
        keys: &SealingKeys,
        shelf: &Shelf,
        recording: RecordingId,
    ) -> Option<(BlockHead, Manifest)> {
        let opened = self.opened.as_ref()?;
        let times = (self.first.unwrap_or(self.last), self.last);
        let summary = opened.interrupted(&self.streams, self.running.as_ref(), times);
        let payload_hashes = self
            .streams
            .iter()
            .filter(|stream| stream.is_audio())
            .map(|stream| StreamHash { track: stream.index, payload_type: stream.payload_type, blake3: None })
            .collect();
        let head = BlockHead {
            kind: BlockKind::Manifest,
            length: 0,
            recording,
            counter: self.blocks.len() as u64,
            base: self.last,
            previous: self.last_at,
            body_crc: 0,
        };
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA,
            vault: keys.vault,
            recording,
            continues: opened.continues,
            class: shelf.class.clone(),
            day: shelf.day,
            retention_until: opened.retention_until(shelf.day),
            cipher: keys.suite,
            begun: opened.begun,
            interrupted: true,
            summary,
            payload_hashes,
            sealed_bytes: self.sealed_bytes,
            sealed_blake3: Manifest::hash_of_blocks(&self.blocks),
            blocks: std::mem::take(&mut self.blocks),
        };
        Some((head, manifest))
    }
}
