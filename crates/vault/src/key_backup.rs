//! Backups of the keys: on a second medium, known to the vault, and refreshed, so that what it destroys is destroyed there too.
//!
//! A backup of volumes never holds a key, so that it becomes noise when a key is destroyed. A backup of keys must therefore
//! be another thing: whoever destroys a key asks [`Vault::stale_key_backups`] which of them still hold it, and says so. The
//! procedure is in DURABILITY.md, "Keys": the vault writes down that there is a backup *before* the first key leaves, so that
//! no crash leaves a copy of which it does not know.

mod copy;
mod places;
mod registry;

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use chrono::NaiveDate;
use earwitness_model::{RecordingId, WallTime};
use rand::{RngCore, rngs::OsRng};

use self::registry::{Kept, Registered, Registry};
pub(crate) use self::{copy::all_below, places::marked};
pub use self::{
    copy::{CopiedFile, KeysCopied, copy_keys, copy_keys_on},
    places::{BackupPlace, KeySource, Medium, look_for_key_backup},
    registry::{BackupId, HeldKeys, NotABackupId},
};
use crate::{
    disk::{if_there, read_all},
    error::{VaultError, failed},
    keys::{KeyFile, KeyState},
    keys_error::KeysError,
    layout::Shelf,
    ledger::{KeysBackedUp, LedgerNote},
    vault::{Parts, Vault},
};

/// A recording's key that was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestroyedKey {
    /// The recording.
    pub recording: RecordingId,
    /// Its retention class.
    pub class: String,
    /// The day of its shelf.
    pub day: NaiveDate,
    /// When it began.
    pub begun: WallTime,
}

/// A backup that still holds a key that the vault destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleBackup {
    /// Which one.
    pub id: BackupId,
    /// What the officer called it.
    pub label: String,
    /// When it was taken, or refreshed last.
    pub taken: WallTime,
    /// Of the keys that were asked for, so many are in it.
    pub keys: u64,
}

/// A backup of the keys, as the vault knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBackup {
    /// Which one.
    pub id: BackupId,
    /// What the officer called it.
    pub label: String,
    /// When it was taken, or refreshed last.
    pub taken: WallTime,
    /// The number of the ledger's row that told of it; `None` while it is not finished.
    pub ledger: Option<u64>,
    /// The public key of the officer who opens what is in it; `None` while it is not finished.
    pub officer: Option<String>,
    /// Keys of recordings in it.
    pub keys: u64,
    /// So many of them the vault has destroyed since.
    pub destroyed_since: u64,
}

/// How a clock may have been set between the beginning of a recording and a backup, in nanoseconds. A key of which only the
/// time is left is taken to be in every backup that was taken less than this before the recording began.
const CLOCK_DOUBT: i64 = 86_400 * 1_000_000_000;

impl Vault {
    /// Writes down that a backup of the keys is about to be taken or refreshed. From then on it counts as holding every key.
    ///
    /// # Errors
    /// [`VaultError::KeyDamaged`] when the list of backups is; [`KeysError::BackupLabel`]; what the disk says.
    pub fn begin_key_backup(
        &self,
        known: Option<BackupId>,
        label: &str,
        now: WallTime,
    ) -> Result<BackupId, VaultError> {
        let label = checked_label(label)?;
        self.change_backups(|registry| {
            let id = known.unwrap_or_else(new_id);
            let begun = Registered { id, label, taken: now, ledger: None, officer: None, held: Vec::new() };
            match registry.backups.iter_mut().find(|backup| backup.id == id) {
                Some(backup) => *backup = Registered { held: std::mem::take(&mut backup.held), ..begun },
                None => registry.backups.push(begun),
            }
            id
        })
    }

