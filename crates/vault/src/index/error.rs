//! What can be wrong with the index.

use std::{io, path::PathBuf};

use chrono::NaiveDate;
use earwitness_model::CallId;

/// Why an index, or one row of it, is not to be believed. Nothing is lost by any of these: the index is rebuilt from
/// volumes and ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The store gave up in the middle of an operation (sled panics on some flipped bytes).
    #[error("the store gave up on its own files")]
    StorePanicked,
    /// The store says that its files are corrupt.
    #[error("the store's files are corrupt")]
    StoreCorrupt,
    /// An earlier failure stopped the store; it answers again when it is opened again.
    #[error("an earlier failure stopped the store")]
    StoreStopped,
    /// The store holds an older state than the one that was acknowledged.
    #[error(
        "rows that were acknowledged are gone: batch {acknowledged} was durable, the store ends at {found}"
    )]
    Behind {
        /// The last batch that was durable.
        acknowledged: u64,
        /// The last batch in the store.
        found: u64,
    },
    /// The file that counts durable batches is missing or does not match its checksums.
    #[error("the count of durable batches is unreadable")]
    MarkUnreadable,
    /// The row that tells what the store knows is missing.
    #[error("the row that tells what the store knows is missing")]
    TallyMissing,
    /// A rebuild was begun and not finished.
    #[error("a rebuild was interrupted")]
    RebuildInterrupted,
    /// Of a day not all calls are there.
    #[error("{found} calls of a day are there, where {expected} were put")]
    RowsMissing {
        /// As counted when they were put and removed.
        expected: u64,
        /// As listed.
        found: u64,
    },
    /// A value is too short to be one.
    #[error("a row of {bytes} bytes is too short")]
    RowTooShort {
        /// Its length.
        bytes: usize,
    },
    /// A value was written by another version of the program.
    #[error("a row has format version {found}, this program reads version {known}")]
    RowVersion {
        /// The version byte found.
        found: u8,
        /// The version that this program writes and reads.
        known: u8,
    },
    /// A value does not match its checksum.
    #[error("a row does not match its checksum")]
    RowChecksum,
    /// A value matches its checksum and is not sealed under this vault's metadata key for this place.
    #[error("a row is not sealed under this vault's metadata key")]
    RowSeal,
    /// A value holds an entry of another schema.
    #[error("a row holds an entry of schema {found}, which this program does not read")]
    EntrySchema {
        /// Its first byte.
        found: u8,
    },
    /// A value opens and is not an entry.
    #[error("a row opens and is not an entry")]
    RowContent,
    /// A value is the entry of another call than its key says.
    #[error("a row holds the entry of another call")]
    RowMisplaced,
}

/// Why the index could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file system refused.
    #[error("index: cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The index is not to be believed.
    #[error("index: {0}; rebuild it with `earwitness index rebuild`")]
    Damaged(#[from] Damage),
    /// The index is whole and belongs to another metadata key.
    #[error("index: it is sealed under another key than this vault's keys/index.key")]
    WrongKey,
    /// An entry is larger than a row may be.
    #[error("index: the entry of call {call} takes {bytes} bytes, a row at most {limit}")]
    TooLarge {
        /// Whose entry.
        call: CallId,
        /// Its length when encoded.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// What was given cannot begin an id.
    #[error("index: not the beginning of an id: up to 26 characters of 0-9 and A-Z without I, L, O and U")]
    BadPrefix,
}

impl Damage {
    /// Rows that are not those that were put; not so for what another version wrote, what an earlier failure stopped, and
    /// what was never finished.
    #[must_use]
    pub const fn is_of_bytes(self) -> bool {
        match self {
            Self::StorePanicked
            | Self::StoreCorrupt
            | Self::Behind { .. }
            | Self::MarkUnreadable
            | Self::TallyMissing
            | Self::RowsMissing { .. }
            | Self::RowTooShort { .. }
            | Self::RowChecksum
            | Self::RowSeal
            | Self::RowContent
            | Self::RowMisplaced => true,
            Self::StoreStopped
            | Self::RebuildInterrupted
            | Self::RowVersion { .. }
            | Self::EntrySchema { .. } => false,
        }
    }
}

impl IndexError {
    /// Bytes that were read are not those that were written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(damage) => damage.is_of_bytes(),
            Self::Io { .. } | Self::WrongKey | Self::TooLarge { .. } | Self::BadPrefix => false,
        }
    }
}

/// What [`super::Index::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IndexFinding {
    /// The store itself cannot be read to its end.
    #[error("{0}")]
    Store(Damage),
    /// One call's row is not to be believed.
    #[error("call {call}: {damage}")]
    Entry {
        /// The call, by the row's key.
        call: CallId,
        /// What is wrong with its row.
        damage: Damage,
    },
    /// A call is not found by one of its SIP Call-IDs.
    #[error("call {call} is not found by one of its SIP Call-IDs")]
    SipCallIdMissing {
        /// The call.
        call: CallId,
    },
    /// A call is found more than once by one of its SIP Call-IDs.
    #[error("call {call} is found more than once by one of its SIP Call-IDs")]
    SipCallIdTwice {
        /// The call.
        call: CallId,
    },
    /// A SIP Call-ID leads to a call that is not there or does not have it, or stands where it is not found when the call
    /// goes.
    #[error("a SIP Call-ID leads to call {call}, which does not have it")]
    SipCallIdDangling {
        /// The call it leads to.
        call: CallId,
    },
    /// The columns of a day are not those of its rows: calls may be passed over that are asked for.
    #[error("the columns of {day} are not those of its rows")]
    Columns {
        /// The day (UTC).
        day: NaiveDate,
    },
    /// A row of no known kind.
    #[error("a row of no known kind")]
    UnknownRow,
    /// The number of calls is not the number that was put.
    #[error("{found} calls, where {expected} were put")]
    Count {
        /// As counted when they were put and removed.
        expected: u64,
        /// As found now.
        found: u64,
    },
    /// The rows are not those that were put, though each is whole.
    #[error("the rows are not those that were put")]
    Content,
    /// More findings than are listed.
    #[error("{count} more findings")]
    Unlisted {
        /// How many.
        count: u64,
    },
}
