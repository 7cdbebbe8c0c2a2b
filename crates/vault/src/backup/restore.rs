//! A vault again, of a backup of the volumes and a backup of the keys.
//!
//! It is made beside its place, in `<vault>.restoring`, and takes its place when everything is done that must be done before
//! anybody can open it; the steps are those of DURABILITY.md, "Restore". A crash leaves that directory and nothing else.

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use earwitness_model::{RecordingId, WallTime};
use ed25519_dalek::VerifyingKey;
use zeroize::Zeroizing;

use super::{
    Listed, PartState,
    copy::{copy, hash},
    extent::VOLUMES,
    list::{self, BackupFault, BackupFinding, List},
};
use crate::{
    disk::{Disk, OpenAs, RealDisk, read_all},
    error::{VaultError, failed},
    index_key::read_index_key,
    key_backup::marked,
    keys::{KeyFile, KeyKind, KeyState, read_key},
    keys_error::KeysError,
    layout::{Layout, key_file_of},
    ledger::{Ledger, LedgerKind, LedgerNote, Restored as RestoredRow},
    retention::{Certificate, DisposalOrder, Disposed, PastDamage, from_bytes},
    settings::Settings,
    vault::Vault,
};

/// What to restore, and where.
#[derive(Debug, Clone)]
pub struct Restore<'r> {
    /// The backup of volumes and ledger.
    pub backup: &'r Path,
    /// The backup of the keys, or the vault that still has them.
    pub keys: &'r Path,
    /// The place of the vault, where nothing may be.
    pub vault: &'r Path,
    /// Certificates of disposals that neither backup knows of.
    pub certificates: &'r [PathBuf],
    /// Who restores, why the clock is believed by which what is due is destroyed, and whether files that are not what was copied
    /// are taken all the same.
    pub order: DisposalOrder,
    /// What the office's clock says.
    pub now: WallTime,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Recordings that are listed.
    pub recordings: u64,
    /// Of them, those whose key is not in the backup of the keys: nothing opens them.
    pub without_key: u64,
    /// Recordings that ran when the backup was taken, and are finished as interrupted.
    pub interrupted: u64,
    /// Keys that were in the backup of the keys and belong to recordings that were disposed of: they were not restored.
    pub kept_destroyed: u64,
    /// Recordings that fell due since, and were disposed of now.
    pub disposed_now: u64,
    /// The certificate of that.
    pub certificate: Option<String>,
    /// Files that are not what was copied, and were taken all the same.
    pub findings: Vec<BackupFinding>,
}

/// Makes a vault of a backup and its keys.
///
/// # Errors
/// [`VaultError::AlreadyThere`]; [`VaultError::Backup`] for a file that is not what was copied; [`KeysError::OtherVault`] when the
/// keys are another vault's; [`VaultError::ClockLeapt`]; what disks, ledger and index say. Then nothing is at the vault's place.
pub fn restore(what: &Restore<'_>) -> Result<Restored, VaultError> {
    let vault = std::path::absolute(what.vault).map_err(failed("find", what.vault))?;
    let disk = RealDisk;
    let staging = staging_of(&vault);
    for place in [&vault, &staging] {
        if !disk.list(place).map_err(failed("list", place))?.is_empty() {
            return Err(VaultError::AlreadyThere { path: place.clone() });
        }
    }
    let list = list::read(&disk, what.backup)
        .map_err(|_| finding(what.backup.join("BACKUP.txt"), BackupFault::NoList))?;
    let mut staged =
        Staged { disk: &disk, layout: Layout { dir: staging.clone() }, what, restored: Restored::default() };
    let known = staged.make(&list)?;
    let opened = Vault::open_on(Arc::new(RealDisk), &staging)?;
    staged.finish(&opened, &list, known)?;
    drop(opened);
    let lock = staging.join("lock");
    disk.remove(&lock).map_err(failed("remove", &lock))?;
    disk.sync_dir(&staging).map_err(failed("sync", &staging))?;
    disk.rename(&staging, &vault).map_err(failed("rename", &staging))?;
    let above = vault.parent().unwrap_or(&vault);
    disk.sync_dir(above).map_err(failed("sync", above))?;
    Ok(staged.restored)
}

/// The vault while it is made.
struct Staged<'r> {
    disk: &'r dyn Disk,
    layout: Layout,
    what: &'r Restore<'r>,
    restored: Restored,
}

/// Recordings that were disposed of, and days of which nothing is left.
#[derive(Default)]
struct Gone {
    recordings: HashSet<RecordingId>,
    /// `<class>/<day>`.
    days: HashSet<String>,
}

