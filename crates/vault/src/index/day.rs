//! The rows of the calls that began on one day (UTC, by their ids), and their columns.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{Days, NaiveDate};
use earwitness_model::CallId;

use super::{
    columns::{self, BLOCK_CALLS, COLUMNS, Columns, Read},
    error::{Damage, IndexError},
    row::{HEAD, Kind, Row, RowHead, Step, Walk, read_up_to},
    schema,
    traits::Traits,
};
use crate::{entry::Entry, metadata_key::MetadataKey};

const MS_OF_DAY: u64 = 86_400_000;

/// Days since 1970 at which the id's time is.
pub(super) fn day_of(call: CallId) -> u32 {
    let ms = call.to_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    u32::try_from(ms / MS_OF_DAY).unwrap_or(u32::MAX)
}

/// The day as people name it.
pub(super) fn date_of(day: u32) -> NaiveDate {
    NaiveDate::default().checked_add_days(Days::new(day.into())).unwrap_or(NaiveDate::MAX)
}

/// Where a day's rows and columns are. They tell no more than that calls began on that day.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) day: u32,
    pub(super) rows: PathBuf,
    pub(super) columns: PathBuf,
}

impl Place {
    pub(super) fn of(dir: &Path, day: u32) -> Self {
        let rows = dir.join(format!("{day:07}.rows"));
        Self { day, columns: rows.with_extension("columns"), rows }
    }

    /// The day whose rows a file of this name has.
    pub(super) fn day_in(name: &str) -> Option<u32> {
        name.strip_suffix(".rows")?.parse().ok()
    }

    pub(super) fn open(&self) -> Result<File, IndexError> {
        OpenOptions::new().read(true).write(true).open(&self.rows).map_err(self.failed("open"))
    }

    /// Makes the day's file, when it is not there.
    pub(super) fn create(&self) -> Result<File, IndexError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(&self.rows).map_err(self.failed("make"))
    }

    pub(super) fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> IndexError {
        let path = self.rows.clone();
        move |cause| IndexError::Io { doing, path, cause }
    }

    /// The columns of all rows before `end`: from their file, and what it does not cover from the rows.
    pub(super) fn columns(&self, file: &File, end: u64, key: &MetadataKey) -> Result<Found, IndexError> {
        let read =
            Read::of_file(&self.columns, self.day, end, key).map_err(self.failed("read the columns of"))?;
        let mut found = Found { uncovered: Vec::new(), damaged: false, read };
        for step in Walk::new(file, found.read.covered, end) {
            match step.map_err(self.failed("read"))? {
                Step::Row(row) => {
                    let traits = columns::traits_in(key, &row.head, &row.value);
                    found.uncovered.push((row.at, Columns::of(&row.head, traits)));
                }
                Step::Damaged { .. } => found.damaged = true,
            }
        }
        Ok(found)
    }
}

/// The columns of a day.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// As they were written.
    pub(super) read: Read,
    /// Of rows that they do not cover.
    pub(super) uncovered: Vec<(u64, Columns)>,
    /// Somewhere in what is not covered there are bytes that are no row.
    pub(super) damaged: bool,
}

impl Found {
    /// Whether any row takes the place of another, or takes one away.
    pub(super) fn has_changes(&self) -> bool {
        self.read.has_changes() || self.uncovered.iter().any(|(_, columns)| columns.kind != Kind::New)
    }

    /// All of them, in the order in which they were put.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u64, Columns)> {
        self.read.rows().chain(self.uncovered.iter().copied())
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) at: u64,
    /// Bytes of its value.
    pub(super) length: u32,
}

/// Reads the row of `call` at this place.
pub(super) fn read_row(file: &File, at: At, call: CallId) -> Result<Row, Damage> {
    let mut bytes = vec![0; HEAD + at.length as usize];
    let read = read_up_to(file, &mut bytes, at.at).map_err(|_| Damage::StoreCorrupt)?;
    if read < bytes.len() {
        return Err(Damage::RowTooShort { bytes: read });
    }
    let head = bytes.first_chunk().and_then(RowHead::from_bytes).ok_or(Damage::RowChecksum)?;
    if head.call != call || head.length != at.length {
        return Err(Damage::RowMisplaced);
    }
    Ok(Row { at: at.at, head, value: bytes.split_off(HEAD) })
}

