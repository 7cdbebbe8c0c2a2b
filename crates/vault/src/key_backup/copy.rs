//! Copying keys to a second medium, and refreshing what was copied before.
//!
//! ```text
//! DIR/  backup.id      which backup of which vault this is
//!       backup.txt     the list of files with their BLAKE3, signed by the recorder
//!       keys/…         as in the vault; `keys/index.key` also where the vault's is elsewhere
//! ```
//!
//! A file that changed is written anew beside its place, synced, and only then is the old one overwritten with zeros where it
//! lies, synced, and replaced: at every moment the key is there once, and nothing is removed that was not overwritten.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::DateTime;
use earwitness_model::WallTime;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    held_in,
    places::{KeySource, mark, mark_at, marked},
    registry::{BackupId, HeldKeys, Kept},
};
use crate::{
    disk::{Disk, OpenAs, RealDisk, if_there, overwrite_with_zeros, read_all, replace, unfinished, wipe},
    error::{VaultError, failed},
    keys_error::KeysError,
    layout::{Layout, key_file_of},
    settings::Settings,
};

/// Files of keys that are copied at most: thirty years of fifty classes.
const MOST_FILES: usize = 1 << 20;

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedFile {
    /// Its name below the backup's `keys/`.
    pub name: String,
    /// BLAKE3 of its bytes.
    pub blake3: [u8; 32],
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysCopied {
    /// Every file that is in the backup now.
    pub files: Vec<CopiedFile>,
    /// What its key files hold.
    pub held: Vec<HeldKeys>,
    /// Files that were written now.
    pub written: u64,
    /// Files that were overwritten with zeros and removed, for the vault has them no more.
    pub wiped: u64,
}

/// [`copy_keys_on`] the real disk.
///
/// # Errors
/// Those of [`copy_keys_on`].
pub fn copy_keys(source: &KeySource, dir: &Path, id: BackupId) -> Result<KeysCopied, VaultError> {
    copy_keys_on(&RealDisk, source, dir, id)
}

/// Makes the folder hold the vault's keys as they are now, and nothing else of them. A recorder may be writing meanwhile: what
/// it appends after a file was read is not in the backup.
///
/// # Errors
/// [`KeysError::OtherVault`] when another vault's backup is there, [`KeysError::BackupDiffers`] when a file reads back
/// differently, [`KeysError::TooManyFiles`], [`KeysError::IndexKeyMissing`] where it is elsewhere and nobody says where, and what the disks say.
pub fn copy_keys_on(
    disk: &dyn Disk,
    source: &KeySource,
    dir: &Path,
    id: BackupId,
) -> Result<KeysCopied, VaultError> {
    let layout = Layout { dir: source.vault.clone() };
    let vault = Settings::read(disk, &layout.settings())?.id;
    let to = dir.join("keys");
    disk.make_dir(&to).map_err(failed("make", &to))?;
    match marked(disk, dir, vault)? {
        Some(known) if known == id => {}
        Some(_) => return Err(KeysError::OtherVault { path: mark_at(dir) }.into()),
        None => {
            let path = mark_at(dir);
            replace(disk, &path, mark(vault, id).as_bytes()).map_err(failed("write", &path))?;
        }
    }
    let mut names = names_below(disk, &layout.keys())?;
    let elsewhere = source.index_key.as_deref();
    if elsewhere.is_none() && !names.contains(&PathBuf::from("index.key")) {
        return Err(KeysError::IndexKeyMissing { looked: layout.key("index.key") }.into());
    }
    if elsewhere.is_some() && !names.contains(&PathBuf::from("index.key")) {
        names.push("index.key".into());
    }
    let mut copied = KeysCopied { files: Vec::new(), held: Vec::new(), written: 0, wiped: 0 };
    for name in &names {
        let from = elsewhere.filter(|_| name == Path::new("index.key"));
        let from = from.map_or_else(|| layout.key_path(name), Path::to_owned);
        let read = if_there(read_all(disk, &from).map(Zeroizing::new)).map_err(failed("read", &from))?;
        // `None`: it was destroyed since the folder was read.
        let Some(bytes) = read else { continue };
        copied.written += u64::from(put(disk, &to.join(name), &bytes)? == Put::Written);
        let text = name.to_string_lossy().into_owned();
        copied.files.push(CopiedFile { blake3: *blake3::hash(&bytes).as_bytes(), name: text });
        if let Some((shelf, generation)) = key_file_of(name) {
            let Kept { rows, destroyed } = held_in(&bytes);
            let (class, day) = (shelf.class, shelf.day);
            copied.held.push(HeldKeys { class, day, generation, rows, destroyed });
        }
    }
    copied.wiped = remove_others(disk, &to, &copied.files)?;
    Ok(copied)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    /// It was there already.
    Kept,
    Written,
}

/// Puts `bytes` at `path`, where an older copy may be.
fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Put, VaultError> {
    let dir = path.parent().expect("a file of keys lies in a folder");
    let unfinished = unfinished(path);
    wipe_if_there(disk, &unfinished)?;
    let old = if_there(read_all(disk, path).map(Zeroizing::new)).map_err(failed("read", path))?;
    if old.as_ref().is_some_and(|old| old.as_slice() == bytes) {
        return Ok(Put::Kept);
    }
    disk.make_dir(dir).map_err(failed("make", dir))?;
    let write = |at: &Path| {
        let mut file = disk.open(at, OpenAs::New)?;
        file.append(bytes)?;
        file.sync()
    };
    write(&unfinished).map_err(failed("write", &unfinished))?;
    // Before the old copy goes, the new one can be found after a power cut.
    disk.sync_dir(dir).map_err(failed("sync", dir))?;
    let read = Zeroizing::new(read_all(disk, &unfinished).map_err(failed("read", &unfinished))?);
    if read.as_slice() != bytes {
        return Err(KeysError::BackupDiffers { path: path.to_owned() }.into());
    }
    if old.is_some() {
        overwrite_with_zeros(disk, path).map_err(failed("overwrite", path))?;
    }
    disk.rename(&unfinished, path).map_err(failed("rename", path))?;
    disk.sync_dir(dir).map_err(failed("sync", dir))?;
    Ok(Put::Written)
}

/// What lies in the backup and not in the vault any more.
fn remove_others(disk: &dyn Disk, to: &Path, kept: &[CopiedFile]) -> Result<u64, VaultError> {
    let kept: std::collections::HashSet<&str> = kept.iter().map(|file| file.name.as_str()).collect();
    let mut wiped = 0;
    for name in all_below(disk, to)? {
        if !kept.contains(&*name.to_string_lossy()) {
            wipe_if_there(disk, &to.join(&name))?;
            wiped += 1;
        }
    }
    Ok(wiped)
}

fn wipe_if_there(disk: &dyn Disk, path: &Path) -> Result<(), VaultError> {
    if_there(wipe(disk, path)).map_err(failed("overwrite", path))?;
    Ok(())
}

/// Files of a folder and the folders in it, but for those that are being written.
fn names_below(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let mut names = all_below(disk, dir)?;
    names.retain(|name| name.extension().is_none_or(|extension| extension != "new"));
    Ok(names)
}

pub(crate) fn all_below(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, VaultError> {
    let mut found = Vec::new();
    for path in disk.list(dir).map_err(failed("list", dir))? {
        match disk.list(&path) {
            Ok(inner) => found.extend(inner),
            Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => found.push(path),
            Err(cause) => return Err(failed("list", path)(cause)),
        }
        if found.len() > MOST_FILES {
            return Err(KeysError::TooManyFiles { path: dir.to_owned() }.into());
        }
    }
    Ok(found.into_iter().filter_map(|path| path.strip_prefix(dir).ok().map(Path::to_owned)).collect())
}

/// The list of a backup's files, to be signed.
pub(super) fn list(
    vault: [u8; 16],
    (id, label): (BackupId, &str),
    (copied, now): (&KeysCopied, WallTime),
) -> String {
    let taken = DateTime::from_timestamp_nanos(now.nanos()).format("%Y-%m-%dT%H:%M:%SZ");
    let mut text = format!(
        "earwitness key backup {id}\nvault {:032x}\nlabel {label}\ntaken {taken}\n",
        u128::from_be_bytes(vault)
    );
    for file in &copied.files {
        text.push_str(&format!("{}  keys/{}\n", hex::encode(file.blake3), file.name));
    }
    text
}

/// The list with its signature in the last line: Ed25519, by the recorder, over all before that line.
pub(super) fn signed(mut text: String, signature: &[u8]) -> Vec<u8> {
    text.push_str(&format!("signature {}\n", hex::encode(signature)));
    text.into_bytes()
}
