//! The rows of a day, counted.
//!
//! Two hands count the calls: the engine, where it gives out a call that ended, and the rows of the ledger, where the writer
//! puts what became of it. Between the two lie the sealing threads, the queues and the disk. Recorders tell the ledger what
//! the first hand counted (the note `Alive`, and their end); here both are held against each other, recorder by recorder.

use std::collections::{BTreeMap, HashMap, hash_map::Entry as Slot};

use earwitness_model::{CallId, RecordingId};

use crate::{
    entry::Entry,
    ledger::{
        AlarmState, Counted, Counter, DayCounts, Ended, ExcludedBecause, FailedBecause, LedgerKind,
        LedgerNote, Row, read_failed_row,
    },
    manifest::RecordedRow,
};

/// What became of a call. The better one stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Excluded(ExcludedBecause),
    Failed(FailedBecause),
    Interrupted,
    Recorded,
}

/// A recorder between two closings, or between its beginning and its end.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// Where its counter stood when the day began; `None`: nobody knows.
    base: Option<Ended>,
    /// What it last told.
    told: Option<Ended>,
    /// Rows of calls since.
    rows: u64,
    /// Those of them that say that the recording was interrupted.
    interrupted: u64,
}

impl Run {
    fn going_on(counter: Counter) -> Option<Self> {
        match counter {
            Counter::NoRecorder => None,
            Counter::Unknown => Some(Self::default()),
            Counter::At(ended) => Some(Self { base: Some(ended), told: Some(ended), ..Self::default() }),
        }
    }
}

/// How a run came to its end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunEnd {
    /// It told its last number itself.
    Told,
    /// It was killed, or the machine was.
    Died,
    /// The day ended, and nobody wrote down its number then.
    CutByTheDay,
}

/// The rows of one day.
#[derive(Debug, Default)]
pub(super) struct Tally {
    run: Option<Run>,
    became: HashMap<CallId, Became>,
    /// Of each recording, told of once or more often, the call that it is a part of.
    recordings: HashMap<RecordingId, CallId>,
    /// Rows of calls, each recording once.
    rows: u64,
    /// Calls that were seen, before second parts are taken out.
    ended: u64,
    lost: u64,
    counts: DayCounts,
}

impl Tally {
    /// A day that began while a recorder's counter stood there.
    pub(super) fn going_on(counter: Counter) -> Self {
        Self { run: Run::going_on(counter), ..Self::default() }
    }

    /// A row that cannot be read.
    pub(super) const fn handle_unread(&mut self) {
        self.counts.unread += 1;
    }

    pub(super) fn handle_row(&mut self, row: &Row) {
        match row.kind {
            LedgerKind::Recorded => match RecordedRow::from_bytes(&row.payload) {
                Some(told) => self.recording(&told),
                None => self.counts.unread += 1,
            },
            LedgerKind::Excluded => match Entry::from_bytes(&row.payload) {
                Ok(entry) => self.call(entry.summary.id, Became::Excluded(ExcludedBecause::of(&entry))),
                Err(_) => self.counts.unread += 1,
            },
            LedgerKind::Failed => match read_failed_row(&row.payload) {
                Some((because, entry)) => self.call(entry.summary.id, Became::Failed(because)),
                None => self.counts.unread += 1,
            },
            LedgerKind::Listened => self.counts.listened += 1,
            LedgerKind::Exported => self.counts.exported += 1,
            LedgerKind::Held => self.counts.held += 1,
            LedgerKind::Released => self.counts.released += 1,
            LedgerKind::Disposed => self.counts.disposed += 1,
            LedgerKind::RecorderStarted
            | LedgerKind::RecorderStopped
            | LedgerKind::RuleSetChanged
            | LedgerKind::CoverageGap
            | LedgerKind::Recovered
            | LedgerKind::IndexRebuilt
            | LedgerKind::ClockStepped
            | LedgerKind::InterfaceChanged
            | LedgerKind::Alarm
            | LedgerKind::Alive
            | LedgerKind::DayClosed
            | LedgerKind::Anchored
            | LedgerKind::ClockStatus
            | LedgerKind::KeysRotated
            | LedgerKind::KeysBackedUp
            | LedgerKind::KeysSplit
            | LedgerKind::BackedUp
            | LedgerKind::Restored
            | LedgerKind::Imported => self.handle_note(row),
            // What they change has rows of its own.
            LedgerKind::RetentionProposed
            | LedgerKind::RetentionChanged
            | LedgerKind::ClockConfirmed
            | LedgerKind::DisposalRun => {}
        }
    }

