//! Calls that ended, on their way into the ledger and the index.

use std::collections::{HashMap, HashSet};

use earwitness_model::{CallId, WallTime};

use crate::{
    entry::Entry,
    error::VaultError,
    fitting::Fit,
    ledger::{FailedBecause, LedgerKind, failed_row},
    manifest::RecordedRow,
    vault::Parts,
};

/// What the ledger says of a call that ended.
pub(super) enum LedgerRow {
    Recorded(RecordedRow),
    Excluded,
    Failed(FailedBecause),
}

struct Ended {
    entry: Entry,
    row: LedgerRow,
}

/// Calls that ended and are not in the index yet, in the order of their ends.
#[derive(Default)]
pub(super) struct EndedCalls {
    #[expect(
        clippy::vec_box,
        reason = "an entry is most of a KiB, which a list that grows would move again and again"
    )]
    waiting: Vec<Box<Ended>>,
    /// So many of them, from the first, were appended to the ledger: it is told of each once, however often a commit is
    /// tried.
    told: usize,
    shortened: u64,
}

impl EndedCalls {
    /// Every entry that waits fits a row of the index, and thereby of the ledger: no call can keep the others from being
    /// listed.
    pub(super) fn push(&mut self, mut entry: Entry, row: LedgerRow) {
        self.shortened += u64::from(entry.fit() == Fit::Shortened);
        self.waiting.push(Box::new(Ended { entry, row }));
    }

    /// Tells the ledger, then the index; both are durable when this returns the calls, and how many of them were
    /// shortened. After an error all of them wait on.
    pub(super) fn list(&mut self, parts: &Parts, now: WallTime) -> Result<(Vec<CallId>, u64), VaultError> {
        if self.waiting.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let mut ledger = parts.ledger();
        for ended in self.waiting.iter().skip(self.told) {
            let entry = &ended.entry;
            match &ended.row {
                LedgerRow::Recorded(row) => ledger.append(LedgerKind::Recorded, now, &row.to_bytes())?,
                LedgerRow::Excluded => ledger.append(LedgerKind::Excluded, now, &entry.to_bytes())?,
                LedgerRow::Failed(because) => {
                    ledger.append(LedgerKind::Failed, now, &failed_row(*because, entry))?;
                }
            }
            self.told += 1;
        }
        ledger.sync()?;
        drop(ledger);
        parts.index.put_all(better(parts, self.waiting.iter().map(|ended| &ended.entry))?)?;
        self.told = 0;
        let calls = self.waiting.drain(..).map(|ended| ended.entry.summary.id).collect();
        Ok((calls, std::mem::take(&mut self.shortened)))
    }
}

/// Puts entries into the index, each unless a better one of its call stands there (see [`Entry::replaces`]), and says how
/// many had to be shortened.
pub(crate) fn list(parts: &Parts, entries: &mut [Entry]) -> Result<u64, VaultError> {
    let mut shortened = HashSet::new();
    for entry in &mut *entries {
        if entry.fit() == Fit::Shortened {
            shortened.insert(entry.summary.id);
        }
    }
    let chosen = better(parts, entries.iter())?;
    let shortened = chosen.iter().filter(|entry| shortened.contains(&entry.summary.id)).count();
    parts.index.put_all(chosen)?;
    Ok(shortened as u64)
}

/// The best entry of each call, where none that is better is listed.
fn better<'e>(
    parts: &Parts,
    entries: impl ExactSizeIterator<Item = &'e Entry>,
) -> Result<Vec<&'e Entry>, VaultError> {
    let mut best: HashMap<CallId, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let call = entry.summary.id;
        if best.get(&call).is_none_or(|other| entry.replaces(other)) {
            best.insert(call, entry);
        }
    }
    let mut chosen = Vec::with_capacity(best.len());
    for (call, entry) in best {
        if parts.index.get(call)?.is_none_or(|other| entry.replaces(&other)) {
            chosen.push(entry);
        }
    }
    Ok(chosen)
}
