//! Reading on in a ledger that is being written, without standing in its way.

use std::{path::PathBuf, sync::Arc};

use earwitness_model::WallTime;

use super::{
    LedgerError, LedgerKind, aside,
    chain::{self, Chain, Found},
    error::{LedgerFault, LedgerFinding},
    examine::opened,
    failed,
    row::Place,
};
use crate::{disk::Disk, metadata_key::MetadataKey};

/// Reads what was written, whatever is appended meanwhile.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    pub(super) key: MetadataKey,
}

/// How far somebody has read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    file: Option<PathBuf>,
    offset: u64,
    place: Place,
}

impl Mark {
    /// The number of the row that comes next.
    pub(super) const fn next_number(&self) -> u64 {
        self.place.number
    }
}

/// One thing on the way.
pub(crate) enum Step<'r> {
    /// A row. What it says is opened when it is asked for; `None` when it does not open.
    Row { kind: LedgerKind, at: WallTime, payload: &'r dyn Fn() -> Option<Vec<u8>> },
    /// What is no row, or does not fit.
    Wrong,
}

impl Reader {
    /// How many rows and files were taken out of the ledger's way, and are there to be looked at.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn set_aside(&self) -> Result<u64, LedgerError> {
        aside::count(&*self.disk, &self.dir).map_err(failed("list", &self.dir))
    }

    /// Reads on from `mark`, and moves it.
    ///
    /// # Errors
    /// When the disk does not give what is there.
    pub(crate) fn read_on(&self, mark: &mut Mark, mut each: impl FnMut(Step<'_>)) -> Result<(), LedgerError> {
        let mut files = chain::files(&*self.disk, &self.dir).map_err(failed("list", &self.dir))?;
        files.retain(|file| mark.file.as_ref().is_none_or(|read| file >= read));
        let chain = match &mark.file {
            Some(_) => Chain::going_on(&*self.disk, files.clone(), mark.offset, mark.place),
            None => Chain::whole(&*self.disk, files.clone()),
        };
        let newest = files.last().cloned();
        for found in chain {
            match found {
                Found::Row { path, offset, row } => {
                    *mark = Mark { file: Some(path), offset: offset + row.size(), place: row.next() };
                    match LedgerKind::from_code(row.kind) {
                        Some(kind) => each(Step::Row {
                            kind,
                            at: WallTime::from_nanos(row.time),
                            payload: &|| opened(&self.key, &row).ok().map(|row| row.payload),
                        }),
                        None => each(Step::Wrong),
                    }
                }
                // A row that is just being written.
                Found::Wrong(LedgerFinding { path, fault: LedgerFault::TornTail { .. }, .. })
                    if Some(&path) == newest.as_ref() => {}
                // What the disk does not give now it may give the next time: then it is read on from here.
                Found::Wrong(finding) if finding.fault == LedgerFault::Unreadable => {
                    return Err(LedgerError::Broken(finding));
                }
                Found::Wrong(_) => each(Step::Wrong),
            }
        }
        Ok(())
    }
}
