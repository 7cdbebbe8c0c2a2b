//! What can be wrong with the ledger.

use std::{io, path::PathBuf};

use super::{checkpoint::CheckpointFault, proof::ProofFault};

/// Why the ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk refused.
    #[error("ledger: cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file of another format version.
    #[error("ledger: {} has format version {found}, this program reads version {known}: use the program that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version byte.
        found: u8,
        /// The version that this program writes and reads.
        known: u8,
    },
    /// A payload is larger than a row may be.
    #[error("ledger: a payload of {bytes} bytes, a row takes at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An earlier failure left the file in a state that only opening it again can tell.
    #[error("ledger: an earlier failure stopped it; open the vault again")]
    Stopped,
    /// Rows are not what was written, or are not there.
    #[error("ledger: {0}")]
    Broken(LedgerFinding),
    /// A signed head is none, or was changed.
    #[error("ledger: {}: {fault}", path.display())]
    Head {
        /// The head's file.
        path: PathBuf,
        /// What is wrong with it.
        fault: CheckpointFault,
    },
    /// The rows are not those that a head was signed for.
    #[error("ledger: its first {size} rows are not those that {} was signed for: `earwitness ledger verify` says more", path.display())]
    OtherRows {
        /// The head's file.
        path: PathBuf,
        /// How many rows it is of.
        size: u64,
    },
    /// A proof that was just made does not hold.
    #[error("ledger: {0}")]
    Unproven(ProofFault),
    /// No row says what was asked for.
    #[error("the ledger has no row that tells of it")]
    NotTold,
}

impl LedgerError {
    /// Bytes that were read are not those that were written.
    #[must_use]
    pub const fn is_damage(&self) -> bool {
        match self {
            Self::Broken(finding) => finding.fault.is_of_bytes(),
            Self::Head { .. } | Self::OtherRows { .. } | Self::Unproven(_) => true,
            Self::Io { .. }
            | Self::Version { .. }
            | Self::TooLarge { .. }
            | Self::Stopped
            | Self::NotTold => false,
        }
    }
}

/// Something wrong in a ledger, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {offset}: {fault}", path.display())]
pub struct LedgerFinding {
    /// The file.
    pub path: PathBuf,
    /// Byte offset of the row or of the damage.
    pub offset: u64,
    /// What is wrong.
    pub fault: LedgerFault,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// The disk would not give the file's bytes.
    #[error("the file cannot be read")]
    Unreadable,
    /// The file does not begin as a ledger does.
    #[error("the file's header is damaged")]
    Header,
    /// The file was written by another version of the program.
    #[error("the file has format version {found}")]
    Version {
        /// Its version byte.
        found: u8,
    },
    /// Bytes that are no row, with rows after them.
    #[error("{bytes} bytes are no row")]
    Damaged {
        /// How many.
        bytes: u64,
    },
    /// The file ends within a row.
    #[error("the last {bytes} bytes are no row")]
    TornTail {
        /// How many.
        bytes: u64,
    },
    /// Rows are missing before this one.
    #[error("rows {from} to {to} are missing")]
    Missing {
        /// The first one missing.
        from: u64,
        /// The last one missing.
        to: u64,
    },
    /// A row stands after a later one.
    #[error("row {number} stands where row {expected} belongs")]
    OutOfOrder {
        /// The row's number.
        number: u64,
        /// The number that belongs here.
        expected: u64,
    },
    /// A row, or one before it, is not the one that was written here.
    #[error("row {number} does not continue the chain of hashes")]
    ChainBroken {
        /// The row's number.
        number: u64,
    },
    /// A row of a kind that this version does not know.
    #[error("row {number} is of unknown kind {code}")]
    UnknownKind {
        /// The row's number.
        number: u64,
        /// Its code byte.
        code: u8,
    },
    /// A row's payload is not sealed under this vault's metadata key for this place.
    #[error("row {number} is not sealed under this vault's metadata key")]
    Unsealed {
        /// The row's number.
        number: u64,
    },
    /// The ledger ends before or after the row that was appended last.
    #[error("the ledger ends with another row than the last one appended")]
    End,
    /// More findings than are listed.
    #[error("{count} more findings")]
    Unlisted {
        /// How many.
        count: u64,
    },
}

impl LedgerFault {
    /// Rows that are not those that were appended; not so for a disk that does not answer, and what another version wrote.
    #[must_use]
    pub const fn is_of_bytes(self) -> bool {
        match self {
            Self::Header
            | Self::Damaged { .. }
            | Self::TornTail { .. }
            | Self::Missing { .. }
            | Self::OutOfOrder { .. }
            | Self::ChainBroken { .. }
            | Self::Unsealed { .. }
            | Self::End
            | Self::Unlisted { .. } => true,
            Self::Unreadable | Self::Version { .. } | Self::UnknownKind { .. } => false,
        }
    }
}
