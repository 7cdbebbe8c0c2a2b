//! The index: which calls there are, by time, by what they have, by id and by SIP Call-ID.
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
//! 5. A listing of a day, whatever it is asked for, is held against the count of that day's calls.
//!
//! Locks are taken in the order of the fields of [`Index`].

mod by_sip_call_id;
mod change;
mod check;
mod columns;
mod day;
mod days;
mod error;
mod life;
mod listing;
mod look_up;
mod mark;
mod number;
mod prefix;
mod purge;
mod room;
mod row;
mod schema;
mod search;
mod store;
mod traits;
mod waiting;

#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use earwitness_model::{CallId, PacketTime};

pub(crate) use self::schema::MAX_ENTRY;
use self::{
    by_sip_call_id::SipCallIdHash, change::Writing, day::read_entry, days::Days, listing::Listing,
    store::Store, waiting::Waiting,
};
pub use self::{
    error::{Damage, IndexError, IndexFinding},
    life::LookUps,
    number::Ending,
    search::Search,
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
    dir: PathBuf,
    key: MetadataKey,
    sip_call_ids: SipCallIdHash,
    /// Held while a batch is made and applied: batches come one after the other.
    writing: Mutex<Writing>,
    /// What is looked up by other keys than the id; opened when it is first needed. Replaced when a rebuild begins.
    store: RwLock<Option<Arc<Store>>>,
    /// Held shortly, and never while a disk syncs, except while opening and rebuilding.
    days: Mutex<Days>,
    /// What was put or removed and the store does not know yet; changed by who is writing. Held shortly.
    waiting: Mutex<Waiting>,
}

impl Index {
    /// Puts `entries`, in place of those of the same calls, as one batch that is durable on return.
    ///
    /// # Errors
    /// When an entry is too large or the store fails; then some or all of them may be put: put them again.
    pub fn put(&self, entries: &[Entry]) -> Result<(), IndexError> {
        self.put_all(entries)
    }

    /// The entry of `call`.
    ///
    /// # Errors
    /// When its row is damaged or the store fails.
    pub fn get(&self, call: CallId) -> Result<Option<Entry>, IndexError> {
        let found = self.days().find(call)?.map(|(at, day)| (at, Arc::clone(&day.file)));
        Ok(found.map(|(at, file)| read_entry(&file, at, call, &self.key)).transpose()?)
    }

    /// The entries whose call began at or after `since` and before `until`, oldest first; `rev()` gives the newest first:
    /// [`Self::search`] by time alone.
    pub fn newest_last(
        &self,
        since: Option<PacketTime>,
        until: Option<PacketTime>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, IndexError>> {
        Listing::begin(self, &Search { since, until, ..Search::default() })
    }

    /// The entries that are asked for, oldest first, and perhaps others ([`Search`]).
    ///
    /// Time is told by the id, which begins with the start in ms: both ends are rounded outwards to whole ms. A damaged row
    /// is an error in its place and the next row follows. A day of which not all calls came ends with an error, whichever of
    /// them were asked for.
    pub fn search<'i>(
        &'i self,
        search: &Search,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, IndexError>> + use<'i> {
        Listing::begin(self, search)
    }

    /// The calls whose id begins with `id_prefix` (26 characters at most, either case), oldest first, [`MAX_MATCHES`] at
    /// most: more than one means that the prefix is ambiguous.
    ///
    /// # Errors
    /// [`IndexError::BadPrefix`] for what cannot begin an id; when the store fails.
    pub fn find_prefix(&self, id_prefix: &str) -> Result<Vec<CallId>, IndexError> {
        let (first, last) = prefix::bounds(id_prefix).ok_or(IndexError::BadPrefix)?;
        let mut days = self.days();
        let between = day::day_of(first)..=day::day_of(last);
        let between: Vec<u32> = days.contents.days.range(between).map(|(day, _)| *day).collect();
        let mut found = Vec::new();
        for day in between {
            found.extend(days.know(day)?.calls_between(first, last).take(MAX_MATCHES - found.len()));
            if found.len() >= MAX_MATCHES {
                break;
            }
        }
        Ok(found)
    }

    /// How many calls there are.
    pub fn len(&self) -> u64 {
        self.days().contents.tally.calls
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads every row: checksums, versions, seals, places, counts, and that columns, SIP Call-IDs and entries agree.
    pub fn check(&self) -> Vec<IndexFinding> {
        check::check(self)
    }

    /// A panic under these locks can only be a defect of ours.
    fn days(&self) -> MutexGuard<'_, Days> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
