//! What a disposal is about to destroy, on the disk before anything is destroyed.
//!
//! `VAULT/disposing` stands from the first step of a disposal to its last: whoever opens the vault meanwhile, after a crash, goes
//! on with it.

use earwitness_model::{RuleSetHash, WallTime};
use serde::{Deserialize, Serialize};

use super::{
    due::{Due, Place},
    rows::{ActId, Day, Subject},
};
use crate::{
    disk::{if_there, read_all, replace},
    error::{VaultError, failed},
    layout::Shelf,
    vault::Parts,
};

/// What the file is sealed to.
const SEALED_TO: &[u8] = b"earwitness disposing 1";

/// See the module's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) run: ActId,
    /// What the clock said, in ns since 1970.
    pub(super) at: i64,
    pub(super) by: String,
    pub(super) doomed: Vec<Doomed>,
    /// Classes and days of which nothing is left: their own keys are being destroyed.
    pub(super) ending: Vec<(String, Day)>,
}

/// A recording that is to be destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doomed {
    pub(super) subject: Subject,
    pub(super) until: Day,
    /// Generation, place and length of the wrapped key; `None`: it was not there any more.
    pub(super) key: Option<(u32, u64, u64)>,
    pub(super) rule: Option<String>,
    pub(super) rule_set: Option<[u8; 32]>,
    pub(super) sealed_bytes: u64,
    pub(super) sealed_blake3: Option<[u8; 32]>,
    pub(super) volume: Option<u32>,
}

impl Doomed {
    pub(super) fn of(due: &Due) -> Self {
        let told = due.told.as_ref();
        Self {
            subject: due.subject.clone(),
            until: Day(due.until),
            key: due.key.map(|Place { generation, at, length }| (generation, at, length)),
            rule: told.and_then(|told| told.rule.clone()),
            rule_set: told.map(|told| told.rule_set.0),
            sealed_bytes: told.map_or(0, |told| told.sealed_bytes),
            sealed_blake3: told.map(|told| told.sealed_blake3),
            volume: told.map(|told| told.volume),
        }
    }

    pub(super) fn rule_set(&self) -> Option<RuleSetHash> {
        self.rule_set.map(RuleSetHash)
    }
}

impl Intent {
    pub(super) const fn now(&self) -> WallTime {
        WallTime::from_nanos(self.at)
    }

    pub(super) fn names(&self, shelf: &Shelf) -> bool {
        let is_of = |doomed: &Doomed| doomed.subject.class == shelf.class && doomed.subject.day == shelf.day;
        self.is_ending(shelf) || self.doomed.iter().any(is_of)
    }

    pub(super) fn is_ending(&self, shelf: &Shelf) -> bool {
        self.ending.iter().any(|(class, day)| *class == shelf.class && day.0 == shelf.day)
    }

    /// Puts it on the disk.
    pub(super) fn write(&self, parts: &Parts) -> Result<(), VaultError> {
        let path = parts.layout.disposing();
        let bytes =
            postcard::to_stdvec(self).expect("an intent has no map and no sequence of unknown length");
        let sealed = parts.keys.metadata.seal(SEALED_TO, &bytes);
        replace(&*parts.disk, &path, &sealed).map_err(failed("write", path))
    }

    /// The one that a disposal left which did not end.
    ///
    /// # Errors
    /// [`VaultError::Intent`] when it cannot be read: nothing more is destroyed then.
    pub(super) fn read(parts: &Parts) -> Result<Option<Self>, VaultError> {
        let path = parts.layout.disposing();
        let read = if_there(read_all(&*parts.disk, &path)).map_err(failed("read", &path))?;
        let Some(sealed) = read else { return Ok(None) };
        let opened = parts.keys.metadata.open(SEALED_TO, &sealed).ok();
        match opened.and_then(|bytes| postcard::from_bytes(&bytes).ok()) {
            Some(intent) => Ok(Some(intent)),
            None => Err(VaultError::Intent { path }),
        }
    }

    /// The disposal has ended.
    pub(super) fn remove(parts: &Parts) -> Result<(), VaultError> {
        let path = parts.layout.disposing();
        let removed = parts.disk.remove(&path).and_then(|()| parts.disk.sync_dir(&parts.layout.dir));
        removed.map_err(failed("remove", path))
    }
}