    /// Writes down what a backup holds now, and tells the ledger. Gives the list of its files, signed by the recorder, which
    /// belongs beside them.
    ///
    /// # Errors
    /// Those of [`Self::begin_key_backup`]; [`KeysError::NoSuchBackup`] when it was not begun; when the ledger fails.
    pub fn finish_key_backup(
        &self,
        id: BackupId,
        copied: &KeysCopied,
        (now, by): (WallTime, &str),
    ) -> Result<Vec<u8>, VaultError> {
        let known = Registry::read(&*self.parts.disk, &self.parts.layout)?;
        let label = known.backups.iter().find(|backup| backup.id == id).map(|backup| backup.label.clone());
        let label = label.ok_or(KeysError::NoSuchBackup { id })?;
        let keys = copied.held.iter().map(HeldKeys::keys).sum();
        let (label_told, by) = (label.clone(), by.to_owned());
        let told = KeysBackedUp { backup: id.0, label: label_told, keys, wiped: copied.wiped, by };
        let note = LedgerNote::KeysBackedUp(told);
        let number = {
            let mut ledger = self.ledger();
            let number = ledger.next_number();
            ledger.append(note.kind(), now, &note.to_bytes())?;
            ledger.sync()?;
            number
        };
        self.change_backups(|registry| {
            for backup in registry.backups.iter_mut().filter(|backup| backup.id == id) {
                (backup.taken, backup.ledger) = (now, Some(number));
                backup.officer = Some(self.officer().to_string());
                backup.held.clone_from(&copied.held);
            }
        })?;
        Ok(self.signed_list(id, &label, (copied, now)))
    }

    /// The backups of the keys, and what each still holds that was destroyed.
    ///
    /// # Errors
    /// [`VaultError::KeyDamaged`] when the list of backups is; what the disk says.
    pub fn key_backups(&self) -> Result<Vec<KeyBackup>, VaultError> {
        let registry = Registry::read(&*self.parts.disk, &self.parts.layout)?;
        let mut shelves = Now::default();
        let mut found = Vec::new();
        for backup in registry.backups {
            let mut destroyed_since = 0;
            for held in &backup.held {
                destroyed_since += match shelves.of(&self.parts, held)? {
                    // The shelf's keys are gone as a whole.
                    None => held.keys(),
                    Some(now) => {
                        let gone = now.rows.iter().take(held.rows as usize).enumerate();
                        let gone = gone.filter(|(at, (_, state))| {
                            *state == KeyState::Destroyed && !held.is_destroyed(*at)
                        });
                        gone.count() as u64
                    }
                };
            }
            found.push(KeyBackup {
                id: backup.id,
                label: backup.label,
                taken: backup.taken,
                ledger: backup.ledger,
                officer: backup.officer,
                keys: backup.held.iter().map(HeldKeys::keys).sum(),
                destroyed_since,
            });
        }
        Ok(found)
    }

    /// The backups that still hold one of these keys, which the vault has destroyed. Where the vault cannot know any more, a
    /// backup counts as holding the key.
    ///
    /// # Errors
    /// [`VaultError::KeyDamaged`] when the list of backups is; what the disk says.
    pub fn stale_key_backups(&self, destroyed: &[DestroyedKey]) -> Result<Vec<StaleBackup>, VaultError> {
        self.parts.stale_key_backups(destroyed)
    }

    fn change_backups<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> Result<T, VaultError> {
        let _one_at_a_time = self.parts.keys_change();
        let mut registry = Registry::read(&*self.parts.disk, &self.parts.layout)?;
        let changed = change(&mut registry);
        registry.write(&*self.parts.disk, &self.parts.layout)?;
        Ok(changed)
    }

    fn signed_list(&self, id: BackupId, label: &str, of: (&KeysCopied, WallTime)) -> Vec<u8> {
        let text = copy::list(self.parts.settings.id, (id, label), of);
        let signature = self.parts.keys.signing.sign(text.as_bytes());
        copy::signed(text, signature.as_ref())
    }
}

impl Parts {
    /// [`Vault::stale_key_backups`].
    pub(crate) fn stale_key_backups(
        &self,
        destroyed: &[DestroyedKey],
    ) -> Result<Vec<StaleBackup>, VaultError> {
        let registry = Registry::read(&*self.disk, &self.layout)?;
        let mut shelves = Now::default();
        let mut stale = Vec::new();
        for backup in registry.backups {
            let mut keys = 0;
            for key in destroyed {
                keys += u64::from(holds(self, (&backup, &mut shelves), key)?);
            }
            if keys > 0 {
                stale.push(StaleBackup { id: backup.id, label: backup.label, taken: backup.taken, keys });
            }
        }
        Ok(stale)
    }
}

