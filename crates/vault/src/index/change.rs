//! Putting and removing: rows to their days first, and when they are durable, what they are looked up by.

use std::{collections::BTreeMap, fs::File, sync::Arc};

use earwitness_model::CallId;

use super::{
    Index,
    by_sip_call_id::LookUp,
    day::{Place, day_of},
    days::{Standing, sync_dir},
    error::{Damage, IndexError},
    mark::Mark,
    row::{Kind, Row, RowHead},
    schema::{self, MAX_ENTRY},
    traits::Traits,
    waiting::{Waiting, bytes_of_rows, unless_full},
};
use crate::entry::Entry;

/// After so many batches, or earlier when many SIP Call-IDs wait, sled is told of what it does not know yet, and to write
/// it: what it had not written when the process was killed it learns from the rows when it is opened.
const SYNC_EVERY: u32 = 64;

/// What goes with being the one who writes.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) mark: Mark,
    /// Batches that sled does not know yet.
    pub(super) unsynced: u32,
    /// A sync failed: nobody knows what the medium has.
    pub(super) stopped: bool,
}

/// Rows that are put together.
pub(super) struct Change {
    batch: u64,
    of: u32,
    rows: Vec<(Row, Standing, Traits)>,
    /// What the entries are found by.
    look_ups: Vec<LookUp>,
    /// The batches and calls of the entries that stood before.
    gone: Vec<(u64, CallId)>,
    bytes: u64,
}

impl Change {
    pub(super) fn head(&self, call: CallId, stood: &Standing) -> RowHead {
        let kind = match stood {
            Standing::Nothing => Kind::New,
            Standing::Row(_) | Standing::Unreadable => Kind::Replaces,
        };
        RowHead { length: 0, call, batch: self.batch, of: self.of, kind }
    }

    pub(super) fn push(&mut self, mut head: RowHead, value: Vec<u8>, (stood, traits): (Standing, Traits)) {
        head.length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes += head.size();
        self.rows.push((Row { at: 0, head, value }, stood, traits));
    }

    /// The rows stand: what they are looked up by waits to be written. Says whether very much does.
    fn hand_over(&self, waiting: &mut Waiting) -> bool {
        for &(batch, call) in &self.gone {
            waiting.take_out(batch, call);
        }
        waiting.bring_in(self.batch, self.look_ups.iter().copied());
        waiting.are_many()
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

    pub(super) fn begin(&self, rows: usize) -> Change {
        Change {
            batch: self.days().contents.tally.batch + 1,
            of: u32::try_from(rows).unwrap_or(u32::MAX),
            rows: Vec::with_capacity(rows),
            look_ups: Vec::new(),
            gone: Vec::new(),
            bytes: 0,
        }
    }

    /// What stands for a call; it is not looked up any more.
    pub(super) fn take_out(&self, call: CallId, change: &mut Change) -> Result<Standing, IndexError> {
        let stood = self.days().standing(call)?;
        if let Standing::Row(row) = &stood {
            change.gone.push((row.head.batch, call));
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
        change.look_ups.extend(self.sip_call_ids.look_ups(entry));
        change.push(head, value, (stood, Traits::of(entry)));
        Ok(())
    }

    pub(super) fn apply(&self, change: Change, writing: &mut Writing) -> Result<(), IndexError> {
        if writing.stopped {
            return Err(Damage::StoreStopped.into());
        }
        let store = self.store()?;
        let waiting = self.waiting().bytes() + bytes_of_rows(change.look_ups.len(), change.gone.len());
        store.find_room(change.bytes + waiting)?;
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
        let are_many = change.hand_over(&mut self.waiting());
        days.cover_some();
        if !days.contents.tally.rebuilding {
            writing.mark.write(&days.contents, &self.key)?;
        }
        drop(days);
        writing.unsynced += 1;
        if writing.unsynced >= SYNC_EVERY || are_many {
            unless_full(self.write_waiting(&store, writing))?;
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
