//! Reading the whole index, to believe it.

use std::{collections::HashMap, fs::File};

use earwitness_model::CallId;

use super::{
    Index,
    columns::Columns,
    day::{Place, date_of},
    error::{Damage, IndexError, IndexFinding},
    mark::DayMark,
    row::{Kind, Row, Step, Walk},
    schema::{self, RowKind, Tally},
    traits::Traits,
};

/// Findings that are listed one by one.
const MAX_FINDINGS: usize = 1000;

/// See [`Index::check`]. What is put or removed meanwhile is no finding.
pub(super) fn check(index: &Index) -> Vec<IndexFinding> {
    let contents = index.days().contents.clone();
    let mut check =
        Check { index, found: Tally::default(), look_ups: Vec::new(), findings: Vec::new(), unlisted: 0 };
    for (&day, mark) in &contents.days {
        if let Err(error) = check.day(&index.days().place(day), *mark) {
            check.report(IndexFinding::Store(damage(&error)));
        }
    }
    let (expected, found) = (contents.tally, check.found);
    if expected.calls != found.calls {
        check.report(IndexFinding::Count { expected: expected.calls, found: found.calls });
    } else if expected.digest != found.digest {
        check.report(IndexFinding::Content);
    }
    if let Err(error) = check.store() {
        check.report(IndexFinding::Store(damage(&error)));
    }
    if check.unlisted > 0 {
        check.findings.push(IndexFinding::Unlisted { count: check.unlisted });
    }
    check.findings
}

struct Check<'i> {
    index: &'i Index,
    found: Tally,
    /// The keys that lead to the calls.
    look_ups: Vec<[u8; schema::LOOK_UP]>,
    findings: Vec<IndexFinding>,
    unlisted: u64,
}

impl Check<'_> {
    fn report(&mut self, finding: IndexFinding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.unlisted += 1;
        }
    }

    /// Every row of a day, and whether its columns are theirs.
    fn day(&mut self, place: &Place, mark: DayMark) -> Result<(), IndexError> {
        let file = place.open()?;
        let stands = self.standing(place, &file, mark)?;
        let found = place.columns(&file, mark.end, &self.index.key)?;
        let mut columns = found.rows();
        let mut are_theirs = !found.read.damaged;
        for step in Walk::new(&file, 0, mark.end) {
            let Step::Row(row) = step.map_err(place.failed("read"))? else { continue };
            let traits = match (row.head.kind, stands.get(&row.head.call) == Some(&row.at)) {
                (Kind::Gone, _) => Some(Traits::UNREADABLE),
                (Kind::New | Kind::Replaces, true) => self.row(&row),
                // What was replaced or removed may have been wiped.
                (Kind::New | Kind::Replaces, false) => None,
            };
            are_theirs &= columns.next().is_some_and(|(at, columns)| {
                let expected = Columns::of(&row.head, traits.unwrap_or(columns.traits));
                (at, columns) == (row.at, expected)
            });
        }
        if !are_theirs || columns.next().is_some() {
            self.report(IndexFinding::Columns { day: date_of(place.day) });
        }
        Ok(())
    }

    /// Where the last row of each call is. Tells of bytes that are no row.
    fn standing(
        &mut self,
        place: &Place,
        file: &File,
        mark: DayMark,
    ) -> Result<HashMap<CallId, u64>, IndexError> {
        let mut stands = HashMap::new();
        for step in Walk::new(file, 0, mark.end) {
            match step.map_err(place.failed("read"))? {
                Step::Row(row) => drop(stands.insert(row.head.call, row.at)),
                Step::Damaged { .. } => self.report(IndexFinding::Store(Damage::StoreCorrupt)),
            }
        }
        Ok(stands)
    }

    /// The traits of a row that stands, when it can be read.
    fn row(&mut self, row: &Row) -> Option<Traits> {
        self.found.count(&row.value);
        match schema::open_entry(&self.index.key, &row.head, &row.value) {
            Ok(entry) => {
                self.look_ups.extend(self.index.sip_call_ids.keys(&entry));
                Some(Traits::of(&entry))
            }
            Err(damage) => {
                self.report(IndexFinding::Entry { call: row.head.call, damage });
                None
            }
        }
    }

    /// Whether what can be looked up leads to the calls that have it, and to no others.
    fn store(&mut self) -> Result<(), IndexError> {
        self.look_ups.sort_unstable();
        let expected = std::mem::take(&mut self.look_ups);
        let mut is_there = vec![false; expected.len()];
        let mut suspects = Vec::new();
        for row in self.index.store()?.rows(&[], &schema::ROWS_END) {
            let (key, value) = row?;
            match schema::row_kind(&key) {
                RowKind::Batch => {
                    if let Err(damage) = schema::open_batch(&self.index.key, &value) {
                        self.report(IndexFinding::Store(damage));
                    }
                }
                RowKind::SipCallId { call, .. } => {
                    let is_bare = schema::unframe(&key, &value).is_ok_and(<[u8]>::is_empty);
                    match expected.binary_search_by(|expected| expected[..].cmp(&key)) {
                        Ok(place) if is_bare => is_there[place] = true,
                        Ok(_) => self.report(IndexFinding::SipCallIdDangling { call }),
                        Err(_) => suspects.push((key.to_vec(), call)),
                    }
                }
                RowKind::Unknown => self.report(IndexFinding::UnknownRow),
            }
        }
        let missing = expected.iter().zip(is_there).filter(|(_, is_there)| !is_there).map(|(key, _)| key);
        suspects.extend(missing.filter_map(|key| match schema::row_kind(key) {
            RowKind::SipCallId { call, .. } => Some((key.to_vec(), call)),
            RowKind::Batch | RowKind::Unknown => None,
        }));
        if suspects.is_empty() { Ok(()) } else { self.look_again(&suspects) }
    }

    /// What was put or removed while rows were read looks wrong: it is looked at again while nobody writes.
    fn look_again(&mut self, suspects: &[(Vec<u8>, CallId)]) -> Result<(), IndexError> {
        let index = self.index;
        let _nobody_writes = index.writing();
        let store = index.store()?;
        for (key, call) in suspects {
            let entry = index.get(*call).ok().flatten();
            let has_it =
                entry.is_some_and(|e| index.sip_call_ids.keys(&e).iter().any(|own| own[..] == key[..]));
            match (has_it, store.get(key)?.is_some()) {
                (true, false) => self.report(IndexFinding::SipCallIdMissing { call: *call }),
                (false, true) => self.report(IndexFinding::SipCallIdDangling { call: *call }),
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }
}

/// What an error of the store says of its rows.
fn damage(error: &IndexError) -> Damage {
    match error {
        IndexError::Damaged(damage) => *damage,
        IndexError::Io { .. } => Damage::StoreStopped,
        IndexError::WrongKey | IndexError::TooLarge { .. } | IndexError::BadPrefix => Damage::RowContent,
    }
}