/// Whether a backup holds the key that the vault destroyed.
fn holds(
    parts: &Parts,
    (backup, shelves): (&Registered, &mut Now),
    key: &DestroyedKey,
) -> Result<bool, VaultError> {
    let may_be_before = key.begun.nanos() <= backup.taken.nanos().saturating_add(CLOCK_DOUBT);
    if backup.ledger.is_none() && may_be_before {
        return Ok(true);
    }
    for held in backup.held.iter().filter(|held| held.class == key.class && held.day == key.day) {
        let Some(now) = shelves.of(parts, held)? else {
            if may_be_before {
                return Ok(true);
            }
            continue;
        };
        match now.places.get(&key.recording) {
            // Where rows are damaged, places are not what they were.
            Some(&at) => {
                let was_destroyed = now.is_whole && held.is_destroyed(at);
                return Ok(at < held.rows as usize && !was_destroyed);
            }
            None if !now.is_whole && may_be_before => return Ok(true),
            None => {}
        }
    }
    Ok(false)
}

/// A key file as it is now.
struct FileNow {
    rows: Vec<(RecordingId, KeyState)>,
    places: HashMap<RecordingId, usize>,
    /// Every byte of it is a row's.
    is_whole: bool,
}

/// Key files as they are now, read once; `None`: the file is gone.
#[derive(Default)]
struct Now(HashMap<(Shelf, u32), Option<FileNow>>);

impl Now {
    fn of(&mut self, parts: &Parts, held: &HeldKeys) -> Result<Option<&FileNow>, VaultError> {
        let shelf = Shelf { class: held.class.clone(), day: held.day };
        let path = parts.layout.key_file(&shelf, held.generation);
        Ok(match self.0.entry((shelf, held.generation)) {
            Entry::Occupied(known) => known.into_mut().as_ref(),
            Entry::Vacant(unknown) => {
                let read = if_there(read_all(&*parts.disk, &path)).map_err(failed("read", &path))?;
                unknown.insert(read.map(|bytes| FileNow::of(&bytes))).as_ref()
            }
        })
    }
}

impl FileNow {
    fn of(bytes: &[u8]) -> Self {
        let file = KeyFile::read(bytes);
        let rows: Vec<_> =
            file.rows.into_iter().map(|placed| (placed.row.recording, placed.row.state)).collect();
        let places = rows.iter().enumerate().map(|(at, (recording, _))| (*recording, at)).collect();
        Self { rows, places, is_whole: file.damaged == 0 }
    }
}

/// What a key file holds, for the list of backups.
fn held_in(bytes: &[u8]) -> Kept {
    let rows = FileNow::of(bytes).rows;
    let gone = rows.iter().enumerate().filter(|(_, (_, state))| *state == KeyState::Destroyed);
    let mut runs = BTreeMap::new();
    for (at, _) in gone {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        match runs.last_entry() {
            Some(mut last) if *last.get() == at => *last.get_mut() = at + 1,
            Some(_) | None => drop(runs.insert(at, at + 1)),
        }
    }
    Kept { rows: u32::try_from(rows.len()).unwrap_or(u32::MAX), destroyed: runs.into_iter().collect() }
}

/// The backups that a list of them (`keys/backups.toml`) names; `None` when it is damaged.
#[must_use]
pub fn registered_backups(list: &[u8]) -> Option<Vec<BackupId>> {
    Some(Registry::from_bytes(list)?.backups.into_iter().map(|backup| backup.id).collect())
}

fn new_id() -> BackupId {
    let mut id = [0; 8];
    OsRng.fill_bytes(&mut id);
    BackupId(id)
}

/// What a backup may be called: what a label on a medium holds.
fn checked_label(label: &str) -> Result<String, VaultError> {
    let label = label.trim();
    let is_plain = (1..=64).contains(&label.chars().count()) && !label.chars().any(char::is_control);
    is_plain.then(|| label.to_owned()).ok_or_else(|| KeysError::BackupLabel.into())
}
