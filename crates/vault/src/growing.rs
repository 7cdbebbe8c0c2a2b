//! How far the volumes that are being written can be held against ledger and index.
//!
//! A manifest is in its volume before the ledger tells of it and the index lists it. Whoever checks a vault while it is being
//! written must not take that for a loss: of a growing volume what is durable is there, and what is
//! settled besides was told and listed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::layout::Shelf;

/// How far a volume goes, in bytes of whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// These are on the medium.
    pub(crate) durable: u64,
    /// Of the recordings that end in these the ledger tells, and the index lists them.
    pub(crate) settled: u64,
}

/// Whether a volume is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The writer has it: recordings in it may run.
    Growing,
    /// Nobody writes to it.
    AtRest,
}

/// The volumes that the writer has open.
#[derive(Debug, Default)]
pub(crate) struct Growing(Mutex<HashMap<(Shelf, u32), Reach>>);

impl Growing {
    fn volumes(&self) -> MutexGuard<'_, HashMap<(Shelf, u32), Reach>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of a volume's `bytes` are settled. Said before anything is appended to it, and after every commit.
    pub(crate) fn settle(&self, shelf: &Shelf, volume: u32, bytes: u64) {
        self.volumes().insert((shelf.clone(), volume), Reach { durable: bytes, settled: bytes });
    }

    /// All of its bytes are durable. Said before the ledger tells of what ends in them.
    pub(crate) fn sync(&self, shelf: &Shelf, volume: u32, bytes: u64) {
        if let Some(reach) = self.volumes().get_mut(&(shelf.clone(), volume)) {
            reach.durable = bytes;
        }
    }

    /// Nothing more is appended to a settled volume.
    pub(crate) fn close(&self, shelf: &Shelf, volume: u32) {
        self.volumes().remove(&(shelf.clone(), volume));
    }

    /// Nothing is written any more.
    pub(crate) fn clear(&self) {
        self.volumes().clear();
    }

    /// Whether the writer has it open.
    pub(crate) fn progress(&self, shelf: &Shelf, volume: u32) -> Progress {
        let is_open = self.volumes().contains_key(&(shelf.clone(), volume));
        if is_open { Progress::Growing } else { Progress::AtRest }
    }

    /// How far a volume of `size` bytes goes. The size must have been asked for before.
    pub(crate) fn reach(&self, shelf: &Shelf, volume: u32, size: u64) -> Reach {
        let whole = Reach { durable: size, settled: size };
        self.volumes().get(&(shelf.clone(), volume)).copied().unwrap_or(whole)
    }
}
