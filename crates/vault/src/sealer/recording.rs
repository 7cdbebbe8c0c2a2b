//! One recording while it is being sealed.

use std::sync::Arc;

use chrono::NaiveDate;
use earwitness_model::{CallSummary, Flag, PacketTime, RecordingId, RunningCall, Segment, SegmentContent};

use super::{Held, Sealed, SealedBlock, SealingKeys};
use crate::{
    cipher::{Aead, TAG},
    container::{AAD, BlockHead, BlockKind, block_hash, nonce},
    layout::Shelf,
    manifest::{MANIFEST_SCHEMA, Manifest},
    metadata_key::MetadataKey,
    opening::{OpenedRow, StreamOpened},
    payload_hash::PayloadHashes,
    running,
};

/// Seals one recording, block after block. It has the recording's data key and is its only owner; the key goes with it.
pub struct RecordingSealer {
    with: Arc<SealingKeys>,
    shelf: Arc<Shelf>,
    id: RecordingId,
    aead: Aead,
    /// Of the day's volumes.
    metadata: MetadataKey,
    opened: OpenedRow,
    retention_until: NaiveDate,
    blocks: Vec<[u8; 32]>,
    sealed_bytes: u64,
    last: PacketTime,
    payloads: PayloadHashes,
}

impl RecordingSealer {
    pub(super) fn new(
        with: Arc<SealingKeys>,
        shelf: Arc<Shelf>,
        (id, (aead, metadata)): (RecordingId, (Aead, MetadataKey)),
        opened: OpenedRow,
    ) -> Self {
        Self {
            retention_until: opened.retention_until(shelf.day),
            last: opened.facts.start,
            with,
            shelf,
            id,
            aead,
            metadata,
            opened,
            blocks: Vec::new(),
            sealed_bytes: 0,
            payloads: PayloadHashes::default(),
        }
    }

    /// The recording's name.
    #[must_use]
    pub const fn id(&self) -> RecordingId {
        self.id
    }

    /// Tells who a stream is. To be called at its first packet, so that the recording can be used when it is
    /// interrupted.
    #[must_use]
    pub fn stream(&mut self, stream: &StreamOpened) -> Sealed {
        self.metadata(BlockKind::Stream, self.last, &stream.to_bytes())
    }

    /// Keeps what must be known to take the call up again. To be called when it is answered and whenever that changes
    /// afterwards: of an interrupted recording the newest comes out in [`crate::Vault::waiting`].
    #[must_use]
    pub fn running(&mut self, call: &RunningCall) -> Sealed {
        let sealed = self.metadata(BlockKind::Running, self.last, &running::to_bytes(call));
        Sealed { goes_on_from: self.opened.continues, ..sealed }
    }

    /// Seals a segment where it lies: one walk over its packets, one pass of the cipher, one hash. Its buffer comes back by
    /// [`crate::Writer::take_written`]; one with room for a tag behind the segment is not moved.
    #[must_use]
    pub fn seal(&mut self, segment: Segment) -> Sealed {
        let (kind, held) = match segment.content {
            SegmentContent::Media => (BlockKind::Media, self.walk(&segment)),
            SegmentContent::Signalling => (BlockKind::Signalling, Held::messages_of(&segment)),
        };
        let Segment { base, bytes: mut body, .. } = segment;
        let length = body.len() + TAG;
        let mut head = self.head(kind, base);
        head.length = u32::try_from(length).unwrap_or(u32::MAX);
        let tag = self.aead.seal(&nonce(head.counter), &head.to_bytes()[AAD], &mut body);
        // If this moves them, it moves sealed bytes.
        body.extend_from_slice(&tag);
        head.body_crc = crc32c::crc32c(&body);
        self.sealed_bytes += length as u64;
        self.last = base;
        let track = held.streams().next().map(|stream| stream.track);
        let block = SealedBlock { head: head.to_bytes(), body, track };
        Sealed { held: Some(held), ..self.count(kind, block) }
    }

    /// Hashes the payloads of a media segment, and says what it holds.
    fn walk(&mut self, segment: &Segment) -> Held {
        let mut held = Held::new(segment.base);
        for packet in segment.media() {
            held.add_packet(&packet);
            self.payloads.handle_packet(&packet);
        }
        self.payloads.handle_segment_end();
        held
    }

    /// Ends the recording with its signed manifest.
    #[must_use]
    pub fn finish(mut self, mut summary: CallSummary) -> Sealed {
        let payload_hashes = std::mem::take(&mut self.payloads).finish();
        let late = payload_hashes.iter().any(|hash| hash.blake3.is_none());
        if late && !summary.flags.contains(&Flag::LatePackets) {
            summary.flags.push(Flag::LatePackets);
        }
        let manifest = Manifest {
            schema: MANIFEST_SCHEMA,
            vault: self.with.vault,
            recording: self.id,
            continues: self.opened.continues,
            class: self.shelf.class.clone(),
            day: self.shelf.day,
            retention_until: self.retention_until,
            cipher: self.with.suite,
            begun: self.opened.begun,
            interrupted: false,
            summary,
            payload_hashes,
            sealed_bytes: self.sealed_bytes,
            sealed_blake3: Manifest::hash_of_blocks(&self.blocks),
            blocks: std::mem::take(&mut self.blocks),
        };
        let mut head = self.head(BlockKind::Manifest, self.last);
        head.counter = manifest.blocks.len() as u64;
        let (block, entry, row) = self.with.manifest_block(&self.metadata, head, manifest);
        let finished = Some(Box::new((entry, row)));
        let kind = BlockKind::Manifest;
        let (shelf, recording, goes_on_from) = (self.shelf, self.id, self.opened.continues);
        Sealed { shelf, recording, kind, block, key_row: None, held: None, goes_on_from, finished }
    }

    pub(super) fn metadata(&mut self, kind: BlockKind, at: PacketTime, content: &[u8]) -> Sealed {
        let block = SealedBlock::of_metadata(&self.metadata, self.head(kind, at), content);
        self.count(kind, block)
    }

    /// The head of the next block. Its counter is the number of blocks before it: [`Self::count`] gives each out once.
    fn head(&self, kind: BlockKind, base: PacketTime) -> BlockHead {
        let counter = self.blocks.len() as u64;
        BlockHead { kind, length: 0, recording: self.id, counter, base, previous: 0, body_crc: 0 }
    }

    fn count(&mut self, kind: BlockKind, block: SealedBlock) -> Sealed {
        self.blocks.push(block_hash(&block.head, &block.body));
        let (shelf, recording) = (Arc::clone(&self.shelf), self.id);
        Sealed {
            shelf,
            recording,
            kind,
            block,
            key_row: None,
            held: None,
            goes_on_from: None,
            finished: None,
        }
    }
}
