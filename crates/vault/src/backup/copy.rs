//! Copying what belongs into a backup, by whoever may read the vault and write the backup.

use std::{
    collections::HashSet,
    io,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Extent, Listed, Part, extent::VOLUMES, list};
use crate::{
    disk::{Disk, OpenAs, ReadAt, RealDisk, if_there, unfinished},
    error::{VaultError, failed},
    settings::Settings,
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
        let same = known
            .iter()
            .find(|listed| listed.part == *part && part.is_volume() && size(disk, &to) == Some(part.bytes));
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

impl Copied {
    /// Adds what was copied after it.
    pub fn append(&mut self, more: Self) {
        self.files.extend(more.files);
        self.written += more.written;
        self.written_bytes += more.written_bytes;
        self.vanished += more.vanished;
    }
}

/// Removes from a backup the volumes that its list does not name: the vault has them no more. Those whose recordings were
/// disposed of are noise; one that was lost by accident would be lost here too. Gives how many there were.
///
/// # Errors
/// When there is no list; what the disk says.
pub fn prune_backup(dir: &Path) -> Result<u64, VaultError> {
    let disk = RealDisk;
    let list = list::read(&disk, dir)?;
    let mut removed = 0;
    for path in others(&disk, dir, &list.files)? {
        disk.remove(&path).map_err(failed("remove", path))?;
        removed += 1;
    }
    Ok(removed)
}

fn others(disk: &dyn Disk, dir: &Path, files: &[Listed]) -> Result<Vec<PathBuf>, VaultError> {
    let named: HashSet<PathBuf> = files.iter().map(|file| dir.join(&file.part.name)).collect();
    let mut others = Vec::new();
    for volumes in VOLUMES.map(|name| dir.join(name)) {
        for class in disk.list(&volumes).map_err(failed("list", &volumes))? {
            for day in disk.list(&class).map_err(failed("list", &class))? {
                let found = disk.list(&day).map_err(failed("list", &day))?;
                others.extend(found.into_iter().filter(|path| !named.contains(path)));
            }
        }
    }
    Ok(others)
}

/// What is in a backup, and nothing else.
const OURS: [&str; 6] = ["BACKUP.txt", "certificates", "held", "ledger", "vault.toml", "volumes"];

/// The list of the backup of this vault that is there.
fn known(disk: &dyn Disk, dir: &Path, extent: &Extent) -> Result<Vec<Listed>, VaultError> {
    match list::read(disk, dir) {
        Ok(listed) if listed.extent.vault == extent.vault => Ok(listed.files),
        // One that was never finished is gone on with; anything else is not written over.
        Err(_) if is_begun(disk, dir, extent)? => Ok(Vec::new()),
        Ok(_) | Err(_) => Err(VaultError::AlreadyThere { path: dir.into() }),
    }
}

/// Whether there is nothing but what a backup of this vault leaves that was stopped.
fn is_begun(disk: &dyn Disk, dir: &Path, extent: &Extent) -> Result<bool, VaultError> {
    let names = disk.list(dir).map_err(failed("list", dir))?;
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        OURS.contains(&name.strip_suffix(".new").unwrap_or(name))
    };
    let settings = dir.join("vault.toml");
    let is_this = match Settings::read(disk, &settings) {
        Ok(settings) => settings.id == extent.vault,
        Err(error) => matches!(error, VaultError::NotAVault { .. }),
    };
    Ok(names.iter().all(is_ours) && is_this)
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
    let unfinished = unfinished(to);
    if_there(disk.remove(&unfinished)).map_err(failed("remove", &unfinished))?;
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
