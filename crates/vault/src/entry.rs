//! What the index keeps of a call: its facts, and where its recording lies if it has one.

use chrono::NaiveDate;
use earwitness_model::{CallSummary, RecordingId, TrackIndex};
use serde::{Deserialize, Serialize};

use crate::{civil, layout::HELD_FROM, sections};

/// The schema that [`Entry::to_bytes`] writes; the first byte of every entry. Earlier ones are read too.
pub const ENTRY_SCHEMA: u8 = sections::SCHEMA;
/// Bytes that an ordinary entry has at most: it is written without being moved.
const USUAL: usize = 2048;

/// A call's row in the index. Everything in it can be read again from volumes and ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`ENTRY_SCHEMA`] of the program that wrote it.
    pub schema: u8,
    /// The call.
    pub summary: CallSummary,
    /// Its recording; `None` for a call that was refused or had nothing to keep.
    pub recording: Option<RecordingEntry>,
    /// A legal hold keeps it beyond its retention.
    pub hold: bool,
}

/// Where a recording lies and how long it stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingEntry {
    /// Its name.
    pub id: RecordingId,
    /// The name of its retention class.
    pub class: String,
    /// The civil day of the call's start in the vault's zone: with the class, the directory it lies in.
    #[serde(with = "civil::as_days")]
    pub day: NaiveDate,
    /// The number of the volume that holds it, all of it.
    pub volume: u32,
    /// Byte offset of the manifest's block in that volume.
    pub manifest_at: u64,
    /// The last civil day on which it is kept: as its class said, or as two persons changed it. The ledger decides.
    #[serde(with = "civil::as_days")]
    pub retention_until: NaiveDate,
    /// Bytes of its sealed media and signalling, tags included, block headers not.
    pub sealed_bytes: u64,
    /// Its audio streams and their payload hashes, by track and payload type.
    pub payload_hashes: Vec<StreamHash>,
    /// The recorder stopped in mid-call, and the manifest was written when the vault was next opened.
    pub interrupted: bool,
    /// The recording of the same call that this one goes on from.
    pub continues: Option<RecordingId>,
}

/// The payload hash of one audio stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamHash {
    /// The track it belongs to.
    pub track: TrackIndex,
    /// The RTP payload type.
    pub payload_type: u8,
    /// BLAKE3 over the payloads of the stream's unique audio packets in RTP sequence order; `None` when a packet came
    /// after its place had been passed, or the recording was interrupted.
    pub blake3: Option<[u8; 32]>,
}

/// Bytes that are not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Written under another schema.
    #[error("entry of schema {found}, this program reads {ENTRY_SCHEMA}: run `earwitness index rebuild`")]
    Schema {
        /// The schema byte found.
        found: u8,
    },
    /// Not an entry at all.
    #[error("entry cannot be decoded")]
    Malformed,
}

impl RecordingEntry {
    /// A hold keeps it beyond its time, and it lies apart from what is kept for its time.
    #[must_use]
    pub const fn is_apart(&self) -> bool {
        self.volume >= HELD_FROM
    }
}

impl Entry {
    /// A call and, if it was kept, its recording; no hold.
    #[must_use]
    pub const fn new(summary: CallSummary, recording: Option<RecordingEntry>) -> Self {
        Self { schema: ENTRY_SCHEMA, summary, recording, hold: false }
    }

    /// Whether this entry takes the place of `other`, of the same call: a call may be seen again, in the same capture
    /// read twice, or go on as a second recording after a restart. A recording is never hidden behind a refusal, nor a
    /// finished one behind an interrupted one, nor one that has more of the call behind one that has less; of two alike, the later
    /// one is listed.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let rank = |entry: &Self| {
            let packets: u64 = entry.summary.streams.iter().map(|stream| stream.packets).sum();
            entry.recording.as_ref().map(|recording| (!recording.interrupted, packets, recording.id))
        };
        rank(self) >= rank(other)
    }

    /// Postcard, the schema byte first, then what the summary says beyond its own bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = postcard::to_extend(self, Vec::with_capacity(USUAL))
            .expect("an entry has no map and no sequence of unknown length");
        sections::write(self.schema, &self.summary, &mut bytes);
        bytes
    }

    /// How many bytes [`Self::to_bytes`] gives.
    pub(crate) fn size(&self) -> usize {
        let own = postcard::experimental::serialized_size(self)
            .expect("an entry has no map and no sequence of unknown length");
        let mut sections = Vec::new();
        sections::write(self.schema, &self.summary, &mut sections);
        own + sections.len()
    }

    /// The inverse of [`Self::to_bytes`].
    ///
    /// # Errors
    /// [`EntryError`] names another schema apart from bytes that make no sense.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        match bytes.first() {
            Some(&schema) if sections::is_read(schema) => {
                let (mut entry, rest): (Self, _) =
                    postcard::take_from_bytes(bytes).map_err(|_cause| EntryError::Malformed)?;
                sections::read(schema, &mut entry.summary, rest).ok_or(EntryError::Malformed)?;
                Ok(Self { schema: ENTRY_SCHEMA, ..entry })
            }
            Some(&found) => Err(EntryError::Schema { found }),
            None => Err(EntryError::Malformed),
        }
    }
}
