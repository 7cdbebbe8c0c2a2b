//! The rows that are on the medium, walked over without keeping anybody from appending more.

use std::{
    ops::{ControlFlow, Range},
    path::PathBuf,
    sync::Arc,
};

use earwitness_model::WallTime;

use super::{
    LedgerFault, LedgerFinding, Row, RowProof,
    chain::{self, Chain, Found},
    error::LedgerError,
    examine::opened,
    failed,
    kind::LedgerKind,
    merkle::{Frontier, Ranges, TreeHash, consistency_ranges, inclusion_ranges},
    month_of,
    row::{Header, StoredRow, Walk},
};
use crate::{
    disk::{Disk, OpenAs},
    metadata_key::MetadataKey,
};

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

    /// When it was appended.
    pub(crate) const fn at(&self) -> WallTime {
        WallTime::from_nanos(self.row.time)
    }

    /// Whether it says what became of a call.
    pub(crate) fn is_of_a_call(&self) -> bool {
        [LedgerKind::Recorded, LedgerKind::Excluded, LedgerKind::Failed]
            .iter()
            .any(|kind| kind.code() == self.row.kind)
    }

    /// That it is there, without what it says.
    pub(crate) fn unopened(&self) -> Option<Row> {
        let kind = LedgerKind::from_code(self.row.kind)?;
        Some(Row { number: self.row.number, kind, at: self.at(), payload: Vec::new() })
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

    /// Gives `each` every row of `rows`, in order, until it says that it has enough.
    ///
    /// # Errors
    /// What does not fit: a walk over rows that are not all there proves nothing.
    fn walk(&self, rows: Range<u64>, mut each: impl FnMut(StoredRow) -> Walked) -> Result<(), LedgerError> {
        let mut next = rows.start;
        if rows.is_empty() {
            return Ok(());
        }
        for found in self.chain_from(rows.start)? {
            match found {
                Found::Row { row, .. } if row.number >= rows.end => break,
                Found::Row { row, .. } if row.number == next => {
                    next += 1;
                    if each(row) == Walked::Enough {
                        return Ok(());
                    }
                }
                // Rows before the first, of the file that it is in; one out of place was found wrong before it is given.
                Found::Row { .. } => {}
                // Rows that are being appended.
                Found::Wrong(LedgerFinding { fault: LedgerFault::TornTail { .. }, .. })
                    if next == rows.end =>
                {
                    break;
                }
                Found::Wrong(finding) => return Err(LedgerError::Broken(finding)),
            }
        }
        if next == rows.end {
            return Ok(());
        }
        let (path, offset) = (self.dir.clone(), 0);
        Err(LedgerError::Broken(LedgerFinding { path, offset, fault: LedgerFault::End }))
    }

    /// From the beginning of the file that has row `from`, as far as the files' heads tell which one it is.
    fn chain_from(&self, from: u64) -> Result<Chain<'_>, LedgerError> {
        let files = chain::files(&*self.disk, &self.dir).map_err(failed("list", &self.dir))?;
        let begins = |path: &PathBuf| {
            let mut walk = self.disk.open(path, OpenAs::Read).and_then(Walk::new).ok()?;
            match walk.header() {
                Ok(Header::Begins(place)) => Some(place.number),
                Ok(Header::Version(_) | Header::Damaged) | Err(_) => None,
            }
        };
        let first = files.iter().rposition(|path| begins(path).is_some_and(|number| number <= from));
        Ok(match first {
            Some(first) if first > 0 => Chain::wherever(&*self.disk, files[first..].to_vec()),
            Some(_) | None => Chain::whole(&*self.disk, files),
        })
    }

    /// Gives `each` every row of `rows`, sealed.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn walk_sealed(
        &self,
        rows: Range<u64>,
        mut each: impl FnMut(Sealed<'_>),
    ) -> Result<(), LedgerError> {
        self.walk(rows, |row| {
            each(Sealed { row, key: &self.key });
            Walked::On
        })
    }

    /// Gives `each` every row, opened, until it has enough.
    ///
    /// # Errors
    /// When the files cannot be listed.
    pub(crate) fn each_row(
        &self,
        each: &mut dyn FnMut(Result<Row, LedgerError>) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let files = chain::files(&*self.disk, &self.dir).map_err(failed("list", &self.dir))?;
        for found in Chain::whole(&*self.disk, files) {
            let row = match found {
                Found::Row { row, .. } if row.number >= self.end => break,
                Found::Row { path, offset, row } => opened(&self.key, &row)
                    .map_err(|fault| LedgerError::Broken(LedgerFinding { path, offset, fault })),
                Found::Wrong(finding) => Err(LedgerError::Broken(finding)),
            };
            if each(row).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The last row whose kind has a code that `is_it`, not after `until`, opened. Files are read from the newest on.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn last(
        &self,
        is_it: fn(u8) -> bool,
        until: Option<WallTime>,
    ) -> Result<Option<Row>, LedgerError> {
        let files = chain::files(&*self.disk, &self.dir).map_err(failed("list", &self.dir))?;
        let newest = until.map(|until| self.dir.join(month_of(until)));
        for path in files.into_iter().rev().filter(|path| newest.as_ref().is_none_or(|newest| path <= newest))
        {
            let mut last = None;
            for found in Chain::wherever(&*self.disk, vec![path]) {
                if let Found::Row { row, .. } = found
                    && is_it(row.kind)
                    && row.number < self.end
                    && until.is_none_or(|until| row.time <= until.nanos())
                {
                    last = opened(&self.key, &row).ok().or(last);
                }
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// The root of all rows.
    pub(crate) fn root(&self) -> Result<TreeHash, LedgerError> {
        let mut tree = Frontier::default();
        self.walk(0..self.end, |row| {
            tree.push(row.leaf());
            Walked::On
        })?;
        Ok(tree.root())
    }

    /// The number of the first row that `is_it`.
    pub(crate) fn find(&self, mut is_it: impl FnMut(&Sealed<'_>) -> bool) -> Result<u64, LedgerError> {
        let mut number = None;
        self.walk(0..self.end, |row| {
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
        self.walk(0..size, |row| {
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

impl Settled {
    /// The hashes that prove that the first `old` rows are the beginning of the first `new`.
    ///
    /// # Errors
    /// [`LedgerError::NotTold`] when there are not so many, or none.
    pub(crate) fn prove_consistency(&self, old: u64, new: u64) -> Result<Vec<TreeHash>, LedgerError> {
        let ranges = consistency_ranges(old, new).filter(|_| new <= self.end);
        let mut ranges = Ranges::new(&ranges.ok_or(LedgerError::NotTold)?);
        self.walk(0..new, |row| {
            ranges.handle_leaf(row.number, row.leaf());
            Walked::On
        })?;
        ranges.finish().ok_or(LedgerError::NotTold)
    }
}

#[derive(PartialEq, Eq)]
enum Walked {
    On,
    Enough,
}
