//! Forgetting calls for good: their rows go, and so does what the rows said.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use earwitness_model::CallId;

use super::{
    Index,
    change::Writing,
    day::{Place, day_of},
    error::IndexError,
    row::{HEAD, Kind, RowHead, Step, Walk},
    schema,
    traits::Traits,
    waiting::unless_full,
};

impl Index {
    /// Removes the row of `call`, durably, with all that it said; says whether there was one.
    ///
    /// # Errors
    /// When the disk or the store fails.
    pub fn remove(&self, call: CallId) -> Result<bool, IndexError> {
        let is_listed = self.is_listed(call)?;
        self.forget(&[call].into(), &mut self.writing())?;
        Ok(is_listed)
    }

    /// Removes the rows of `calls`, durably, and overwrites every row that they ever had, and the columns beside them. What
    /// led to them leaves the store with it. The mark has all rows before any is overwritten: what is behind the mark is taken
    /// up only while it is whole. A call that is not listed may have rows all the same, of an earlier attempt.
    ///
    /// # Errors
    /// When the disk or the store fails; then it is to be done again.
    pub(crate) fn purge(&self, calls: &BTreeSet<CallId>) -> Result<(), IndexError> {
        if calls.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing();
        self.forget(calls, &mut writing)?;
        unless_full(self.write_waiting(&self.store()?, &mut writing))
    }

    fn forget(&self, calls: &BTreeSet<CallId>, writing: &mut Writing) -> Result<(), IndexError> {
        let mut listed = Vec::new();
        for &call in calls {
            if self.is_listed(call)? {
                listed.push(call);
            }
        }
        if !listed.is_empty() {
            let mut change = self.begin(listed.len());
            for call in listed {
                let stood = self.take_out(call, &mut change)?;
                let head = RowHead { kind: Kind::Gone, ..change.head(call, &stood) };
                let value = schema::seal(&self.key, &schema::entry_key(&head), &[]);
                change.push(head, value, (stood, Traits::UNREADABLE));
            }
            self.apply(change, writing)?;
        }
        writing.mark.sync().inspect_err(|_| writing.stopped = true)?;
        let mut by_day: BTreeMap<u32, BTreeSet<CallId>> = BTreeMap::new();
        for &call in calls {
            by_day.entry(day_of(call)).or_default().insert(call);
        }
        by_day.iter().try_for_each(|(&day, calls)| self.wipe(day, calls))
    }

    fn is_listed(&self, call: CallId) -> Result<bool, IndexError> {
        Ok(self.days().find(call)?.is_some())
    }

    /// Overwrites what the rows of these calls said, and has the day's columns made again.
    fn wipe(&self, day: u32, calls: &BTreeSet<CallId>) -> Result<(), IndexError> {
        let mut days = self.days();
        let Some(end) = days.contents.days.get(&day).map(|mark| mark.end) else { return Ok(()) };
        let place = days.place(day);
        days.forget(day);
        let file = place.open()?;
        for step in Walk::new(&file, 0, end) {
            match step.map_err(place.failed("read"))? {
                Step::Row(row) if calls.contains(&row.head.call) && row.head.kind != Kind::Gone => {
                    let nothing = vec![0; row.value.len()];
                    file.write_all_at(&nothing, row.at + HEAD as u64).map_err(place.failed("wipe"))?;
                }
                Step::Row(_) | Step::Damaged { .. } => {}
            }
        }
        file.sync_data().map_err(place.failed("sync"))?;
        wipe_columns(&place)
    }
}

/// They are made of rows, and are made again.
fn wipe_columns(place: &Place) -> Result<(), IndexError> {
    overwrite_and_cut(&place.columns).map_err(place.failed("wipe the columns of"))
}

fn overwrite_and_cut(path: &Path) -> io::Result<()> {
    let file: File = match OpenOptions::new().write(true).open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let size = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    file.write_all_at(&vec![0; size], 0)?;
    file.sync_data()?;
    file.set_len(0)?;
    file.sync_all()
}
