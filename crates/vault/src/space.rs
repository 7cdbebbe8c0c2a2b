//! Room on the disk, and the part of it that recordings may not use.

use std::path::PathBuf;

use crate::{
    error::{VaultError, failed},
    vault::{Parts, Vault},
};

/// The least and the most that is kept back, and the share of the disk in between.
const LEAST: u64 = 8 << 20;
const MOST: u64 = 1 << 30;
const SHARE: u64 = 100;

/// Room on the disk of a vault, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Free, for a process without privileges.
    pub free: u64,
    /// The whole disk.
    pub total: u64,
    /// Of what is free, kept back so that what was begun can be ended: manifests, wrapped keys, ledger and index. A
    /// hundredth of the disk, at least 8 MiB and at most 1 GiB.
    pub reserve: u64,
}

impl Space {
    pub(crate) fn of(free: u64, total: u64) -> Self {
        Self { free, total, reserve: (total / SHARE).clamp(LEAST, MOST) }
    }

    /// What recordings may still use.
    #[must_use]
    pub const fn usable(&self) -> u64 {
        self.free.saturating_sub(self.reserve)
    }
}

impl Vault {
    /// Room on its disk now.
    ///
    /// # Errors
    /// What the disk says.
    pub fn space(&self) -> Result<Space, VaultError> {
        self.parts.space()
    }
}

impl Parts {
    pub(crate) fn space(&self) -> Result<Space, VaultError> {
        let dir: PathBuf = self.layout.volumes();
        let (free, total) = self.disk.space(&dir).map_err(failed("ask for the room of", dir))?;
        Ok(Space::of(free, total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_a_hundredth_within_bounds() {
        let check = |total, reserve| assert_eq!(Space::of(0, total).reserve, reserve, "{total}");
        check(0, 8 << 20);
        check(64 << 20, 8 << 20);
        check(10_000_000_000, 100_000_000);
        check(8 << 40, 1 << 30);
    }

    #[test]
    fn the_reserve_is_not_for_recordings() {
        assert_eq!(Space { free: 30, total: 100, reserve: 8 }.usable(), 22);
        assert_eq!(Space { free: 7, total: 100, reserve: 8 }.usable(), 0);
    }
}
