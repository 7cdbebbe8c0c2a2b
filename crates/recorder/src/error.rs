//! Why recording stopped.

use earwitness_vault::VaultError;

/// Recording stopped before its source did. What was committed stays.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The vault could not keep what came.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A thread of the recorder died.
    #[error("the {thread} thread stopped by itself: a defect of this program; what was committed is kept")]
    Panicked {
        /// Which one.
        thread: &'static str,
    },
}
