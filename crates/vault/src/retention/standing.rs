//! What is in force: holds, changes of retention, and what is known of the clock, all of it learnt from the ledger.
//!
//! There is no second list of holds that could be older than the first. A hold is a row of the ledger, a disposal too, and
//! whoever destroys a key has the ledger in hand while it does: what stands in it then is what decides.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use earwitness_model::{CallId, RecordingId, WallTime};

use super::{
    clock::Clock,
    rows::{ActId, Change, DisposalRun, Disposed, Hold, Proposal, Release, Subject, from_bytes},
};
use crate::{
    error::VaultError,
    ledger::{ClockStatus, Ledger, LedgerKind, LedgerNote, Mark, Reader, Row, Step, Synchronised},
    manifest::RecordedRow,
};

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Standing {
    mark: Mark,
    pub(super) holds: BTreeMap<ActId, Hold>,
    pub(super) proposals: BTreeMap<ActId, Proposal>,
    changes: HashMap<RecordingId, Changed>,
    /// The last change of each call, which may have more recordings than the one that was named.
    changed_calls: HashMap<CallId, Said>,
    changes_told: u64,
    /// Begun by a clock that was wrong: not before this.
    misdated: HashMap<RecordingId, WallTime>,
    pub(super) clock: Clock,
    /// The last disposal, what it told of, and whether it told of its end.
    run: Option<Run>,
    /// Places of the ledger that cannot be read: a hold may have stood there.
    unreadable: u64,
    /// Rows that were damaged and taken out of its way: as well.
    set_aside: u64,
}

/// What the ledger tells of a disposal.
#[derive(Debug)]
struct Run {
    id: ActId,
    told: HashSet<RecordingId>,
    has_ended: bool,
}

/// The last change of a recording's retention.
#[derive(Debug, Clone)]
struct Changed {
    said: Said,
    subject: Subject,
}

/// A last day, and the how manyth change it was that said so: the last one counts.
type Said = (u64, NaiveDate);

impl Standing {
    /// Reads what was written since.
    pub(super) fn catch_up(&mut self, reader: &Reader) -> Result<(), VaultError> {
        let mut mark = std::mem::take(&mut self.mark);
        let read = reader.read_on(&mut mark, |step| match step {
            Step::Row { kind, at, payload } => self.row(kind, at, payload),
            Step::Wrong => self.unreadable += 1,
        });
        self.mark = mark;
        read?;
        self.set_aside = reader.set_aside()?;
        Ok(())
    }

    /// With the ledger in hand: nothing comes after what this knows then.
    pub(super) fn catch_up_with(&mut self, ledger: &mut Ledger) -> Result<(), VaultError> {
        ledger.sync()?;
        self.catch_up(&ledger.reader())?;
        Ok(ledger.has_all(&self.mark)?)
    }

    fn row(&mut self, kind: LedgerKind, at: WallTime, payload: &dyn Fn() -> Option<Vec<u8>>) {
        self.clock.row(kind, at);
        let is_known = match kind {
            LedgerKind::Held => opened(payload).map(|hold: Hold| drop(self.holds.insert(hold.id, hold))),
            LedgerKind::Released => {
                opened(payload).map(|release: Release| drop(self.holds.remove(&release.hold)))
            }
            LedgerKind::RetentionProposed => {
                opened(payload).map(|proposal: Proposal| drop(self.proposals.insert(proposal.id, proposal)))
            }
            LedgerKind::RetentionChanged => opened(payload).map(|change: Change| self.change(change)),
            LedgerKind::Disposed => opened(payload).map(|disposed: Disposed| self.disposed(&disposed)),
            LedgerKind::DisposalRun => opened(payload).map(|end: DisposalRun| {
                self.run_of(end.run).has_ended = true;
            }),
            LedgerKind::Recorded if !self.clock.is_in_doubt() => Some(()),
            LedgerKind::Recorded => payload()
                .and_then(|row| RecordedRow::from_bytes(&row))
                .map(|row| self.recorded_by_a_doubtful_clock(row.recording)),
            LedgerKind::ClockStatus => payload().map(|payload| self.clock_status(kind, (at, payload))),
            LedgerKind::RecorderStarted
            | LedgerKind::RecorderStopped
            | LedgerKind::Excluded
            | LedgerKind::Failed
            | LedgerKind::RuleSetChanged
            | LedgerKind::CoverageGap
            | LedgerKind::Listened
            | LedgerKind::Exported
            | LedgerKind::Recovered
            | LedgerKind::IndexRebuilt
            | LedgerKind::ClockStepped
            | LedgerKind::InterfaceChanged
            | LedgerKind::Alarm
            | LedgerKind::Alive
            | LedgerKind::ClockConfirmed
            | LedgerKind::KeysRotated
            | LedgerKind::DayClosed
            | LedgerKind::Anchored
            | LedgerKind::KeysBackedUp
            | LedgerKind::KeysSplit
            | LedgerKind::BackedUp
            | LedgerKind::Restored
            | LedgerKind::Imported => Some(()),
        };
        self.unreadable += u64::from(is_known.is_none());
    }

