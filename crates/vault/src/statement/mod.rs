//! The daily statement: every call that was seen on a day is recorded, excluded or failed, to the unit.
//!
//! A day is a run of rows, as in a cash book: it begins where the day before was closed and ends with the rows that were there
//! when the recorder had told of every call that ended in it. The row `DayClosed` says which rows they are and what they
//! come to, and a signed head stands over them. A call belongs to the day on which it ended.
//!
//! A day that nobody closed, because no recorder ran or because the disk did not take it, is closed by whoever opens the vault to
//! record next, or before the day after it is, by the times of the rows, and says so ([`Closing::Late`]).

mod tally;

#[cfg(test)]
mod tests;

use chrono::{Days, NaiveDate};
use earwitness_model::WallTime;

use self::tally::Tally;
use crate::{
    civil,
    coverage::{Coverage, coverage},
    error::VaultError,
    ledger::{
        Closes, Closing, Counter, DayClosed, DayCounts, Ended, LedgerError, LedgerKind, LedgerNote, Row,
        Sealed, Settled, StoredHead,
    },
    proving,
    vault::{Parts, Vault},
};

/// A civil day of the vault's zone.
pub type CivilDay = NaiveDate;
/// Days that are closed late, at most: a clock that jumps by years closes no thousand days.
const MOST_LATE: usize = 400;

/// A day, as it can be told now.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The day.
    pub day: CivilDay,
    /// What its rows come to now.
    pub counts: DayCounts,
    /// The row that closed it, if it was closed.
    pub closed: Option<ClosedRow>,
    /// When the mirror was watched, and the gaps; `None` when no recorder ever watched one.
    pub coverage: Option<Coverage>,
    /// The head that closed it.
    pub head: Option<StoredHead>,
}

/// What the row says that closed a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedRow {
    /// Its number.
    pub number: u64,
    /// When it was written.
    pub at: WallTime,
    /// What it says.
    pub content: DayClosed,
}

impl Statement {
    /// Whether the row that closed the day says what its rows say now.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.closed.as_ref().is_none_or(|closed| closed.content.counts == self.counts)
    }
}

impl Vault {
    /// The day of the office at a time of its clock.
    #[must_use]
    pub fn civil_day(&self, at: WallTime) -> CivilDay {
        self.parts.civil_day(at)
    }

    /// How many rows the ledger has, those that wait for a sync among them.
    #[must_use]
    pub fn rows_told(&self) -> u64 {
        self.parts.ledger().next_number()
    }

    /// Closes a day that is over: tells the ledger what its rows come to, up to row `to`, where the counter of the recorder
    /// stood at `ended`, and signs the head. Days before it that nobody closed are closed first. One whose row is there already,
    /// of a closing that did not come to its end, gets its head.
    ///
    /// # Errors
    /// When the ledger or the disk fails: the day can be closed again, and is closed late by whoever closes the next one.
    pub fn close_day(
        &self,
        now: WallTime,
        day: CivilDay,
        (to, ended): (u64, Ended),
    ) -> Result<StoredHead, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let before = last_closed(&settled)?;
        let last = before.as_ref().map(|closed| closed.content.day);
        if last == Some(day) {
            let closing =
                self.heads()?.into_iter().find(|head| head.day == day && head.closes == Closes::Day);
            return closing.map_or_else(|| Ok(proving::sign_day(&self.parts, day)?), Ok);
        }
        let to = to.min(settled.rows());
        // On an ordinary day there are none, and nobody reads the rows twice.
        let missed = match day.pred_opt().filter(|&yesterday| last.is_none_or(|last| last < yesterday)) {
            Some(yesterday) => missed_days(&self.parts, &settled, (yesterday, to))?,
            None => Vec::new(),
        };
        let before = missed.last().or_else(|| before.as_ref().map(|closed| &closed.content));
        let (from, counter) =
            before.map_or((0, Counter::NoRecorder), |closed| (closed.to.min(to), closed.counter));
        let mut tally = Tally::going_on(counter);
        settled.walk_sealed(from..to, |row| count(&mut tally, &row))?;
        let (counts, counter) = tally.close(Some(ended));
        let closed = DayClosed { day, closing: Closing::InTime, from, to, counter, counts };
        self.tell_closed(now, missed.into_iter().chain([closed]))?;
        Ok(proving::sign_day(&self.parts, day)?)
    }

    /// Closes the days that are over and that nobody closed. Says how many.
    ///
    /// # Errors
    /// Those of [`Self::close_day`].
    pub fn close_missed_days(&self, now: WallTime) -> Result<usize, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let Some(yesterday) = self.civil_day(now).pred_opt() else { return Ok(0) };
        let missed = missed_days(&self.parts, &settled, (yesterday, settled.rows()))?;
        let Some(last) = missed.last().map(|closed| closed.day) else { return Ok(0) };
        let count = missed.len();
        self.tell_closed(now, missed)?;
        // One head has them all.
        proving::sign_day(&self.parts, last)?;
        Ok(count)
    }

    fn tell_closed(
        &self,
        now: WallTime,
        days: impl IntoIterator<Item = DayClosed>,
    ) -> Result<(), VaultError> {
        let mut ledger = self.parts.ledger();
        for closed in days {
            ledger.append(LedgerKind::DayClosed, now, &LedgerNote::DayClosed(closed).to_bytes())?;
        }
        Ok(ledger.sync()?)
    }

    /// What a day comes to. One that is not over yet, or was not closed, is told by the times of its rows.
    ///
    /// # Errors
    /// When the ledger is not whole: [`crate::Ledger::verify`] says where.
    pub fn statement(&self, day: CivilDay, now: WallTime) -> Result<Statement, VaultError> {
        let settled = self.parts.ledger().settled()?;
        let closed = closed_rows(&settled)?;
        let place = closed.iter().position(|closed| closed.content.day == day);
        let counts = match place {
            Some(place) => {
                let content = &closed[place].content;
                let before = place.checked_sub(1).map(|before| &closed[before]);
                let mut tally = Tally::going_on(counter_of(before));
                settled.walk_sealed(content.from..content.to, |row| count(&mut tally, &row))?;
                let ended = match content.counter {
                    Counter::At(ended) => Some(ended),
                    Counter::NoRecorder | Counter::Unknown => None,
                };
                tally.close(ended).0
            }
            None => {
                let mut found = None;
                open_days(&self.parts, &settled, (day, settled.rows()), |open| {
                    found = Some(open).filter(|open| open.day == day).or_else(|| found.take());
                })?;
                found.map(|open| open.counts).unwrap_or_default()
            }
        };
        let closed = place.and_then(|place| closed.into_iter().nth(place));
        let head = self.heads()?.into_iter().find(|head| head.day == day && head.closes == Closes::Day);
        let coverage = self.coverage_of(&settled, day, now)?;
        Ok(Statement { day, counts, closed, coverage, head })
    }

    /// Rows of calls tell of a recorder that lives by their time alone: they are not opened for that.
    fn coverage_of(
        &self,
        settled: &Settled,
        day: CivilDay,
        now: WallTime,
    ) -> Result<Option<Coverage>, VaultError> {
        let zone = self.parts.settings.zone.0;
        let from = civil::begin_of(zone, day);
        let to = day.checked_add_days(Days::new(1)).map_or(now, |next| civil::begin_of(zone, next));
        let mut rows = Vec::new();
        settled.walk_sealed(0..settled.rows(), |row| {
            if row.at() < to {
                rows.extend(if row.is_of_a_call() { row.unopened() } else { row.open() });
            }
        })?;
        Ok(coverage(rows, Some(from), to.min(now)).filter(|_| from < now))
    }
}

