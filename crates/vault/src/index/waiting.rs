//! What waits for its row in sled: SIP Call-IDs of entries that were put, and calls whose SIP Call-IDs leave their rows.
//!
//! sled pays for each row, and most for one in the middle of its tree. Therefore many batches share a row, and rows are
//! written one behind the other. Until then what was put is looked up here; after a crash it is learnt from the entries.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use earwitness_model::CallId;

use super::{
    Index,
    by_sip_call_id::{LOOK_UP, LookUp, MOST_IN_ROW, open_row, seal_row},
    change::Writing,
    error::{Damage, IndexError},
    schema::{self, BATCH_KEY, Batches, ROWS_END, RowKind, SIP_CALL_IDS_KEY},
    store::Store,
};

/// When so many look-ups wait they are written, however few batches put them.
const MOST_PUT: usize = 8192;
/// When so many entries are gone their rows are written again: each may have one of its own.
const MOST_GONE: usize = 1024;

/// Bytes of a row besides its look-ups: key, frame and seal.
const ROW_OVERHEAD: u64 = SIP_CALL_IDS_KEY as u64 + 64;

const FIRST_CALL: CallId = CallId::from_bytes([0; 16]);
const LAST_CALL: CallId = CallId::from_bytes([0xff; 16]);

/// See the module's page. Only who writes changes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    /// sled has the rows of the batches up to this one.
    written: u64,
    /// By the batch that put them.
    put: BTreeMap<u64, Vec<LookUp>>,
    /// How many were put.
    look_ups: usize,
    /// Entries that stand no more, of batches that sled has the rows of.
    gone: BTreeSet<(u64, CallId)>,
}

impl Waiting {
    /// Nothing waits: sled has the rows of the batches up to this one.
    pub(super) fn after(written: u64) -> Self {
        Self { written, ..Self::default() }
    }

    /// The entry of `call` that was put in `batch` stands no more.
    pub(super) fn take_out(&mut self, batch: u64, call: CallId) {
        if batch <= self.written {
            self.gone.insert((batch, call));
        } else if let Some(put) = self.put.get_mut(&batch) {
            let before = put.len();
            put.retain(|look_up| look_up.call != call);
            self.look_ups -= before - put.len();
        }
    }

    /// An entry that was put in `batch` is found by these.
    pub(super) fn bring_in(&mut self, batch: u64, look_ups: impl IntoIterator<Item = LookUp>) {
        let mut look_ups = look_ups.into_iter().peekable();
        if look_ups.peek().is_some() {
            let put = self.put.entry(batch).or_default();
            let before = put.len();
            put.extend(look_ups);
            self.look_ups += put.len() - before;
        }
    }

    pub(super) fn are_many(&self) -> bool {
        self.look_ups >= MOST_PUT || self.gone.len() >= MOST_GONE
    }

    /// Bytes, at most, of the rows that are to be written.
    pub(super) fn bytes(&self) -> u64 {
        bytes_of_rows(self.look_ups, self.gone.len())
    }

    /// The new rows up to that of the batch `last`: each of whole batches, and of a batch that is too large for one, several.
    fn new_rows(&self, last: u64) -> Vec<([u8; SIP_CALL_IDS_KEY], Vec<LookUp>)> {
        let mut rows = Vec::new();
        let (mut first, mut row) = (self.written + 1, Vec::new());
        for (&batch, put) in &self.put {
            if !row.is_empty() && row.len() + put.len() > MOST_IN_ROW {
                add_parts(Batches { first, last: batch - 1 }, std::mem::take(&mut row), &mut rows);
                first = batch;
            }
            row.extend_from_slice(put);
        }
        add_parts(Batches { first, last }, row, &mut rows);
        rows
    }

    /// The calls whose look-ups leave the rows of these batches.
    fn gone_from(&self, batches: Batches) -> BTreeSet<CallId> {
        let entries = self.gone.range((batches.first, FIRST_CALL)..=(batches.last, LAST_CALL));
        entries.map(|(_, call)| *call).collect()
    }
}

/// Bytes, at most, that are written for so many look-ups that were put and entries that are gone.
pub(super) const fn bytes_of_rows(look_ups: usize, gone: usize) -> u64 {
    // Of two rows that follow each other at least one is half full.
    let put = look_ups as u64 * (LOOK_UP as u64 + 1) + ROW_OVERHEAD;
    put + gone as u64 * (ROW_OVERHEAD + (MOST_IN_ROW * LOOK_UP) as u64)
}

