//! Backups of the volumes: whole without a key, and a vault again with one; what was disposed of stays so.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use earwitness_model::WallTime;
use earwitness_vault::{
    BackupFault, ClockTrust, Copied, DisposalOrder, Entry, Fault, KeySource, LedgerKind, LedgerNote, NewHold,
    PastDamage, RealDisk, Restore, Restored, Unlock, Vault, VaultError, check_backup, copy_backup, copy_keys,
    look_for_key_backup, prune_backup, restore,
};
use tempfile::TempDir;

use crate::support::{
    NOW, Office, begin, call_id, check_whole, entries, entry, media, office_with, record, running_call,
};

/// 2027-02-20, five minutes after midnight in Seoul: the recordings' time was over at midnight.
const DUE: WallTime = WallTime::from_nanos(1_803_049_500_000_000_000);

fn order() -> DisposalOrder {
    DisposalOrder { by: "uid 7".into(), clock: ClockTrust::Synchronised, past_damage: PastDamage::Refuse }
}

/// An office, its backup and the backup of its keys.
struct Kept {
    office: Office,
    root: TempDir,
}

impl Kept {
    fn new(office: Office) -> Self {
        Self { office, root: tempfile::tempdir().unwrap() }
    }

    fn volumes(&self) -> PathBuf {
        self.root.path().join("volumes-backup")
    }

    fn keys(&self) -> PathBuf {
        self.root.path().join("keys-backup")
    }

    fn place(&self) -> PathBuf {
        self.root.path().join("again")
    }

    fn back_up(&self, vault: &Vault) -> Copied {
        let extent = vault.backup_extent().unwrap();
        let copied = copy_backup(&self.office.dir(), &self.volumes(), &extent).unwrap();
        let list = vault.finish_backup(&extent, &copied, (NOW, "uid 0")).unwrap();
        std::fs::write(self.volumes().join("BACKUP.txt"), list).unwrap();
        copied
    }

    fn back_up_keys(&self, vault: &Vault) {
        let source = KeySource { vault: self.office.dir(), index_key: None };
        let place = look_for_key_backup(&RealDisk, &source, &self.keys()).unwrap();
        let id = vault.begin_key_backup(place.known, "safe", NOW).unwrap();
        let copied = copy_keys(&source, &self.keys(), id).unwrap();
        let list = vault.finish_key_backup(id, &copied, (NOW, "uid 0")).unwrap();
        std::fs::write(self.keys().join("backup.txt"), list).unwrap();
    }

    fn restore(&self, now: WallTime, certificates: &[PathBuf]) -> Result<Restored, VaultError> {
        self.restore_with(now, (certificates, PastDamage::Refuse))
    }

    fn restore_with(
        &self,
        now: WallTime,
        (certificates, changed): (&[PathBuf], PastDamage),
    ) -> Result<Restored, VaultError> {
        restore(&Restore {
            backup: &self.volumes(),
            keys: &self.keys(),
            vault: &self.place(),
            certificates,
            changed,
            order: order(),
            now,
        })
    }

    fn again(&self) -> (Vault, earwitness_vault::Opener) {
        let vault = Vault::open(&self.place()).unwrap();
        assert!(vault.recovery().is_clean(), "{:?}", vault.recovery());
        let opener = vault.opener(Unlock::KeyFile(self.office.key())).unwrap();
        (vault, opener)
    }
}

/// What is listed, without what only this vault's index says.
fn listed(vault: &Vault) -> Vec<Entry> {
    entries(vault)
}

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn is_sound(vault: &Vault) {
    assert_eq!(vault.check_index(), []);
    assert_eq!(vault.ledger().verify(), []);
}

#[test]
fn of_a_backup_and_the_keys_the_same_vault_comes_again() {
    let kept = Kept::new(office_with(1..=3));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    let copied = kept.back_up(&vault);
    assert_eq!((copied.written, copied.vanished), (copied.files.len() as u64, 0));
    assert_eq!(
        check_backup(&kept.volumes(), Some(&vault.verifying_key())),
        (copied.files.len() as u64, vec![])
    );
    let restored = kept.restore(NOW, &[]).unwrap();
    let expected = Restored { recordings: 3, ..Restored::default() };
    assert_eq!(restored, expected);
    let (again, opener) = kept.again();
    assert_eq!(listed(&again), listed(&vault));
    (1..=3).for_each(|n| check_whole(&again, &opener, n));
    is_sound(&again);
    let last = again.ledger().rows().last().unwrap().unwrap();
    let Some(LedgerNote::Restored(note)) = LedgerNote::of(&last) else { panic!("{last:?}") };
    assert_eq!((note.by.as_str(), note.kept_destroyed), ("uid 7", 0));
    assert!(!kept.root.path().join("again.restoring").exists());
}