/// The entry in the row of `call` at this place.
pub(super) fn read_entry(file: &File, at: At, call: CallId, key: &MetadataKey) -> Result<Entry, Damage> {
    let row = read_row(file, at, call)?;
    schema::open_entry(key, &row.head, &row.value)
}

/// A day whose calls are known one by one.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) place: Place,
    pub(super) file: Arc<File>,
    calls: BTreeMap<CallId, Option<At>>,
    /// So far columns are written.
    covered: u64,
    /// Where the last whole block of columns ends.
    columns_end: u64,
    /// Columns of the rows behind `covered`, to be written when they are many.
    uncovered: Vec<u8>,
    /// Where its rows end.
    end: u64,
}

impl Day {
    /// Reads what there is of the first `end` bytes.
    pub(super) fn load(place: Place, end: u64, key: &MetadataKey) -> Result<Self, IndexError> {
        let file = place.create()?;
        let found = place.columns(&file, end, key)?;
        let at = |(at, columns): (u64, Columns)| {
            let stands = columns.kind != Kind::Gone;
            (columns.call, stands.then_some(At { at, length: columns.length }))
        };
        // Of several rows of a call the last one stands.
        let calls = found.rows().map(at).collect();
        let uncovered = found.uncovered.iter().flat_map(|(_, columns)| columns.to_bytes()).collect();
        let (covered, columns_end) = (found.read.covered, found.read.end);
        Ok(Self { place, file: Arc::new(file), calls, covered, columns_end, uncovered, end })
    }

    /// Where the row of a call is.
    pub(super) fn find(&self, call: CallId) -> Option<At> {
        self.calls.get(&call).copied().flatten()
    }

    /// The calls with ids from `first` to `last`.
    pub(super) fn calls_between(&self, first: CallId, last: CallId) -> impl Iterator<Item = CallId> {
        self.calls.range(first..=last).filter(|(_, at)| at.is_some()).map(|(call, _)| *call)
    }

    /// Writes rows behind the last one; they count when [`Self::take`] has taken each.
    pub(super) fn append(&self, rows: &[u8]) -> Result<(), IndexError> {
        self.file.write_all_at(rows, self.end).map_err(self.place.failed("write"))
    }

    /// What was appended and not taken is gone.
    pub(super) fn take_back(&self) -> Result<(), IndexError> {
        self.file.set_len(self.end).map_err(self.place.failed("cut"))
    }

    pub(super) fn sync(&self) -> Result<(), IndexError> {
        self.file.sync_data().map_err(self.place.failed("sync"))
    }

    /// The next row stands.
    pub(super) fn take(&mut self, head: &RowHead, traits: Traits) {
        let at = At { at: self.end, length: head.length };
        self.calls.insert(head.call, (head.kind != Kind::Gone).then_some(at));
        self.end += head.size();
        self.uncovered.extend_from_slice(&Columns::of(head, traits).to_bytes());
    }

    /// Where its rows end.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Writes the columns of the last rows, when they are enough for a block.
    pub(super) fn cover_some(&mut self, key: &MetadataKey) {
        if self.uncovered.len() >= BLOCK_CALLS * COLUMNS {
            self.cover(key);
        }
    }

    /// Writes the columns of all rows. They can be made again: where that fails, it is tried again with the next rows.
    pub(super) fn cover(&mut self, key: &MetadataKey) {
        if self.uncovered.is_empty() {
            return;
        }
        let rows = (self.place.day, self.covered, self.end);
        if let Ok(end) = columns::write((&self.place.columns, self.columns_end), rows, &self.uncovered, key) {
            (self.covered, self.columns_end) = (self.end, end);
            self.uncovered.clear();
        }
    }
}
