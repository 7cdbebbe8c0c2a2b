//! Entries in the order of their ids, and whether all of them came.

use earwitness_model::PacketTime;

use super::{
    Index,
    error::{Damage, IndexError},
    schema::{self, RowKind, Tally},
    store::Rows,
};
use crate::entry::Entry;

/// See [`Index::newest_last`].
pub(super) struct Listing<'i> {
    index: &'i Index,
    rows: Rows,
    /// How many there must be: of a listing of all, until it ended.
    expected: Option<Tally>,
    /// Rows that came.
    found: u64,
}

impl<'i> Listing<'i> {
    /// Begins a listing; without bounds it is one of all.
    pub(super) fn begin(index: &'i Index, since: Option<PacketTime>, until: Option<PacketTime>) -> Self {
        // The tally first: what is put between the two changes it, and nothing is compared then.
        let expected = (since.is_none() && until.is_none()).then(|| index.counted().tally);
        let (from, to) = schema::entries_between(since, until);
        Self { index, rows: index.store().rows(&from, &to), expected, found: 0 }
    }

    /// What a row says, or, where rows have ended, whether some are missing. sled may leave out the rest of the rows
    /// after damage, and say nothing.
    fn told(
        &mut self,
        row: Option<Result<(sled::IVec, sled::IVec), IndexError>>,
    ) -> Option<Result<Entry, IndexError>> {
        match row {
            Some(Ok((key, value))) => {
                self.found += 1;
                Some(self.entry(&key, &value).map_err(Into::into))
            }
            Some(Err(error)) => {
                self.expected = None;
                Some(Err(error))
            }
            None => {
                let expected = self.expected.take()?;
                let untouched = self.index.counted().tally.batch == expected.batch;
                let missing = Damage::RowsMissing { expected: expected.calls, found: self.found };
                (untouched && expected.calls != self.found).then(|| Err(missing.into()))
            }
        }
    }

    fn entry(&self, key: &[u8], value: &[u8]) -> Result<Entry, Damage> {
        match schema::row_kind(key) {
            RowKind::Entry(call) => schema::open_entry(&self.index.key, call, value),
            RowKind::Tally | RowKind::SipCallId { .. } | RowKind::Unknown => Err(Damage::RowMisplaced),
        }
    }
}

impl Iterator for Listing<'_> {
    type Item = Result<Entry, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next();
        self.told(row)
    }
}

impl DoubleEndedIterator for Listing<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let row = self.rows.next_back();
        self.told(row)
    }
}