#[test]
fn no_byte_of_any_key_is_in_a_backup_of_the_volumes() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    kept.back_up(&vault);
    let all: Vec<u8> = files(&kept.volumes()).into_values().flatten().collect();
    for (path, bytes) in files(&kept.office.dir().join("keys")) {
        // Names of recordings are no secret: what is left of a row are 32 bytes that are nowhere else.
        for piece in bytes.chunks_exact(32).filter(|piece| piece.iter().any(|byte| *byte != 0)) {
            let is_there = all.windows(32).any(|window| window == piece);
            assert!(!is_there, "{}", path.display());
        }
    }
    let names: Vec<_> = files(&kept.volumes()).into_keys().collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("/keys/")), "{names:?}");
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("/index/")), "{names:?}");
}

#[test]
fn a_backup_that_is_taken_again_copies_what_is_new_and_drops_what_is_gone() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    kept.back_up(&vault);
    let second = kept.back_up(&vault);
    let volumes =
        |copied: &Copied| copied.files.iter().filter(|file| file.part.name.ends_with(".vol")).count();
    assert_eq!((volumes(&second), second.written), (1, second.files.len() as u64 - 1));
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let third = kept.back_up(&vault);
    assert_eq!((volumes(&third), prune_backup(&kept.volumes()).unwrap()), (0, 1));
    let names: Vec<_> = files(&kept.volumes()).into_keys().collect();
    assert!(names.iter().all(|name| name.extension().is_none_or(|end| end != "vol")), "{names:?}");
    assert_eq!(check_backup(&kept.volumes(), Some(&vault.verifying_key())).1, []);
}

#[test]
fn a_backup_taken_while_calls_run_restores_them_as_interrupted() {
    let kept = Kept::new(office_with([1]));
    let vault = kept.office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    let mut running = begin(&sealer, &mut writer, 3).unwrap();
    writer.append(running.running(&running_call(3, 1))).unwrap();
    writer.append(running.seal(media(3, [1, 2]))).unwrap();
    writer.commit(NOW).unwrap();
    // What is not durable yet is not in it.
    writer.append(running.seal(media(3, [3, 4]))).unwrap();
    writer.write_out().unwrap();
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let restored = kept.restore(NOW, &[]).unwrap();
    assert_eq!((restored.recordings, restored.interrupted, restored.without_key), (3, 1, 0));
    let (again, opener) = kept.again();
    (1..=2).for_each(|n| check_whole(&again, &opener, n));
    let packets: usize =
        opener.segments(&entry(&again, 3)).unwrap().map(|segment| segment.unwrap().media().count()).sum();
    assert_eq!(packets, 4);
    is_sound(&again);
}

#[test]
fn what_fell_due_since_is_destroyed_before_anybody_opens_the_vault() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let told = entries(&vault);
    let restored = kept.restore(DUE, &[]).unwrap();
    assert_eq!((restored.recordings, restored.disposed_now, restored.kept_destroyed), (0, 2, 0));
    let (again, opener) = kept.again();
    assert_eq!(listed(&again), []);
    assert!(told.iter().all(|entry| opener.segments(entry).is_err()));
    assert_eq!(again.certificates().unwrap(), [restored.certificate.unwrap()]);
    is_sound(&again);
}

#[test]
fn what_was_disposed_of_after_the_backup_stays_so_by_its_certificate() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let told = entries(&vault);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let certificates: Vec<_> = files(&kept.office.dir().join("certificates")).into_keys().collect();
    // By a clock that stands where it stood: nothing is due, and only the certificate knows.
    let restored = kept.restore(NOW, &certificates).unwrap();
    assert_eq!((restored.recordings, restored.disposed_now), (0, 0));
    let (_again, opener) = kept.again();
    assert!(told.iter().all(|entry| opener.segments(entry).is_err()));
    assert_eq!(files(&kept.place().join("keys/day")), BTreeMap::new());
}

fn hold(vault: &Vault, n: u32) {
    let entries = [entry(vault, n)];
    vault.hold(NOW, NewHold { entries: &entries, reason: "소송", until: None, by: "uid 7" }).unwrap();
}

