//! Backups of the keys: whole, refreshed, and never forgotten.

use std::path::{Path, PathBuf};

use earwitness_vault::{
    BackupId, DestroyedKey, KeySource, KeysCopied, KeysError, LedgerKind, LedgerNote, Medium, RealDisk,
    Vault, VaultError, copy_keys, copy_keys_on, look_for_key_backup,
};

use crate::support::{
    NOW, Office, copy_dir,
    disk::{Crash, Image, Images, WatchedDisk},
    entries, office_with,
};

fn source(office: &Office) -> KeySource {
    KeySource { vault: office.dir(), index_key: None }
}

fn back_up(office: &Office, vault: &Vault, dir: &Path) -> (BackupId, KeysCopied) {
    let place = look_for_key_backup(&RealDisk, &source(office), dir).unwrap();
    let id = vault.begin_key_backup(place.known, "safe", NOW).unwrap();
    let copied = copy_keys(&source(office), dir, id).unwrap();
    let list = vault.finish_key_backup(id, &copied, (NOW, "uid 0")).unwrap();
    std::fs::write(dir.join("backup.txt"), list).unwrap();
    (id, copied)
}

/// Files below a folder and what they hold.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(name, bytes)| (Path::new(path.file_name().unwrap()).join(name), bytes)),
            );
        } else {
            found.push((path.file_name().unwrap().into(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The keys of all recordings, as their disposal names them.
fn all_keys(vault: &Vault) -> Vec<DestroyedKey> {
    let recordings = entries(vault).into_iter().filter_map(|entry| entry.recording);
    let key = |recording: earwitness_vault::RecordingEntry| DestroyedKey {
        recording: recording.id,
        class: recording.class,
        day: recording.day,
        begun: NOW,
    };
    recordings.map(key).collect()
}

/// Destroys the key in this row of the day's key file, as a disposal does: state 2, and zeros.
fn destroy_row(office: &Office, row: usize) {
    let path = office.key_file();
    let mut bytes = std::fs::read(&path).unwrap();
    let mut at = 128;
    for _ in 0..row {
        at += 28 + usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    }
    let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    bytes[at + 4] = 2;
    bytes[at + 24..at + 24 + length].fill(0);
    let crc = crc32c::crc32c(&bytes[at..at + 24 + length]);
    bytes[at + 24 + length..at + 28 + length].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_backup_is_the_keys_byte_for_byte_with_a_signed_list_and_a_row_in_the_ledger() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let to = tempfile::tempdir().unwrap();
    let before = files(&office.dir().join("keys"));
    let (id, copied) = back_up(&office, &vault, to.path());
    let kept: Vec<_> = files(&to.path().join("keys"))
        .into_iter()
        .filter(|(name, _)| name != Path::new("backups.toml"))
        .collect();
    assert_eq!(kept, before);
    assert_eq!((copied.wiped, copied.written), (0, before.len() as u64 + 1));
    let list = std::fs::read_to_string(to.path().join("backup.txt")).unwrap();
    let (text, signature) = list.trim_end().rsplit_once('\n').unwrap();
    let hex = signature.strip_prefix("signature ").unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let signature: [u8; 64] = std::array::from_fn(|i| byte(2 * i));
    let signature = ed25519_dalek::Signature::from_bytes(&signature);
    vault.verifying_key().verify_strict(format!("{text}\n").as_bytes(), &signature).unwrap();
    for (name, bytes) in &before {
        let line = format!("{}  keys/{}", blake3::hash(bytes).to_hex(), name.display());
        assert!(text.lines().any(|listed| listed == line), "{line}");
    }
    let known = vault.key_backups().unwrap();
    assert_eq!((known.len(), known[0].id, known[0].keys, known[0].destroyed_since), (1, id, 2, 0));
    let told = vault.ledger().rows().map(Result::unwrap).find(|row| row.kind == LedgerKind::KeysBackedUp);
    let told = told.unwrap();
    assert_eq!(known[0].ledger, Some(told.number));
    let Some(LedgerNote::KeysBackedUp(note)) = LedgerNote::of(&told) else { panic!("{told:?}") };
    assert_eq!((note.backup, note.keys, note.label.as_str()), (id.0, 2, "safe"));
}

#[test]
fn a_backup_names_what_it_holds_of_the_destroyed_until_it_is_refreshed() {
    let office = office_with([1, 2, 3]);
    let vault = office.open();
    let keys = all_keys(&vault);
    let to = tempfile::tempdir().unwrap();
    assert_eq!(vault.stale_key_backups(&keys).unwrap(), []);
    let (id, _) = back_up(&office, &vault, to.path());
    destroy_row(&office, 0);
    let first = &keys[..1];
    let stale = vault.stale_key_backups(first).unwrap();
    assert_eq!((stale.len(), stale[0].id, stale[0].keys, stale[0].label.as_str()), (1, id, 1, "safe"));
    assert_eq!(vault.key_backups().unwrap()[0].destroyed_since, 1);
    let old = std::fs::read(to.path().join("keys/citizen-90d/2026-11-21.keys")).unwrap();
    let (again, refreshed) = back_up(&office, &vault, to.path());
    // The key file, and the list of backups.
    assert_eq!((again, refreshed.written, refreshed.wiped), (id, 2, 0));
    assert_eq!(vault.stale_key_backups(first).unwrap(), []);
    assert_eq!(vault.key_backups().unwrap()[0].destroyed_since, 0);
    let new = std::fs::read(to.path().join("keys/citizen-90d/2026-11-21.keys")).unwrap();
    assert_eq!(new, std::fs::read(office.key_file()).unwrap());
    assert_ne!(new, old);
    destroy_row(&office, 1);
    let stale = vault.stale_key_backups(&keys[..2]).unwrap();
    assert_eq!(stale[0].keys, 1, "the first one is not in it any more");
}

#[test]
fn a_shelf_that_is_gone_is_in_the_backup_as_a_whole_until_it_is_refreshed() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let keys = all_keys(&vault);
    let to = tempfile::tempdir().unwrap();
    back_up(&office, &vault, to.path());
    let day = office.dir().join("keys/day/citizen-90d-2026-11-21.age");
    std::fs::remove_file(office.key_file()).unwrap();
    std::fs::remove_file(day).unwrap();
    assert_eq!(vault.stale_key_backups(&keys).unwrap()[0].keys, 2);
    assert_eq!(vault.key_backups().unwrap()[0].destroyed_since, 2);
    let (_, refreshed) = back_up(&office, &vault, to.path());
    assert_eq!(refreshed.wiped, 2);
    let left: Vec<_> = files(&to.path().join("keys")).into_iter().map(|(name, _)| name).collect();
    assert!(left.iter().all(|name| name.extension().is_none_or(|e| e != "age" && e != "keys")), "{left:?}");
    assert_eq!(vault.stale_key_backups(&keys).unwrap(), []);
}

#[test]
fn a_backup_that_was_begun_and_never_ended_counts_as_holding_everything() {
    let office = office_with([1]);
    let vault = office.open();
    let keys = all_keys(&vault);
    let id = vault.begin_key_backup(None, "usb 1", NOW).unwrap();
    drop(vault);
    let vault = office.open();
    let stale = vault.stale_key_backups(&keys).unwrap();
    assert_eq!((stale[0].id, stale[0].keys), (id, 1));
    assert_eq!(vault.key_backups().unwrap()[0].ledger, None);
}

#[test]
fn a_crash_while_a_backup_is_refreshed_leaves_every_key_in_it_once_and_the_next_one_ends_it() {
    let office = office_with([1, 2]);
    let vault = office.open();
    let to = office.root().join("usb");
    let (id, _) = back_up(&office, &vault, &to);
    destroy_row(&office, 0);
    let day = office.dir().join("keys/day/citizen-90d-2026-11-21.age");
    let old = std::fs::read(to.join("keys/citizen-90d/2026-11-21.keys")).unwrap();
    let new = std::fs::read(office.key_file()).unwrap();
    std::fs::remove_file(&day).unwrap();
    let mut image = Image::of(&to);
    let disk = WatchedDisk::default();
    copy_keys_on(&disk, &source(&office), &to, id).unwrap();
    let told = std::mem::take(&mut disk.journal.lock().unwrap().told);
    assert!(told.len() > 8, "{told:?}");
    let mut images = Images::default();
    for (place, operation) in told.iter().enumerate() {
        image.apply(operation);
        for crash in [Crash::Kill, Crash::Forget, Crash::Zeros] {
            let at = format!("{crash:?} after {place}");
            let left = tempfile::tempdir().unwrap();
            let copy = left.path().join("usb");
            image.leave(crash, &to, &copy);
            let held = ["2026-11-21.keys", "2026-11-21.keys.new"]
                .map(|name| std::fs::read(copy.join("keys/citizen-90d").join(name)).unwrap_or_default());
            assert!(held.contains(&old) || held.contains(&new), "{at}");
            copy_keys(&source(&office), &copy, id).unwrap_or_else(|error| panic!("{at}: {error}"));
            let ended = std::fs::read(copy.join("keys/citizen-90d/2026-11-21.keys")).unwrap();
            assert_eq!(ended, new, "{at}");
            assert!(!copy.join("keys/day/citizen-90d-2026-11-21.age").exists(), "{at}");
            let left_over =
                files(&copy).into_iter().find(|(name, _)| name.extension().is_some_and(|e| e == "new"));
            assert_eq!(left_over, None, "{at}");
            images.count(crash);
        }
    }
    images.tell("backup of keys that is refreshed");
}

#[test]
fn a_folder_with_another_vaults_keys_or_with_anything_else_is_not_touched() {
    let (office, other) = (office_with([1]), office_with([2]));
    let to = tempfile::tempdir().unwrap();
    back_up(&other, &other.open(), to.path());
    let before = files(to.path());
    let refused = look_for_key_backup(&RealDisk, &source(&office), to.path()).unwrap_err();
    assert!(matches!(refused, VaultError::Keys(KeysError::OtherVault { .. })), "{refused}");
    let refused = copy_keys(&source(&office), to.path(), BackupId([1; 8])).unwrap_err();
    assert!(matches!(refused, VaultError::Keys(KeysError::OtherVault { .. })), "{refused}");
    assert_eq!(files(to.path()), before);
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("letter.txt"), "x").unwrap();
    let refused = look_for_key_backup(&RealDisk, &source(&office), home.path()).unwrap_err();
    assert!(matches!(refused, VaultError::AlreadyThere { .. }), "{refused}");
}

#[test]
fn what_a_file_system_of_their_own_has_for_itself_beside_the_keys_is_not_told_of_and_not_copied() {
    let office = office_with([1]);
    let to = tempfile::tempdir().unwrap();
    let roots = ["keys", "keys/citizen-90d", "volumes", "volumes/citizen-90d", "ledger"];
    for root in roots.map(|root| office.dir().join(root)).iter().chain([&to.path().to_owned()]) {
        std::fs::create_dir(root.join("lost+found")).unwrap();
        std::fs::write(root.join("lost+found/#12"), b"what fsck found").unwrap();
    }
    let vault = office.open();
    assert_eq!(vault.check_index(), []);
    let (_, copied) = back_up(&office, &vault, to.path());
    let strange = copied.files.iter().filter(|file| file.name.contains("lost+found")).count();
    assert_eq!((strange, copied.files.len() > 5), (0, true), "{copied:?}");
    vault.verify_all(None, &mut |_, findings| assert_eq!(findings, [])).unwrap();
}

#[test]
fn a_copy_on_the_same_file_system_is_told_apart() {
    let office = office_with([1]);
    let here = office.root().join("backup");
    let place = look_for_key_backup(&RealDisk, &source(&office), &here).unwrap();
    assert_eq!((place.medium, place.known), (Medium::Same, None));
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let there = memory.join(format!("earwitness-none-{}", std::process::id()));
        let place = look_for_key_backup(&RealDisk, &source(&office), &there).unwrap();
        assert_eq!(place.medium, Medium::Another);
    }
}

#[test]
fn a_vault_whose_keys_were_lost_opens_with_those_of_the_backup() {
    let office = office_with([1, 2]);
    let to = tempfile::tempdir().unwrap();
    back_up(&office, &office.open(), to.path());
    std::fs::remove_dir_all(office.dir().join("keys")).unwrap();
    assert!(Vault::open(&office.dir()).is_err());
    copy_dir(&to.path().join("keys"), &office.dir().join("keys"));
    let vault = office.open();
    let opener = office.opener(&vault);
    for n in [1, 2] {
        crate::support::check_whole(&vault, &opener, n);
    }
}

#[test]
fn a_damaged_list_of_backups_is_named_and_not_taken_for_none() {
    let office = office_with([1]);
    let vault = office.open();
    vault.begin_key_backup(None, "usb 1", NOW).unwrap();
    let path = office.dir().join("keys/backups.toml");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for refused in [
        vault.stale_key_backups(&[]).map(drop).unwrap_err(),
        vault.begin_key_backup(None, "x", NOW).map(drop).unwrap_err(),
    ] {
        assert!(matches!(&refused, VaultError::KeyDamaged { path } if path.ends_with("backups.toml")));
    }
    for label in ["", "a\nb", &"x".repeat(65)] {
        let refused = vault.begin_key_backup(None, label, NOW).unwrap_err();
        assert!(matches!(refused, VaultError::Keys(KeysError::BackupLabel)), "{label:?}");
    }
}
