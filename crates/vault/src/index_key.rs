//! The index key and its place. What the recorder must read itself to list and rebuild is sealed under it; who has the vault's
//! directory and not this key reads no number and no name.
//!
//! It lies in `keys/index.key`, or anywhere else: on another medium, or handed in by the service manager as a credential.
//! `keys/index.check` holds a keyed hash of the vault's id, so that the key of another vault is named and never used.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    disk::{Disk, wipe},
    error::{VaultError, failed},
    keys::{KeyKind, read_key, write_key},
    keys_error::KeysError,
    layout::Layout,
    metadata_key::MetadataKey,
    settings::Settings,
    vault::Vault,
};

/// What the hash of the vault's id is for.
const PURPOSE: &str = "the index key's check ";

/// The index key, from the place that was named or from the vault.
///
/// A vault made before there was a check has none, and its key is believed where it was made.
///
/// # Errors
/// [`KeysError::IndexKeyMissing`], [`KeysError::OtherIndexKey`], [`VaultError::KeyDamaged`], what the disk says.
pub(crate) fn read_index_key(
    disk: &dyn Disk,
    (layout, settings): (&Layout, &Settings),
    named: Option<&Path>,
) -> Result<MetadataKey, VaultError> {
    let own = layout.key("index.key");
    let path = named.unwrap_or(&own);
    let bytes = read_key(disk, path, KeyKind::Metadata).map_err(|error| {
        if is_missing(&error) { KeysError::IndexKeyMissing { looked: path.into() }.into() } else { error }
    })?;
    let key = MetadataKey::new(settings.cipher, *bytes);
    let check_at = layout.key("index.check");
    match read_key(disk, &check_at, KeyKind::IndexCheck) {
        Ok(check) if *check == check_of(settings, &key) => Ok(key),
        Ok(_) => Err(KeysError::OtherIndexKey { path: path.into() }.into()),
        Err(error) if is_missing(&error) && named.is_none() => Ok(key),
        Err(error) if is_missing(&error) => Err(VaultError::KeyDamaged { path: check_at }),
        Err(error) => Err(error),
    }
}

/// Writes down by what the key is known.
pub(crate) fn write_index_check(
    disk: &dyn Disk,
    (layout, settings): (&Layout, &Settings),
    key: &MetadataKey,
) -> Result<(), VaultError> {
    write_key(disk, &layout.key("index.check"), KeyKind::IndexCheck, &check_of(settings, key))
}

fn check_of(settings: &Settings, key: &MetadataKey) -> [u8; 32] {
    key.derive(&format!("{PURPOSE}{:032x}", u128::from_be_bytes(settings.id)))
}

fn is_missing(error: &VaultError) -> bool {
    matches!(error, VaultError::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
}

impl Vault {
    /// Where the index key was read.
    #[must_use]
    pub fn index_key_at(&self) -> &Path {
        &self.parts.index_key_at
    }

    /// Puts the index key into a file elsewhere, and destroys it where it was: overwritten, synced, removed. When it was
    /// interrupted it can be done again.
    ///
    /// # Errors
    /// [`VaultError::AlreadyThere`] when something else is in its new place; what the disk says.
    pub fn move_index_key(&self, to: &Path) -> Result<PathBuf, VaultError> {
        let (parts, disk) = (&*self.parts, &*self.parts.disk);
        let _alone = parts.keys_change();
        let to = std::path::absolute(to).map_err(failed("find", to))?;
        let from = &parts.index_key_at;
        if to == *from {
            return Err(VaultError::AlreadyThere { path: to });
        }
        let key = &parts.keys.metadata;
        write_index_check(disk, (&parts.layout, &parts.settings), key)?;
        match read_key(disk, &to, KeyKind::Metadata) {
            // It came so far before.
            Ok(there) if *there == *key.bytes() => {}
            Err(error) if is_missing(&error) => write_key(disk, &to, KeyKind::Metadata, key.bytes())?,
            Ok(_) | Err(_) => return Err(VaultError::AlreadyThere { path: to }),
        }
        let written = read_key(disk, &to, KeyKind::Metadata)?;
        if *written != *key.bytes() {
            return Err(VaultError::KeyDamaged { path: to });
        }
        wipe(disk, from).map_err(failed("overwrite", from))?;
        let dir = from.parent().unwrap_or(from);
        disk.sync_dir(dir).map_err(failed("sync", dir))?;
        Ok(to)
    }
}