#[test]
fn what_only_a_certificate_tells_of_is_not_listed_again_beside_what_stays_of_its_day() {
    let kept = Kept::new(office_with(1..=3));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let told = entries(&vault);
    hold(&vault, 1);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    let certificates: Vec<_> = files(&kept.office.dir().join("certificates")).into_keys().collect();
    let restored = kept.restore(NOW, &certificates).unwrap();
    assert_eq!((restored.recordings, restored.kept_destroyed, restored.without_key), (1, 2, 0));
    let (again, opener) = kept.again();
    check_whole(&again, &opener, 1);
    assert_eq!(listed(&again).len(), 1);
    assert!(told.iter().filter(|entry| opener.segments(entry).is_ok()).count() == 1);
    let disposed = |vault: &Vault| {
        vault.ledger().rows().filter(|row| row.as_ref().unwrap().kind == LedgerKind::Disposed).count()
    };
    assert_eq!((disposed(&again), disposed(&vault)), (2, 2));
    let [run] = &again.certificates().unwrap()[..] else { panic!("{:?}", again.certificates()) };
    assert_eq!(again.certificate(run).unwrap(), vault.certificate(run).unwrap());
    is_sound(&again);
    again.rebuild_index().unwrap();
    assert_eq!(listed(&again).len(), 1);
}

#[test]
fn of_a_day_with_two_keys_what_is_left_under_one_comes_again_though_the_other_is_empty() {
    let office = office_with([1]);
    let flip = || {
        let mut bytes = std::fs::read(office.key_file()).unwrap();
        bytes[20] ^= 1;
        std::fs::write(office.key_file(), bytes).unwrap();
    };
    flip();
    let vault = office.open();
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.close(NOW).unwrap();
    drop((sealer, vault));
    flip();
    let kept = Kept::new(office);
    let vault = kept.office.open();
    hold(&vault, 1);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    assert!(kept.office.key_file().with_extension("2.keys").exists());
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let restored = kept.restore(DUE, &[]).unwrap();
    assert_eq!((restored.recordings, restored.without_key), (1, 0));
    let (again, opener) = kept.again();
    check_whole(&again, &opener, 1);
    is_sound(&again);
}

#[test]
fn who_takes_a_changed_ledger_all_the_same_has_nothing_destroyed_for_which_a_hold_may_have_stood() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    hold(&vault, 1);
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let ledger = files(&kept.volumes().join("ledger")).into_keys().find(|path| path.ends_with("2026-11.log"));
    let (ledger, volume) = (ledger.unwrap(), kept.volumes().join("volumes/citizen-90d/2026-11-21/1.vol"));
    let whole = std::fs::read(&ledger).unwrap();
    let held = whole.len() - 40;
    for (what, bytes) in [
        ("flipped", whole.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == held)).collect()),
        ("without its end", whole[..held].to_vec()),
    ] {
        std::fs::write(&ledger, bytes).unwrap();
        let restored = kept.restore_with(DUE, (&[], PastDamage::Accept)).unwrap();
        assert_eq!((restored.recordings, restored.disposed_now), (2, 0), "{what}");
        assert!(restored.undisposed_for > 0 && restored.findings.len() == 1, "{what}: {restored:?}");
        std::fs::remove_dir_all(kept.place()).unwrap();
    }
    std::fs::write(&ledger, whole).unwrap();
    // A volume that was changed says nothing of holds.
    let mut bytes = std::fs::read(&volume).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&volume, bytes).unwrap();
    let restored = kept.restore_with(DUE, (&[], PastDamage::Accept)).unwrap();
    assert_eq!((restored.undisposed_for, restored.findings.len(), restored.disposed_now), (0, 1, 1));
}

#[test]
fn what_was_disposed_of_before_the_backup_is_not_brought_back_by_older_keys() {
    let kept = Kept::new(office_with(1..=2));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    kept.back_up(&vault);
    let keys = files(&kept.keys());
    assert!(
        keys.keys().any(|path| path.extension().is_some_and(|end| end == "keys")),
        "they are there still"
    );
    let restored = kept.restore(NOW, &[]).unwrap();
    assert_eq!((restored.recordings, restored.disposed_now), (0, 0));
    let (again, _opener) = kept.again();
    assert_eq!(listed(&again), []);
    assert_eq!(files(&kept.place().join("keys/day")), BTreeMap::new());
    is_sound(&again);
    assert!(again.ledger().rows().any(|row| row.unwrap().kind == LedgerKind::Disposed));
}

