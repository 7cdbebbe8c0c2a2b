//! Checking recordings: without a key that nothing was changed, with it that everything opens.

use std::path::PathBuf;

use earwitness_model::{RecordingId, SegmentContent};

use crate::{
    cipher::Aead,
    container::{
        Block, BlockDamage, BlockKind, Chain, HeadDamage, VOLUME_HEAD, VolumeHead, block_hash, read_block,
    },
    disk::DiskFile,
    entry::{Entry, RecordingEntry, StreamHash},
    error::VaultError,
    index::IndexFinding,
    keys::KeyState,
    manifest::Manifest,
    opener::{Opener, open_segment},
    payload_hash::PayloadHashes,
    reading::{key_files, open_volume, read_manifest, shelf_of},
    rebuild::{Found, for_each_manifest},
    vault::{Parts, Vault},
};

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct Finding {
    /// The recording it concerns.
    pub recording: Option<RecordingId>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The volume's head.
    #[error("{0}")]
    VolumeHead(#[from] HeadDamage),
    /// The volume is another vault's, class's or day's than its place says.
    #[error("the volume does not belong where it lies")]
    VolumeMisplaced,
    /// The manifest is not there, or is not what the recorder signed.
    #[error("the manifest is not one that this vault's recorder signed for this recording")]
    Manifest,
    /// The index says something else than the manifest.
    #[error("the index and the signed manifest disagree: run `earwitness index rebuild`")]
    IndexDisagrees,
    /// A block is damaged.
    #[error("block at byte {at}: {damage}")]
    Block {
        /// Where it begins.
        at: u64,
        /// What is wrong with it.
        damage: BlockDamage,
    },
    /// A block is whole, and not the one that the manifest tells of.
    #[error("block {counter} of the recording was changed")]
    BlockChanged {
        /// Its place in the recording.
        counter: u64,
    },
    /// A block that the manifest tells of is not in the volume.
    #[error("block {counter} of the recording is missing")]
    BlockMissing {
        /// Its place in the recording.
        counter: u64,
    },
    /// The links between the recording's blocks are broken at this byte; the blocks were looked for one by one.
    #[error("the link before byte {at} is broken")]
    LinkBroken {
        /// The block whose link leads nowhere.
        at: u64,
    },
    /// The manifest contradicts itself.
    #[error("the manifest's hash over all blocks is not that of its blocks")]
    Total,
    /// The recording's key is not in its key file.
    #[error("the recording's key is missing, destroyed or damaged: nothing can open it")]
    KeyMissing,
    /// A key file has bytes that are no row, or a damaged head.
    #[error("the key file is damaged")]
    KeyFile,
    /// The recording's key does not open with the officer's.
    #[error("the recording's key does not open: {0}")]
    KeyUnusable(String),
    /// A segment does not decrypt.
    #[error("block {counter} of the recording does not open")]
    NotAuthentic {
        /// Its place in the recording.
        counter: u64,
    },
    /// A segment decrypts to what is no sequence of packets.
    #[error("block {counter} of the recording does not hold whole packets")]
    Malformed {
        /// Its place in the recording.
        counter: u64,
    },
    /// The payload is not that of the manifest.
    #[error("the payload of track {track}, payload type {payload_type}, is not what was recorded")]
    Payload {
        /// The track.
        track: u16,
        /// The payload type.
        payload_type: u8,
    },
    /// A recording in the volumes that the index does not list, and that no better one of its call hides.
    #[error("recording {0} is not in the index: run `earwitness index rebuild`")]
    Unlisted(RecordingId),
    /// Bytes of a volume that are no whole block.
    #[error("{bytes} bytes of volumes are no whole block")]
    Damage {
        /// How many.
        bytes: u64,
    },
    /// The index itself.
    #[error("{0}")]
    Index(String),
}

/// What [`Vault::verify_all`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verified {
    /// Recordings that were checked.
    pub recordings: u64,
    /// Those of them with findings.
    pub broken: u64,
}

/// One recording being checked.
struct Check<'v> {
    parts: &'v Parts,
    recording: &'v RecordingEntry,
    path: PathBuf,
    findings: Vec<Finding>,
}

impl Vault {
    /// Checks the recording of a call. Without an opener: structure, hashes over the sealed bytes, signature, and that
    /// its key is there. With one: that all of it opens and that its payload is what was captured. No findings: all is
    /// well, as far as that tells. A call without a recording has none.
    #[must_use]
    pub fn verify(&self, entry: &Entry, opener: Option<&Opener>) -> Vec<Finding> {
        let Some(recording) = &entry.recording else { return Vec::new() };
        let shelf = shelf_of(recording);
        let path = self.parts.layout.volume(&shelf, recording.volume);
        let mut check = Check { parts: &self.parts, recording, path, findings: Vec::new() };
        check.key_file();
        match open_volume(&self.parts, &check.path) {
            Ok(file) => {
                check.volume_head(&*file);
                check.recording(&*file, entry, opener);
            }
            Err(error) => check.unreadable(&error),
        }
        check.findings
    }

