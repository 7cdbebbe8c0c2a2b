//! The index: which calls there are, by time, by id and by SIP Call-ID.
//!
//! It is never the only copy of a fact: every row is rebuilt from volumes and ledger. Therefore it is impatient with
//! damage. What is not exactly what was put is an error, a damaged store is moved aside and replaced by an empty one, and
//! its owner rebuilds.
//!
//! Invariants:
//! 1. When [`Index::put`] returns, its rows are on the medium, all of them or (after a crash within it) none.
//! 2. An [`Entry`] that comes out went in: checksum, seal and place are checked on every read.
//! 3. No number, name or Call-ID stands in the directory in clear, not even as a plain hash.
//! 4. Nothing here panics on any content of the directory.

mod by_sip_call_id;
mod check;
mod error;
mod life;
mod listing;
mod mark;
mod prefix;
mod room;
mod schema;
mod store;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use earwitness_model::{CallId, PacketTime};

pub use self::error::{Damage, IndexError, IndexFinding};
pub(crate) use self::schema::MAX_ENTRY;
use self::{
    by_sip_call_id::SipCallIdHash,
    listing::Listing,
    mark::Mark,
    schema::{RowKind, TALLY_KEY, Tally},
    store::Store,
};
use crate::{entry::Entry, metadata_key::MetadataKey};

/// At most so many ids answer a prefix or a SIP Call-ID: a caller may reuse one Call-ID as often as he likes.
pub const MAX_MATCHES: usize = 64;

/// An index that was just opened.
pub struct Opened {
    /// The index.
    pub index: Index,
    /// What was found.
    pub state: IndexState,
}

/// What was found when an index was opened. One that is not whole is not believed until [`Index::finish_rebuild`] was
/// called: when the process ends before, the next [`Index::open`] sets it aside, so that a part of the calls is never listed
/// as all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexState {
    /// All that was acknowledged is there, as far as can be told without reading every row ([`Index::check`] does that).
    Whole,
    /// There was none: it is empty, and must be rebuilt from whatever there is.
    Fresh,
    /// There was one that is not to be believed. It was moved, and the index is empty: it must be rebuilt.
    SetAside {
        /// Where it is now, until a rebuild is finished or the next one takes its place.
        to: PathBuf,
        /// What was wrong with it.
        why: Damage,
    },
}

/// The open index of one vault.
pub struct Index {
    /// Replaced when a rebuild begins.
    store: RwLock<Arc<Store>>,
    key: MetadataKey,
    sip_call_ids: SipCallIdHash,
    counted: Mutex<Counted>,
}

/// Held while a batch is made and applied: batches come one after the other.
struct Counted {
    tally: Tally,
    mark: Mark,
}

impl Index {
    /// Puts `entries`, in place of those of the same calls, as one batch that is durable on return.
    ///
    /// # Errors
    /// When an entry is too large or the store fails; then none of them is put.
    pub fn put(&self, entries: &[Entry]) -> Result<(), IndexError> {
        let last_of_each: BTreeMap<CallId, &Entry> = entries.iter().map(|e| (e.summary.id, e)).collect();
        if last_of_each.is_empty() {
            return Ok(());
        }
        let mut counted = self.counted();
        let mut change = Change::after(counted.tally);
        for (&call, entry) in &last_of_each {
            self.take_out(call, &mut change)?;
            self.bring_in(entry, &mut change)?;
        }
        self.apply(change, &mut counted)
    }

    /// The entry of `call`.
    ///
    /// # Errors
    /// When its row is damaged or the store fails.
    pub fn get(&self, call: CallId) -> Result<Option<Entry>, IndexError> {
        let row = self.store().get(&schema::entry_key(call))?;
        Ok(row.map(|value| schema::open_entry(&self.key, call, &value)).transpose()?)
    }

