//! The sealing side: public halves only. What it seals, it cannot open.

mod held;
mod recording;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::NaiveDate;
use chrono_tz::Tz;
use earwitness_model::{Decision, PacketTime, RecordingId, TrackIndex, WallTime};
use rand::{RngCore, rngs::OsRng, thread_rng};
use zeroize::Zeroizing;

pub(crate) use self::held::Held;
pub use self::recording::RecordingSealer;
use crate::{
    cipher::{Aead, CipherSuite},
    civil,
    container::{AAD, BLOCK_HEAD, BlockHead, BlockKind},
    entry::Entry,
    error::{VaultError, failed},
    keys::{BATCH_NANOS, Batch, DayKey, DayKeys, KeyRow, KeyState, wrapped_content},
    layout::{Shelf, is_class_name},
    manifest::{Manifest, RecordedRow},
    metadata_key::MetadataKey,
    opening::{OpenedRow, Opening},
};

/// Batches that are open at once: one for each class and day in which calls begin.
const MOST_BATCHES: usize = 16;

/// Begins recordings. Clones share one vault; any thread may have one.
///
/// The keys of recordings that begin within [`Self::BATCH`] of each other are wrapped together, which is told in
/// `keys/batch.rs`. Whoever has a sealer therefore calls [`Self::close_batches`] so long after it began one.
pub struct Sealer {
    with: Arc<SealingKeys>,
    batches: Mutex<Vec<OpenBatch>>,
}

/// Recordings of a shelf that begin together.
struct OpenBatch {
    shelf: Shelf,
    day: DayKey,
    /// When the first of them began.
    begun: WallTime,
    /// `None` as long as that is alone: its key is wrapped to the day's by itself.
    batch: Option<Batch>,
}

/// Another's batches are its own.
impl Clone for Sealer {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.with))
    }
}

/// What sealing needs to know.
pub(crate) struct SealingKeys {
    pub(crate) vault: [u8; 16],
    pub(crate) suite: CipherSuite,
    pub(crate) zone: Tz,
    pub(crate) metadata: MetadataKey,
    pub(crate) signing: Ed25519KeyPair,
    pub(crate) days: DayKeys,
}

/// One sealed block on its way to the writer.
pub struct Sealed {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) recording: RecordingId,
    pub(crate) kind: BlockKind,
    pub(crate) block: SealedBlock,
    /// The recording's wrapped key and its key file, with its first block.
    pub(crate) key_row: Option<(u32, Vec<u8>)>,
    /// Of a segment: what is missing when it has no place on the disk.
    pub(crate) held: Option<Held>,
    /// With what makes it needless that an earlier part of the call waits to be taken up: that part.
    pub(crate) goes_on_from: Option<RecordingId>,
    /// With its last block: the row of the index, its place to be filled in, and the row of the ledger.
    pub(crate) finished: Option<Box<(Entry, RecordedRow)>>,
}

/// Head and sealed bytes, which need not lie together: a segment is sealed where it lies.
pub(crate) struct SealedBlock {
    /// The link and the head's checksum are the writer's to fill in.
    pub(crate) head: [u8; BLOCK_HEAD],
    pub(crate) body: Vec<u8>,
    /// Of media: the track of its first packet, by which its buffer finds its way back.
    pub(crate) track: Option<TrackIndex>,
}

impl SealedBlock {
    /// A block of metadata, sealed to its head.
    pub(crate) fn of_metadata(key: &MetadataKey, mut head: BlockHead, content: &[u8]) -> Self {
        head.length = u32::try_from(content.len() + MetadataKey::OVERHEAD).unwrap_or(u32::MAX);
        let bound = head.to_bytes();
        let body = key.seal(&bound[AAD], content);
        head.body_crc = crc32c::crc32c(&body);
        Self { head: head.to_bytes(), body, track: None }
    }

    /// Bytes that it takes in the volume.
    pub(crate) const fn len(&self) -> usize {
        BLOCK_HEAD + self.body.len()
    }

    /// The buffer of a segment that was written, or never will be.
    pub(crate) fn spent(self) -> Option<(TrackIndex, Vec<u8>)> {
        Some((self.track?, self.body))
    }
}

/// What it holds is not printed.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.block.len();
        write!(f, "Sealed({:?} of {}, {size} bytes)", self.kind, self.recording)
    }
}

impl Sealed {
    /// Whether it is the last of its recording: the call ended.
    #[must_use]
    pub const fn ends(&self) -> bool {
        self.finished.is_some()
    }

    /// Of a segment, the arrival of its first packet or message.
    #[must_use]
    pub fn begins(&self) -> Option<PacketTime> {
        self.held.as_ref().map(|held| held.span.0)
    }

    /// Bytes that it takes in the volume.
    #[must_use]
    pub fn size(&self) -> usize {
        self.block.len()
    }

    /// The recording it belongs to.
    #[must_use]
    pub const fn recording(&self) -> RecordingId {
        self.recording
    }
}