    /// Checks every recording that is listed, telling `each` what was found.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn verify_all(
        &self,
        opener: Option<&Opener>,
        each: &mut dyn FnMut(&Entry, &[Finding]),
    ) -> Result<Verified, VaultError> {
        let mut verified = Verified::default();
        for entry in self.parts.index.newest_last(None, None) {
            let entry = entry?;
            if entry.recording.is_none() {
                continue;
            }
            let findings = self.verify(&entry, opener);
            verified.recordings += 1;
            verified.broken += u64::from(!findings.is_empty());
            each(&entry, &findings);
        }
        Ok(verified)
    }

    /// Checks the index: each row by itself, and that every manifest in the volumes is listed.
    #[must_use]
    pub fn check_index(&self) -> Vec<Finding> {
        let path = self.parts.layout.index();
        let finding = |fault| Finding { recording: None, path: path.clone(), fault };
        let of_index = |found: IndexFinding| finding(Fault::Index(found.to_string()));
        let mut findings: Vec<_> = self.parts.index.check().into_iter().map(of_index).collect();
        let mut damage = 0;
        let walked = for_each_manifest(&self.parts, |found| {
            match found {
                Found::Manifest { manifest, volume, at } => {
                    let entry = manifest.entry(volume, at);
                    let listed = self.parts.index.get(entry.summary.id)?;
                    let known = listed.is_some_and(|listed| {
                        listed.recording == entry.recording || !entry.replaces(&listed)
                    });
                    if !known {
                        findings.push(finding(Fault::Unlisted(manifest.recording)));
                    }
                }
                Found::Damage { bytes } => damage += bytes,
            }
            Ok(())
        });
        if let Err(error) = walked {
            findings.push(finding(Fault::Unreadable(error.to_string())));
        }
        if damage > 0 {
            findings.push(finding(Fault::Damage { bytes: damage }));
        }
        findings
    }
}

impl Check<'_> {
    fn find(&mut self, fault: Fault) {
        let path = self.path.clone();
        self.find_in(path, fault);
    }

    fn find_in(&mut self, path: PathBuf, fault: Fault) {
        self.findings.push(Finding { recording: Some(self.recording.id), path, fault });
    }

    fn unreadable(&mut self, error: &dyn std::error::Error) {
        self.find(Fault::Unreadable(error.to_string()));
    }

    fn key_file(&mut self) {
        let shelf = shelf_of(self.recording);
        let path = self.parts.layout.key_file(&shelf, 1);
        let files = match key_files(self.parts, &shelf) {
            Ok(files) => files,
            Err(error) => return self.find_in(path, Fault::Unreadable(error.to_string())),
        };
        if files
            .iter()
            .any(|file| file.damaged > 0 || file.head.as_ref().is_none_or(|head| head.day != shelf.day))
        {
            self.find_in(path.clone(), Fault::KeyFile);
        }
        let mut rows = files.iter().flat_map(|file| &file.rows);
        if !rows.any(|row| row.recording == self.recording.id && row.state == KeyState::Wrapped) {
            self.find_in(path, Fault::KeyMissing);
        }
    }

    fn volume_head(&mut self, file: &dyn DiskFile) {
        let mut head = [0; VOLUME_HEAD];
        let read = match file.read_at(0, &mut head) {
            Ok(read) => read,
            Err(cause) => return self.unreadable(&cause),
        };
        let expected = VolumeHead {
            suite: self.parts.settings.cipher,
            number: self.recording.volume,
            day: self.recording.day,
            vault: self.parts.settings.id,
            class: VolumeHead::class_hash(&self.recording.class),
        };
        match VolumeHead::from_bytes(&head[..read]) {
            Ok(head) if head == expected => {}
            Ok(_) => self.find(Fault::VolumeMisplaced),
            Err(damage) => self.find(damage.into()),
        }
    }

    fn recording(&mut self, file: &dyn DiskFile, entry: &Entry, opener: Option<&Opener>) {
        let (manifest, block) = match read_manifest(self.parts, self.recording, file) {
            Ok(found) => found,
            Err(VaultError::Block { at, damage, .. }) => return self.find(Fault::Block { at, damage }),
            Err(VaultError::Manifest { .. }) => return self.find(Fault::Manifest),
            Err(other) => return self.unreadable(&other),
        };
        let said = manifest.entry(self.recording.volume, self.recording.manifest_at);
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
            BlockKind::Opened | BlockKind::Stream | BlockKind::Manifest => return,
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