impl Staged<'_> {
    /// Everything but what an open vault does. The settings are last: a directory without them is no vault.
    fn make(&mut self, list: &List) -> Result<Gone, VaultError> {
        for dir in [self.layout.dir.clone(), self.layout.keys(), self.layout.volumes(), self.layout.ledger()]
        {
            self.disk.make_dir(&dir).map_err(failed("make", dir))?;
        }
        let from = self.what.keys.join("keys");
        let settings = Settings::read(self.disk, &self.what.backup.join("vault.toml"))?;
        self.is_ours(&settings, list)?;
        let names = self.key_names(&from)?;
        for name in names.iter().filter(|name| is_of_the_vault(name)) {
            self.put_key(name, &self.read_key_file(&from, name)?)?;
        }
        let key = self.verifying()?;
        if !list.is_signed_by(&key) {
            self.refuse(finding_in(self.what.backup.join("BACKUP.txt"), BackupFault::Signature))?;
        }
        let is_volume = |file: &&Listed| file.part.is_volume();
        let settings_last = |file: &&Listed| file.part.name != "vault.toml";
        for file in list.files.iter().filter(|file| !is_volume(file)).filter(settings_last) {
            self.take(file)?;
        }
        let mut gone = self.gone(&settings, &key)?;
        for name in names.iter().filter(|name| !is_of_the_vault(name) && key_file_of(name).is_some()) {
            self.day_keys(&from, name, &mut gone)?;
        }
        for name in names.iter().filter(|name| !is_of_the_vault(name) && key_file_of(name).is_none()) {
            if !gone.days.iter().any(|day| is_of_day(name, day)) {
                self.put_key(name, &self.read_key_file(&from, name)?)?;
            }
        }
        for file in list.files.iter().filter(is_volume) {
            let of_day =
                |day: &String| VOLUMES.iter().any(|at| file.part.name.starts_with(&format!("{at}/{day}/")));
            let is_gone = gone.days.iter().any(of_day);
            if !is_gone {
                self.take(file)?;
                self.mark(file)?;
            }
        }
        if let Some(file) = list.files.iter().find(|file| !settings_last(file)) {
            self.take(file)?;
        }
        Ok(gone)
    }

    /// What an open vault does: what is due goes, and the ledger is told.
    fn finish(&mut self, vault: &Vault, list: &List, _gone: Gone) -> Result<(), VaultError> {
        self.restored.interrupted = vault.recovery().interrupted.len() as u64;
        if let Some(certificate) = vault.dispose_due(self.what.now, &self.what.order)? {
            self.restored.disposed_now = certificate.recordings.len() as u64;
            self.restored.certificate = Some(certificate.run);
        }
        let mut keys = vault.verifier(None);
        for entry in vault.index().newest_last(None, None) {
            let entry = entry?;
            if entry.recording.is_some() {
                self.restored.recordings += 1;
                self.restored.without_key += u64::from(!keys.has_key(&entry)?);
            }
        }
        let row = RestoredRow {
            rows: list.extent.rows,
            head: list.extent.head,
            files: list.files.len() as u64,
            kept_destroyed: self.restored.kept_destroyed,
            by: self.what.order.by.clone(),
        };
        vault.tell(self.what.now, &LedgerNote::Restored(row))
    }

    /// The backups are of one vault.
    fn is_ours(&self, settings: &Settings, list: &List) -> Result<(), VaultError> {
        if settings.id != list.extent.vault {
            return Err(finding(self.what.backup.join("vault.toml"), BackupFault::Changed));
        }
        let known = marked(self.disk, self.what.keys, settings.id)?;
        let own = Settings::read(self.disk, &self.what.keys.join("vault.toml"));
        if known.is_some() || own.is_ok_and(|own| own.id == settings.id) {
            return Ok(());
        }
        Err(KeysError::OtherVault { path: self.what.keys.to_owned() }.into())
    }

    fn verifying(&self) -> Result<VerifyingKey, VaultError> {
        let path = self.layout.key("recorder.pub");
        let bytes = read_key(self.disk, &path, KeyKind::Verifying)?;
        VerifyingKey::from_bytes(&bytes).map_err(|_| VaultError::KeyDamaged { path })
    }

    /// Copies a file, and compares it with the list.
    fn take(&mut self, file: &Listed) -> Result<(), VaultError> {
        let name = Path::new(&file.part.name);
        let (from, to) = (self.what.backup.join(name), self.layout.dir.join(name));
        let size = match hash(self.disk, &from) {
            Ok((size, _)) => size,
            Err(cause) => {
                return self.refuse(finding_in(from, BackupFault::Unreadable(cause.to_string())));
            }
        };
        let blake3 = copy(self.disk, &from, (&to, size))?;
        if (size, blake3) == (file.bytes, file.blake3) {
            return Ok(());
        }
        self.refuse(finding_in(from, BackupFault::Changed))
    }

    fn refuse(&mut self, found: BackupFinding) -> Result<(), VaultError> {
        match self.what.order.past_damage {
            PastDamage::Refuse => Err(VaultError::Backup(found)),
            PastDamage::Accept => {
                self.restored.findings.push(found);
                Ok(())
            }
        }
    }

    /// A volume in which recordings ran is one that was not closed: opening it recovers it.
    fn mark(&self, file: &Listed) -> Result<(), VaultError> {
        if file.part.state == PartState::Open {
            let mark = self.layout.dir.join(&file.part.name).with_extension("open");
            drop(self.disk.open(&mark, OpenAs::New).map_err(failed("make", &mark))?);
            let dir = mark.parent().unwrap_or(&mark);
            self.disk.sync_dir(dir).map_err(failed("sync", dir))?;
        }
        Ok(())
    }

    /// What ledger and certificates say was disposed of.
    fn gone(&self, settings: &Settings, key: &VerifyingKey) -> Result<Gone, VaultError> {
        let mut gone = Gone::default();
        let metadata = read_index_key(self.disk, (&self.layout, settings), None)?;
        let (ledger, _state) = Ledger::open(Arc::new(RealDisk), &self.layout.ledger(), metadata)?;
        for row in ledger.rows().flatten().filter(|row| row.kind == LedgerKind::Disposed) {
            gone.recordings.extend(from_bytes::<Disposed>(&row.payload).map(|row| row.subject.recording));
        }
        let own = self.layout.certificates();
        let own = self.disk.list(&own).map_err(failed("list", &own))?;
        for path in self.what.certificates.iter().chain(&own) {
            let bytes = read_all(self.disk, path).map_err(failed("read", path))?;
            let text = String::from_utf8_lossy(&bytes);
            let certificate = Certificate::verified(&text, key)
                .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))
                .map_err(failed("read", path))?;
            let ended = certificate.ended_days.iter().map(|ended| format!("{}/{}", ended.class, ended.day));
            gone.days.extend(ended);
            let recordings =
                certificate.recordings.iter().filter_map(|one| one.recording.parse::<RecordingId>().ok());
            gone.recordings.extend(recordings);
        }
        Ok(gone)
    }

    /// A key file without the keys of what is gone. One of which nothing is left is not restored, and its day's keys neither.
    fn day_keys(&mut self, from: &Path, name: &Path, gone: &mut Gone) -> Result<(), VaultError> {
        let Some((shelf, _generation)) = key_file_of(name) else { return Ok(()) };
        let day = format!("{}/{}", shelf.class, shelf.day);
        if gone.days.contains(&day) {
            return Ok(());
        }
        let mut bytes = self.read_key_file(from, name)?;
        let file = KeyFile::read(&bytes);
        let mut live = 0;
        for placed in &file.rows {
            if placed.row.state == KeyState::Destroyed {
                continue;
            }
            if !gone.recordings.contains(&placed.row.recording) {
                live += 1;
                continue;
            }
            let row = placed.destroyed();
            let at = usize::try_from(placed.at).unwrap_or(usize::MAX);
            if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..row.len())) {
                place.copy_from_slice(&row);
                self.restored.kept_destroyed += 1;
            }
        }
        if live == 0 && !file.rows.is_empty() && file.damaged == 0 {
            gone.days.insert(day);
            return Ok(());
        }
        self.put_key(name, &bytes)
    }

    /// Files below a directory of keys, by their names in it.
    fn key_names(&self, from: &Path) -> Result<Vec<PathBuf>, VaultError> {
        let mut names = Vec::new();
        for path in self.disk.list(from).map_err(failed("list", from))? {
            match self.disk.list(&path) {
                Ok(inner) => names.extend(inner),
                Err(cause) if cause.kind() == io::ErrorKind::NotADirectory => names.push(path),
                Err(cause) => return Err(failed("list", path)(cause)),
            }
        }
        let is_whole = |path: &PathBuf| path.extension().is_none_or(|extension| extension != "new");
        let below = |path: PathBuf| path.strip_prefix(from).ok().map(Path::to_owned);
        Ok(names.into_iter().filter(is_whole).filter_map(below).collect())
    }

    fn read_key_file(&self, from: &Path, name: &Path) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let path = from.join(name);
        read_all(self.disk, &path).map(Zeroizing::new).map_err(failed("read", path))
    }

    fn put_key(&self, name: &Path, bytes: &[u8]) -> Result<(), VaultError> {
        let path = self.layout.keys().join(name);
        let dir = path.parent().unwrap_or(&path);
        self.disk.make_dir(dir).map_err(failed("make", dir))?;
        let mut file = self.disk.open(&path, OpenAs::New).map_err(failed("make", &path))?;
        file.append(bytes).and_then(|()| file.sync()).map_err(failed("write", &path))?;
        self.disk.sync_dir(dir).map_err(failed("sync", dir))
    }
}

/// Directly in `keys/`: of the vault as a whole.
fn is_of_the_vault(name: &Path) -> bool {
    name.parent().is_none_or(|dir| dir.as_os_str().is_empty())
}

/// Whether a file of `keys/day` is of this `<class>/<day>`.
fn is_of_day(name: &Path, day: &str) -> bool {
    let stem = day.replace('/', "-");
    let file = name.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    name.starts_with("day") && file.strip_prefix(&stem).is_some_and(|rest| rest.starts_with('.'))
}

fn staging_of(vault: &Path) -> PathBuf {
    let mut name = vault.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    vault.with_file_name(name)
}

const fn finding_in(path: PathBuf, fault: BackupFault) -> BackupFinding {
    BackupFinding { path, fault }
}

fn finding(path: PathBuf, fault: BackupFault) -> VaultError {
    VaultError::Backup(finding_in(path, fault))
}
