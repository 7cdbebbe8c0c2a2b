//! What was taken out of the ledger's way when it was opened, and held rows.
//!
//! A ledger goes on after its last whole row. What follows that is what a crash left of a row that was never acknowledged, and is
//! cut; but a row all of which was there is damage, and may have been a hold. Its bytes are kept (`<month>.row-<number>.damaged`), as is
//! a file without a header that held rows (`<month>.damaged`). As long as one of them lies there, places of the ledger cannot
//! be read; whoever has looked takes it away.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::row::{self, LONGEST_ROW};
use crate::disk::{Disk, DiskFile, replace};

const DAMAGED: &str = "damaged";

/// Keeps what follows the last whole row of a file, from `offset` on, if it was a row: that with this number.
pub(super) fn keep_row(
    disk: &dyn Disk,
    (log, file): (&Path, &dyn DiskFile),
    (offset, number): (u64, u64),
) -> io::Result<()> {
    let left = file.size()?.saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(left).map_or(LONGEST_ROW, |left| left.min(LONGEST_ROW))];
    let read = file.read_at(offset, &mut bytes)?;
    bytes.truncate(read);
    if row::was_row(&bytes) {
        replace(disk, &log.with_extension(format!("row-{number}.{DAMAGED}")), &bytes)?;
    }
    Ok(())
}

/// Where a file without a header is kept.
pub(super) fn place_of(log: &Path) -> PathBuf {
    log.with_extension(DAMAGED)
}

/// How much was taken out of the way, and not yet taken away by somebody.
pub(super) fn count(disk: &dyn Disk, dir: &Path) -> io::Result<u64> {
    let is_damaged = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == DAMAGED);
    Ok(disk.list(dir)?.iter().filter(is_damaged).count() as u64)
}