    fn recorded_by_a_doubtful_clock(&mut self, recording: RecordingId) {
        if let Some(after) = self.clock.begun_after(begun(recording)) {
            self.misdated.insert(recording, after);
        }
    }

    /// What a later program says of the clock says nothing here.
    fn clock_status(&mut self, kind: LedgerKind, (at, payload): (WallTime, Vec<u8>)) {
        let row = Row { number: 0, kind, at, payload };
        if let Some(LedgerNote::ClockStatus(ClockStatus { synchronised: Synchronised::Yes, .. })) =
            LedgerNote::of(&row)
        {
            self.clock.is_kept_right();
        }
    }

    fn change(&mut self, change: Change) {
        let Proposal { id, subjects, until, .. } = change.proposal;
        self.proposals.remove(&id);
        self.changes_told += 1;
        let said = (self.changes_told, until.0);
        for subject in subjects {
            self.changed_calls.extend(subject.call.map(|call| (call, said)));
            self.changes.insert(subject.recording, Changed { said, subject });
        }
    }

    fn disposed(&mut self, row: &Disposed) {
        let recording = row.subject.recording;
        self.changes.remove(&recording);
        self.misdated.remove(&recording);
        self.run_of(row.run).told.insert(recording);
    }

    /// Disposals come one after the other.
    fn run_of(&mut self, id: ActId) -> &mut Run {
        let known = self.run.take().filter(|run| run.id == id);
        self.run.insert(known.unwrap_or_else(|| Run { id, told: HashSet::new(), has_ended: false }))
    }

    /// Whether a disposal told of this recording.
    pub(super) fn told_by(&self, run: ActId, recording: RecordingId) -> bool {
        self.run.as_ref().is_some_and(|of| of.id == run && of.told.contains(&recording))
    }

    /// Whether it told of its end.
    pub(super) fn has_ended(&self, run: ActId) -> bool {
        self.run.as_ref().is_some_and(|of| of.id == run && of.has_ended)
    }

    /// The holds that keep a recording on `today`. Where its manifest and its first block are damaged nobody knows
    /// its call: then every hold on something of its class and day may mean it.
    pub(super) fn holds_of(&self, of: &Subject, today: NaiveDate) -> impl Iterator<Item = &Hold> {
        let is_meant = move |subject: &Subject| {
            let is_it = match of.call {
                Some(_) => subject.call == of.call,
                None => (&subject.class, subject.day) == (&of.class, of.day),
            };
            is_it || subject.recording == of.recording
        };
        self.holds
            .values()
            .filter(move |hold| hold.until.is_none_or(|until| today <= until.0))
            .filter(move |hold| hold.subjects.iter().any(is_meant))
    }

    /// Whether a hold keeps it on `today`.
    pub(super) fn is_held(&self, of: &Subject, today: NaiveDate) -> bool {
        self.holds_of(of, today).next().is_some()
    }

    /// Until when a recording was said to be kept, when that was changed.
    pub(super) fn changed(&self, call: Option<CallId>, recording: RecordingId) -> Option<NaiveDate> {
        let of_recording = self.changes.get(&recording).map(|changed| changed.said);
        let of_call = call.and_then(|call| self.changed_calls.get(&call)).copied();
        of_recording.max(of_call).map(|(_, until)| until)
    }

    /// Recordings of which retention was changed.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&Subject, NaiveDate)> {
        self.changes.values().map(|changed| (&changed.subject, changed.said.1))
    }

    /// When a recording was really made, if it began by a clock that was wrong: not before this.
    pub(super) fn recorded_after(&self, recording: RecordingId) -> Option<WallTime> {
        self.misdated.get(&recording).copied()
    }

    /// Places where a hold may have stood that nobody can read.
    pub(super) const fn damage(&self) -> u64 {
        self.unreadable + self.set_aside
    }

    /// How many recordings are kept by another time than they say.
    pub(super) fn misdated(&self) -> usize {
        self.misdated.len()
    }
}

/// When a recording began by the clock of its recorder: its name says so.
pub(super) fn begun(recording: RecordingId) -> WallTime {
    let ms = recording.to_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    WallTime::from_nanos(ms.saturating_mul(1_000_000))
}

fn opened<T: serde::de::DeserializeOwned>(payload: &dyn Fn() -> Option<Vec<u8>>) -> Option<T> {
    from_bytes(&payload()?)
}
