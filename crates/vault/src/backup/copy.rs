//! Copying what belongs into a backup, by whoever may read the vault and write the backup.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Extent, Listed, Part, list};
use crate::{
    disk::{Disk, OpenAs, ReadAt, RealDisk},
    error::{VaultError, failed},
};

/// Bytes that are copied at once.
const AT_ONCE: usize = 1 << 20;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Copied {
    /// Every file of the backup.
    pub files: Vec<Listed>,
    /// Files that were written now; the others were there from before.
    pub written: u64,
    /// Bytes of them.
    pub written_bytes: u64,
    /// Files that went while they were to be copied: disposal took them.
    pub vanished: u64,
}

/// [`copy_backup_on`] the real disk.
///
/// # Errors
/// Those of [`copy_backup_on`].
pub fn copy_backup(vault: &Path, dir: &Path, extent: &Extent) -> Result<Copied, VaultError> {
    copy_backup_on(&RealDisk, vault, dir, extent)
}

/// Makes the folder hold what the vault has, as far as the extent says. What the last backup's list says of a volume that has
/// the same size is believed: volumes only grow.
///
/// # Errors
/// [`VaultError::AlreadyThere`] when something else is in the folder; what the disks say.
pub fn copy_backup_on(
    disk: &dyn Disk,
    vault: &Path,
    dir: &Path,
    extent: &Extent,
) -> Result<Copied, VaultError> {
    disk.make_dir(dir).map_err(failed("make", dir))?;
    let known = known(disk, dir, extent)?;
    let mut copied = Copied::default();
    for part in &extent.parts {
        let Some(below) = below(&part.name) else { continue };
        let to = dir.join(below);
        let same = known.iter().find(|listed| {
            listed.part == *part && part.name.starts_with("volumes/") && size(disk, &to) == Some(part.bytes)
        });
        if let Some(same) = same {
            copied.files.push(same.clone());
            continue;
        }
        match copy(disk, &vault.join(below), (&to, part.bytes)) {
            Ok(blake3) => {
                copied.files.push(Listed { part: part.clone(), bytes: part.bytes, blake3 });
                copied.written += 1;
                copied.written_bytes += part.bytes;
            }
            Err(VaultError::Io { cause, path, .. })
                if cause.kind() == io::ErrorKind::NotFound && path.starts_with(vault) =>
            {
                copied.vanished += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(copied)
}

/// Removes from a backup what its new list does not name: volumes whose recordings were all disposed of. To be called when the
/// list is in its place.
///
/// # Errors
/// What the disk says.
pub(super) fn remove_others(disk: &dyn Disk, dir: &Path, files: &[Listed]) -> Result<u64, VaultError> {
    let volumes = dir.join("volumes");
    let mut removed = 0;
    for class in disk.list(&volumes).map_err(failed("list", &volumes))? {
        for day in disk.list(&class).map_err(failed("list", &class))? {
            for path in disk.list(&day).map_err(failed("list", &day))? {
                let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().into_owned();
                if files.iter().all(|file| file.part.name != name) {
                    disk.remove(&path).map_err(failed("remove", &path))?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

impl Copied {
    /// Removes from the backup what is not of it any more, when its new list is in its place.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_others(&self, dir: &Path) -> Result<u64, VaultError> {
        remove_others(&RealDisk, dir, &self.files)
    }
}

/// The list of the backup of this vault that is there.
fn known(disk: &dyn Disk, dir: &Path, extent: &Extent) -> Result<Vec<Listed>, VaultError> {
    match list::read(disk, dir) {
        Ok(listed) if listed.extent.vault == extent.vault => Ok(listed.files),
        Ok(_) => Err(VaultError::AlreadyThere { path: dir.into() }),
        Err(_) => {
            // One that was never finished is gone on with; anything else is not written over.
            let ours = ["vault.toml", "volumes", "ledger", "certificates", "BACKUP.txt", "BACKUP.txt.new"];
            let names = disk.list(dir).map_err(failed("list", dir))?;
            let is_ours = |path: &PathBuf| {
                path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
                    ours.contains(&name.strip_suffix(".new").unwrap_or(name)) || ours.contains(&name)
                })
            };
            let is_another = disk.open(&dir.join("vault.toml"), OpenAs::Read).is_ok()
                && crate::settings::Settings::read(disk, &dir.join("vault.toml"))
                    .map_or(true, |settings| settings.id != extent.vault);
            let is_a_vault = disk.open(&dir.join("lock"), OpenAs::Read).is_ok();
            if names.iter().all(is_ours) && !is_another && !is_a_vault {
                Ok(Vec::new())
            } else {
                Err(VaultError::AlreadyThere { path: dir.into() })
            }
        }
    }
}

/// A name that stays below where it is joined to.
pub(super) fn below(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let is_plain = path.components().all(|step| matches!(step, Component::Normal(_)));
    (is_plain && !name.is_empty()).then_some(path)
}

fn size(disk: &dyn Disk, path: &Path) -> Option<u64> {
    disk.open(path, OpenAs::Read).and_then(|file| file.size()).ok()
}

/// Copies so many bytes into a file beside the place, and puts it there when it is durable; gives their hash.
pub(super) fn copy(disk: &dyn Disk, from: &Path, (to, bytes): (&Path, u64)) -> Result<[u8; 32], VaultError> {
    let source = disk.open(from, OpenAs::Read).map_err(failed("open", from))?;
    let dir = to.parent().unwrap_or(to);
    disk.make_dir(dir).map_err(failed("make", dir))?;
    let mut unfinished = to.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    match disk.remove(&unfinished) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", unfinished)(cause));
        }
        Ok(()) | Err(_) => {}
    }
    let mut target = disk.open(&unfinished, OpenAs::New).map_err(failed("make", &unfinished))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; AT_ONCE.min(usize::try_from(bytes).unwrap_or(AT_ONCE)).max(1)];
    let mut done = 0;
    while done < bytes {
        let wanted = usize::try_from(bytes - done).unwrap_or(AT_ONCE).min(buffer.len());
        let read = ReadAt::read_at(&*source, done, &mut buffer[..wanted]).map_err(failed("read", from))?;
        if read == 0 {
            return Err(failed("read", from)(io::ErrorKind::UnexpectedEof.into()));
        }
        hasher.update(&buffer[..read]);
        target.append(&buffer[..read]).map_err(failed("write", &unfinished))?;
        done += read as u64;
    }
    target.sync().map_err(failed("sync", &unfinished))?;
    disk.rename(&unfinished, to).map_err(failed("rename", to))?;
    disk.sync_dir(dir).map_err(failed("sync", dir))?;
    Ok(*hasher.finalize().as_bytes())
}

/// So many bytes of a file are these.
pub(super) fn hash(disk: &dyn Disk, path: &Path) -> io::Result<(u64, [u8; 32])> {
    let file = disk.open(path, OpenAs::Read)?;
    let size = file.size()?;
    let (mut hasher, mut done) = (blake3::Hasher::new(), 0);
    let mut buffer = vec![0; AT_ONCE];
    loop {
        let read = file.read_at(done, &mut buffer)?;
        if read == 0 {
            return Ok((size, *hasher.finalize().as_bytes()));
        }
        hasher.update(&buffer[..read]);
        done += read as u64;
    }
}

impl Listed {
    /// Of a part, as it was copied.
    #[must_use]
    pub fn of(part: Part, blake3: [u8; 32]) -> Self {
        Self { bytes: part.bytes, part, blake3 }
    }
}