    fn handle_note(&mut self, row: &Row) {
        match LedgerNote::of(row) {
            Some(LedgerNote::RecorderStarted(_)) => {
                self.end_run(RunEnd::Died);
                self.counts.started += 1;
                self.run = Some(Run { base: Some(Ended::default()), ..Run::default() });
            }
            Some(LedgerNote::RecorderStopped(watching)) => {
                if let Some(run) = &mut self.run {
                    run.told = watching.ended;
                }
                self.counts.stopped += 1;
                self.end_run(RunEnd::Told);
            }
            Some(LedgerNote::Alive(alive)) => {
                if let Some(run) = &mut self.run {
                    run.told = alive.ended.or(run.told);
                }
            }
            Some(LedgerNote::Recovered(_)) => self.end_run(RunEnd::Died),
            Some(LedgerNote::RuleSetChanged(_)) => self.counts.rules_changed += 1,
            Some(LedgerNote::CoverageGap(_)) => self.counts.gaps += 1,
            Some(LedgerNote::ClockStepped { .. }) => self.counts.clock_steps += 1,
            Some(LedgerNote::Alarm { state: AlarmState::Raised, .. }) => self.counts.alarms += 1,
            Some(
                LedgerNote::Alarm { state: AlarmState::Cleared, .. }
                | LedgerNote::InterfaceChanged { .. }
                | LedgerNote::DayClosed(_)
                | LedgerNote::Anchored(_)
                | LedgerNote::ClockStatus(_)
                | LedgerNote::KeysRotated(_)
                | LedgerNote::KeysBackedUp(_)
                | LedgerNote::KeysSplit(_)
                | LedgerNote::BackedUp(_)
                | LedgerNote::Restored(_)
                | LedgerNote::Imported(_),
            ) => {}
            None => self.counts.unread += u64::from(row.kind != LedgerKind::IndexRebuilt),
        }
    }

    fn recording(&mut self, told: &RecordedRow) {
        if self.recordings.contains_key(&told.recording) {
            return;
        }
        let became = if told.interrupted { Became::Interrupted } else { Became::Recorded };
        let first_part = told.continues.and_then(|before| self.recordings.get(&before).copied());
        self.recordings.insert(told.recording, first_part.unwrap_or(told.call));
        match (told.continues, first_part) {
            // Its first part was told of on an earlier day, and the call was counted then.
            (Some(_), None) => self.row(became),
            (Some(_) | None, first_part) => self.call(first_part.unwrap_or(told.call), became),
        }
    }

    fn call(&mut self, call: CallId, became: Became) {
        self.row(became);
        match self.became.entry(call) {
            Slot::Occupied(mut before) => {
                let better = became.max(*before.get());
                before.insert(better);
            }
            Slot::Vacant(free) => drop(free.insert(became)),
        }
    }

    /// One more row, which recorder ever wrote it.
    fn row(&mut self, became: Became) {
        self.rows += 1;
        match &mut self.run {
            Some(run) => {
                run.rows += 1;
                run.interrupted += u64::from(became == Became::Interrupted);
            }
            // Recovery and rebuilding find calls, too.
            None => self.ended += 1,
        }
    }

    fn end_run(&mut self, end: RunEnd) {
        let Some(run) = self.run.take() else { return };
        let counted = run.told.zip(run.base).filter(|_| end != RunEnd::CutByTheDay).map(|(told, base)| {
            let new = |of: fn(&Ended) -> u64| of(&told).saturating_sub(of(&base));
            new(|ended| ended.calls).saturating_sub(new(|ended| ended.known))
        });
        self.ended += match (counted, end) {
            (Some(counted), RunEnd::Told) => counted,
            // What it told last may be a minute old, and what it did not come to tell has no row.
            (Some(counted), RunEnd::Died | RunEnd::CutByTheDay) => {
                let by_itself = run.rows - run.interrupted;
                let lost = counted.saturating_sub(by_itself);
                self.lost += lost;
                run.rows + lost
            }
            (None, RunEnd::Told | RunEnd::Died | RunEnd::CutByTheDay) => {
                self.counts.counted = Counted::InPart;
                run.rows
            }
        };
        self.counts.died += u64::from(end == RunEnd::Died);
    }

    /// The day is over, and the next one begins. `ended` is where the counter of the recorder that runs on stands, if somebody
    /// knows.
    pub(super) fn close(&mut self, ended: Option<Ended>) -> (DayCounts, Counter) {
        let counter = match (&mut self.run, ended) {
            (None, _) => Counter::NoRecorder,
            (Some(_), None) => Counter::Unknown,
            (Some(run), Some(ended)) => {
                run.told = Some(ended);
                Counter::At(ended)
            }
        };
        self.end_run(if ended.is_some() { RunEnd::Told } else { RunEnd::CutByTheDay });
        let day = std::mem::replace(self, Self::going_on(counter));
        (day.counts(), counter)
    }

    fn counts(self) -> DayCounts {
        let mut counts = self.counts;
        counts.again = self.rows - self.became.len() as u64;
        counts.seen = self.ended.saturating_sub(counts.again);
        let (mut excluded, mut failed) = (BTreeMap::new(), BTreeMap::new());
        for became in self.became.values() {
            match became {
                Became::Recorded => counts.recorded += 1,
                Became::Interrupted => {
                    counts.recorded += 1;
                    counts.interrupted += 1;
                }
                Became::Excluded(because) => *excluded.entry(*because).or_default() += 1,
                Became::Failed(because) => *failed.entry(*because).or_default() += 1,
            }
        }
        if self.lost > 0 {
            *failed.entry(FailedBecause::RecorderDied).or_default() += self.lost;
        }
        counts.excluded = excluded.into_iter().collect();
        counts.failed = failed.into_iter().collect();
        counts
    }
}
