//! What a row of the ledger says of retention, for whoever reads the ledger.

use super::rows::{Change, DisposalRun, Disposed, Hold, Proposal, Release, from_bytes, to_bytes};
use crate::ledger::{LedgerKind, Row};

/// Something that was done about how long recordings are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetentionNote {
    /// A hold was laid.
    Held(Hold),
    /// A hold was lifted.
    Released(Release),
    /// Somebody proposed another last day.
    Proposed(Proposal),
    /// Somebody else approved it.
    Changed(Change),
    /// A recording was destroyed.
    Disposed(Disposed),
    /// A disposal ended.
    DisposalRun(DisposalRun),
    /// Somebody said that the clock is right.
    ClockConfirmed {
        /// Who.
        by: String,
    },
}

impl RetentionNote {
    /// The kind of its row.
    #[must_use]
    pub const fn kind(&self) -> LedgerKind {
        match self {
            Self::Held(_) => LedgerKind::Held,
            Self::Released(_) => LedgerKind::Released,
            Self::Proposed(_) => LedgerKind::RetentionProposed,
            Self::Changed(_) => LedgerKind::RetentionChanged,
            Self::Disposed(_) => LedgerKind::Disposed,
            Self::DisposalRun(_) => LedgerKind::DisposalRun,
            Self::ClockConfirmed { .. } => LedgerKind::ClockConfirmed,
        }
    }

    /// The payload of its row.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Held(hold) => to_bytes(hold),
            Self::Released(release) => to_bytes(release),
            Self::Proposed(proposal) => to_bytes(proposal),
            Self::Changed(change) => to_bytes(change),
            Self::Disposed(disposed) => to_bytes(disposed),
            Self::DisposalRun(run) => to_bytes(run),
            Self::ClockConfirmed { by } => to_bytes(by),
        }
    }

    /// What a row says; `None` when it is of something else, or was written by a later version.
    #[must_use]
    pub fn of(row: &Row) -> Option<Self> {
        let bytes = row.payload.as_slice();
        Some(match row.kind {
            LedgerKind::Held => Self::Held(from_bytes(bytes)?),
            LedgerKind::Released => Self::Released(from_bytes(bytes)?),
            LedgerKind::RetentionProposed => Self::Proposed(from_bytes(bytes)?),
            LedgerKind::RetentionChanged => Self::Changed(from_bytes(bytes)?),
            LedgerKind::Disposed => Self::Disposed(from_bytes(bytes)?),
            LedgerKind::DisposalRun => Self::DisposalRun(from_bytes(bytes)?),
            LedgerKind::ClockConfirmed => Self::ClockConfirmed { by: from_bytes(bytes)? },
            LedgerKind::RecorderStarted
            | LedgerKind::RecorderStopped
            | LedgerKind::Recorded
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
            | LedgerKind::DayClosed
            | LedgerKind::Anchored
            | LedgerKind::ClockStatus
            | LedgerKind::KeysRotated
            | LedgerKind::KeysBackedUp
            | LedgerKind::KeysSplit
            | LedgerKind::BackedUp
            | LedgerKind::Restored
            | LedgerKind::Imported => return None,
        })
    }
}
