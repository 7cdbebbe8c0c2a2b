//! Reading the whole index, to believe it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
};

use earwitness_model::CallId;

use super::{
    Index,
    by_sip_call_id::LookUp,
    columns::Columns,
    day::{Place, date_of},
    days::Standing,
    error::{Damage, IndexError, IndexFinding},
    mark::DayMark,
    row::{Kind, Row, Step, Walk},
    schema::{self, Tally},
    traits::Traits,
    waiting::Found,
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
    /// What leads to the calls, and the batches of their entries.
    look_ups: Vec<(LookUp, u64)>,
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
                let look_ups = self.index.sip_call_ids.look_ups(&entry).into_iter();
                self.look_ups.extend(look_ups.map(|look_up| (look_up, row.head.batch)));
                Some(Traits::of(&entry))
            }
            Err(damage) => {
                self.report(IndexFinding::Entry { call: row.head.call, damage });
                None
            }
        }
    }

    /// Whether what can be looked up leads to the calls that have it, once each, and to no others; and stands where it is
    /// found when the entry goes.
    fn store(&mut self) -> Result<(), IndexError> {
        self.look_ups.sort_unstable();
        let (index, expected) = (self.index, std::mem::take(&mut self.look_ups));
        let mut is_there = vec![false; expected.len()];
        let mut suspects = BTreeSet::new();
        index.each_look_up(&index.store()?, |found| match found {
            Found::LookUp(look_up, batches) => {
                let place = expected.binary_search_by_key(&look_up, |(expected, _)| *expected);
                match place.ok().filter(|&place| batches.contain(expected[place].1) && !is_there[place]) {
                    Some(place) => is_there[place] = true,
                    None => drop(suspects.insert(look_up)),
                }
            }
            Found::Damaged(damage) => self.report(IndexFinding::Store(damage)),
            Found::Unknown => self.report(IndexFinding::UnknownRow),
        })?;
        let missing = expected.iter().zip(is_there).filter(|(_, is_there)| !is_there);
        suspects.extend(missing.map(|((look_up, _), _)| *look_up));
        if suspects.is_empty() { Ok(()) } else { self.look_again(suspects) }
    }

    /// What was put or removed while rows were read looks wrong: it is looked at again while nobody writes.
    fn look_again(&mut self, suspects: BTreeSet<LookUp>) -> Result<(), IndexError> {
        let index = self.index;
        let _nobody_writes = index.writing();
        let mut suspects: BTreeMap<LookUp, Suspect> =
            suspects.into_iter().map(|look_up| (look_up, Suspect::of(index, &look_up))).collect();
        index.each_look_up(&index.store()?, |found| {
            if let Found::LookUp(look_up, batches) = found
                && let Some(suspect) = suspects.get_mut(&look_up)
            {
                let is_right = suspect.batch.is_some_and(|batch| batches.contain(batch));
                *(if is_right { &mut suspect.right } else { &mut suspect.wrong }) += 1;
            }
        })?;
        for (LookUp { call, .. }, suspect) in suspects {
            if suspect.batch.is_some() && suspect.right == 0 {
                self.report(IndexFinding::SipCallIdMissing { call });
            }
            if suspect.right > 1 {
                self.report(IndexFinding::SipCallIdTwice { call });
            }
            if suspect.wrong > 0 {
                self.report(IndexFinding::SipCallIdDangling { call });
            }
        }
        Ok(())
    }
}

/// What is known of a look-up when it is looked at again.
struct Suspect {
    /// The batch of the entry that has it, if it can be read.
    batch: Option<u64>,
    /// How often it was found where that batch is.
    right: u64,
    /// How often it was found elsewhere.
    wrong: u64,
}

impl Suspect {
    fn of(index: &Index, look_up: &LookUp) -> Self {
        let batch = match index.days().standing(look_up.call) {
            Ok(Standing::Row(row)) => schema::open_entry(&index.key, &row.head, &row.value)
                .is_ok_and(|entry| index.sip_call_ids.look_ups(&entry).contains(look_up))
                .then_some(row.head.batch),
            Ok(Standing::Nothing | Standing::Unreadable) | Err(_) => None,
        };
        Self { batch, right: 0, wrong: 0 }
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
