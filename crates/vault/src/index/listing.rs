//! Entries in the order of their ids, and whether all of them came.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::File,
    sync::Arc,
};

use earwitness_model::CallId;

use super::{
    Index,
    columns::Columns,
    day::{At, read_entry},
    error::{Damage, IndexError},
    mark::DayMark,
    row::Kind,
    schema,
    search::{Search, Wanted},
};
use crate::{entry::Entry, metadata_key::MetadataKey};

/// See [`Index::search`]. The days are those that there were when it began, as far as they went then.
pub(super) struct Listing<'i> {
    index: &'i Index,
    wanted: Wanted,
    from: CallId,
    to: Option<CallId>,
    days: VecDeque<(u32, DayMark)>,
    first: Option<Meant>,
    last: Option<Meant>,
}

/// Calls of one day that may be meant.
#[derive(Debug, Default)]
pub(super) struct Meant {
    file: Option<Arc<File>>,
    calls: VecDeque<(CallId, At)>,
    /// What is wrong with the day: told when its calls were.
    trouble: Option<IndexError>,
}

impl<'i> Listing<'i> {
    pub(super) fn begin(index: &'i Index, search: &Search) -> Self {
        Self::of(index, Wanted::of(search), schema::ids_between(search.since, search.until))
    }

    /// Calls with this SIP Call-ID, and perhaps others.
    pub(super) fn of_sip_call_id(index: &'i Index, id: &str) -> Self {
        Self::of(index, Wanted::of_sip_call_id(id), schema::ids_between(None, None))
    }

    fn of(index: &'i Index, wanted: Wanted, (from, to): (CallId, Option<CallId>)) -> Self {
        let first = super::day::day_of(from);
        let until = to.map_or(u32::MAX, super::day::day_of);
        let marks = index.days().contents.days.clone();
        let days = marks.into_iter().filter(|(day, _)| (first..=until).contains(day)).collect();
        Self { index, wanted, from, to, days, first: None, last: None }
    }

    /// The calls of a day that may be meant, in their order.
    fn look_through(&self, (day, mark): (u32, DayMark)) -> Meant {
        self.meant(day, mark).unwrap_or_else(|trouble| Meant { trouble: Some(trouble), ..Meant::default() })
    }

    fn meant(&self, day: u32, mark: DayMark) -> Result<Meant, IndexError> {
        let place = self.index.days().place(day);
        let file = place.open()?;
        let found = place.columns(&file, mark.end, &self.index.key)?;
        // Of several rows of a call the last one stands.
        let mut last: HashMap<CallId, u64> = HashMap::new();
        if found.has_changes() {
            let changed = found.rows().filter(|(_, columns)| columns.kind != Kind::New);
            let changed: HashSet<CallId> = changed.map(|(_, columns)| columns.call).collect();
            let of_changed = found.rows().filter(|(_, columns)| changed.contains(&columns.call));
            last.extend(of_changed.map(|(at, columns)| (columns.call, at)));
        }
        let mut live = 0;
        let mut calls = Vec::new();
        for (at, Columns { call, length, kind, traits }) in found.rows() {
            let stands =
                kind != Kind::Gone && (last.is_empty() || last.get(&call).is_none_or(|last| *last == at));
            live += u64::from(stands);
            let is_in_time = call >= self.from && self.to.is_none_or(|to| call < to);
            if stands && is_in_time && self.wanted.may_be(&traits) {
                calls.push((call, At { at, length }));
            }
        }
        // They are nearly in order: they came when they ended.
        calls.sort_by_key(|(call, _)| *call);
        let missing = Damage::RowsMissing { expected: mark.calls, found: live };
        let trouble = (live != mark.calls || found.damaged).then(|| missing.into());
        Ok(Meant { file: Some(Arc::new(file)), calls: calls.into(), trouble })
    }
}

/// One end of the calls of a day.
type Pop = fn(&mut VecDeque<(CallId, At)>) -> Option<(CallId, At)>;

/// The next entry of a day, or what is wrong with it when all were told.
fn step(meant: &mut Option<Meant>, pop: Pop, key: &MetadataKey) -> Option<Result<Entry, IndexError>> {
    let meant = meant.as_mut()?;
    match (pop(&mut meant.calls), &meant.file) {
        (Some((call, at)), Some(file)) => Some(read_entry(file, at, call, key).map_err(Into::into)),
        (Some(_), None) | (None, _) => meant.trouble.take().map(Err),
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<Entry, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(told) = step(&mut self.first, VecDeque::pop_front, &self.index.key) {
                return Some(told);
            }
            self.first = match self.days.pop_front() {
                Some(day) => Some(self.look_through(day)),
                None => Some(self.last.take()?),
            };
        }
    }
}

impl DoubleEndedIterator for Listing<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(told) = step(&mut self.last, VecDeque::pop_back, &self.index.key) {
                return Some(told);
            }
            self.last = match self.days.pop_back() {
                Some(day) => Some(self.look_through(day)),
                None => Some(self.first.take()?),
            };
        }
    }
}
