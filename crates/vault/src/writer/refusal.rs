//! What the writer gives back when it cannot take, or cannot close.

use super::{Sealed, Writer};
use crate::error::VaultError;

/// A block that was not appended. Nothing of it is in the vault.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The disk is full, or failed: the same block may be given again, before any other of its recording.
    #[error("{why}")]
    ForNow {
        /// The block.
        block: Box<Sealed>,
        /// What the disk said. [`VaultError::is_full`] tells a full disk from a failing one.
        #[source]
        why: VaultError,
    },
    /// It will never be taken: [`VaultError::MustReopen`]; [`VaultError::NotOpened`] when the first block of its
    /// recording was not given; a block larger than any that can be read back. The last block of such a recording lists
    /// its call as failed.
    #[error(transparent)]
    Never(VaultError),
}

/// A writer that could not be closed: what it holds is not on the medium. It may be tried again; dropping it leaves the
/// recordings that were not committed to the recovery of the next opening.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NotClosed {
    /// The writer, as it was.
    pub writer: Box<Writer>,
    /// Why. [`VaultError::must_reopen`] says that trying again is in vain.
    #[source]
    pub why: VaultError,
}

impl From<NotTaken> for VaultError {
    /// Drops the block: for who gives up.
    fn from(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::ForNow { why, .. } | NotTaken::Never(why) => why,
        }
    }
}

impl From<NotClosed> for VaultError {
    /// Drops the writer: for who gives up.
    fn from(not_closed: NotClosed) -> Self {
        not_closed.why
    }
}
