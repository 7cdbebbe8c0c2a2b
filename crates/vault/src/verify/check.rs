//! One recording, checked.

use std::{path::PathBuf, sync::Arc};

use earwitness_model::SegmentContent;

use super::{
    finding::{Fault, Finding},
    known_keys::KnownKeys,
};
use crate::{
    cipher::Aead,
    container::{Block, BlockKind, Chain, VOLUME_HEAD, VolumeHead, block_hash, read_block},
    disk::DiskFile,
    entry::{Entry, RecordingEntry, StreamHash},
    error::VaultError,
    manifest::Manifest,
    opener::{Opener, open_segment},
    payload_hash::PayloadHashes,
    reading::{ShelfMetadata, read_manifest, shelf_of},
    vault::Parts,
};

/// One recording being checked.
pub(super) struct Check<'v> {
    pub(super) parts: &'v Parts,
    pub(super) recording: &'v RecordingEntry,
    pub(super) path: PathBuf,
    pub(super) findings: Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, fault: Fault) {
        let path = self.path.clone();
        self.find_in(path, fault);
    }

    fn find_in(&mut self, path: PathBuf, fault: Fault) {
        self.findings.push(Finding { recording: Some(self.recording.id), path, fault });
    }

    pub(super) fn unreadable(&mut self, error: &dyn std::error::Error) {
        self.find(Fault::Unreadable(error.to_string()));
    }

    /// Looks for its key; gives what opens its manifest.
    pub(super) fn key(&mut self, keys: &mut KnownKeys) -> Option<Arc<ShelfMetadata>> {
        let shelf = shelf_of(self.recording);
        let path = self.parts.layout.key_file(&shelf, 1);
        let keys = match keys.of(self.parts, &shelf, self.recording.id) {
            Ok(keys) => keys,
            Err(error) => {
                self.find_in(path, Fault::Unreadable(error.to_string()));
                return None;
            }
        };
        let metadata = Arc::clone(&keys.metadata);
        let missing = !keys.wrapped.contains(&self.recording.id);
        if keys.damaged {
            self.find_in(path.clone(), Fault::KeyFile);
        }
        if missing {
            self.find_in(path, Fault::KeyMissing);
        }
        Some(metadata)
    }

    pub(super) fn volume_head(&mut self, file: &dyn DiskFile) {
        let mut head = [0; VOLUME_HEAD];
        let read = match file.read_at(0, &mut head) {
            Ok(read) => read,
            Err(cause) => return self.unreadable(&cause),
        };
        let shelf = shelf_of(self.recording);
        let owner = self.parts.settings.identity();
        match VolumeHead::from_bytes(&head[..read]) {
            Ok(head) if head.is_of(owner, &shelf, self.recording.volume) => {}
            Ok(_) => self.find(Fault::VolumeMisplaced),
            Err(damage) => self.find(damage.into()),
        }
    }

    pub(super) fn recording(
        &mut self,
        file: &dyn DiskFile,
        (entry, metadata): (&Entry, &ShelfMetadata),
        opener: Option<&Opener>,
    ) {
        let (manifest, block) = match read_manifest((self.parts, metadata), self.recording, file) {
            Ok(found) => found,
            Err(VaultError::Block { at, damage, .. }) => return self.find(Fault::Block { at, damage }),
            Err(VaultError::Manifest { .. }) => return self.find(Fault::Manifest),
            Err(other) => return self.unreadable(&other),
        };
        let mut said = manifest.entry(self.recording.volume, self.recording.manifest_at);
        // What was listed was made to fit in the same way.
        said.fit();
        if let Err(cause) = self.parts.as_listed(&mut said, entry) {
            self.find_in(self.parts.layout.ledger(), Fault::Unreadable(cause.to_string()));
        }
        if (&said.summary, &said.recording) != (&entry.summary, &entry.recording) {
            self.find(Fault::IndexDisagrees);
        }
        if Manifest::hash_of_blocks(&manifest.blocks) != manifest.sealed_blake3 {
            self.find(Fault::Total);
        }
        let chain = match Chain::read(file, &block) {
            Ok(chain) => chain,
            Err(cause) => return self.unreadable(&cause),
        };
        if let Some(at) = chain.broken_at {
            self.find(Fault::LinkBroken { at });
        }
        let mut opening = opener.and_then(|opener| self.opening(opener));
        let mut expected = 0;
        for at in chain.places {
            self.block(file, at, (&manifest, &mut expected), &mut opening);
        }
        self.missing(expected, manifest.blocks.len() as u64);
        if let Some(opening) = opening {
            self.payloads(&manifest, opening.payloads.finish());
        }
    }

    fn opening(&mut self, opener: &Opener) -> Option<Opening> {
        match opener.aead(self.recording) {
            Ok(aead) => Some(Opening { aead, payloads: PayloadHashes::default() }),
            Err(error) => {
                self.find(Fault::KeyUnusable(error.to_string()));
                None
            }
        }
    }

    fn block(
        &mut self,
        file: &dyn DiskFile,
        at: u64,
        (manifest, expected): (&Manifest, &mut u64),
        opening: &mut Option<Opening>,
    ) {
        let block = match read_block(file, at) {
            Ok(Ok(block)) => block,
            Ok(Err(damage)) => {
                *expected += 1;
                return self.find(Fault::Block { at, damage });
            }
            Err(cause) => return self.unreadable(&cause),
        };
        let counter = block.head.counter;
        self.missing(*expected, counter);
        *expected = counter.saturating_add(1);
        let hash = block_hash(&block.head.to_bytes(), &block.sealed);
        let told = usize::try_from(counter).ok().and_then(|place| manifest.blocks.get(place));
        if told != Some(&hash) {
            self.find(Fault::BlockChanged { counter });
        }
        if let Some(opening) = opening {
            self.segment(block, manifest, opening);
        }
    }

    fn missing(&mut self, from: u64, to: u64) {
        for counter in from..to {
            self.find(Fault::BlockMissing { counter });
        }
    }

    fn segment(&mut self, block: Block, manifest: &Manifest, opening: &mut Opening) {
        let counter = block.head.counter;
        let content = match block.head.kind {
            BlockKind::Media => SegmentContent::Media,
            BlockKind::Signalling => SegmentContent::Signalling,
            BlockKind::Opened | BlockKind::Stream | BlockKind::Running | BlockKind::Manifest => return,
        };
        let Ok(segment) = open_segment(&opening.aead, block, content, manifest.summary.id) else {
            return self.find(Fault::NotAuthentic { counter });
        };
        let whole = match content {
            SegmentContent::Media => {
                opening.payloads.handle_segment(&segment);
                let mut packets = segment.media();
                packets.by_ref().for_each(drop);
                packets.rest().is_empty()
            }
            SegmentContent::Signalling => {
                let mut messages = segment.signalling();
                messages.by_ref().for_each(drop);
                messages.rest().is_empty()
            }
        };
        if !whole {
            self.find(Fault::Malformed { counter });
        }
    }

    /// Of an interrupted recording no payload hash was signed: its segments opened, and that is all there is to say.
    fn payloads(&mut self, manifest: &Manifest, found: Vec<StreamHash>) {
        if manifest.interrupted {
            return;
        }
        let differ = |one: &[StreamHash], other: &[StreamHash]| {
            let missing = one.iter().filter(|hash| !other.contains(hash));
            missing.map(|hash| (hash.track.0, hash.payload_type)).collect::<Vec<_>>()
        };
        let mut streams = differ(&manifest.payload_hashes, &found);
        streams.extend(differ(&found, &manifest.payload_hashes));
        streams.sort_unstable();
        streams.dedup();
        for (track, payload_type) in streams {
            self.find(Fault::Payload { track, payload_type });
        }
    }
}

/// What opening a recording needs and gathers.
struct Opening {
    aead: Aead,
    payloads: PayloadHashes,
}
