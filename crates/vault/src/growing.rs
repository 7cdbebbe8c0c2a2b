//! How far the volumes that are being written can be held against ledger and index.
//!
//! A manifest is in its volume before the ledger tells of it and the index lists it. Whoever checks a vault while it is being
//! written must not take that for a loss: of a growing volume only the part counts that was told and listed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::layout::Shelf;

/// The volumes that the writer has open.
#[derive(Debug, Default)]
pub(crate) struct Growing(Mutex<HashMap<(Shelf, u32), u64>>);

impl Growing {
    fn volumes(&self) -> MutexGuard<'_, HashMap<(Shelf, u32), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of this volume, what is in its first `bytes` is durable, told and listed. Said before anything is appended to it, and
    /// after every commit.
    pub(crate) fn settle(&self, shelf: &Shelf, volume: u32, bytes: u64) {
        self.volumes().insert((shelf.clone(), volume), bytes);
    }

    /// All of it is, and nothing more is appended.
    pub(crate) fn close(&self, shelf: &Shelf, volume: u32) {
        self.volumes().remove(&(shelf.clone(), volume));
    }

    /// Nothing is written any more.
    pub(crate) fn clear(&self) {
        self.volumes().clear();
    }

    /// How much of a volume of `size` bytes counts. The size must have been asked for before.
    pub(crate) fn settled(&self, shelf: &Shelf, volume: u32, size: u64) -> u64 {
        self.volumes().get(&(shelf.clone(), volume)).map_or(size, |settled| size.min(*settled))
    }
}