#[test]
fn keys_older_than_the_backup_leave_recordings_that_nothing_opens_and_say_so() {
    let kept = Kept::new(office_with([1]));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    let (sealer, mut writer) = vault.writer().unwrap();
    record(&sealer, &mut writer, 2).unwrap();
    writer.commit(NOW).unwrap();
    kept.back_up(&vault);
    let restored = kept.restore(NOW, &[]).unwrap();
    assert_eq!((restored.recordings, restored.without_key), (2, 1));
    let (again, opener) = kept.again();
    check_whole(&again, &opener, 1);
    assert!(opener.segments(&entry(&again, 2)).is_err());
}

#[test]
fn every_changed_file_of_a_backup_is_found_and_not_restored_unasked() {
    let kept = Kept::new(office_with([1]));
    let vault = kept.office.open();
    kept.back_up_keys(&vault);
    kept.back_up(&vault);
    let key = vault.verifying_key();
    for (path, bytes) in files(&kept.volumes()) {
        for (what, changed) in [
            (
                "flipped",
                bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == bytes.len() / 2)).collect(),
            ),
            ("cut", bytes[..bytes.len() - 1].to_vec()),
            ("longer", [&bytes[..], b"x"].concat()),
        ] {
            std::fs::write(&path, changed).unwrap();
            let (_, findings) = check_backup(&kept.volumes(), Some(&key));
            let is_list = path.ends_with("BACKUP.txt");
            let is_it = findings.first().is_some_and(|first| first.path == path);
            assert!(is_it && (is_list || findings.len() == 1), "{what} {}: {findings:?}", path.display());
            assert!(
                matches!(kept.restore(NOW, &[]), Err(VaultError::Backup(_) | VaultError::Settings { .. })),
                "{what} {}",
                path.display()
            );
            assert!(!kept.place().exists(), "{what} {}", path.display());
            assert!(!kept.root.path().join("again.restoring").exists());
        }
        std::fs::remove_file(&path).unwrap();
        let (_, findings) = check_backup(&kept.volumes(), Some(&key));
        assert!(
            matches!(&findings[..], [one] if matches!(one.fault, BackupFault::Unreadable(_) | BackupFault::NoList)),
            "{findings:?}"
        );
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(check_backup(&kept.volumes(), Some(&Office::new().open().verifying_key())).1.len(), 1);
    assert_eq!(check_backup(&kept.volumes(), Some(&key)).1, []);
}

#[test]
fn backups_of_two_vaults_are_not_mixed_and_nothing_is_written_over() {
    let (one, other) = (Kept::new(office_with([1])), Kept::new(office_with([2])));
    let (vault, others) = (one.office.open(), other.office.open());
    one.back_up(&vault);
    one.back_up_keys(&vault);
    other.back_up_keys(&others);
    let mixed = restore(&Restore {
        backup: &one.volumes(),
        keys: &other.keys(),
        vault: &one.place(),
        certificates: &[],
        changed: PastDamage::Refuse,
        order: order(),
        now: NOW,
    });
    assert!(mixed.is_err() && !one.place().exists());
    assert!(!one.root.path().join("again.restoring").exists());
    let extent = others.backup_extent().unwrap();
    let over = copy_backup(&other.office.dir(), &one.volumes(), &extent);
    assert!(matches!(over, Err(VaultError::AlreadyThere { .. })), "{over:?}");
    let into_a_vault = copy_backup(&one.office.dir(), &one.office.dir(), &vault.backup_extent().unwrap());
    assert!(matches!(into_a_vault, Err(VaultError::AlreadyThere { .. })), "{into_a_vault:?}");
    one.restore(NOW, &[]).unwrap();
    assert!(matches!(one.restore(NOW, &[]), Err(VaultError::AlreadyThere { .. })));
    assert_eq!(entry(&one.again().0, 1).summary.id, call_id(1));
}

#[test]
fn a_key_file_that_is_put_back_after_a_disposal_is_named_with_its_recordings() {
    let office = office_with(1..=2);
    let path = office.key_file();
    let keys = std::fs::read(&path).unwrap();
    let vault = office.open();
    let recordings: Vec<_> =
        entries(&vault).iter().map(|entry| entry.recording.as_ref().unwrap().id).collect();
    vault.dispose_due(DUE, &order()).unwrap().unwrap();
    std::fs::write(&path, keys).unwrap();
    let found: Vec<_> =
        vault.check_index().into_iter().map(|finding| (finding.path, finding.fault)).collect();
    for recording in recordings {
        assert!(found.contains(&(path.clone(), Fault::KeyReturned(recording))), "{found:?}");
    }
    vault.rebuild_index().unwrap();
    assert_eq!(listed(&vault), []);
}
