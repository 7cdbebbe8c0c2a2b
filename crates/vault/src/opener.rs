//! The opening side: whoever has the officer's key.

mod segments;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use age::{secrecy::SecretString, x25519::Identity};
use earwitness_model::RecordingId;
use zeroize::Zeroizing;

pub use self::segments::Segments;
pub(crate) use self::segments::{content_of, open_segment};
use crate::{
    cipher::{Aead, CipherSuite},
    disk::{if_there, read_all},
    entry::{Entry, RecordingEntry},
    error::{VaultError, failed},
    keys::{KeyRow, KeyState, LastBatch, data_key, open_identity},
    layout::{Layout, Shelf},
    officer_key::OfficerKey,
    reading::{key_files, shelf_of},
    vault::Parts,
};

/// Shelves whose keys are kept open at once.
const MAX_SHELVES: usize = 8;

/// How the officer's key is opened.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// An open vault's key file.
    KeyFile(PathBuf),
    /// A governed vault's, with its passphrase.
    Passphrase {
        /// The key file.
        path: PathBuf,
        /// The passphrase.
        passphrase: SecretString,
    },
}

/// Opens recordings. Holds the officer's key while it lives.
pub struct Opener {
    pub(crate) parts: Arc<Parts>,
    officer: OfficerKey,
    shelves: Mutex<HashMap<Shelf, ShelfKeys>>,
    /// Disposals before its keys were read.
    disposals: AtomicU64,
}

/// The keys of one class and day.
struct ShelfKeys {
    /// By generation, from 1.
    days: Vec<Option<Identity>>,
    wrapped: HashMap<RecordingId, Wrapped>,
    last_batch: LastBatch,
}

/// A wrapped data key.
struct Wrapped {
    /// The place of its day's key.
    day: usize,
    state: KeyState,
    bytes: Vec<u8>,
}

impl ShelfKeys {
    /// A row of the day's key file at this place. A row that a day's key opens is not replaced by one that none does.
    fn take(&mut self, day: usize, row: KeyRow) {
        let has_key = |day: usize| self.days.get(day).is_some_and(Option::is_some);
        let is_worse =
            self.wrapped.get(&row.recording).is_some_and(|known| has_key(known.day) && !has_key(day));
        let (state, bytes) = (row.state, row.wrapped);
        match state {
            KeyState::Wrapped | KeyState::WrappedInBatch if is_worse => {}
            KeyState::Wrapped | KeyState::WrappedInBatch => {
                drop(self.wrapped.insert(row.recording, Wrapped { day, state, bytes }));
            }
            KeyState::Destroyed => drop(self.wrapped.remove(&row.recording)),
        }
    }

    /// The data key of a recording, `None` when it is damaged.
    fn open(&mut self, suite: CipherSuite, recording: RecordingId) -> Option<Zeroizing<[u8; 32]>> {
        let wrapped = self.wrapped.get(&recording)?;
        let day = self.days.get(wrapped.day)?.as_ref()?;
        match wrapped.state {
            KeyState::Wrapped => {
                data_key(recording, &Zeroizing::new(age::decrypt(day, &wrapped.bytes).ok()?))
            }
            KeyState::WrappedInBatch => self.last_batch.open((suite, day), recording, &wrapped.bytes),
            KeyState::Destroyed => None,
        }
    }
}

impl Opener {
    pub(crate) fn new(parts: Arc<Parts>, unlock: Unlock) -> Result<Self, VaultError> {
        let key = match unlock {
            Unlock::KeyFile(path) => OfficerKey::read(&path, None)?,
            Unlock::Passphrase { path, passphrase } => OfficerKey::read(&path, Some(&passphrase))?,
        };
        Self::with_key(parts, key)
    }

    pub(crate) fn with_key(parts: Arc<Parts>, key: OfficerKey) -> Result<Self, VaultError> {
        parts.is_officer(&key)?;
        Ok(Self { parts, officer: key, shelves: Mutex::default(), disposals: AtomicU64::new(0) })
    }

    /// Where the officer's key was read from.
    #[must_use]
    pub fn key_path(&self) -> &Path {
        self.officer.path()
    }

    /// The segments of a call's recording, decrypted, in the order they were sealed. A segment that is damaged or missing
    /// is an error in its place, and the next one follows.
    ///
    /// # Errors
    /// [`VaultError::NoRecording`], [`VaultError::KeyGone`]; when the volume or the manifest cannot be read.
    pub fn segments(&self, entry: &Entry) -> Result<Segments, VaultError> {
        Segments::open(self, entry)
    }

    /// The cipher of a recording.
    pub(crate) fn aead(&self, recording: &RecordingEntry) -> Result<Aead, VaultError> {
        let key = self.data_key(recording)?;
        Ok(Aead::new(self.parts.settings.cipher, &key))
    }

    pub(crate) fn data_key(&self, recording: &RecordingEntry) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let shelf = shelf_of(recording);
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let disposals = self.parts.disposals.load(Ordering::Acquire);
        if self.disposals.swap(disposals, Ordering::AcqRel) != disposals {
            shelves.clear();
        }
        // Keys may have come since the file was read.
        if shelves.get(&shelf).is_none_or(|keys| !keys.wrapped.contains_key(&recording.id)) {
            self.read_shelf(&shelf, &mut shelves)?;
        }
        let known =
            shelves.get_mut(&shelf).and_then(|keys| Some((keys.wrapped.get(&recording.id)?.day, keys)));
        let Some((day, keys)) = known else {
            let path = self.parts.layout.key_file(&shelf, 1);
            return Err(VaultError::KeyGone { recording: recording.id, path });
        };
        let generation = u32::try_from(day + 1).unwrap_or(u32::MAX);
        let path = match keys.days.get(day) {
            Some(Some(_)) => self.parts.layout.key_file(&shelf, generation),
            // It is the day's key that is not what it was.
            Some(None) | None => self.parts.layout.day_identity(&shelf, generation),
        };
        keys.open(self.parts.settings.cipher, recording.id).ok_or(VaultError::KeyDamaged { path })
    }

    fn read_shelf(
        &self,
        shelf: &Shelf,
        shelves: &mut MutexGuard<'_, HashMap<Shelf, ShelfKeys>>,
    ) -> Result<(), VaultError> {
        let mut keys =
            ShelfKeys { days: Vec::new(), wrapped: HashMap::new(), last_batch: LastBatch::default() };
        for (day, file) in key_files(&self.parts, shelf)?.into_iter().enumerate() {
            let is_that_day = |identity: &Identity| {
                file.head.as_ref().is_none_or(|head| head.recipient == identity.to_public().to_string())
            };
            keys.days.push(self.day_identity(shelf, day)?.filter(is_that_day));
            for row in file.rows.into_iter().map(|placed| placed.row) {
                keys.take(day, row);
            }
        }
        if shelves.len() >= MAX_SHELVES {
            shelves.clear();
        }
        shelves.insert(shelf.clone(), keys);
        Ok(())
    }

    fn day_identity(&self, shelf: &Shelf, place: usize) -> Result<Option<Identity>, VaultError> {
        let generation = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let path = self.parts.layout.day_identity(shelf, generation);
        // Between the moment of a rotation and its end, the key that this officer opens waits beside the other, and takes its
        // place at any time.
        for place in [&path, &Layout::next_of(&path), &path] {
            let read = if_there(read_all(&*self.parts.disk, place)).map_err(failed("read", place))?;
            let Some(wrapped) = read else { continue };
            if let Some(day) = open_identity(&self.officer.identity, &wrapped) {
                return Ok(Some(day));
            }
        }
        Ok(None)
    }
}
