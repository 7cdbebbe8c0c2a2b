//! The whole ledger, read to be checked: with the key what the rows say too, without it their chain.

use std::path::Path;

use earwitness_model::WallTime;

use super::{
    Row,
    chain::{self, Chain, Found},
    error::{LedgerFault, LedgerFinding},
    kind::LedgerKind,
    row::{Place, StoredRow},
};
use crate::{disk::Disk, metadata_key::MetadataKey};

/// Findings that are listed one by one.
const MAX_FINDINGS: usize = 1000;

/// Checks the ledger in `dir` without any key: whole rows, numbers and chain, from the first row to the last one there is.
pub fn check_chain(disk: &dyn Disk, dir: &Path) -> Vec<LedgerFinding> {
    examine(disk, dir, None).0
}

/// Findings, and where a next row would belong.
pub(super) fn examine(
    disk: &dyn Disk,
    dir: &Path,
    key: Option<&MetadataKey>,
) -> (Vec<LedgerFinding>, Option<Place>) {
    let Ok(files) = chain::files(disk, dir) else {
        let unreadable = LedgerFinding { path: dir.to_owned(), offset: 0, fault: LedgerFault::Unreadable };
        return (vec![unreadable], None);
    };
    let mut findings = Vec::new();
    let mut chain = Chain::whole(disk, files);
    for found in &mut chain {
        match found {
            Found::Row { path, offset, row } => {
                let fault = match key {
                    Some(key) => opened(key, &row).err(),
                    None => known_kind(&row).err(),
                };
                if let Some(fault) = fault {
                    push_bounded(&mut findings, LedgerFinding { path, offset, fault });
                }
            }
            Found::Wrong(finding) => push_bounded(&mut findings, finding),
        }
    }
    (findings, chain.place())
}

/// A stored row as it was appended.
pub(super) fn opened(key: &MetadataKey, row: &StoredRow) -> Result<Row, LedgerFault> {
    let kind = known_kind(row)?;
    let place = StoredRow::seal_place(row.number, row.kind, row.time);
    let payload = key.open(&place, &row.sealed).map_err(|_| LedgerFault::Unsealed { number: row.number })?;
    Ok(Row { number: row.number, kind, at: WallTime::from_nanos(row.time), payload })
}

fn known_kind(row: &StoredRow) -> Result<LedgerKind, LedgerFault> {
    let unknown = LedgerFault::UnknownKind { number: row.number, code: row.kind };
    LedgerKind::from_code(row.kind).ok_or(unknown)
}

/// Beyond [`MAX_FINDINGS`] the last finding counts the others.
pub(super) fn push_bounded(findings: &mut Vec<LedgerFinding>, finding: LedgerFinding) {
    if findings.len() < MAX_FINDINGS {
        return findings.push(finding);
    }
    match findings.last_mut() {
        Some(LedgerFinding { fault: LedgerFault::Unlisted { count }, .. }) => *count += 1,
        _ => findings.push(LedgerFinding { fault: LedgerFault::Unlisted { count: 1 }, ..finding }),
    }
}