/// A new name for a recording, or for something that is done: told to everybody, so that it must not come from a generator whose
/// state it could give away.
pub(crate) fn draw_id(now: WallTime) -> RecordingId {
    let mut random = thread_rng();
    let chance = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    RecordingId::new(now.nanos() / 1_000_000, chance)
}

impl Sealer {
    /// How long the wrapping key of recordings that begin together is kept.
    pub const BATCH: Duration = Duration::from_nanos(BATCH_NANOS.unsigned_abs());

    pub(crate) const fn new(with: Arc<SealingKeys>) -> Self {
        Self { with, batches: Mutex::new(Vec::new()) }
    }

    /// Forgets the keys that wrapped those of the recordings begun so far: from then on nothing here opens them.
    pub fn close_batches(&self) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Begins the recording of a call: draws its data key, and wraps it to the public key of its class and day.
    ///
    /// # Errors
    /// [`VaultError::Refused`] when the verdict does not admit the call; when the class cannot name a directory; when
    /// the first use of a class and day cannot put its day key on the disk.
    pub fn begin(&self, opening: &Opening, now: WallTime) -> Result<(RecordingSealer, Sealed), VaultError> {
        let keep = match &opening.verdict.decision {
            Decision::Admit(keep) => keep,
            Decision::Refuse(_) => return Err(VaultError::Refused),
        };
        if !is_class_name(&keep.retention.name) {
            return Err(VaultError::ClassName { class: keep.retention.name.clone() });
        }
        let day = civil::day_of(self.with.zone, opening.facts.start);
        let shelf = Arc::new(Shelf { class: keep.retention.name.clone(), day });
        let recording = draw_id(now);
        let mut key = Zeroizing::new([0; 32]);
        OsRng.fill_bytes(&mut *key);
        let row = OpenedRow::new(opening, now);
        let until = row.retention_until(day);
        let (day_key, key_row) = self.wrap(&shelf, (recording, &key), (now, until))?;
        let aead = Aead::new(self.with.suite, &key);
        let metadata = match &day_key.salt {
            Some(salt) => self.with.metadata.of_day(salt),
            None => self.with.metadata.clone(),
        };
        let keys = (aead, metadata);
        let mut sealer = RecordingSealer::new(Arc::clone(&self.with), shelf, (recording, keys), row.clone());
        let mut opened = sealer.metadata(BlockKind::Opened, opening.at, &row.to_bytes());
        opened.key_row = Some((day_key.generation, key_row));
        Ok((sealer, opened))
    }

    fn wrap(
        &self,
        shelf: &Shelf,
        (recording, key): (RecordingId, &[u8; 32]),
        (now, until): (WallTime, NaiveDate),
    ) -> Result<(DayKey, Vec<u8>), VaultError> {
        let not_wrapped =
            |cause: age::EncryptError| failed("wrap a key for", &shelf.class)(std::io::Error::other(cause));
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.retain(|open| open.takes(now));
        let (day, state, wrapped) = match batches.iter_mut().find(|open| open.shelf == *shelf) {
            Some(open) => {
                let batch = match &mut open.batch {
                    Some(batch) => batch,
                    None => {
                        let batch = Batch::new(self.with.suite, &open.day.recipient).map_err(not_wrapped)?;
                        open.batch.insert(batch)
                    }
                };
                (open.day.clone(), KeyState::WrappedInBatch, batch.wrap(recording, key))
            }
            None => {
                let day = self.with.days.of(shelf)?;
                let content = wrapped_content(recording, key);
                let wrapped = age::encrypt(&day.recipient, &*content).map_err(not_wrapped)?;
                let begun_with = day.clone();
                if batches.len() >= MOST_BATCHES {
                    batches.clear();
                }
                batches.push(OpenBatch { shelf: shelf.clone(), day, begun: now, batch: None });
                (begun_with, KeyState::Wrapped, wrapped)
            }
        };
        let row = KeyRow { state, recording, until: Some(until), wrapped }
            .to_bytes()
            .expect("an age file of 48 bytes to one recipient is about 300 bytes");
        Ok((day, row))
    }
}

impl OpenBatch {
    /// Whether a recording that begins at `now` is one of them. A clock that goes back ends it.
    fn takes(&self, now: WallTime) -> bool {
        let age = now.nanos().wrapping_sub(self.begun.nanos());
        (0..BATCH_NANOS).contains(&age) && self.batch.as_ref().is_none_or(Batch::has_room)
    }
}

impl SealingKeys {
    /// The manifest's block, and what index and ledger will say of it.
    pub(crate) fn manifest_block(
        &self,
        key: &MetadataKey,
        head: BlockHead,
        manifest: Manifest,
    ) -> (SealedBlock, Entry, RecordedRow) {
        let (signed, hash) = manifest.sign(&self.signing);
        let block = SealedBlock::of_metadata(key, head, &signed);
        let row = RecordedRow::hashed(&manifest, hash);
        (block, manifest.into_entry(0, 0), row)
    }
}
