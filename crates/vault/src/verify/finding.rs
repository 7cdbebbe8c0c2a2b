//! What checking can find.

use std::path::PathBuf;

use earwitness_model::RecordingId;

use crate::container::{BlockDamage, HeadDamage};

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
    /// A recording in the volumes that the ledger does not tell of: rows were taken out of it, or it was taken away.
    #[error("recording {0} is in a volume, and the ledger does not tell of it: the ledger is not whole")]
    Untold(RecordingId),
    /// A recording that the ledger tells of and of which no volume holds the manifest.
    #[error(
        "recording {0} was recorded, and no volume holds its manifest: restore its volume from the backup, then run `earwitness index rebuild`"
    )]
    RecordingGone(RecordingId),
    /// The manifest in the volumes is signed, and not the one whose hash the ledger tells.
    #[error("the manifest of recording {0} is not the one that the ledger tells of")]
    ManifestReplaced(RecordingId),
    /// Bytes of a volume that are no whole block.
    #[error("{bytes} bytes of volumes are no whole block")]
    Damage {
        /// How many.
        bytes: u64,
    },
    /// A whole block that no recording of this volume accounts for.
    #[error("the block at byte {at} is of no recording that was sealed here: it is a copy, or was put there")]
    Stray {
        /// Where it begins.
        at: u64,
    },
    /// A disposal did not end, and whoever opened the vault could not end it.
    #[error(
        "a disposal that did not end: `earwitness dispose run` goes on with it, and says what is in its way"
    )]
    Disposing,
    /// A file where only the vault's own files are.
    #[error("is no file of a vault: look at what it is, and take it away")]
    Stranger,
    /// A key file holds the key of a recording that the ledger says was disposed of: somebody brought it back.
    #[error("holds the key of recording {0} again, which was disposed of: take the file out")]
    KeyReturned(RecordingId),
    /// The two copies of a day's salt differ, or the second is not there.
    #[error("is not the salt of the day's key file: restore it from the backup of the keys")]
    SaltCopy,
    /// The index itself.
    #[error("{0}")]
    Index(String),
}
