//! What the end of the newest file holds, read before the ledger goes on in it.
//!
//! Each row says its number and its chain, so that the last one is enough to go on from, and what a crash can tear is behind it.
//! A month of many calls is not read whole whenever somebody wants to see one of them: [`super::Ledger::verify`] does that.

use std::path::Path;

use earwitness_model::WallTime;

use super::{
    chain::{Chain, Found},
    error::{LedgerError, LedgerFault, LedgerFinding},
    examine::push_bounded,
    row::{Place, VERSION},
};
use crate::disk::Disk;

/// Bytes that are looked at: some of the longest rows, some thousand ordinary ones.
const END: u64 = 2 << 20;

/// What the end of one file holds, read before the ledger goes on in it.
pub(super) struct Survey {
    pub(super) rows: u64,
    pub(super) last_row: Option<WallTime>,
    pub(super) torn: Option<LedgerFinding>,
    pub(super) findings: Vec<LedgerFinding>,
    /// Where the next row belongs.
    pub(super) end: Place,
}

impl Survey {
    pub(super) fn of(disk: &dyn Disk, path: &Path) -> Result<Self, LedgerError> {
        let mut survey =
            Self { rows: 0, last_row: None, torn: None, findings: Vec::new(), end: Place::default() };
        let mut chain = Chain::of_end(disk, path.to_owned(), END);
        for found in &mut chain {
            let finding = match found {
                Found::Row { row, .. } => {
                    survey.rows += 1;
                    survey.last_row = Some(WallTime::from_nanos(row.time));
                    continue;
                }
                Found::Wrong(finding) => finding,
            };
            if let LedgerFault::Version { found } = finding.fault {
                return Err(LedgerError::Version { path: path.to_owned(), found, known: VERSION });
            }
            if finding.fault == LedgerFault::Unreadable {
                return Err(LedgerError::Broken(finding));
            }
            if matches!(finding.fault, LedgerFault::TornTail { .. }) {
                survey.torn = Some(finding);
            } else {
                push_bounded(&mut survey.findings, finding);
            }
        }
        survey.end = chain.place().unwrap_or_default();
        Ok(survey)
    }
}