fn add_parts(
    batches: Batches,
    mut look_ups: Vec<LookUp>,
    rows: &mut Vec<([u8; SIP_CALL_IDS_KEY], Vec<LookUp>)>,
) {
    look_ups.sort_unstable();
    for (part, look_ups) in (0..).zip(look_ups.chunks(MOST_IN_ROW)) {
        rows.push((schema::sip_call_ids_key(batches, part), look_ups.to_vec()));
    }
}

/// On a full disk what waits is looked up where it is, and waits on: the entries are durable without it.
pub(super) fn unless_full(written: Result<(), IndexError>) -> Result<(), IndexError> {
    match written {
        Err(IndexError::Io { cause, .. }) if cause.kind() == io::ErrorKind::StorageFull => Ok(()),
        written => written,
    }
}

/// What there is to look up, and what is wrong with it.
pub(super) enum Found {
    /// It leads to a call whose entry was put in one of these batches.
    LookUp(LookUp, Batches),
    /// A row cannot be read.
    Damaged(Damage),
    /// A row of no known kind.
    Unknown,
}

impl Index {
    /// Writes what waits, durably.
    pub(super) fn write_waiting(&self, store: &Arc<Store>, writing: &mut Writing) -> Result<(), IndexError> {
        let batch = self.days().contents.tally.batch;
        self.write_up_to(batch, store)?;
        writing.unsynced = 0;
        Ok(())
    }

    /// Writes what waits, of the batches up to this one, which is the last.
    pub(super) fn write_up_to(&self, batch: u64, store: &Arc<Store>) -> Result<(), IndexError> {
        // Nobody else changes it, and who looks something up need not wait.
        let waiting = self.waiting().clone();
        store.find_room(waiting.bytes())?;
        let mut rows = sled::Batch::default();
        self.take_out_of_rows(&waiting, store, &mut rows)?;
        for (key, look_ups) in waiting.new_rows(batch) {
            rows.insert(&key[..], seal_row(&self.key, &key, &look_ups));
        }
        rows.insert(&BATCH_KEY, schema::seal_batch(&self.key, batch));
        store.apply(rows)?;
        *self.waiting() = Waiting::after(batch);
        store.sync()
    }

    /// Writes the rows again that entries have left.
    fn take_out_of_rows(
        &self,
        waiting: &Waiting,
        store: &Arc<Store>,
        rows: &mut sled::Batch,
    ) -> Result<(), IndexError> {
        let mut next = waiting.gone.first();
        while let Some(&(batch, _)) = next {
            let mut done = batch;
            let from = schema::sip_call_ids_key(Batches { first: 0, last: batch }, 0);
            for row in Arc::clone(store).rows(&from, &ROWS_END) {
                let (key, value) = row?;
                let RowKind::SipCallIds(batches) = schema::row_kind(&key) else { continue };
                if !batches.contain(batch) {
                    break;
                }
                done = batches.last;
                // One that cannot be read leads nowhere: it stays for the check to tell of it.
                let Ok(mut look_ups) = open_row(&self.key, &key, &value) else { continue };
                let (gone, before) = (waiting.gone_from(batches), look_ups.len());
                look_ups.retain(|look_up| !gone.contains(&look_up.call));
                if look_ups.is_empty() {
                    rows.remove(key);
                } else if look_ups.len() < before {
                    let value = seal_row(&self.key, &key, &look_ups);
                    rows.insert(key, value);
                }
            }
            next = waiting.gone.range((done.saturating_add(1), FIRST_CALL)..).next();
        }
        Ok(())
    }

    /// Everything that there is to look up: what waits, then what `store` has.
    pub(super) fn each_look_up(
        &self,
        store: &Arc<Store>,
        mut each: impl FnMut(Found),
    ) -> Result<(), IndexError> {
        // What is written meanwhile is met twice, and not missed.
        let waiting = self.waiting().clone();
        for (&batch, put) in &waiting.put {
            put.iter()
                .for_each(|look_up| each(Found::LookUp(*look_up, Batches { first: batch, last: batch })));
        }
        for row in Arc::clone(store).rows(&[], &ROWS_END) {
            let (key, value) = row?;
            match schema::row_kind(&key) {
                RowKind::Batch => match schema::open_batch(&self.key, &value) {
                    Ok(_) => {}
                    Err(damage) => each(Found::Damaged(damage)),
                },
                RowKind::SipCallIds(batches) => match open_row(&self.key, &key, &value) {
                    Ok(look_ups) => {
                        let gone = waiting.gone_from(batches);
                        let stay = look_ups.into_iter().filter(|look_up| !gone.contains(&look_up.call));
                        stay.for_each(|look_up| each(Found::LookUp(look_up, batches)));
                    }
                    Err(damage) => each(Found::Damaged(damage)),
                },
                RowKind::Unknown => each(Found::Unknown),
            }
        }
        Ok(())
    }
}
