//! What the ledger says of retention: payloads of its rows, a schema byte and postcard.

use chrono::NaiveDate;
use earwitness_model::{CallId, RecordingId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{civil, layout::Shelf};

const SCHEMA: u8 = 1;

/// The name of a hold, a proposal or a disposal: its time and chance, as a recording's.
pub type ActId = RecordingId;

/// A recording that something is done about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The call; `None` when nobody knows it.
    pub call: Option<CallId>,
    /// Its recording.
    pub recording: RecordingId,
    /// Its retention class.
    pub class: String,
    /// The civil day of the call's start.
    #[serde(with = "civil::as_days")]
    pub day: NaiveDate,
}

impl Subject {
    pub(super) fn shelf(&self) -> Shelf {
        Shelf { class: self.class.clone(), day: self.day }
    }
}

/// [`crate::LedgerKind::Held`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub id: ActId,
    /// What it keeps.
    pub subjects: Vec<Subject>,
    /// Why.
    pub reason: String,
    /// The last civil day on which it is in force; `None`: until it is released.
    pub until: Option<Day>,
    /// Who laid it.
    pub by: String,
}

/// [`crate::LedgerKind::Released`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The hold.
    pub hold: ActId,
    /// Why.
    pub reason: String,
    /// Who lifted it.
    pub by: String,
}

/// [`crate::LedgerKind::RetentionProposed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its name.
    pub id: ActId,
    /// What shall be kept longer or shorter.
    pub subjects: Vec<Subject>,
    /// The last civil day on which it shall be kept.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who proposes it.
    pub by: String,
}

/// [`crate::LedgerKind::RetentionChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What was proposed, and by whom.
    pub proposal: Proposal,
    /// Who approved it: somebody else.
    pub approved_by: String,
}

/// [`crate::LedgerKind::Disposed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disposed {
    /// The run.
    pub run: ActId,
    /// What was destroyed.
    pub subject: Subject,
    /// The last day on which it was kept.
    pub until: Day,
}

impl Disposed {
    /// What the ledger's row says.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

/// [`crate::LedgerKind::DisposalRun`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisposalRun {
    /// Its name, which its certificate has too.
    pub run: ActId,
    /// How many recordings were destroyed.
    pub recordings: u64,
    /// BLAKE3 of the certificate.
    pub certificate: [u8; 32],
    /// Who had it run.
    pub by: String,
}

/// A civil day, as its number on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(#[serde(with = "civil::as_days")] pub NaiveDate);

pub(super) fn to_bytes(row: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(&(SCHEMA, row)).expect("a row has no map and no sequence of unknown length")
}

/// `None` when it is no such row, or a later version's.
pub(crate) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (schema, rest) = bytes.split_first()?;
    (*schema == SCHEMA).then(|| postcard::from_bytes(rest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_a_later_one_is_none() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap();
        let id = RecordingId::from_bytes([7; 16]);
        let subject = Subject { call: None, recording: id, class: "citizen-90d".into(), day };
        let hold = Hold {
            id,
            subjects: vec![subject],
            reason: "소송".into(),
            until: Some(Day(day)),
            by: "kim".into(),
        };
        let mut bytes = to_bytes(&hold);
        assert_eq!(from_bytes::<Hold>(&bytes), Some(hold));
        bytes[0] = 2;
        assert_eq!(from_bytes::<Hold>(&bytes), None);
        assert_eq!(from_bytes::<Hold>(&[]), None);
    }
}
