//! Putting and removing: rows to their days first, and when they are durable, what they are looked up by.

use std::{collections::BTreeMap, fs::File, os::unix::fs::FileExt as _, sync::Arc};

use earwitness_model::CallId;

use super::{
    Index,
    day::{Place, day_of},
    days::{Standing, sync_dir},
    error::{Damage, IndexError},
    mark::Mark,
    row::{HEAD, Kind, Row, RowHead},
    schema::{self, BATCH_KEY, MAX_ENTRY},
    traits::Traits,
};
use crate::entry::Entry;

/// After so many batches sled is told to write what it holds: what it had not written when the process was killed it learns
/// from the rows when it is opened.
const SYNC_EVERY: u32 = 64;

/// What goes with being the one who writes.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) mark: Mark,
    /// Batches that sled may not have written.
    pub(super) unsynced: u32,
    /// A sync failed: nobody knows what the medium has.
    pub(super) stopped: bool,
}

/// Rows that are put together.
struct Change {
    batch: u64,
    of: u32,
    rows: Vec<(Row, Standing, Traits)>,
    look_ups: sled::Batch,
    bytes: u64,
}

impl Change {
    fn head(&self, call: CallId, stood: &Standing) -> RowHead {
        let kind = match stood {
            Standing::Nothing => Kind::New,
            Standing::Row(_) | Standing::Unreadable => Kind::Replaces,
        };
        RowHead { length: 0, call, batch: self.batch, of: self.of, kind }
    }

    fn push(&mut self, mut head: RowHead, value: Vec<u8>, (stood, traits): (Standing, Traits)) {
        head.length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes += head.size();
        self.rows.push((Row { at: 0, head, value }, stood, traits));
    }
}

impl Index {
    /// [`Self::put`], of entries wherever they are.
    pub(crate) fn put_all<'e>(&self, entries: impl IntoIterator<Item = &'e Entry>) -> Result<(), IndexError> {
        let last_of_each: BTreeMap<CallId, &Entry> =
            entries.into_iter().map(|entry| (entry.summary.id, entry)).collect();
        if last_of_each.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing();
        let mut change = self.begin(last_of_each.len());
        for entry in last_of_each.into_values() {
            self.bring_in(entry, &mut change)?;
        }
        self.apply(change, &mut writing)
    }

    /// Removes the row of `call`, durably; says whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove(&self, call: CallId) -> Result<bool, IndexError> {
        let mut writing = self.writing();
        let mut change = self.begin(1);
        let found = self.days().find(call)?.map(|(at, day)| (at, Arc::clone(&day.file)));
        let Some((at, file)) = found else { return Ok(false) };
        let stood = self.take_out(call, &mut change)?;
        let head = RowHead { kind: Kind::Gone, ..change.head(call, &stood) };
        let value = schema::seal(&self.key, &schema::entry_key(&head), &[]);
        change.push(head, value, (stood, Traits::UNREADABLE));
        self.apply(change, &mut writing)?;
        // Nothing of the entry stays.
        let place = self.days().place(day_of(call));
        let nothing = vec![0; at.length as usize];
        file.write_all_at(&nothing, at.at + HEAD as u64)
            .and_then(|()| file.sync_data())
            .map_err(place.failed("wipe"))?;
        Ok(true)
    }

    fn begin(&self, rows: usize) -> Change {
        Change {
            batch: self.days().contents.tally.batch + 1,
            of: u32::try_from(rows).unwrap_or(u32::MAX),
            rows: Vec::with_capacity(rows),
            look_ups: sled::Batch::default(),
            bytes: 0,
        }
    }

    /// What stands for a call; it is not looked up any more by what only it has.
    fn take_out(&self, call: CallId, change: &mut Change) -> Result<Standing, IndexError> {
        let stood = self.days().standing(call)?;
        if let Standing::Row(row) = &stood
            && let Ok(entry) = schema::open_entry(&self.key, &row.head, &row.value)
        {
            for key in self.sip_call_ids.keys(&entry) {
                change.look_ups.remove(&key[..]);
            }
        }
        Ok(stood)
    }

    fn bring_in(&self, entry: &Entry, change: &mut Change) -> Result<(), IndexError> {
        let call = entry.summary.id;
        let plain = entry.to_bytes();
        if plain.len() > MAX_ENTRY {
            return Err(IndexError::TooLarge { call, bytes: plain.len(), limit: MAX_ENTRY });
        }
        let stood = self.take_out(call, change)?;
        let head = change.head(call, &stood);
        let value = schema::seal(&self.key, &schema::entry_key(&head), &plain);
        for key in self.sip_call_ids.keys(entry) {
            change.look_ups.insert(&key[..], schema::bare(&key));
        }
        change.push(head, value, (stood, Traits::of(entry)));
        Ok(())
    }

    fn apply(&self, mut change: Change, writing: &mut Writing) -> Result<(), IndexError> {
        if writing.stopped {
            return Err(Damage::StoreStopped.into());
        }
        let store = self.store()?;
        store.find_room(change.bytes)?;
        let touched = self.append(&change)?;
        if !self.days().contents.tally.rebuilding {
            for day in &touched {
                day.sync().inspect_err(|_| writing.stopped = true)?;
            }
        }
        let mut days = self.days();
        for (row, stood, traits) in &change.rows {
            days.take(row, stood, *traits)?;
        }
        days.contents.tally.batch = change.batch;
        days.cover_some();
        if !days.contents.tally.rebuilding {
            writing.mark.write(&days.contents, &self.key)?;
        }
        drop(days);
        change.look_ups.insert(&BATCH_KEY, schema::seal_batch(&self.key, change.batch));
        store.apply(change.look_ups)?;
        writing.unsynced += 1;
        if writing.unsynced >= SYNC_EVERY {
            store.sync()?;
            writing.unsynced = 0;
        }
        Ok(())
    }

    /// Writes the rows behind those of their days. When one day cannot take its rows, none has any.
    fn append(&self, change: &Change) -> Result<Vec<Touched>, IndexError> {
        let mut by_day: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for (row, _, _) in &change.rows {
            let rows = by_day.entry(day_of(row.head.call)).or_default();
            rows.extend_from_slice(&row.head.to_bytes());
            rows.extend_from_slice(&row.value);
        }
        let mut days = self.days();
        let mut touched = Vec::with_capacity(by_day.len());
        let appended = by_day.iter().try_for_each(|(&day, rows)| {
            let is_new = !days.contents.days.contains_key(&day);
            let known = days.know(day)?;
            let file = Arc::clone(&known.file);
            touched.push(Touched { place: known.place.clone(), file, is_new });
            known.append(rows)
        });
        if let Err(error) = appended {
            for day in &touched {
                days.know(day.place.day)?.take_back()?;
            }
            return Err(error);
        }
        Ok(touched)
    }
}

/// A day whose file was written.
struct Touched {
    place: Place,
    file: Arc<File>,
    is_new: bool,
}

impl Touched {
    fn sync(&self) -> Result<(), IndexError> {
        self.file.sync_data().map_err(self.place.failed("sync"))?;
        match self.place.rows.parent() {
            Some(dir) if self.is_new => sync_dir(dir),
            Some(_) | None => Ok(()),
        }
    }
}
