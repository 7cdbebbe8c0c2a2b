//! The recordings that the ledger tells of, held against the manifests in the volumes.
//!
//! A volume that was taken away leaves nothing behind that could be found damaged: only the ledger knows of it.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashSet},
};

use earwitness_model::RecordingId;

use crate::{
    ledger::{LedgerError, LedgerFault, LedgerFinding, LedgerKind},
    manifest::RecordedRow,
    retention::{Disposed, from_bytes},
    vault::Parts,
    verify::Fault,
};

/// What the ledger told. It must be read before the volumes are: a recording is in its volume before the ledger tells of
/// it, so that one which is finished in between is not missed.
#[derive(Default)]
pub(crate) struct Recorded {
    /// By recording and hash of its manifest: a recording can be told of twice.
    told: BTreeMap<(RecordingId, [u8; 32]), Cell<Found>>,
    /// What the disk did not give of the ledger.
    pub(crate) unreadable: Option<LedgerFinding>,
    /// Those that were destroyed since.
    disposed: HashSet<RecordingId>,
}

/// What the volumes hold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// No manifest.
    Nothing,
    /// Another manifest of this recording.
    Another,
    /// This manifest.
    This,
}

impl Recorded {
    /// All that the ledger tells and that can be read; what cannot is the ledger's own finding.
    pub(crate) fn read(parts: &Parts) -> Self {
        let mut recorded = Self::default();
        let rows = parts.ledger();
        for row in rows.rows() {
            let row = match row {
                Ok(row) => row,
                Err(LedgerError::Broken(finding)) if finding.fault == LedgerFault::Unreadable => {
                    recorded.unreadable = Some(finding);
                    continue;
                }
                Err(LedgerError::Io { path, .. }) => {
                    let fault = LedgerFault::Unreadable;
                    recorded.unreadable = Some(LedgerFinding { path, offset: 0, fault });
                    continue;
                }
                Err(_) => continue,
            };
            if row.kind == LedgerKind::Disposed {
                recorded.dispose(&row.payload);
            } else if row.kind == LedgerKind::Recorded
                && let Some(row) = RecordedRow::from_bytes(&row.payload)
            {
                recorded.tell(&row);
            }
        }
        recorded
    }

    /// The ledger tells of a recording.
    pub(crate) fn tell(&mut self, row: &RecordedRow) {
        self.told.entry((row.recording, row.manifest)).or_insert(Cell::new(Found::Nothing));
    }

    /// The ledger tells that a recording was destroyed.
    pub(crate) fn dispose(&mut self, row: &[u8]) {
        self.disposed.extend(from_bytes::<Disposed>(row).map(|row| row.subject.recording));
    }

    /// Whether it was destroyed: what a volume still has of it is nobody's.
    pub(crate) fn is_disposed(&self, recording: RecordingId) -> bool {
        self.disposed.contains(&recording)
    }

    /// Whether the ledger told of this recording at all.
    pub(crate) fn knows(&self, recording: RecordingId) -> bool {
        self.told.range(manifests_of(recording)).next().is_some()
    }

    /// Whether the ledger told of this recording with a manifest of this hash.
    pub(crate) fn knows_manifest(&self, recording: RecordingId, hash: &[u8; 32]) -> bool {
        self.told.contains_key(&(recording, *hash))
    }

    /// A volume holds a manifest of this recording with this hash.
    pub(crate) fn find(&self, recording: RecordingId, hash: [u8; 32]) {
        for ((_, told), found) in self.told.range(manifests_of(recording)) {
            let now = if *told == hash { Found::This } else { Found::Another };
            found.set(now.max(found.get()));
        }
    }

    /// What is wrong, when every volume was walked through.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (RecordingId, Fault)> {
        let mut last_gone = None;
        let kept = self.told.iter().filter(|((recording, _), _)| !self.is_disposed(*recording));
        kept.filter_map(move |(&(recording, _), found)| {
            let fault = match found.get() {
                Found::This => return None,
                Found::Another => Fault::ManifestReplaced(recording),
                // Told of twice, it is gone once.
                Found::Nothing if last_gone == Some(recording) => return None,
                Found::Nothing => Fault::RecordingGone(recording),
            };
            if found.get() == Found::Nothing {
                last_gone = Some(recording);
            }
            Some((recording, fault))
        })
    }

    /// Recordings of which no volume holds a manifest.
    pub(crate) fn gone(&self) -> u64 {
        self.faults().filter(|(recording, fault)| *fault == Fault::RecordingGone(*recording)).count() as u64
    }
}

fn manifests_of(recording: RecordingId) -> std::ops::RangeInclusive<(RecordingId, [u8; 32])> {
    (recording, [0; 32])..=(recording, [0xff; 32])
}

#[cfg(test)]
mod tests {
    use earwitness_model::CallId;

    use super::*;

    fn row(recording: u8, manifest: u8) -> RecordedRow {
        RecordedRow {
            call: CallId::from_bytes([recording; 16]),
            recording: RecordingId::from_bytes([recording; 16]),
            manifest: [manifest; 32],
            interrupted: false,
            continues: None,
        }
    }

    #[test]
    fn a_recording_told_of_twice_is_gone_once() {
        let mut recorded = Recorded::default();
        for told in [row(1, 7), row(1, 8), row(1, 7), row(2, 7)] {
            recorded.tell(&told);
        }
        let (one, other) = (row(1, 0).recording, row(2, 0).recording);
        assert_eq!(recorded.gone(), 2);
        let faults: Vec<_> = recorded.faults().collect();
        assert_eq!(faults, [(one, Fault::RecordingGone(one)), (other, Fault::RecordingGone(other))]);
        assert!(recorded.knows(one) && !recorded.knows(row(3, 0).recording));
    }
}
