//! Where keys are copied from, and where to.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::registry::BackupId;
use crate::{
    disk::{Disk, if_there, read_all},
    error::{VaultError, failed},
    keys_error::KeysError,
    layout::Layout,
    settings::Settings,
};

/// What names a backup in its folder, written before the first key: `earwitness-key-backup <vault> <backup>`.
const MARK: &str = "earwitness-key-backup";

/// Where keys are copied from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource {
    /// The vault.
    pub vault: PathBuf,
    /// Its index key, where that is not in its `keys/`.
    pub index_key: Option<PathBuf>,
}

/// A folder that keys shall be copied to, as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPlace {
    /// The backup of this vault that is there already, and would be refreshed.
    pub known: Option<BackupId>,
    /// Whether it is worth something when the vault's medium dies.
    pub medium: Medium,
}

/// Where a backup lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Medium {
    /// On another file system than the vault's keys.
    Another,
    /// On the same one: what takes the keys takes the backup too.
    Same,
}

/// Looks at the folder that keys shall be copied to, before anything is written.
///
/// # Errors
/// [`KeysError::OtherVault`] when another vault's backup is there, [`VaultError::AlreadyThere`] when something else is; what
/// the disk says.
pub fn look_for_key_backup(
    disk: &dyn Disk,
    source: &KeySource,
    dir: &Path,
) -> Result<BackupPlace, VaultError> {
    let layout = Layout { dir: source.vault.clone() };
    let settings = Settings::read(disk, &layout.settings())?;
    let known = marked(disk, dir, settings.id)?;
    if known.is_none() && !disk.list(dir).map_err(failed("list", dir))?.is_empty() {
        return Err(VaultError::AlreadyThere { path: dir.to_owned() });
    }
    let device = |path: &Path| path.metadata().map(|found| found.dev());
    let there = dir.ancestors().find(|above| above.exists()).unwrap_or_else(|| Path::new("."));
    let keys = layout.keys();
    let same = device(&keys).map_err(failed("look at", &keys))?
        == device(there).map_err(failed("look at", there))?;
    Ok(BackupPlace { known, medium: if same { Medium::Same } else { Medium::Another } })
}

pub(super) fn mark_at(dir: &Path) -> PathBuf {
    dir.join("backup.id")
}

pub(super) fn mark(vault: [u8; 16], id: BackupId) -> String {
    format!("{MARK} {:032x} {id}\n", u128::from_be_bytes(vault))
}

/// The backup of this vault that lies in a folder.
pub(crate) fn marked(disk: &dyn Disk, dir: &Path, vault: [u8; 16]) -> Result<Option<BackupId>, VaultError> {
    let path = mark_at(dir);
    let Some(bytes) = if_there(read_all(disk, &path)).map_err(failed("read", &path))? else {
        return Ok(None);
    };
    let id =
        std::str::from_utf8(&bytes).ok().and_then(|text| text.trim_end().rsplit(' ').next()?.parse().ok());
    match id {
        Some(id) if mark(vault, id).as_bytes() == bytes => Ok(Some(id)),
        Some(_) => Err(KeysError::OtherVault { path }.into()),
        None => Err(VaultError::KeyDamaged { path }),
    }
}
