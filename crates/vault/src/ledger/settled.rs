//! The rows that are on the medium, walked over without keeping anybody from appending more.

use std::{path::PathBuf, sync::Arc};

use earwitness_model::WallTime;

use super::{
    LedgerFault, LedgerFinding, Row, RowProof,
    chain::{self, Chain, Found},
    error::LedgerError,
    examine::opened,
    failed,
    merkle::{Frontier, Ranges, TreeHash, inclusion_ranges},
    row::StoredRow,
};
use crate::{disk::Disk, metadata_key::MetadataKey};

/// The ledger as it was at one moment.
pub(crate) struct Settled {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) key: MetadataKey,
    /// How many rows there are.
    pub(super) end: u64,
    pub(super) last_row: Option<WallTime>,
}

/// A row as it stands in the file, for which whoever asks can have it opened.
pub(crate) struct Sealed<'s> {
    row: StoredRow,
    key: &'s MetadataKey,
}

impl Sealed<'_> {
    pub(crate) const fn number(&self) -> u64 {
        self.row.number
    }

    /// The byte of its kind.
    pub(crate) const fn code(&self) -> u8 {
        self.row.kind
    }

    /// What it says, if it is one of this vault's.
    pub(crate) fn open(&self) -> Option<Row> {
        opened(self.key, &self.row).ok()
    }
}

impl Settled {
    /// How many rows there are.
    pub(crate) const fn rows(&self) -> u64 {
        self.end
    }

    /// The time of the last of them.
    pub(crate) const fn last_row(&self) -> Option<WallTime> {
        self.last_row
    }

    /// Gives `each` every row below `end`, in order, until it says that it has enough.
    ///
    /// # Errors
    /// What does not fit: a walk over rows that are not all there proves nothing.
    fn walk(&self, end: u64, mut each: impl FnMut(StoredRow) -> Walked) -> Result<(), LedgerError> {
        let files = chain::files(&*self.disk, &self.dir).map_err(failed("list", &self.dir))?;
        let mut next = 0;
        for found in Chain::whole(&*self.disk, files) {
            match found {
                Found::Row { row, .. } if row.number >= end => break,
                Found::Row { row, .. } => {
                    next = row.number + 1;
                    if each(row) == Walked::Enough {
                        return Ok(());
                    }
                }
                // Rows that are being appended.
                Found::Wrong(LedgerFinding { fault: LedgerFault::TornTail { .. }, .. }) if next == end => {
                    break;
                }
                Found::Wrong(finding) => return Err(LedgerError::Broken(finding)),
            }
        }
        if next == end {
            return Ok(());
        }
        let (path, offset) = (self.dir.clone(), 0);
        Err(LedgerError::Broken(LedgerFinding { path, offset, fault: LedgerFault::End }))
    }

    /// The root of all rows.
    pub(crate) fn root(&self) -> Result<TreeHash, LedgerError> {
        let mut tree = Frontier::default();
        self.walk(self.end, |row| {
            tree.push(row.leaf());
            Walked::On
        })?;
        Ok(tree.root())
    }

    /// The number of the first row that `is_it`.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&Sealed<'_>) -> bool) -> Result<u64, LedgerError> {
        let mut number = None;
        self.walk(self.end, |row| {
            let sealed = Sealed { row, key: &self.key };
            if is_it(&sealed) {
                number = Some(sealed.number());
            }
            if number.is_some() { Walked::Enough } else { Walked::On }
        })?;
        number.ok_or(LedgerError::NotTold)
    }

    /// The proof that row `number` is among the first `size`. Its `head` is for whoever has one of this size.
    ///
    /// # Errors
    /// [`LedgerError::NotTold`] when there is no such row.
    pub(crate) fn prove(&self, number: u64, size: u64) -> Result<RowProof, LedgerError> {
        let ranges = inclusion_ranges(number, size).filter(|_| size <= self.end);
        let mut ranges = Ranges::new(&ranges.ok_or(LedgerError::NotTold)?);
        let mut proven = None;
        self.walk(size, |row| {
            ranges.handle_leaf(row.number, row.leaf());
            if row.number == number {
                proven = Some(row);
            }
            Walked::On
        })?;
        let (Some(row), Some(path)) = (proven, ranges.finish()) else { return Err(LedgerError::NotTold) };
        let key = self.key.message_key(&row.sealed).ok_or(LedgerError::NotTold)?;
        let suite = self.key.suite();
        Ok(RowProof { row: row.leaf_bytes(), key: *key, suite, tree_size: size, path, head: String::new() })
    }
}

#[derive(PartialEq, Eq)]
enum Walked {
    On,
    Enough,
}
