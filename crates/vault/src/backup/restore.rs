//! A vault again, of a backup of the volumes and a backup of the keys.
//!
//! It is made beside its place, in `<vault>.restoring`, and takes its place when everything is done that must be done before
//! anybody can open it; the steps are those of DURABILITY.md, "Restore". A crash leaves that directory and nothing else.

use std::{
    collections::{BTreeMap, HashSet},
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
    disk::{Disk, OpenAs, RealDisk, if_there, read_all, replace, wipe},
    error::{VaultError, failed},
    index_key::read_index_key,
    key_backup::{all_below, marked},
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
    /// Whether files that are not what was copied are taken all the same. Where the ledger's are among them, or places of it
    /// cannot be read, what is due is then not destroyed: a hold may have stood there.
    pub changed: PastDamage,
    /// Who restores, and by which clock what is due is destroyed.
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
    /// Places of the ledger that are not what was told, because of which nothing of what is due was destroyed.
    pub undisposed_for: u64,
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
    let is_free =
        |place: &Path| disk.list(place).map(|files| files.is_empty()).map_err(failed("list", place));
    if !is_free(&vault)? {
        return Err(VaultError::AlreadyThere { path: vault });
    }
    if !is_free(&staging)? {
        return Err(VaultError::RestoreUnderway { path: staging });
    }
    let list = list::read(&disk, what.backup)
        .map_err(|_| finding(what.backup.join("BACKUP.txt"), BackupFault::NoList))?;
    let mut staged =
        Staged { disk: &disk, layout: Layout { dir: staging.clone() }, what, restored: Restored::default() };
    if let Err(why) = staged.whole(&list) {
        // What cannot be cleared away is told of by the next attempt.
        return staged.clear_away().and(Err(why));
    }
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
    /// Steps 1 to 8.
    fn whole(&mut self, list: &List) -> Result<(), VaultError> {
        let staging = self.layout.dir.clone();
        self.make(list)?;
        let opened = Vault::open_on(Arc::new(RealDisk), &staging)?;
        self.finish(&opened, list)?;
        drop(opened);
        let lock = staging.join("lock");
        self.disk.remove(&lock).map_err(failed("remove", &lock))?;
        self.disk.sync_dir(&staging).map_err(failed("sync", &staging))
    }

    /// Nothing is left of what did not become a vault, and of its keys not even on the medium.
    fn clear_away(&self) -> Result<(), VaultError> {
        let dir = &self.layout.dir;
        for name in all_below(self.disk, &self.layout.keys())? {
            let path = self.layout.key_path(&name);
            if_there(wipe(self.disk, &path)).map_err(failed("overwrite", &path))?;
        }
        if_there(std::fs::remove_dir_all(dir)).map_err(failed("remove", dir))?;
        Ok(())
    }

    /// Everything but what an open vault does. The settings are last: a directory without them is no vault.
    fn make(&mut self, list: &List) -> Result<(), VaultError> {
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
        for (day, names) in by_day(&names) {
            self.day_keys(&from, (day, &names), &mut gone)?;
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
        list.files.iter().find(|file| !settings_last(file)).map_or(Ok(()), |file| self.take(file))
    }

    /// What an open vault does: what is due goes, and the ledger is told.
    fn finish(&mut self, vault: &Vault, list: &List) -> Result<(), VaultError> {
        self.restored.interrupted = vault.recovery().interrupted.len() as u64;
        self.dispose(vault)?;
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

    /// Destroys what is due, unless the ledger may have told of holds that it does not tell of now.
    fn dispose(&mut self, vault: &Vault) -> Result<(), VaultError> {
        let ledger = ["ledger", "BACKUP.txt"].map(|name| self.what.backup.join(name));
        let is_of_it = |found: &&BackupFinding| ledger.iter().any(|name| found.path.starts_with(name));
        let disposed = match self.restored.findings.iter().filter(is_of_it).count() as u64 {
            0 => vault.dispose_due(self.what.now, &self.what.order),
            places => Err(VaultError::LedgerDamaged { places }),
        };
        match disposed {
            Ok(Some(certificate)) => {
                self.restored.disposed_now = certificate.recordings.len() as u64;
                self.restored.certificate = Some(certificate.run);
            }
            Ok(None) => {}
            Err(VaultError::LedgerDamaged { places }) if self.what.changed == PastDamage::Accept => {
                self.restored.undisposed_for = places;
            }
            Err(error) => return Err(error),
        }
        Ok(())
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
        match self.what.changed {
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

    /// What ledger and certificates say was disposed of. What only certificates say, the ledger is told before anything is listed
    /// by it.
    fn gone(&self, settings: &Settings, key: &VerifyingKey) -> Result<Gone, VaultError> {
        let mut gone = Gone::default();
        let metadata = read_index_key(self.disk, (&self.layout, settings), None)?;
        let (mut ledger, _state) = Ledger::open(Arc::new(RealDisk), &self.layout.ledger(), metadata)?;
        for row in ledger.rows().flatten().filter(|row| row.kind == LedgerKind::Disposed) {
            gone.recordings.extend(from_bytes::<Disposed>(&row.payload).map(|row| row.subject.recording));
        }
        let own = self.layout.certificates();
        let own = self.disk.list(&own).map_err(failed("list", &own))?;
        for path in self.what.certificates.iter().chain(&own) {
            let text = read_all(self.disk, path).map_err(failed("read", path))?;
            let certificate = Certificate::verified(&String::from_utf8_lossy(&text), key);
            let read = certificate.and_then(|certificate| Ok((certificate.rows()?, certificate)));
            let (rows, certificate) = read
                .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause))
                .map_err(failed("read", path))?;
            let ended = certificate.ended_days.iter().map(|ended| format!("{}/{}", ended.class, ended.day));
            gone.days.extend(ended);
            for row in rows {
                if gone.recordings.insert(row.subject.recording) {
                    ledger.append(LedgerKind::Disposed, self.what.now, &row.to_bytes())?;
                }
            }
            if !own.contains(path) {
                self.keep(&certificate.run, &text)?;
            }
        }
        ledger.sync()?;
        Ok(gone)
    }

    /// Puts a certificate that was given where the vault has its own.
    fn keep(&self, run: &str, text: &[u8]) -> Result<(), VaultError> {
        let dir = self.layout.certificates();
        self.disk.make_dir(&dir).map_err(failed("make", &dir))?;
        let path = dir.join(format!("{run}.json"));
        replace(self.disk, &path, text).map_err(failed("write", path))
    }

    /// A day's key files without the keys of what is gone. A day of which nothing is left in any of them is not restored.
    fn day_keys(
        &mut self,
        from: &Path,
        (day, names): (String, &[&PathBuf]),
        gone: &mut Gone,
    ) -> Result<(), VaultError> {
        if gone.days.contains(&day) {
            return Ok(());
        }
        let (mut files, mut rows, mut live, mut damaged) = (Vec::new(), 0, 0, 0);
        for name in names {
            let mut bytes = self.read_key_file(from, name)?;
            let file = KeyFile::read(&bytes);
            live += self.withhold(&file, &mut bytes, gone);
            rows += file.rows.len();
            damaged += file.damaged;
            files.push((name, bytes));
        }
        // What cannot be read may be the key of what is kept.
        if rows > 0 && live == 0 && damaged == 0 {
            gone.days.insert(day);
            return Ok(());
        }
        files.iter().try_for_each(|(name, bytes)| self.put_key(name, bytes))
    }

    /// Overwrites the keys of what is gone. Says how many are left.
    fn withhold(&mut self, file: &KeyFile, bytes: &mut [u8], gone: &Gone) -> usize {
        let mut live = 0;
        for placed in file.rows.iter().filter(|placed| placed.row.state != KeyState::Destroyed) {
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
        live
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

/// The key files among these names, by `<class>/<day>`: a day may have several.
fn by_day(names: &[PathBuf]) -> BTreeMap<String, Vec<&PathBuf>> {
    let mut days: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
    for name in names.iter().filter(|name| !is_of_the_vault(name)) {
        if let Some((shelf, _generation)) = key_file_of(name) {
            days.entry(format!("{}/{}", shelf.class, shelf.day)).or_default().push(name);
        }
    }
    days
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
