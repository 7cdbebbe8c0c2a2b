//! Backups of volumes and ledger, without a key, and what becomes a vault again of one and of a backup of the keys.
//!
//! ```text
//! DIR/  BACKUP.txt                       the list of files with sizes and BLAKE3, signed by the recorder
//!       vault.toml  volumes/…  ledger/…  certificates/…   as in the vault, each as far as it was durable
//! ```
//!
//! The procedures and what is promised are in DURABILITY.md, "Backup" and "Restore". Nothing of `keys/` is ever in one, so that
//! it is noise for whom has no backup of the keys, and for everybody when the keys are destroyed.

mod copy;
mod extent;
mod list;
mod restore;

pub use self::{
    copy::{Copied, copy_backup, copy_backup_on, prune_backup},
    extent::{Extent, Part, PartState},
    list::{BackupFault, BackupFinding, Listed, check_backup},
    restore::{Restore, Restored, restore},
};
