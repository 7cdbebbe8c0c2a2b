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
    ledger::{Ledger, LedgerKind, Mark, Reader, Step},
    manifest::RecordedRow,
};

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Standing {
    mark: Mark,
    pub(super) holds: BTreeMap<ActId, Hold>,
    pub(super) proposals: BTreeMap<ActId, Proposal>,
    changes: HashMap<RecordingId, Changed>,
    /// Recorded while the clock was set back: not before this.
    misdated: HashMap<RecordingId, WallTime>,
    pub(super) clock: Clock,
    /// The last disposal, what it told of, and whether it told of its end.
    run: Option<Run>,
    /// Places of the ledger that cannot be read: a hold may have stood there.
    pub(super) damage: u64,
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
    until: NaiveDate,
    subject: Subject,
}

impl Standing {
    /// Reads what was written since.
    pub(super) fn catch_up(&mut self, reader: &Reader) -> Result<(), VaultError> {
        let mut mark = std::mem::take(&mut self.mark);
        let read = reader.read_on(&mut mark, |step| match step {
            Step::Row { kind, at, payload } => self.row(kind, at, payload),
            Step::Wrong => self.damage += 1,
        });
        self.mark = mark;
        Ok(read?)
    }

    /// With the ledger in hand: nothing comes after what this knows then.
    pub(super) fn catch_up_with(&mut self, ledger: &mut Ledger) -> Result<(), VaultError> {
        ledger.sync()?;
        self.catch_up(&ledger.reader())
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
            LedgerKind::Recorded => match self.clock.recorded_after() {
                None => Some(()),
                Some(after) => payload().and_then(|row| RecordedRow::from_bytes(&row)).map(|row| {
                    self.misdated.insert(row.recording, after);
                }),
            },
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
            | LedgerKind::ClockStatus
            | LedgerKind::KeysBackedUp
            | LedgerKind::KeysSplit
            | LedgerKind::BackedUp
            | LedgerKind::Restored
            | LedgerKind::Imported => Some(()),
        };
        self.damage += u64::from(is_known.is_none());
    }

    fn change(&mut self, change: Change) {
        let Proposal { id, subjects, until, .. } = change.proposal;
        self.proposals.remove(&id);
        for subject in subjects {
            self.changes.insert(subject.recording, Changed { until: until.0, subject });
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

    /// The holds that keep a recording on `today`.
    pub(super) fn holds_of(
        &self,
        call: Option<CallId>,
        recording: RecordingId,
        today: NaiveDate,
    ) -> impl Iterator<Item = &Hold> {
        let is_meant = move |subject: &Subject| {
            subject.recording == recording || (call.is_some() && subject.call == call)
        };
        self.holds
            .values()
            .filter(move |hold| hold.until.is_none_or(|until| today <= until.0))
            .filter(move |hold| hold.subjects.iter().any(is_meant))
    }

    /// Until when a recording was said to be kept, when that was changed.
    pub(super) fn changed(&self, recording: RecordingId) -> Option<NaiveDate> {
        self.changes.get(&recording).map(|changed| changed.until)
    }

    /// Recordings of which retention was changed.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&Subject, NaiveDate)> {
        self.changes.values().map(|changed| (&changed.subject, changed.until))
    }

    /// When a recording was really made, if the clock was set back then: not before this.
    pub(super) fn recorded_after(&self, recording: RecordingId) -> Option<WallTime> {
        self.misdated.get(&recording).copied()
    }
}

fn opened<T: serde::de::DeserializeOwned>(payload: &dyn Fn() -> Option<Vec<u8>>) -> Option<T> {
    from_bytes(&payload()?)
}