/// The days up to `last` that are not closed, and what of the first `rows` rows each comes to.
fn missed_days(
    parts: &Parts,
    settled: &Settled,
    upto: (CivilDay, u64),
) -> Result<Vec<DayClosed>, LedgerError> {
    let mut missed = Vec::new();
    open_days(parts, settled, upto, |closed| missed.push(closed))?;
    if missed.len() > MOST_LATE {
        missed.drain(..missed.len() - MOST_LATE);
    }
    Ok(missed)
}

/// What `each` day comes to that is not closed, up to `last`, by the times of the first `rows` rows.
fn open_days(
    parts: &Parts,
    settled: &Settled,
    (last, rows): (CivilDay, u64),
    mut each: impl FnMut(DayClosed),
) -> Result<(), LedgerError> {
    let before = last_closed(settled)?;
    let mut from = before.as_ref().map_or(0, |closed| closed.content.to.min(rows));
    let mut next_day = before.as_ref().and_then(|closed| closed.content.day.succ_opt());
    let mut tally = Tally::going_on(counter_of(before.as_ref()));
    let mut close = |day: CivilDay, (from, to): (u64, u64), tally: &mut Tally| {
        let (counts, counter) = tally.close(None);
        each(DayClosed { day, closing: Closing::Late, from, to, counter, counts });
    };
    settled.walk_sealed(from..rows, |row| {
        let day = parts.civil_day(row.at());
        let mut current = *next_day.get_or_insert(day);
        while current < day && current <= last {
            close(current, (from, row.number()), &mut tally);
            from = row.number();
            let Some(next) = current.succ_opt() else { break };
            current = next;
            next_day = Some(current);
        }
        count(&mut tally, &row);
    })?;
    let Some(mut current) = next_day else { return Ok(()) };
    while current <= last {
        close(current, (from, rows), &mut tally);
        from = rows;
        let Some(next) = current.succ_opt() else { break };
        current = next;
    }
    Ok(())
}

fn count(tally: &mut Tally, row: &Sealed<'_>) {
    match row.open() {
        Some(row) => tally.handle_row(&row),
        None => tally.handle_unread(),
    }
}

/// Where the counter of the recorder stood that ran over the end of a day.
fn counter_of(before: Option<&ClosedRow>) -> Counter {
    before.map_or(Counter::NoRecorder, |closed| closed.content.counter)
}

fn closed_rows(settled: &Settled) -> Result<Vec<ClosedRow>, LedgerError> {
    let mut closed = Vec::new();
    settled.walk_sealed(0..settled.rows(), |row| {
        closed.extend(is_closed_row(row.code()).then(|| row.open()).flatten().and_then(closed_row));
    })?;
    Ok(closed)
}

fn last_closed(settled: &Settled) -> Result<Option<ClosedRow>, LedgerError> {
    Ok(settled.last(is_closed_row, None)?.and_then(closed_row))
}

const fn is_closed_row(code: u8) -> bool {
    code == LedgerKind::DayClosed.code()
}

fn closed_row(row: Row) -> Option<ClosedRow> {
    let Some(LedgerNote::DayClosed(content)) = LedgerNote::of(&row) else { return None };
    Some(ClosedRow { number: row.number, at: row.at, content })
}
