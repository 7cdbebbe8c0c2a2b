//! Whether the disk has room for another block, without asking it for each.

use crate::{error::VaultError, vault::Parts};

/// Bytes that may be appended before the disk is asked again. They are not believed for longer than from one commit to
/// the next: others write to the disk, too.
#[derive(Debug, Default)]
pub(super) struct Room {
    left: u64,
}

impl Room {
    /// Takes `bytes`, where `waiting` bytes were taken and are not in a file yet.
    ///
    /// # Errors
    /// [`VaultError::NoRoom`] when only the reserve is left.
    pub(super) fn take(&mut self, parts: &Parts, bytes: u64, waiting: u64) -> Result<(), VaultError> {
        if self.left < bytes {
            let space = parts.space()?;
            self.left = space.usable().saturating_sub(waiting);
            if self.left < bytes {
                let path = parts.layout.dir.clone();
                return Err(VaultError::NoRoom { path, free: space.free, reserve: space.reserve });
            }
        }
        self.left -= bytes;
        Ok(())
    }

    /// What was known is not believed any more.
    pub(super) fn forget(&mut self) {
        self.left = 0;
    }
}
