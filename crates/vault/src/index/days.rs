//! The days of which there are rows, those among them that are known call by call, and rows that nobody acknowledged.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    path::{Path, PathBuf},
};

use earwitness_model::CallId;

use super::{
    columns,
    day::{At, Day, Place, day_of, read_row},
    error::{Damage, IndexError},
    mark::Contents,
    row::{Kind, Row, RowHead, Step, Walk},
    schema,
    traits::Traits,
};
use crate::{entry::Entry, metadata_key::MetadataKey};

/// Days that are known call by call at once: calls end on the day on which they began, or on the next one.
const MOST_KNOWN: usize = 4;

/// What a new row of a call takes the place of.
#[derive(Debug)]
pub(super) enum Standing {
    /// The call is not listed.
    Nothing,
    /// This row.
    Row(Row),
    /// One that cannot be read.
    Unreadable,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Days {
    dir: PathBuf,
    key: MetadataKey,
    pub(super) contents: Contents,
    /// The one that was asked last is the last.
    known: VecDeque<Day>,
}

impl Days {
    pub(super) const fn new(dir: PathBuf, key: MetadataKey, contents: Contents) -> Self {
        Self { dir, key, contents, known: VecDeque::new() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Everything that was put is on the medium when this returns.
    pub(super) fn sync(&self) -> Result<(), IndexError> {
        for &day in self.contents.days.keys() {
            let place = self.place(day);
            place.open()?.sync_data().map_err(place.failed("sync"))?;
        }
        sync_dir(&self.dir)
    }

    pub(super) fn place(&self, day: u32) -> Place {
        Place::of(&self.dir, day)
    }

    /// The day, known call by call; it is made when there is none.
    pub(super) fn know(&mut self, day: u32) -> Result<&mut Day, IndexError> {
        if let Some(known) = self.known.iter().position(|known| known.place.day == day) {
            if known + 1 < self.known.len()
                && let Some(day) = self.known.remove(known)
            {
                self.known.push_back(day);
            }
        } else {
            let end = self.contents.days.get(&day).map_or(0, |mark| mark.end);
            let loaded = Day::load(self.place(day), end, &self.key)?;
            if self.known.len() >= MOST_KNOWN
                && let Some(mut oldest) = self.known.pop_front()
            {
                oldest.cover(&self.key);
            }
            self.known.push_back(loaded);
        }
        self.known.back_mut().ok_or_else(|| Damage::StoreStopped.into())
    }

    /// The day is not known call by call any more; it is read again when it is needed.
    pub(super) fn forget(&mut self, day: u32) {
        self.known.retain(|known| known.place.day != day);
    }

    /// Where the row of a call is.
    pub(super) fn find(&mut self, call: CallId) -> Result<Option<(At, &Day)>, IndexError> {
        let day = day_of(call);
        if !self.contents.days.contains_key(&day) {
            return Ok(None);
        }
        let known = &*self.know(day)?;
        Ok(known.find(call).map(|at| (at, known)))
    }

    /// The next row of its day stands, in place of `stood`.
    pub(super) fn take(&mut self, row: &Row, stood: &Standing, traits: Traits) -> Result<(), IndexError> {
        let day = day_of(row.head.call);
        let known = self.know(day)?;
        known.take(&row.head, traits);
        let end = known.end();
        let mark = self.contents.days.entry(day).or_default();
        (mark.end, mark.batch) = (end, row.head.batch);
        let tally = &mut self.contents.tally;
        // What cannot be read any more stays in the digest: the check tells of it.
        let value = match stood {
            Standing::Nothing => None,
            Standing::Row(row) => Some(&row.value[..]),
            Standing::Unreadable => Some(&[][..]),
        };
        if let Some(value) = value {
            tally.discount(value);
            mark.calls = mark.calls.wrapping_sub(1);
        }
        if row.head.kind != Kind::Gone {
            tally.count(&row.value);
            mark.calls = mark.calls.wrapping_add(1);
        }
        Ok(())
    }

    /// Writes columns of days that have enough rows without.
    pub(super) fn cover_some(&mut self) {
        self.known.iter_mut().for_each(|day| day.cover_some(&self.key));
    }

    /// Writes the columns of all days that are known.
    pub(super) fn cover(&mut self) {
        self.known.iter_mut().for_each(|day| day.cover(&self.key));
    }

    /// Compares the files with the mark: rows before it were acknowledged, and must be there. Whole batches behind it are
    /// taken up, and what is left of one that was torn is cut. Says whether anything was behind it.
    pub(super) fn settle(&mut self) -> Result<bool, IndexError> {
        let mut behind = Vec::new();
        let mut marked = self.contents.days.clone();
        for (day, size) in sizes(&self.dir)? {
            let end = marked.remove(&day).map_or(0, |mark| mark.end);
            if size < end {
                return Err(self.behind());
            }
            if size > end {
                behind.push((day, end, size));
            }
        }
        if !marked.is_empty() {
            return Err(self.behind());
        }
        if behind.is_empty() {
            return Ok(false);
        }
        self.take_up(&behind)?;
        for (day, _, size) in behind {
            let known = self.know(day)?;
            if known.end() < size {
                known.take_back()?;
                known.sync()?;
            }
        }
        Ok(true)
    }

    /// Rows that were acknowledged are not there.
    fn behind(&self) -> IndexError {
        let acknowledged = self.contents.tally.batch;
        Damage::Behind { acknowledged, found: acknowledged.saturating_sub(1) }.into()
    }

    fn take_up(&mut self, behind: &[(u32, u64, u64)]) -> Result<(), IndexError> {
        let mut batches: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
        for &(day, end, size) in behind {
            let place = self.place(day);
            let file = place.open()?;
            for step in Walk::new(&file, end, size) {
                match step.map_err(place.failed("read"))? {
                    Step::Row(row) if day_of(row.head.call) == day => {
                        batches.entry(row.head.batch).or_default().push(row);
                    }
                    // Nothing that was acknowledged is behind bytes that are no row.
                    Step::Row(_) | Step::Damaged { .. } => break,
                }
            }
        }
        while let Some(rows) = batches.remove(&(self.contents.tally.batch + 1)) {
            let is_whole = |row: &Row| schema::unframe(&schema::entry_key(&row.head), &row.value).is_ok();
            if !rows.iter().all(|row| row.head.of as usize == rows.len() && is_whole(row)) {
                break;
            }
            for row in &rows {
                let stood = self.standing(row.head.call)?;
                let traits = columns::traits_in(&self.key, &row.head, &row.value);
                self.take(row, &stood, traits)?;
            }
            self.contents.tally.batch += 1;
        }
        Ok(())
    }

    /// What stands for a call.
    pub(super) fn standing(&mut self, call: CallId) -> Result<Standing, IndexError> {
        let Some((at, day)) = self.find(call)? else { return Ok(Standing::Nothing) };
        Ok(read_row(&day.file, at, call).map_or(Standing::Unreadable, Standing::Row))
    }

    /// The rows that were put after `batch`, those of a call oldest first: the head, the entry, and the batch of the row that
    /// stood before it. What cannot be read is passed over.
    pub(super) fn put_after(
        &self,
        batch: u64,
        mut each: impl FnMut(&RowHead, Option<Entry>, Option<u64>),
    ) -> Result<(), IndexError> {
        for (&day, mark) in self.contents.days.iter().filter(|(_, mark)| mark.batch > batch) {
            let place = self.place(day);
            let file = place.open()?;
            let mut before: BTreeMap<CallId, u64> = BTreeMap::new();
            for step in Walk::new(&file, 0, mark.end) {
                let Step::Row(row) = step.map_err(place.failed("read"))? else { continue };
                let stood = before.insert(row.head.call, row.head.batch);
                if row.head.batch > batch {
                    let entry = || schema::open_entry(&self.key, &row.head, &row.value).ok();
                    each(&row.head, (row.head.kind != Kind::Gone).then(entry).flatten(), stood);
                }
            }
        }
        Ok(())
    }
}

/// The days of which there are files of rows, and their sizes.
fn sizes(dir: &Path) -> Result<Vec<(u32, u64)>, IndexError> {
    let failed = |cause| IndexError::Io { doing: "list", path: dir.to_owned(), cause };
    let mut sizes = Vec::new();
    for file in dir.read_dir().map_err(failed)? {
        let file = file.map_err(failed)?;
        if let Some(day) = file.file_name().to_str().and_then(Place::day_in) {
            sizes.push((day, file.metadata().map_err(failed)?.len()));
        }
    }
    Ok(sizes)
}

/// The names of files in `dir` are on the medium when this returns.
pub(super) fn sync_dir(dir: &Path) -> Result<(), IndexError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|cause| IndexError::Io {
        doing: "sync",
        path: dir.to_owned(),
        cause,
    })
}