    /// Removes the row of `call`, durably; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove(&self, call: CallId) -> Result<bool, IndexError> {
        let mut counted = self.counted();
        let mut change = Change::after(counted.tally);
        let found = self.take_out(call, &mut change)?;
        if found {
            self.apply(change, &mut counted)?;
        }
        Ok(found)
    }

    /// The entries whose call began at or after `since` and before `until`, oldest first; `rev()` gives the newest first.
    ///
    /// Told by the id, which begins with the start in ms: both ends are rounded outwards to whole ms. A damaged row is an
    /// error in its place and the next row follows; a store that fails ends the iteration after its error. One without
    /// bounds that comes to its end while nothing was put or removed ends with an error where rows are missing.
    pub fn newest_last(
        &self,
        since: Option<PacketTime>,
        until: Option<PacketTime>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, IndexError>> {
        Listing::begin(self, since, until)
    }

    /// The calls whose id begins with `id_prefix` (26 characters at most, either case), oldest first, [`MAX_MATCHES`] at
    /// most: more than one means that the prefix is ambiguous.
    ///
    /// # Errors
    /// [`IndexError::BadPrefix`] for what cannot begin an id; when the store fails.
    pub fn find_prefix(&self, id_prefix: &str) -> Result<Vec<CallId>, IndexError> {
        let (first, last) = prefix::bounds(id_prefix).ok_or(IndexError::BadPrefix)?;
        let mut end = schema::entry_key(last).to_vec();
        end.push(0);
        self.calls(&schema::entry_key(first), &end)
    }

    /// The calls that have a dialog with this SIP Call-ID, oldest first, [`MAX_MATCHES`] at most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn by_sip_call_id(&self, sip_call_id: &str) -> Result<Vec<CallId>, IndexError> {
        let hash = self.sip_call_ids.of(sip_call_id);
        let first = schema::sip_call_id_key(hash, CallId::from_bytes([0; 16]));
        let mut end = schema::sip_call_id_key(hash, CallId::from_bytes([0xff; 16])).to_vec();
        end.push(0);
        self.calls(&first, &end)
    }

    /// How many calls there are.
    pub fn len(&self) -> u64 {
        self.counted().tally.calls
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads every row: checksums, versions, seals, places, counts, and that SIP Call-IDs and entries agree.
    pub fn check(&self) -> Vec<IndexFinding> {
        check::check(self)
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A panic under this lock can only be a defect of ours, and the tally in it is replaced whole.
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self, from: &[u8], to: &[u8]) -> Result<Vec<CallId>, IndexError> {
        let rows = self.store().rows(from, to).take(MAX_MATCHES);
        rows.map(|row| {
            let (key, value) = row?;
            schema::unframe(&key, &value)?;
            match schema::row_kind(&key) {
                RowKind::Entry(call) | RowKind::SipCallId { call, .. } => Ok(call),
                RowKind::Tally | RowKind::Unknown => Err(Damage::RowMisplaced.into()),
            }
        })
        .collect()
    }

    /// Adds the removal of what stands for `call` to `change`; says whether there was a row.
    fn take_out(&self, call: CallId, change: &mut Change) -> Result<bool, IndexError> {
        let key = schema::entry_key(call);
        let Some(value) = self.store().get(&key)? else { return Ok(false) };
        // The Call-IDs of a row that cannot be read are not known; `check` shows those left over.
        if let Ok(entry) = schema::open_entry(&self.key, call, &value) {
            for key in self.sip_call_ids.keys(&entry) {
                change.batch.remove(&key[..]);
            }
        }
        change.batch.remove(&key);
        change.tally.discount(&key, &value);
        Ok(true)
    }

    fn bring_in(&self, entry: &Entry, change: &mut Change) -> Result<(), IndexError> {
        let call = entry.summary.id;
        let plain = entry.to_bytes();
        if plain.len() > MAX_ENTRY {
            return Err(IndexError::TooLarge { call, bytes: plain.len(), limit: MAX_ENTRY });
        }
        let key = schema::entry_key(call);
        let value = schema::seal(&self.key, &key, &plain);
        change.tally.count(&key, &value);
        change.bytes += value.len() as u64;
        change.batch.insert(&key, value);
        for key in self.sip_call_ids.keys(entry) {
            change.batch.insert(&key[..], schema::bare(&key));
        }
        Ok(())
    }

    fn apply(&self, mut change: Change, counted: &mut Counted) -> Result<(), IndexError> {
        change.tally.batch += 1;
        change.batch.insert(&TALLY_KEY, schema::seal_tally(&self.key, &change.tally));
        self.store().apply(change.batch, change.bytes)?;
        counted.tally = change.tally;
        counted.mark.write(change.tally.batch)
    }
}

/// Rows to be changed together, and the tally as it is after that.
struct Change {
    batch: sled::Batch,
    /// Of its rows.
    bytes: u64,
    tally: Tally,
}

impl Change {
    fn after(tally: Tally) -> Self {
        Self { batch: sled::Batch::default(), bytes: 0, tally }
    }
}
